"""A Hugging Face Hub on loopback: the unmodified client talks to it, faults included.

    with LocalHub() as hub:
        hub.run("-m", "olivetti_denoiser", ..., token=hub.user("alice"), home=home)
        hub.fault("commit", status=503, times=2)  # the next two commits answer 503

One server has two names: 127.0.0.1 is the Hub itself, and localhost the storage of large files,
since the client only keeps a file's checksum when the redirect leaves the Hub's origin. Everything
lives in memory. `connect` lets the client of this process talk to it, `environment` and `run` those
of other processes.

It answers what this project asks, and no more: large files through LFS, one branch, no pull
requests, no organizations.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import secrets
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from huggingface_hub import constants
from huggingface_hub.utils.sha import git_hash

ROOT = Path(__file__).resolve().parents[2]
LFS_SUFFIXES = (".h5", ".onnx", ".parquet", ".png")
PREFIXES = {"models": "", "datasets": "datasets/", "spaces": "spaces/"}
DATE = "2026-01-01T00:00:00.000Z"


class Answer(Exception):  # noqa: N818
    """Ends a request with a status, the Hub's code and words for what is wrong, and headers."""

    def __init__(self, status: int, message: str = "", code: str = "", **headers: str):
        self.status = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.headers |= {"X-Error-Message": message} if message else {}
        self.headers |= {"X-Error-Code": code} if code else {}
        self.body = {"error": message}


@dataclass(frozen=True)
class Entry:
    """One file of a commit: its content's key, its size and whether it is stored as LFS."""

    oid: str
    size: int
    lfs: bool


@dataclass(frozen=True)
class Commit:
    oid: str
    title: str
    files: dict[str, Entry]

    def described(self) -> dict[str, dict]:
        """Return what the Hub tells of each file and folder, by its path."""
        folders = {str(folder) for path in self.files for folder in Path(path).parents} - {"."}
        found = {
            path: {"type": "directory", "oid": "0" * 40, "size": 0, "path": path}
            for path in folders
        }
        for path, entry in self.files.items():
            found[path] = {"type": "file", "oid": entry.oid, "size": entry.size, "path": path}
            if entry.lfs:
                text = "version https://git-lfs.github.com/spec/v1"
                pointer = f"{text}\noid sha256:{entry.oid}\nsize {entry.size}\n".encode()
                lfs = {"oid": entry.oid, "size": entry.size, "pointerSize": len(pointer)}
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

    def at(self, revision: str) -> Commit:
        oid = self.head.oid if revision == "main" else self.tags.get(revision, revision)
        for commit in self.commits:
            if commit.oid == oid:
                return commit
        raise Answer(404, "Revision not found", "RevisionNotFound")

    def add(self, files: dict[str, Entry], title: str) -> Commit:
        self.commits.append(Commit(secrets.token_hex(20), title, files))
        return self.head


