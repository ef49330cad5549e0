"""A static Space on loopback: the built page, served as the Hub serves it, or by any plain server.

    with StaticSpace(folder, variables={"MODEL_ID": "owner/model"}) as space:
        tab.goto(space.url)

The Hub adds the headers that the Space's card asks for and puts `window.huggingface` into the page.
"""

from __future__ import annotations

import contextlib
import json
import mimetypes
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml

from checkout import ROOT

PACKAGES = ROOT / ".node" / "node_modules"
TYPES = {".mjs": "text/javascript", ".js": "text/javascript", ".onnx": "application/octet-stream"}


class StaticSpace(ThreadingHTTPServer):
    """Serves a folder; a context manager.

    Args:
        folder: the built page.
        headers: what the card asks for; none for a plain server of files.
        variables: the Space's variables; None where nobody puts any into the page.
        replaced: {path: content} served in the place of a file; None answers 404, and a function is
            called for the content.
    """

    daemon_threads = True

    def __init__(self, folder, headers=None, variables=None, replaced=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder, self.headers, self.variables = Path(folder), headers or {}, variables
        self.replaced = {} if replaced is None else replaced
        self.log = []  # (path, bytes sent)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        """End serving, as when there is no network."""
        self.shutdown()
        self.server_close()

    def content(self, path: str) -> bytes | None:
        """Return what is served under a path, or None."""
        if path in self.replaced:
            instead = self.replaced[path]
            return instead() if callable(instead) else instead
        file = self.folder / path
        content = file.read_bytes() if file.is_file() else None
        if path == "index.html" and self.variables is not None:
            given = json.dumps({"variables": self.variables})
            script = f"<head><script>window.huggingface={given};</script>".encode()
            content = content.replace(b"<head>", script, 1)
        return content


class Handler(BaseHTTPRequestHandler):
    """Answers GET."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_) -> None:
        """Keep quiet: `StaticSpace.log` has it all."""

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path.lstrip("/")) or "index.html"
        found = self.server.content(path)
        content = found or b""
        self.server.log.append((path, len(content)))
        self.send_response(404 if found is None else 200)
        kind = TYPES.get(Path(path).suffix) or mimetypes.guess_type(path)[0]
        headers = {"Content-Type": kind, "Content-Length": len(content)} | self.server.headers
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # the visitor has gone
            self.wfile.write(content)


def build_page(folder) -> None:
    """Build the page, without a network in it; skips where Node or its packages are missing."""
    node = shutil.which("node")
    if node is None or not PACKAGES.is_dir():
        pytest.skip("the page needs Node and its packages: `make browser` installs them")
    subprocess.run([node, ROOT / "space" / "browser" / "build.js", folder], check=True)


def link_packages(target: Path) -> None:
    """Make a folder of Node's packages that is the present one, as `make` leaves it; or skips."""
    if not PACKAGES.is_dir():
        pytest.skip("the page needs Node and its packages: `make browser` installs them")
    target.mkdir()
    (target / "node_modules").symlink_to(PACKAGES)
    (target / ".installed").touch()


def headers_of(card: str) -> dict[str, str]:
    """Return the headers that a Space's card asks for."""
    return yaml.safe_load(card.split("---")[1])["custom_headers"]
