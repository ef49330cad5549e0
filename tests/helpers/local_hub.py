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

import secrets
import socket
import threading
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import uvicorn
from huggingface_hub import constants
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local_hub_answers import ROUTES, Call
from local_hub_state import Repository, refusal
from local_xet import XetStore


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