@dataclass
class Fault:
    """What goes wrong, where and how often.

    Args:
        operation: Name of the request it meets, as in `ROUTES`.
        status: HTTP status to answer, when the action is `status`.
        action: `status`, `drop` (the connection dies half way), `short` (a whole but shorter
            body), `flip` (one bit), `stall` (wait until the faults are cleared) or `lost` (the
            work is done and the connection dies before the answer).
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
    """The state of the Hub and its server; a context manager. `log` lists every operation."""

    def __init__(self, checkout: Path = ROOT):
        self.checkout = checkout  # where its clients run
        self.users: dict[str, dict] = {}
        self.trusted: dict[str, str] = {}  # identity token of a CI job: the user it may act for
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.blobs: dict[str, bytes] = {}
        self.log: list[str] = []
        self.lock = threading.RLock()
        self._faults: list[Fault] = []
        self.stalled, self.released = threading.Event(), threading.Event()
        handler = type("Bound", (Handler,), {"hub": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        port = self._server.server_address[1]
        self.endpoint, self.storage = f"http://127.0.0.1:{port}", f"http://localhost:{port}/storage"

    def __enter__(self) -> LocalHub:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self.clear_faults()
        self._server.shutdown()
        self._server.server_close()

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
        patch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        patch.setattr("huggingface_hub.utils._auth._OIDC_TOKEN_CACHE", None)
        patch.setenv("HF_TOKEN", token or "")

    def environment(self, token: str | None, home) -> dict[str, str]:
        """Return the variables that point a fresh client process at this Hub."""
        return {
            "HF_ENDPOINT": self.endpoint,
            "HF_HOME": str(home),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_TOKEN": token or "",
            "NO_PROXY": "127.0.0.1,localhost",
            "PYTHONPATH": os.pathsep.join(str(self.checkout / f) for f in ("training", "space")),
        }

    def run(self, *arguments: str, token: str | None, home, check: bool = True, **variables):
        """Run Python in a fresh process that knows only this Hub; return what it did."""
        done = subprocess.run(
            [sys.executable, *arguments],
            env={**os.environ, **self.environment(token, home), **variables},
            cwd=self.checkout,
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert not check or done.returncode == 0, f"{arguments}:\n{done.stderr[-3000:]}"
        return done

    def fault(self, operation: str, **options) -> None:
        """Switch a fault on; see `Fault`."""
        with self.lock:
            self.released.clear()
            self._faults.append(Fault(operation, **options))

    def clear_faults(self) -> None:
        """Switch all faults off and let stalled requests go."""
        with self.lock:
            self._faults.clear()
            self.released.set()

    def take_fault(self, operation: str, path: str) -> Fault | None:
        """Return the fault that this request meets, if any, and count it."""
        with self.lock:
            for fault in self._faults:
                if fault.operation == operation and fault.only in path and fault.times:
                    fault.times -= 1
                    return fault
        return None

    def repository(self, repo_id: str, kind: str = "models") -> Repository:
        """Return a repository's state."""
        return self.repositories[kind, repo_id]

    def read(self, repo_id: str, path: str, kind: str = "models", revision: str = "main") -> bytes:
        """Return a published file's bytes."""
        return self.blobs[self.repository(repo_id, kind).at(revision).files[path].oid]

    def store(self, path: str, content: bytes) -> Entry:
        """Keep a file's content and return its entry."""
        lfs = path.endswith(LFS_SUFFIXES)
        oid = hashlib.sha256(content).hexdigest() if lfs else git_hash(content)
        self.blobs[oid] = content
        return Entry(oid, len(content), lfs)

    def add_model(self, repo_id: str, folder: Path, tag: str | None = None) -> Repository:
        """Add a model repository with the files of a folder, as an earlier release left it."""
        repository = self.repositories["models", repo_id] = Repository("models", repo_id)
        files = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        entries = {path: self.store(path, content) for path, content in files.items()}
        commit = repository.add(entries, "an earlier release")
        repository.tags |= {tag: commit.oid} if tag else {}
        return repository


