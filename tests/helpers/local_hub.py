"""A Hugging Face Hub on loopback: the unmodified client talks to it, faults included.

    with LocalHub() as hub:
        hub.connect(monkeypatch, hub.user("alice"), home)
        hub.fault("commit", status=503, times=2)  # the next two commits answer 503

Everything lives in memory. `connect` lets the client of this process talk to it, `environment` one
of another process. With `xet`, an empty folder, large files go through Xet as on the Hub; without,
through LFS. It answers what this project asks, and no more: one branch, no pull requests, no
organizations.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
import socket
import threading
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from urllib.parse import parse_qs

import uvicorn
from huggingface_hub import constants
from huggingface_hub.utils.sha import git_hash
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local_xet import XetStore

LFS_SUFFIXES = (".h5", ".onnx", ".parquet", ".png")
PREFIXES = {"models": "", "datasets": "datasets/", "spaces": "spaces/"}


def refusal(status: int, message: str, code: str = "", **headers: str) -> HTTPException:
    """Return what ends a request with a status, words for what is wrong and the Hub's code."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    headers |= {"X-Error-Message": message, "X-Error-Code": code}
    return HTTPException(status, message, headers)


@dataclass(frozen=True)
class Commit:
    oid: str
    title: str
    files: dict[str, bytes]

    @cached_property
    def listing(self) -> dict[str, dict]:
        """Return what the Hub tells of each file and folder, by its path."""
        folders = {str(folder) for path in self.files for folder in Path(path).parents} - {"."}
        found = {
            path: {"type": "directory", "oid": "0" * 40, "size": 0, "path": path}
            for path in folders
        }
        for path, content in self.files.items():
            size = len(content)
            found[path] = {"type": "file", "oid": git_hash(content), "size": size, "path": path}
            if path.endswith(LFS_SUFFIXES):  # git keeps a pointer in the file's place
                oid = hashlib.sha256(content).hexdigest()
                text = "version https://git-lfs.github.com/spec/v1"
                pointer = f"{text}\noid sha256:{oid}\nsize {size}\n".encode()
                lfs = {"oid": oid, "size": size, "pointerSize": len(pointer)}
                found[path] |= {"oid": git_hash(pointer), "lfs": lfs}
        return found


@dataclass
class Repository:
    kind: str
    id: str
    private: bool = False
    gated: bool = False  # its page is public, its files are not
    sdk: str | None = None
    commits: list[Commit] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    variables: dict[str, dict] = field(default_factory=dict)

    @property
    def head(self) -> Commit:
        return self.commits[-1]

    @property
    def address(self) -> str:
        return PREFIXES[self.kind] + self.id

    def at(self, revision: str) -> Commit:
        oid = self.head.oid if revision == "main" else self.tags.get(revision, revision)
        for commit in self.commits:
            if commit.oid == oid:
                return commit
        raise refusal(404, "Revision not found", "RevisionNotFound")

    def add(self, files: dict[str, bytes], title: str) -> Commit:
        self.commits.append(Commit(secrets.token_hex(20), title, files))
        return self.head


@dataclass
class Fault:
    """What goes wrong, where and how often.

    Args:
        operation: Name of the request it meets, as in `ROUTES`.
        status: HTTP status to answer, when the action is `status`.
        action: `status`, `drop` (nothing is done and the connection dies), `lost` (it is done and
            the connection dies), `short` (a whole but shorter body) or `flip` (one bit).
        times: How many requests it meets.
        only: Text that the request's address must contain.
        pause: Seconds that a Retry-After header asks for; None sends none.
    """

    operation: str
    status: int = 503
    action: str = "status"
    times: int = 1
    only: str = ""
    pause: int | None = 0


