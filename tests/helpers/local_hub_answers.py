"""What the Hub on loopback answers: a method for each kind of request.

`local_hub.LocalHub` serves `ROUTES` by calling the method of `Call` that each of them names.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from local_hub_state import LFS_SUFFIXES, Commit, Repository, refusal

if TYPE_CHECKING:
    from local_hub import LocalHub


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