class Handler(BaseHTTPRequestHandler):
    """One request, which a fault may meet."""

    hub: LocalHub
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else every small answer waits 40 ms for an acknowledgement

    def log_message(self, *_) -> None:
        """Keep quiet."""

    def body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        content = b""
        while size := int(self.rfile.readline(), 16):
            content += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return content

    def hang_up(self) -> None:
        self.wfile.flush()
        self.close_connection = True
        self.connection.shutdown(2)

    def handle_request(self) -> None:
        operation, answer = self.route(urlsplit(self.path).path)
        fault = self.hub.take_fault(operation, self.path) or Fault("none", action="")
        download = self.command == "GET" and operation in ("storage-get", "resolve")
        self.content = self.body()
        self.hub.log.append(operation)
        status, content, headers = 0, b"", {}
        try:
            if fault.action == "stall":
                self.hub.stalled.set()
                self.hub.released.wait(60)
            elif fault.action == "status":
                asked = {} if fault.pause is None else {"Retry_After": str(fault.pause)}
                raise Answer(fault.status, "as the test wants", **asked)
            elif fault.action != "drop" or download:
                with self.hub.lock:
                    status, content, headers = answer()
        except Answer as end:
            content = b"" if self.command == "HEAD" else json.dumps(end.body).encode()
            status, headers = end.status, {"Content-Type": "application/json"} | end.headers
        if status == 0 or fault.action == "lost":
            return self.hang_up()
        if fault.action == "short":
            content = content[: len(content) // 2]
        if fault.action == "flip":
            content = content[:-1] + bytes([content[-1] ^ 1])
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(content))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content[: len(content) // 2] if fault.action == "drop" else content)
        if fault.action == "drop":
            self.hang_up()

    do_GET = do_HEAD = do_POST = do_PUT = handle_request  # noqa: N815

    def ranged(self, content: bytes) -> tuple[int, bytes, dict[str, str]]:
        """Honour a Range header, with which the client resumes a download."""
        match = re.match(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if not match or self.command == "HEAD":
            return 200, content, {}
        start, stop = int(match[1]), int(match[2] or len(content) - 1) + 1
        span = f"bytes {start}-{min(stop, len(content)) - 1}/{len(content)}"
        return 206, content[start:stop], {"Content-Range": span}

    def route(self, path: str):
        for method, pattern, operation in ROUTES:
            match = re.fullmatch(pattern, path)
            if match and method in (self.command, "GET" if self.command == "HEAD" else ""):
                self.match = {k: unquote(v) for k, v in match.groupdict().items() if v is not None}
                name = operation if self.command != "HEAD" else f"{operation}-head"
                return name, getattr(self, operation.replace("-", "_"))
        return "unknown", self.unknown

    def unknown(self):
        raise Answer(404, f"No route {self.command} {self.path}")

    def json(self, value: object):
        return 200, json.dumps(value).encode(), {"Content-Type": "application/json"}

    # Who asks, and what they may see and change

    def asker(self, required: bool = False) -> dict | None:
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if (token and token not in self.hub.users) or (required and not token):
            raise Answer(401, "Invalid credentials in Authorization header")
        return self.hub.users.get(token)

    def repository(self, write: bool = False) -> Repository:
        kinds = {prefix: kind for kind, prefix in PREFIXES.items()}
        kind = self.match.get("kind") or kinds[self.match.get("prefix", "")]
        user = self.asker(required=write)
        repository = self.hub.repositories.get((kind, self.match["id"]))
        owns = user is not None and user["name"] == self.match["id"].split("/")[0]
        if repository is None or (repository.private and not owns):
            raise Answer(404 if user else 401, "Repository not found", "RepoNotFound")
        address = PREFIXES[kind] + repository.id
        if write and not (
            owns and user["role"] == "write" and user.get("only", address) == address
        ):
            raise Answer(403, f"You don't have the rights to write to {address}")
        return repository

    def commit_asked(self) -> Commit:
        return self.repository().at(self.match.get("revision", "main"))

    # Accounts and repositories

    def whoami(self):
        user = self.asker(required=True)
        auth = {"accessToken": {"displayName": "test", "role": user["role"]}}
        return self.json({"type": "user", "name": user["name"], "orgs": [], "auth": auth})

    def exchange(self):
        """Give a CI job's identity token a short-lived token for one repository (RFC 8693)."""
        wish = json.loads(self.content)
        name = self.hub.trusted.get(wish["subject_token"])
        if name is None:
            raise Answer(400, "Not trusted")
        token = f"hf_jwt_{len(self.hub.users):034d}"
        self.hub.users[token] = {"name": name, "role": "write", "only": wish["resource"]}
        return self.json({"access_token": token, "token_type": "bearer", "expires_in": 3600})

    def create(self):
        user, wish = self.asker(required=True), json.loads(self.content)
        owner, kind = wish.get("organization") or user["name"], wish.get("type", "model") + "s"
        repo_id = f"{owner}/{wish['name']}"
        if "only" in user or user["role"] != "write" or owner != user["name"]:
            raise Answer(403, f"This token may not create {repo_id}")
        url = f"{self.hub.endpoint}/{PREFIXES[kind]}{repo_id}"
        if (kind, repo_id) in self.hub.repositories:
            return 409, *self.json({"error": "You already created this repo", "url": url})[1:]
        if kind == "spaces" and wish.get("sdk") != "static" and not user["paid"]:
            raise Answer(402, "Creating a Gradio Space needs a paid plan")
        private = wish.get("visibility") == "private"
        repository = Repository(kind, repo_id, private, sdk=wish.get("sdk"))
        attributes = "".join(f"*{suffix} filter=lfs\n" for suffix in LFS_SUFFIXES).encode()
        files = {".gitattributes": self.hub.store(".gitattributes", attributes)}
        repository.add(files, "initial commit")
        self.hub.repositories[kind, repo_id] = repository
        return self.json({"url": url, "name": repo_id, "id": repo_id})

    def validate_yaml(self):
        return self.json({"errors": [], "warnings": []})

    def info(self):
        repository, commit = self.repository(), self.commit_asked()
        answer = {
            "id": repository.id,
            "sha": commit.oid,
            "private": repository.private,
            "gated": "manual" if repository.gated else False,
            "lastModified": DATE,
            "createdAt": DATE,
            "siblings": [{"rfilename": path} for path in sorted(commit.files)],
            "tags": [],
        }
        return self.json(answer | ({"sdk": repository.sdk} if repository.sdk else {}))

    def refs(self):
        repository = self.repository()
        tags = [
            {"name": name, "ref": f"refs/tags/{name}", "targetCommit": oid}
            for name, oid in repository.tags.items()
        ]
        return self.json({"branches": [], "tags": tags, "converts": []})

    def tag(self):
        repository, name = self.repository(write=True), json.loads(self.content)["tag"]
        if name in repository.tags:
            raise Answer(409, f"Tag reference exists already: {name}")
        repository.tags[name] = repository.at(self.match["revision"]).oid
        return self.json({})

    def may_read(self):
        if self.repository().gated:
            raise Answer(403, "The files are restricted", "GatedRepo")
        return self.json({})

    def may_change(self):
        self.repository(write=True)
        return self.json({})

    # Uploads

    def preupload(self):
        self.repository(write=True)
        answer = []
        for wish in json.loads(self.content)["files"]:
            mode = "lfs" if wish["path"].endswith(LFS_SUFFIXES) else "regular"
            answer.append({"path": wish["path"], "uploadMode": mode, "shouldIgnore": False})
        return self.json({"files": answer})

    def lfs_batch(self):
        self.repository(write=True)
        answer = []
        for wish in json.loads(self.content)["objects"]:
            action = {"oid": wish["oid"], "size": wish["size"]}
            if wish["oid"] not in self.hub.blobs:
                action["actions"] = {"upload": {"href": f"{self.hub.storage}/{wish['oid']}"}}
            answer.append(action)
        return self.json({"transfer": "basic", "objects": answer})

    def lfs_put(self):
        if hashlib.sha256(self.content).hexdigest() != self.match["oid"]:
            raise Answer(400, "Content does not match its checksum")
        self.hub.blobs[self.match["oid"]] = self.content
        return 200, b"", {}

    def commit(self):
        repository = self.repository(write=True)
        files, header = dict(repository.head.files), {}
        for line in self.content.splitlines():
            key, value = (item := json.loads(line))["key"], item["value"]
            if key == "header":
                header = value
            elif key == "file":
                content = base64.b64decode(value["content"])
                files[value["path"]] = self.hub.store(value["path"], content)
            elif key == "lfsFile":
                if value["oid"] not in self.hub.blobs:
                    raise Answer(400, f"LFS object {value['oid']} was not uploaded")
                files[value["path"]] = Entry(value["oid"], value["size"], lfs=True)
            else:
                del files[value["path"]]
        if header.get("parentCommit") not in (None, repository.head.oid):
            raise Answer(412, "A commit has happened since. Please refresh and try again.")
        made = repository.add(files, header["summary"])
        url = f"{self.hub.endpoint}/{PREFIXES[repository.kind]}{repository.id}/commit/{made.oid}"
        return self.json({"success": True, "commitOid": made.oid, "commitUrl": url})

    # Downloads

    def tree(self):
        below = self.match.get("path", "").strip("/")
        below = below + "/" if below else ""
        whole = "recursive=true" in self.path.lower()
        found = [
            entry
            for path, entry in sorted(self.commit_asked().described().items())
            if path.startswith(below) and (whole or "/" not in path.removeprefix(below))
        ]
        if below and not found:
            raise Answer(404, "Entry not found", "EntryNotFound")
        return self.json(found)

    def paths_info(self):
        known, form = self.commit_asked().described(), parse_qs(self.content.decode())
        if "json" in self.headers.get("Content-Type", ""):
            form = json.loads(self.content)
        return self.json([known[path] for path in form["paths"] if path in known])

    def resolve(self):
        commit = self.commit_asked()
        headers = {"X-Repo-Commit": commit.oid}
        entry = commit.files.get(self.match["path"])
        if entry is None:
            raise Answer(404, "Entry not found", "EntryNotFound", **headers)
        if entry.lfs:
            headers |= {"X-Linked-Etag": f'"{entry.oid}"', "X-Linked-Size": str(entry.size)}
            return 302, b"", headers | {"Location": f"{self.hub.storage}/{entry.oid}"}
        status, content, extra = self.ranged(self.hub.blobs[entry.oid])
        return status, content, headers | {"ETag": f'"{entry.oid}"'} | extra

    def storage_get(self):
        return self.ranged(self.hub.blobs[self.match["oid"]])

    def variables(self):
        known = self.repository(write=True).variables
        if self.command == "POST":
            wish = json.loads(self.content)
            known[wish["key"]] = {"value": wish["value"]}
        return self.json(known)


KIND = r"/api/(?P<kind>models|datasets|spaces)/(?P<id>[^/]+/[^/]+)"
PLAIN = r"/(?P<prefix>datasets/|spaces/)?(?P<id>[^/]+/[^/]+)"
REVISION = r"/(?P<revision>[^/]+)"
ROUTES = (
    ("GET", r"/api/whoami-v2", "whoami"),
    ("POST", r"/oauth/token", "exchange"),
    ("POST", r"/api/repos/create", "create"),
    ("POST", r"/api/validate-yaml", "validate-yaml"),
    ("POST", KIND + "/preupload" + REVISION, "preupload"),
    ("POST", PLAIN + r"\.git/info/lfs/objects/batch", "lfs-batch"),
    ("PUT", r"/storage/(?P<oid>\w+)", "lfs-put"),
    ("GET", r"/storage/(?P<oid>\w+)", "storage-get"),
    ("POST", KIND + "/commit" + REVISION, "commit"),
    ("POST", KIND + "/tag" + REVISION, "tag"),
    ("GET", KIND + "/auth-check", "may-read"),
    ("GET", KIND + "/auth-check/write", "may-change"),
    ("GET", KIND + "/refs", "refs"),
    ("GET", KIND + "/tree" + REVISION + r"(?P<path>/.*)?", "tree"),
    ("POST", KIND + "/paths-info" + REVISION, "paths-info"),
    *((method, KIND + "/variables", "variables") for method in ("GET", "POST")),
    ("GET", KIND + r"(/revision/(?P<revision>[^/]+))?", "info"),
    ("GET", PLAIN + "/resolve" + REVISION + r"/(?P<path>.+)", "resolve"),
)