class LocalHub:
    """The state of the Hub and its server; a context manager."""

    def __init__(self, xet: Path | None = None):
        self.xet = XetStore(xet) if xet else None
        self.xet_hashes: dict[str, str] = {}  # of what went through Xet, by SHA-256
        self.users: dict[str, dict] = {}
        self.trusted: dict[str, str] = {}  # identity token of a CI job: the user it may act for
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.uploads: dict[str, bytes] = {}  # large files, by their SHA-256
        self._faults: list[Fault] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        # Else every small answer waits 40 ms for an acknowledgement.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.endpoint = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> LocalHub:
        routes = [
            Route(path, partial(self._answer, operation), methods=[method])
            for method, path, operation in ROUTES
        ]
        self._server = uvicorn.Server(
            uvicorn.Config(Starlette(routes=routes), log_level="critical")
        )
        threading.Thread(target=self._server.run, args=([self._socket],), daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self._server.should_exit = True  # nobody waits for its thread, which looks a little later

    async def _answer(self, operation: str, request: Request) -> Response:
        """Answer a request, unless a fault meets it."""
        call = Call(self, request, await request.body())
        fault = self._take_fault(operation, request) or Fault(operation, action="")
        if fault.action == "status":
            pause = {} if fault.pause is None else {"Retry_After": str(fault.pause)}
            raise refusal(fault.status, "as the test wants", **pause)
        if fault.action != "drop":
            answer = getattr(call, operation)()
            response = answer if isinstance(answer, Response) else JSONResponse(answer)
        if fault.action in ("drop", "lost"):
            return Response(headers={"Content-Length": "1"})  # of which nothing comes
        if fault.action == "short":
            response.body = response.body[: len(response.body) // 2]
            response.headers["Content-Length"] = str(len(response.body))
        if fault.action == "flip":
            response.body = response.body[:-1] + bytes([response.body[-1] ^ 1])
        return response

    def user(self, name: str, *, role: str = "write", paid: bool = True) -> str:
        """Add a user (or another token of the same user) and return the token.

        Who has not paid can have static Spaces only.
        """
        token = "hf_" + secrets.token_hex(17)
        self.users[token] = {"name": name, "role": role, "paid": paid}
        return token

    def connect(self, patch, token: str | None, home: Path) -> None:
        """Let the client of this process talk to this Hub, as a patch that is undone later."""
        patch.setattr(constants, "ENDPOINT", self.endpoint)
        template = self.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
        patch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        patch.setattr(constants, "HF_HUB_CACHE", str(home / "hub"))
        patch.setattr(constants, "HF_TOKEN_PATH", str(home / "token"))
        patch.setattr(constants, "HF_XET_CACHE", str(home / "xet"))
        patch.setattr(constants, "HF_HUB_DISABLE_XET", self.xet is None)
        patch.setattr("huggingface_hub.utils._auth._OIDC_TOKEN_CACHE", None)
        patch.setenv("HF_TOKEN", token or "")

    def environment(self, token: str | None, home: Path) -> dict[str, str]:
        """Return the variables that point a fresh client process at this Hub."""
        return {
            "HF_ENDPOINT": self.endpoint,
            "HF_HOME": str(home),
            "HF_HUB_DISABLE_XET": "" if self.xet else "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_TOKEN": token or "",
            "NO_PROXY": "127.0.0.1",
        }

    def fault(self, operation: str, **options) -> None:
        """Switch a fault on; see `Fault`."""
        self._faults.append(Fault(operation, **options))

    def clear_faults(self) -> None:
        """Switch all faults off."""
        self._faults.clear()

    def _take_fault(self, operation: str, request: Request) -> Fault | None:
        """Return the fault that this request meets, if any, and count it."""
        for fault in self._faults:
            met = fault.operation == operation and fault.only in request.url.path
            if met and fault.times and request.method != "HEAD":
                fault.times -= 1
                return fault
        return None

    def repository(self, repo_id: str, kind: str = "models") -> Repository:
        """Return a repository's state."""
        return self.repositories[kind, repo_id]

    def read(self, repo_id: str, path: str, kind: str = "models") -> bytes:
        """Return a published file's bytes."""
        return self.repository(repo_id, kind).head.files[path]

    def add_model(self, repo_id: str, folder: Path, tag: str | None = None) -> Repository:
        """Add a model repository with the files of a folder, as an earlier release left it."""
        repository = self.repositories["models", repo_id] = Repository("models", repo_id)
        files = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file()
        }
        commit = repository.add(files, "an earlier release")
        repository.tags |= {tag: commit.oid} if tag else {}
        return repository


class Call:
    """One request: a method for each operation of `ROUTES` returns what is answered."""

    def __init__(self, hub: LocalHub, request: Request, content: bytes):
        self.hub, self.request, self.content = hub, request, content
        self.asked = request.path_params

    @property
    def wish(self) -> dict:
        return json.loads(self.content)

    # Who asks, and what they may see and change

    def asker(self, required: bool = False) -> dict | None:
        token = self.request.headers.get("Authorization", "").removeprefix("Bearer ")
        if (token and token not in self.hub.users) or (required and not token):
            raise refusal(401, "Invalid credentials in Authorization header")
        return self.hub.users.get(token)

    def repository(self, write: bool = False) -> Repository:
        owner, user = self.asked["owner"], self.asker(required=write)
        kind = self.asked.get("kind", "models")
        repository = self.hub.repositories.get((kind, f"{owner}/{self.asked['name']}"))
        owns = user is not None and user["name"] == owner
        if repository is None or (repository.private and not owns):
            raise refusal(404 if user else 401, "Repository not found", "RepoNotFound")
        address = repository.address
        if write and not (
            owns and user["role"] == "write" and user.get("only", address) == address
        ):
            raise refusal(403, f"You don't have the rights to write to {address}")
        return repository

    def commit_asked(self) -> Commit:
        return self.repository().at(self.asked.get("revision", "main"))

    # Accounts and repositories

    def whoami(self):
        user = self.asker(required=True)
        auth = {"accessToken": {"displayName": "test", "role": user["role"]}}
        return {"type": "user", "name": user["name"], "orgs": [], "auth": auth}

    def exchange(self):
        """Give a CI job's identity token a short-lived token for one repository (RFC 8693)."""
        name = self.hub.trusted.get(self.wish["subject_token"])
        if name is None:
            raise refusal(400, "Not trusted")
        token = f"hf_jwt_{secrets.token_hex(17)}"
        self.hub.users[token] = {"name": name, "role": "write", "only": self.wish["resource"]}
        return {"access_token": token, "token_type": "bearer", "expires_in": 3600}

    def create(self):
        user, wish = self.asker(required=True), self.wish
        owner, kind = wish.get("organization") or user["name"], wish.get("type", "model") + "s"
        new = Repository(
            kind,
            f"{owner}/{wish['name']}",
            private=wish.get("visibility") == "private",
            sdk=wish.get("sdk"),
        )
        if "only" in user or user["role"] != "write" or owner != user["name"]:
            raise refusal(403, f"This token may not create {new.id}")
        answer = {"url": f"{self.hub.endpoint}/{new.address}"}
        if (kind, new.id) in self.hub.repositories:
            return JSONResponse(answer, 409)
        if kind == "spaces" and new.sdk != "static" and not user["paid"]:
            raise refusal(402, "Creating a Gradio Space needs a paid plan")
        new.add({".gitattributes": b"*.h5 filter=lfs\n"}, "initial commit")
        self.hub.repositories[kind, new.id] = new
        return answer

    def validate_yaml(self):
        return {"errors": [], "warnings": []}

    def info(self):
        repository, commit = self.repository(), self.commit_asked()
        answer = {
            "id": repository.id,
            "sha": commit.oid,
            "private": repository.private,
            "gated": "manual" if repository.gated else False,
            "tags": [],
        }
        return answer | ({"sdk": repository.sdk} if repository.sdk else {})

    def refs(self):
        tags = [
            {"name": name, "ref": f"refs/tags/{name}", "targetCommit": oid}
            for name, oid in self.repository().tags.items()
        ]
        return {"branches": [], "tags": tags, "converts": []}

    def tag(self):
        repository, name = self.repository(write=True), self.wish["tag"]
        if name in repository.tags:
            raise refusal(409, f"Tag reference exists already: {name}")
        repository.tags[name] = self.commit_asked().oid
        return {}

    def may_read(self):
        if self.repository().gated:
            raise refusal(403, "The files are restricted", "GatedRepo")
        return {}

    def may_change(self):
        self.repository(write=True)
        return {}

    def variables(self):
        return self.repository(write=True).variables

    def set_variable(self):
        known = self.repository(write=True).variables
        known[self.wish["key"]] = {"value": self.wish["value"]}
        return known

    # Uploads

    def preupload(self):
        self.repository(write=True)
        answer = []
        for wish in self.wish["files"]:
            mode = "lfs" if wish["path"].endswith(LFS_SUFFIXES) else "regular"
            answer.append({"path": wish["path"], "uploadMode": mode, "shouldIgnore": False})
        return {"files": answer}

    def lfs_batch(self):
        self.repository(write=True)
        storage, answer = f"{self.hub.endpoint}/storage", []
        for wish in self.wish["objects"]:
            answer.append(wish | {"actions": {"upload": {"href": f"{storage}/{wish['oid']}"}}})
        return {"transfer": "basic", "objects": answer}

    def lfs_put(self):
        self.hub.uploads[self.asked["oid"]] = self.content
        return {}

    def xet_token(self):
        """Give a client the address of the storage, in a body and in headers."""
        write = self.asked["right"] == "write"
        self.repository(write=write)
        store = self.hub.xet
        place = store.to_write() if write else store.to_read(self.request.query_params["file"])
        given = {"casUrl": place, "accessToken": "none", "exp": 1 << 40}
        names = ("X-Xet-Cas-Url", "X-Xet-Access-Token", "X-Xet-Token-Expiration")
        return JSONResponse(given, headers=dict(zip(names, map(str, given.values()), strict=True)))

    def uploaded(self, oid: str) -> bytes:
        """Return a large file, and fetch what came through Xet."""
        if oid not in self.hub.uploads and self.hub.xet and (found := self.hub.xet.take(oid)):
            self.hub.xet_hashes[oid], self.hub.uploads[oid] = found
        return self.hub.uploads[oid]

    def commit(self):
        repository = self.repository(write=True)
        files, header = dict(repository.head.files), {}
        for line in map(json.loads, self.content.splitlines()):
            value = line["value"]
            if line["key"] == "header":
                header = value
            elif line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.uploaded(value["oid"])
            else:
                del files[value["path"]]
        if header.get("parentCommit") not in (None, repository.head.oid):
            raise refusal(412, "A commit has happened since. Please refresh and try again.")
        made = repository.add(files, header["summary"])
        url = f"{self.hub.endpoint}/{repository.address}/commit/{made.oid}"
        return {"success": True, "commitOid": made.oid, "commitUrl": url}

    # Downloads

    def tree(self):
        below = f"{self.asked.get('path', '')}/".lstrip("/")
        whole = self.request.query_params.get("recursive", "").lower() == "true"
        found = [
            entry
            for path, entry in sorted(self.commit_asked().listing.items())
            if path.startswith(below) and (whole or "/" not in path.removeprefix(below))
        ]
        if below and not found:
            raise refusal(404, "Entry not found", "EntryNotFound")
        return found

    def paths_info(self):
        known, paths = self.commit_asked().listing, parse_qs(self.content.decode())["paths"]
        return [known[path] for path in paths if path in known]

    def resolve(self):
        commit, path = self.commit_asked(), self.asked["path"]
        if path not in commit.files:
            raise refusal(404, "Entry not found", "EntryNotFound")
        headers = {"X-Repo-Commit": commit.oid}
        content, entry = commit.files[path], commit.listing[path]
        oid = entry.get("lfs", entry)["oid"]
        headers["ETag"] = f'"{oid}"'
        if name := self.hub.xet_hashes.get(oid):
            api = f"{self.hub.endpoint}/api/{self.asked.get('kind', 'models')}"
            place = f"{api}/{self.asked['owner']}/{self.asked['name']}"
            route = f"{place}/xet-read-token/{commit.oid}?file={name}"
            headers |= {"X-Xet-Hash": name, "X-Xet-Refresh-Route": route}
        if match := re.match(r"bytes=(\d+)-(\d*)", self.request.headers.get("Range", "")):
            start, stop = int(match[1]), int(match[2] or len(content) - 1) + 1
            span = f"bytes {start}-{min(stop, len(content)) - 1}/{len(content)}"
            return Response(content[start:stop], 206, headers | {"Content-Range": span})
        return Response(content, 200, headers)


API = "/api/{kind}/{owner}/{name}"
ROUTES = (
    ("GET", "/api/whoami-v2", "whoami"),
    ("POST", "/oauth/token", "exchange"),
    ("POST", "/api/repos/create", "create"),
    ("POST", "/api/validate-yaml", "validate_yaml"),
    ("POST", f"{API}/preupload/{{revision}}", "preupload"),
    ("POST", "/{owner}/{name}.git/info/lfs/objects/batch", "lfs_batch"),
    ("POST", "/{kind}/{owner}/{name}.git/info/lfs/objects/batch", "lfs_batch"),
    ("PUT", "/storage/{oid}", "lfs_put"),
    ("GET", f"{API}/xet-{{right}}-token/{{revision}}", "xet_token"),
    ("POST", f"{API}/commit/{{revision}}", "commit"),
    ("POST", f"{API}/tag/{{revision}}", "tag"),
    ("GET", f"{API}/auth-check", "may_read"),
    ("GET", f"{API}/auth-check/write", "may_change"),
    ("GET", f"{API}/refs", "refs"),
    ("GET", f"{API}/tree/{{revision}}", "tree"),
    ("GET", f"{API}/tree/{{revision}}/{{path:path}}", "tree"),
    ("POST", f"{API}/paths-info/{{revision}}", "paths_info"),
    ("GET", f"{API}/variables", "variables"),
    ("POST", f"{API}/variables", "set_variable"),
    ("GET", API, "info"),
    ("GET", f"{API}/revision/{{revision:path}}", "info"),
    ("GET", "/{owner}/{name}/resolve/{revision}/{path:path}", "resolve"),
    ("GET", "/{kind}/{owner}/{name}/resolve/{revision}/{path:path}", "resolve"),
)
