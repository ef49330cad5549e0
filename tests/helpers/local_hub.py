"""A Hugging Face Hub on loopback: the unmodified client talks to it, faults included.

    with LocalHub() as hub:
        subprocess.run([...], env={**os.environ, **hub.environment(token, home)})
        hub.fault("commit", status=503, times=2)  # the next two commits answer 503

Two servers run on two ports of 127.0.0.1: the Hub itself, and the storage to which large files
are uploaded and from which they are downloaded, since the client only keeps a file's checksum when
the redirect leaves the Hub's origin. Everything lives in memory. A client in another process
switches faults with `POST /_faults` (a JSON list of them) and `DELETE /_faults`.

With `xet`, an empty folder, large files go through Xet as on the Hub; without, clients set
HF_HUB_DISABLE_XET=1 and they go through LFS. What it leaves out: pull requests.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit

import yaml

from local_xet import XetStore

ROOT = Path(__file__).resolve().parents[2]
LFS_SUFFIXES = (
    ".h5",
    ".keras",
    ".onnx",
    ".parquet",
    ".png",
    ".npz",
    ".zip",
)  # plus any file with a NUL
GIT_ATTRIBUTES = "".join(f"*{s} filter=lfs diff=lfs merge=lfs -text\n" for s in LFS_SUFFIXES)
PREFIXES = {"models": "", "datasets": "datasets/", "spaces": "spaces/"}
COLORS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
REVISION_HEADERS = {"X-Error-Code": "RevisionNotFound", "X-Error-Message": "Revision not found"}


class Answer(Exception):  # noqa: N818
    """Ends a request with a status, a JSON body and headers."""

    def __init__(self, status: int, body: object = None, headers: dict[str, str] | None = None):
        self.status, self.headers = status, headers or {}
        self.body = {"error": self.headers.get("X-Error-Message", "")} if body is None else body


def git_oid(content: bytes) -> str:
    """Return the id under which git stores a blob."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def pointer(sha256: str, size: int) -> bytes:
    """Return the text that git keeps in place of a large file."""
    return (
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n".encode()
    )


@dataclass(frozen=True)
class Entry:
    """One file of a commit: its content's key, its size and whether it is stored as LFS."""

    oid: str
    size: int
    lfs: bool

    @property
    def blob_id(self) -> str:
        return git_oid(pointer(self.oid, self.size)) if self.lfs else self.oid


@dataclass(frozen=True)
class Commit:
    oid: str
    title: str
    message: str
    date: str
    author: str
    files: dict[str, Entry]


@dataclass
class Repository:
    kind: str
    id: str
    private: bool
    gated: bool = False  # its page is public, its files are for its owner alone
    sdk: str | None = None
    commits: list[Commit] = field(default_factory=list)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    variables: dict[str, dict] = field(default_factory=dict)
    secrets: dict[str, dict] = field(default_factory=dict)
    objects: set[str] = field(default_factory=set)  # large files uploaded, committed or not

    @property
    def head(self) -> Commit:
        return self.at("main")

    def at(self, revision: str) -> Commit:
        oid = self.branches.get(revision) or self.tags.get(revision) or revision
        for commit in self.commits:
            if commit.oid == oid:
                return commit
        raise Answer(404, headers=REVISION_HEADERS)

    def add(self, branch: str, files: dict[str, Entry], title: str, message: str, author: str):
        date = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        seed = json.dumps([self.id, title, date, len(self.commits), sorted(map(str, files))])
        oid = hashlib.sha1(seed.encode(), usedforsecurity=False).hexdigest()
        self.commits.append(Commit(oid, title, message, date, author, files))
        self.branches[branch] = oid
        return self.commits[-1]


@dataclass
class Fault:
    """What goes wrong, where and how often.

    Args:
        operation: Name of the request it meets, as in `LocalHub.log`.
        status: HTTP status to answer, when the action is `status`.
        action: `status`, `drop` (the connection dies half way), `short` (a whole but shorter
            body), `flip` (one bit), `stall` (wait until the faults are cleared) or `lost` (the
            work is done and the connection dies before the answer).
        times: How many requests it meets.
        after: How many such requests it lets pass first.
        only: Text that the request's address must contain.
        headers: Headers of the answer, such as Retry-After.
    """

    operation: str
    status: int = 503
    action: str = "status"
    times: int = 1
    after: int = 0
    only: str = ""
    headers: dict[str, str] = field(default_factory=dict)


class LocalHub:
    """The state of the Hub and its two servers; a context manager.

    `log` lists every request as (operation, method, path, status); a status of 0 is a connection
    that died before any answer.
    """

    def __init__(self, page_size: int = 1000, checkout: Path = ROOT, xet: Path | None = None):
        self.checkout = checkout  # where its clients run
        self.xet = XetStore(xet) if xet else None
        self.xet_hashes: dict[str, str] = {}  # of what went through Xet, by SHA-256
        self.users: dict[str, dict] = {}
        self.trusted: dict[str, str] = {}  # identity token of a CI job: the user it may act for
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.blobs: dict[str, bytes] = {}
        self.log: list[tuple[str, str, str, int]] = []
        self.page_size = page_size
        self.lock = threading.RLock()
        self._faults: list[Fault] = []
        self._released = threading.Event()
        self._servers = [self._serve(HubHandler), self._serve(StorageHandler)]
        self.endpoint, self.storage = (
            f"http://127.0.0.1:{server.server_address[1]}" for server in self._servers
        )

    def _serve(self, handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (handler,), {"hub": self}))
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return server

    def __enter__(self) -> LocalHub:
        return self

    def __exit__(self, *_) -> None:
        self.clear_faults()
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def user(
        self, name: str, *, role: str = "write", orgs: tuple[str, ...] = (), paid: bool = True
    ) -> str:
        """Add a user (or another token of the same user) and return the token.

        Who has not paid can have static Spaces only.
        """
        token = "hf_" + hashlib.sha256(f"{name}{role}{len(self.users)}".encode()).hexdigest()[:34]
        self.users[token] = {"name": name, "role": role, "orgs": orgs, "paid": paid}
        return token

    def environment(self, token: str | None, home) -> dict[str, str]:
        """Return the variables that point a fresh client process at this Hub."""
        variables = {
            "HF_ENDPOINT": self.endpoint,
            "HF_HOME": str(home),
            "HF_HUB_DISABLE_XET": "" if self.xet else "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_TOKEN": token or "",
            "NO_PROXY": "127.0.0.1",
            "PYTHONPATH": os.pathsep.join(str(self.checkout / f) for f in ("training", "space")),
        }
        return variables

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
        if check and done.returncode != 0:
            raise AssertionError(
                f"{arguments} ended with {done.returncode}:\n{done.stderr[-3000:]}"
            )
        return done

    def fault(self, operation: str, **options) -> None:
        """Switch a fault on; see `Fault`."""
        with self.lock:
            self._released.clear()
            self._faults.append(Fault(operation, **options))

    def clear_faults(self) -> None:
        """Switch all faults off and let stalled requests go."""
        with self.lock:
            self._faults.clear()
            self._released.set()

    def take_fault(self, operation: str, path: str) -> Fault | None:
        """Return the fault that this request meets, if any, and count it."""
        with self.lock:
            for fault in self._faults:
                if fault.operation != operation or fault.only not in path or not fault.times:
                    continue
                if fault.after > 0:
                    fault.after -= 1
                    continue
                fault.times -= 1
                return fault
        return None

    def count(self, operation: str, status: int = 200) -> int:
        """Return how many requests of one kind were answered with one status."""
        return sum(1 for name, _, _, code in self.log if name == operation and code == status)

    def repository(self, repo_id: str, kind: str = "models") -> Repository:
        """Return a repository's state."""
        return self.repositories[kind, repo_id]

    def read(self, repo_id: str, path: str, kind: str = "models", revision: str = "main") -> bytes:
        """Return a published file's bytes."""
        return self.blobs[self.repository(repo_id, kind).at(revision).files[path].oid]

    def store(self, content: bytes, lfs: bool) -> Entry:
        """Keep a file's content and return its entry."""
        oid = hashlib.sha256(content).hexdigest() if lfs else git_oid(content)
        self.blobs[oid] = content
        return Entry(oid, len(content), lfs)


class Handler(BaseHTTPRequestHandler):
    """What the Hub and its storage share: bodies, answers, faults and the log."""

    hub: LocalHub
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else every small answer waits 40 ms for an acknowledgement
    operation = "unknown"

    def log_message(self, *_) -> None:
        """Keep quiet: `LocalHub.log` has it all."""

    def body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        content = b""
        while size := int(self.rfile.readline(), 16):
            content += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return content

    def send(self, status: int, content: bytes, headers: dict[str, str], fault: Fault | None):
        """Send an answer, damaged as the fault says."""
        action = fault.action if fault else ""
        if action == "short":
            content = content[: len(content) // 2]
        if action == "flip":
            content = content[:-1] + bytes([content[-1] ^ 1])
        self.hub.log.append((self.operation, self.command, self.path, status))
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(content))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content[: len(content) // 2] if action == "drop" else content)
        if action == "drop":
            self.hang_up()

    def hang_up(self) -> None:
        self.wfile.flush()
        self.close_connection = True
        self.connection.shutdown(2)

    def handle_request(self) -> None:
        url = urlsplit(self.path)
        self.query = {key: values[-1] for key, values in parse_qs(url.query).items()}
        self.operation, answer = self.route(url.path)
        fault = self.hub.take_fault(self.operation, self.path)
        downloads = self.command == "GET" and self.operation in ("storage-get", "resolve")
        if fault and fault.action == "drop" and not downloads:
            self.rfile.read(min(1024, int(self.headers.get("Content-Length", 0))))
            self.hub.log.append((self.operation, self.command, self.path, 0))
            return self.hang_up()
        self.content = self.body()
        if fault and fault.action == "stall":
            self.hub.log.append((self.operation, self.command, self.path, 0))
            self.hub._released.wait(60)
            return self.hang_up()
        try:
            if fault and fault.action == "status":
                message = {503: "Service Unavailable", 429: "Too many requests"}
                text = fault.headers.get("X-Error-Message", message.get(fault.status, "Refused"))
                raise Answer(fault.status, {"error": text}, fault.headers)
            with self.hub.lock:
                status, content, headers = answer()
        except Answer as end:
            body = b"" if self.command == "HEAD" else json.dumps(end.body).encode()
            status, content = end.status, body
            headers = {"Content-Type": "application/json"} | end.headers
        if fault and fault.action == "lost":
            self.hub.log.append((self.operation, self.command, self.path, status))
            return self.hang_up()
        self.send(status, content, headers, fault if downloads else None)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_request  # noqa: N815

    def ranged(self, content: bytes) -> tuple[int, bytes, dict[str, str]]:
        """Honour a Range header, with which the client resumes a download."""
        match = re.match(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if not match or self.command == "HEAD":
            return 200, content, {}
        start, stop = int(match[1]), int(match[2] or len(content) - 1) + 1
        span = f"bytes {start}-{min(stop, len(content)) - 1}/{len(content)}"
        return 206, content[start:stop], {"Content-Range": span}


class StorageHandler(Handler):
    """Large files' uploads and downloads; addresses are secret enough, so no token is asked."""

    def route(self, path: str):
        oid = path.rsplit("/", 1)[-1]
        if self.command == "PUT":
            return "lfs-put", lambda: self.put(oid)
        return "storage-get", lambda: self.ranged(self.hub.blobs[oid])

    def put(self, oid: str):
        if hashlib.sha256(self.content).hexdigest() != oid:
            raise Answer(400, {"error": "Content does not match its checksum"})
        self.hub.blobs[oid] = self.content
        return 200, b"", {}


class HubHandler(Handler):
    """The Hub's own routes."""

    def route(self, path: str):
        if path == "/_faults":
            return "control", self.control
        for method, pattern, operation in ROUTES:
            match = re.fullmatch(pattern, path)
            if match and method in (self.command, "GET" if self.command == "HEAD" else ""):
                self.match = {k: unquote(v) for k, v in match.groupdict().items() if v is not None}
                name = operation if self.command != "HEAD" else f"{operation}-head"
                return name, getattr(self, operation.replace("-", "_"), None)
        return "unknown", self.unknown

    def unknown(self):
        raise Answer(404, {"error": f"No route {self.command} {self.path}"})

    def control(self):
        if self.command == "DELETE":
            self.hub.clear_faults()
        for options in json.loads(self.content or b"[]"):
            self.hub.fault(**options)
        return self.json({})

    def json(self, value: object, headers: dict[str, str] | None = None):
        return (
            200,
            json.dumps(value).encode(),
            {"Content-Type": "application/json"} | (headers or {}),
        )

    # Who asks, and what they may see and change

    def asker(self, required: bool = False) -> dict | None:
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if (token and token not in self.hub.users) or (required and not token):
            message = "Invalid credentials in Authorization header"
            raise Answer(401, headers={"X-Error-Message": message})
        return self.hub.users.get(token)

    def may_write(self, user: dict, owner: str) -> None:
        if user["role"] != "write" or owner not in (user["name"], *user["orgs"]):
            message = f"You don't have the rights to write to the namespace {owner}"
            raise Answer(403, headers={"X-Error-Message": message})

    def repository(self, write: bool = False) -> Repository:
        kind = next((k for k, p in PREFIXES.items() if p and p == self.match.get("prefix")), None)
        kind = kind or self.match.get("kind", "models")
        user = self.asker(required=write)
        repository = self.hub.repositories.get((kind, self.match["id"]))
        owner = self.match["id"].split("/")[0]
        friend = user is not None and owner in (user["name"], *user["orgs"])
        if repository is None or (repository.private and not friend):
            headers = {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"}
            raise Answer(404 if user else 401, headers=headers)
        if write:
            self.may_write(user, owner)
            if user.get("only", address := PREFIXES[kind] + repository.id) != address:
                raise Answer(403, headers={"X-Error-Message": f"This token is not for {address}"})
        return repository

    def readable(self) -> Repository:
        """Return the repository if the asker may read its files."""
        repository, user = self.repository(), self.asker()
        owner = repository.id.split("/")[0]
        if repository.gated and (user is None or owner not in (user["name"], *user["orgs"])):
            message = f"Access to {repository.kind[:-1]} {repository.id} is restricted"
            headers = {"X-Error-Code": "GatedRepo", "X-Error-Message": message}
            raise Answer(403 if user else 401, headers=headers)
        return repository

    def commit_at(self, repository: Repository) -> Commit:
        return repository.at(self.match.get("revision", "main"))

    # Accounts and repositories

    def whoami(self):
        user = self.asker(required=True)
        orgs = [{"name": name, "type": "org"} for name in user["orgs"]]
        token = {"displayName": "test", "role": user["role"]}
        return self.json(
            {"type": "user", "name": user["name"], "orgs": orgs, "auth": {"accessToken": token}}
        )

    def exchange(self):
        """Give a CI job's identity token a short-lived token for one repository (RFC 8693)."""
        wish = json.loads(self.content)
        name = self.hub.trusted.get(wish["subject_token"])
        if name is None:
            raise Answer(400, {"error": "invalid_grant", "error_description": "Not trusted"})
        token = f"hf_jwt_{len(self.hub.users):034d}"
        only = {"only": wish["resource"]}
        self.hub.users[token] = {"name": name, "role": "write", "orgs": ()} | only
        return self.json({"access_token": token, "token_type": "bearer", "expires_in": 3600})

    def create(self):
        user, wish = self.asker(required=True), json.loads(self.content)
        owner, kind = wish.get("organization") or user["name"], wish.get("type", "model") + "s"
        self.may_write(user, owner)
        if "only" in user:
            raise Answer(401, headers={"X-Error-Message": "This token creates no repositories"})
        repo_id = f"{owner}/{wish['name']}"
        url = f"{self.hub.endpoint}/{PREFIXES[kind]}{repo_id}"
        if (kind, repo_id) in self.hub.repositories:
            message = "You already created this model repo"
            raise Answer(409, {"error": message, "url": url}, {"X-Error-Message": message})
        if kind == "spaces" and wish.get("sdk") != "static" and not user.get("paid", True):
            message = "Creating a Gradio Space needs a paid plan"
            raise Answer(402, {"error": message}, {"X-Error-Message": message})
        private = wish.get("visibility") == "private"
        repository = Repository(kind, repo_id, private, sdk=wish.get("sdk"))
        for variable in wish.get("variables", []):
            repository.variables[variable["key"]] = {"value": variable["value"]}
        attributes = self.hub.store(GIT_ATTRIBUTES.encode(), lfs=False)
        repository.add("main", {".gitattributes": attributes}, "initial commit", "", user["name"])
        self.hub.repositories[kind, repo_id] = repository
        return self.json({"url": url, "name": repo_id, "id": repo_id})

    def delete(self):
        user, wish = self.asker(required=True), json.loads(self.content)
        owner = wish.get("organization") or user["name"]
        self.may_write(user, owner)
        key = (wish.get("type", "model") + "s", f"{owner}/{wish['name']}")
        if self.hub.repositories.pop(key, None) is None:
            raise Answer(404, headers={"X-Error-Code": "RepoNotFound"})
        return self.json({})

    def validate_yaml(self):
        wish = json.loads(self.content)
        errors, warnings = check_card(wish["content"], wish.get("repoType", "model"))
        answer = {
            "errors": [{"message": text} for text in errors],
            "warnings": [{"message": text} for text in warnings],
        }
        if errors:
            raise Answer(400, answer)
        return self.json(answer)

    def info(self):
        repository = self.repository()
        commit = self.commit_at(repository)
        readme = commit.files.get("README.md")
        metadata, _ = front_matter(self.hub.blobs[readme.oid].decode()) if readme else ({}, "")
        answer = {
            "id": repository.id,
            "author": repository.id.split("/")[0],
            "sha": commit.oid,
            "private": repository.private,
            "gated": "manual" if repository.gated else False,
            "lastModified": commit.date,
            "createdAt": repository.commits[0].date,
            "siblings": [{"rfilename": path} for path in sorted(commit.files)],
            "cardData": metadata or None,
            "tags": list((metadata or {}).get("tags") or []),
            "sdk": repository.sdk,
        }
        return self.json({key: value for key, value in answer.items() if value is not None})

    def refs(self):
        repository = self.repository()
        return self.json(
            {
                "branches": listed(repository.branches, "heads"),
                "tags": listed(repository.tags, "tags"),
                "converts": [],
            }
        )

    def commits(self):
        repository = self.repository()
        last = repository.commits.index(self.commit_at(repository))
        return self.json(
            [
                {
                    "id": commit.oid,
                    "title": commit.title,
                    "message": commit.message,
                    "date": commit.date,
                    "authors": [{"user": commit.author}],
                }
                for commit in reversed(repository.commits[: last + 1])
            ]
        )

    def tag(self):
        repository, wish = self.repository(write=True), json.loads(self.content)
        return self.name_commit(repository, repository.tags, wish["tag"])

    def branch(self):
        repository, wish = self.repository(write=True), json.loads(self.content or b"{}")
        start = wish.get("startingPoint")
        self.match |= {"revision": start or "main", "name": self.match["revision"]}
        return self.name_commit(repository, repository.branches, self.match["name"])

    def name_commit(self, repository: Repository, names: dict[str, str], name: str):
        if name in names:
            message = f"Tag reference exists already: {name}"
            raise Answer(409, headers={"X-Error-Message": message})
        names[name] = self.commit_at(repository).oid
        return self.json({})

    def delete_tag(self):
        if self.repository(write=True).tags.pop(self.match["revision"], None) is None:
            raise Answer(404, headers=REVISION_HEADERS)
        return self.json({})

    def may_read(self):
        self.readable()
        return self.json({})

    def may_change(self):
        self.repository(write=True)
        return self.json({})

    # Uploads

    def preupload(self):
        repository = self.repository(write=True)
        files = self.commit_at(repository).files
        answer = []
        for wish in json.loads(self.content)["files"]:
            path, known = wish["path"], files.get(wish["path"])
            binary = b"\0" in base64.b64decode(wish.get("sample", ""))
            lfs = wish["size"] > 0 and (path.endswith(LFS_SUFFIXES) or binary)
            answer.append(
                {
                    "path": path,
                    "uploadMode": "lfs" if lfs else "regular",
                    "shouldIgnore": False,
                    **({"oid": known.oid} if known else {}),
                }
            )
        return self.json({"files": answer})

    def lfs_batch(self):
        repository = self.repository(write=True)
        answer = []
        for wish in json.loads(self.content)["objects"]:
            action = {"oid": wish["oid"], "size": wish["size"]}
            if wish["oid"] not in repository.objects:
                verify = f"{self.hub.endpoint}{self.path.split('/objects')[0]}/verify"
                action["actions"] = {
                    "upload": {"href": f"{self.hub.storage}/{wish['oid']}"},
                    "verify": {"href": verify},
                }
            answer.append(action)
        return self.json({"transfer": "basic", "objects": answer})

    def lfs_verify(self):
        repository, wish = self.repository(write=True), json.loads(self.content)
        if len(self.hub.blobs.get(wish["oid"], b"")) != wish["size"]:
            raise Answer(404, {"error": "Object not found"})
        repository.objects.add(wish["oid"])
        return self.json({})

    def xet_token(self):
        """Give a client the address of the storage, in a body and in headers."""
        write = self.match["right"] == "write"
        self.repository(write=True) if write else self.readable()
        store = self.hub.xet
        place = store.to_write() if write else store.to_read(self.query["file"])
        end, token = 1 << 40, "none"
        headers = {"Cas-Url": place, "Access-Token": token, "Token-Expiration": str(end)}
        return self.json(
            {"casUrl": place, "accessToken": token, "exp": end},
            {f"X-Xet-{name}": value for name, value in headers.items()},
        )

    def take_from_xet(self, oid: str) -> bool:
        found = self.hub.xet and self.hub.xet.take(oid)
        if found:
            self.hub.xet_hashes[oid], self.hub.blobs[oid] = found
        return bool(found)

    def commit(self):
        repository = self.repository(write=True)
        parent = self.commit_at(repository)
        if repository.branches.get(self.match["revision"]) != parent.oid:
            raise Answer(404, headers=REVISION_HEADERS)
        files, header = dict(parent.files), {}
        for line in self.content.splitlines():
            key, value = (item := json.loads(line))["key"], item["value"]
            if key == "header":
                header = value
            elif key == "file":
                files[value["path"]] = self.hub.store(base64.b64decode(value["content"]), lfs=False)
            elif key == "lfsFile":
                if value["oid"] not in repository.objects and not self.take_from_xet(value["oid"]):
                    raise Answer(400, {"error": f"LFS object {value['oid']} was not uploaded"})
                files[value["path"]] = Entry(value["oid"], value["size"], lfs=True)
            elif files.pop(value["path"], None) is None:
                folder = value["path"].rstrip("/") + "/"
                files = {path: files[path] for path in files if not path.startswith(folder)}
        expected = header.get("parentCommit")
        if expected and expected != parent.oid:
            message = "A commit has happened since. Please refresh and try again."
            raise Answer(412, headers={"X-Error-Message": message})
        author = self.asker()["name"]
        made = repository.add(
            self.match["revision"], files, header["summary"], header["description"], author
        )
        url = f"{self.hub.endpoint}/{PREFIXES[repository.kind]}{repository.id}/commit/{made.oid}"
        return self.json({"success": True, "commitOid": made.oid, "commitUrl": url})

    # Downloads

    def described(self, commit: Commit, path: str, expand: bool) -> dict:
        entry = commit.files.get(path)
        if entry is None:
            item = {"type": "directory", "oid": git_oid(path.encode()), "size": 0, "path": path}
        else:
            item = {"type": "file", "oid": entry.blob_id, "size": entry.size, "path": path}
            if entry.lfs:
                length = len(pointer(entry.oid, entry.size))
                item["lfs"] = {"oid": entry.oid, "size": entry.size, "pointerSize": length}
        if expand:
            item["lastCommit"] = {"id": commit.oid, "title": commit.title, "date": commit.date}
        return item

    def tree(self):
        commit = self.commit_at(self.repository())
        folder = self.match.get("path", "").strip("/")
        below = folder + "/" if folder else ""
        recursive = self.query.get("recursive", "false").lower() in ("true", "1")
        names = set()
        for path in commit.files:
            if path.startswith(below):
                parts = path.removeprefix(below).split("/")
                ends = range(1, len(parts) + 1) if recursive else (1,)
                names |= {below + "/".join(parts[:end]) for end in ends}
        if folder and not names:
            raise Answer(404, headers={"X-Error-Code": "EntryNotFound"})
        start = int(self.query.get("cursor", 0))
        stop = start + self.hub.page_size
        expand = self.query.get("expand", "false").lower() in ("true", "1")
        page = [self.described(commit, name, expand) for name in sorted(names)[start:stop]]
        headers = {}
        if stop < len(names):
            again = "&".join(
                f"{k}={quote(v)}" for k, v in (self.query | {"cursor": str(stop)}).items()
            )
            url = f"{self.hub.endpoint}{urlsplit(self.path).path}?{again}"
            headers["Link"] = f'<{url}>; rel="next"'
        return self.json(page, headers)

    def paths_info(self):
        commit = self.commit_at(self.repository())
        form = parse_qs(self.content.decode())
        if "json" in self.headers.get("Content-Type", ""):
            form = json.loads(self.content)
        folders = {
            path.rsplit("/", n)[0] for path in commit.files for n in range(1, 5) if "/" in path
        }
        expand = str(form.get("expand", ["false"])[-1]).lower() == "true"
        wanted = [path for path in form["paths"] if path in commit.files or path in folders]
        return self.json([self.described(commit, path, expand) for path in wanted])

    def resolve(self):
        commit = self.commit_at(self.readable())
        headers = {"X-Repo-Commit": commit.oid}
        entry = commit.files.get(self.match["path"])
        if entry is None:
            missing = {"X-Error-Code": "EntryNotFound", "X-Error-Message": "Entry not found"}
            raise Answer(404, headers=headers | missing)
        if entry.lfs:
            headers |= {"X-Linked-Etag": f'"{entry.oid}"', "X-Linked-Size": str(entry.size)}
            if entry.oid in self.hub.xet_hashes:
                page = f"{self.hub.endpoint}/api/{self.match.get('prefix') or 'models/'}"
                address = f"{page}{self.match['id']}/xet-read-token/{commit.oid}"
                headers["X-Xet-Hash"] = name = self.hub.xet_hashes[entry.oid]
                headers["X-Xet-Refresh-Route"] = f"{address}?file={name}"
            return 302, b"", headers | {"Location": f"{self.hub.storage}/{entry.oid}"}
        status, content, extra = self.ranged(self.hub.blobs[entry.oid])
        return status, content, headers | {"ETag": f'"{entry.oid}"'} | extra

    # Spaces

    def variables(self):
        return self.settings(self.repository(write=True).variables, show=True)

    def secrets(self):
        return self.settings(self.repository(write=True).secrets, show=False)

    def settings(self, known: dict[str, dict], show: bool):
        if self.command != "GET":
            wish = json.loads(self.content)
            known.pop(wish["key"], None)
            if self.command == "POST":
                known[wish["key"]] = {"value": wish["value"]}
        return self.json({key: value if show else {} for key, value in known.items()})

    def runtime(self):
        self.repository()
        hardware = {"current": "cpu-basic", "requested": "cpu-basic"}
        return self.json({"stage": "RUNNING", "hardware": hardware, "gcTimeout": 172800})


def listed(names: dict[str, str], folder: str) -> list[dict]:
    """Return branches or tags as `GET …/refs` lists them."""
    return [
        {"name": name, "ref": f"refs/{folder}/{name}", "targetCommit": oid}
        for name, oid in names.items()
    ]


def front_matter(text: str) -> tuple[dict, str]:
    """Return a card's metadata and what is wrong with it."""
    match = re.match(r"\s*---\r?\n(.*?)\r?\n---\r?\n", text, re.DOTALL)
    if not match:
        return {}, ""
    try:
        metadata = yaml.safe_load(match[1]) or {}
    except yaml.YAMLError as error:
        return {}, str(error)
    return (metadata, "") if isinstance(metadata, dict) else ({}, "Metadata is not a mapping")


def check_card(text: str, kind: str) -> tuple[list[str], list[str]]:
    """Check a card's metadata as far as the Hub's public rules are known."""
    metadata, broken = front_matter(text)
    if broken:
        return [broken], []
    if not metadata:
        return [], ["empty or missing yaml metadata in repo card"]
    errors = []
    if kind == "space":
        for key in ("colorFrom", "colorTo"):
            if metadata.get(key, "red") not in COLORS:
                errors.append(f'"{key}" must be one of {sorted(COLORS)}')
        if len(metadata.get("short_description", "")) > 60:
            errors.append('"short_description" length must be less than or equal to 60')
    for key in ("license", "pipeline_tag", "library_name", "pretty_name", "sdk", "sdk_version"):
        if not isinstance(metadata.get(key, ""), str):
            errors.append(f'"{key}" must be a string')
    for key in ("tags", "datasets", "models", "task_categories", "size_categories"):
        if not isinstance(metadata.get(key, []), list | str):
            errors.append(f'"{key}" must be an array')
    for model in metadata.get("model-index", []):
        for result in model.get("results", [{}]):
            if not {"task", "dataset", "metrics"} <= result.keys():
                errors.append('"model-index" results need a task, a dataset and metrics')
            for metric in result.get("metrics", []):
                if not {"type", "value"} <= metric.keys():
                    errors.append('"model-index" metrics need a type and a value')
    return errors, []


KIND = r"/api/(?P<kind>models|datasets|spaces)/(?P<id>[^/]+/[^/]+)"
PLAIN = r"/(?P<prefix>datasets/|spaces/)?(?P<id>[^/]+/[^/]+)"
REVISION = r"/(?P<revision>[^/]+)"
ROUTES = (
    ("GET", r"/api/whoami-v2", "whoami"),
    ("POST", r"/oauth/token", "exchange"),
    ("POST", r"/api/repos/create", "create"),
    ("DELETE", r"/api/repos/delete", "delete"),
    ("POST", r"/api/validate-yaml", "validate-yaml"),
    ("POST", KIND + "/preupload" + REVISION, "preupload"),
    ("POST", PLAIN + r"\.git/info/lfs/objects/batch", "lfs-batch"),
    ("POST", PLAIN + r"\.git/info/lfs/verify", "lfs-verify"),
    ("GET", KIND + "/xet-(?P<right>write|read)-token" + REVISION, "xet-token"),
    ("POST", KIND + "/commit" + REVISION, "commit"),
    ("POST", KIND + "/tag" + REVISION, "tag"),
    ("DELETE", KIND + "/tag" + REVISION, "delete-tag"),
    ("POST", KIND + "/branch" + REVISION, "branch"),
    ("GET", KIND + "/auth-check", "may-read"),
    ("GET", KIND + "/auth-check/write", "may-change"),
    ("GET", KIND + "/refs", "refs"),
    ("GET", KIND + "/commits" + REVISION, "commits"),
    ("GET", KIND + "/tree" + REVISION + r"(?P<path>/.*)?", "tree"),
    ("POST", KIND + "/paths-info" + REVISION, "paths-info"),
    *((method, KIND + "/variables", "variables") for method in ("GET", "POST", "DELETE")),
    *((method, KIND + "/secrets", "secrets") for method in ("GET", "POST", "DELETE")),
    ("GET", KIND + "/runtime", "runtime"),
    ("GET", KIND + r"(/revision/(?P<revision>[^/]+))?", "info"),
    ("GET", PLAIN + "/resolve" + REVISION + r"/(?P<path>.+)", "resolve"),
)
