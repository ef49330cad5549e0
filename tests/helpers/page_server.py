"""The page in a process of its own on loopback, and visitors by plain HTTP and by MCP.

with PageServer(model_folder, work) as page:
    original, noisy, restored, *_ = page.visitor().call("denoise", "face.png", 0.1, 0)
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
STARTED = 240.0  # seconds; a busy machine takes a while
MODEL = ROOT / "model_card"
APP = ROOT / "space" / "app.py"


class RefusedError(Exception):
    """The sentence of a page that refuses a request."""


class PageServer:
    """Run the page until the `with` block ends.

    Args:
        model: the bundled model's folder.
        work: a folder for the log and for Gradio's files.
        start: what the interpreter runs; the page's file unless it is a copy or a command.
        **environment: more variables for the process; None removes one.
    """

    def __init__(self, model, work: Path, start=(APP,), **environment):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = work / "page.log"
        variables = {
            **os.environ,
            "BUNDLED_MODEL": str(model),
            "GRADIO_SERVER_NAME": "127.0.0.1",
            "GRADIO_SERVER_PORT": str(self.port),
            "GRADIO_TEMP_DIR": str(work / "gradio"),
            "MODEL_ID": None,
            "MODEL_REVISION": None,
            **environment,
        }
        started = time.perf_counter()
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, *map(str, start)],
                cwd=work,
                env={name: value for name, value in variables.items() if value is not None},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            self._wait(started)
        except BaseException:
            self.stop()
            raise
        self.seconds = time.perf_counter() - started

    def _wait(self, started):
        # Knocking at the port costs nothing that the page's start would need on a small machine.
        while True:
            with socket.socket() as knock:
                if knock.connect_ex(("127.0.0.1", self.port)) == 0:
                    break
            if self.process.poll() is not None:
                raise RuntimeError(f"the page ended:\n{self.text()}")
            if time.perf_counter() - started > STARTED:
                raise RuntimeError(f"the page is not up after {STARTED} s:\n{self.text()}")
            time.sleep(0.02)
        httpx.get(f"{self.url}/gradio_api/startup-events", timeout=STARTED).raise_for_status()

    def text(self) -> str:
        """Return the log of the process."""
        return self.log.read_text(errors="replace")

    def memory(self, field: str = "VmRSS") -> float:
        """Megabytes of memory, now or with "VmHWM" at most so far."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))

    def forget_peak(self) -> None:
        """Let the "VmHWM" of `memory` start again from what is used now."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def processor_seconds(self) -> float:
        """Seconds of all processors that the process has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def visitor(self, timeout: float = 120.0) -> Visitor:
        """Somebody new."""
        return Visitor(self.url, timeout)

    def stop(self) -> None:
        """End the process."""
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self) -> PageServer:
        return self

    def __exit__(self, *error) -> None:
        self.stop()


class Visitor:
    """One visitor's calls, as `curl` would make them."""

    def __init__(self, url: str, timeout: float):
        # The server closes idle connections after 5 s; a browser would then ask once more.
        limits = httpx.Limits(keepalive_expiry=2.0)
        self.http = httpx.Client(base_url=url, timeout=timeout, limits=limits)

    def upload(self, picture: bytes) -> dict:
        """Send a file and return its description for a call."""
        answer = self.http.post("/gradio_api/upload", files={"files": ("picture.png", picture)})
        if answer.status_code != 200:
            raise RefusedError(f"{answer.status_code} {answer.text}")
        return {"path": answer.json()[0], "meta": {"_type": "gradio.FileData"}}

    def ask(self, endpoint: str, *values) -> list:
        """Call an endpoint and return its outputs.

        Raises:
            RefusedError: With the sentence of the page.
        """
        answer = self.http.post(f"/gradio_api/call/{endpoint}", json={"data": list(values)})
        answer.raise_for_status()
        event = answer.json()["event_id"]
        kind = None
        with self.http.stream("GET", f"/gradio_api/call/{endpoint}/{event}") as lines:
            for line in lines.iter_lines():
                name, _, text = line.partition(":")
                kind = text.strip() if name == "event" else kind
                if name == "data" and kind == "error":
                    raise RefusedError(str((json.loads(text) or {}).get("error")))
                if name == "data" and kind == "complete":
                    return json.loads(text)
        raise AssertionError("the stream ended without an answer")

    def fetch(self, file: dict) -> bytes:
        """Download an output picture."""
        answer = self.http.get(file["url"])
        answer.raise_for_status()
        return answer.content

    def call(self, endpoint: str, picture: Path | bytes, *values):
        """Send a picture and return an endpoint's outputs, pictures as their files' bytes."""
        content = picture if isinstance(picture, bytes) else picture.read_bytes()
        outputs = self.ask(endpoint, self.upload(content), *values)
        return [
            self.fetch(output) if isinstance(output, dict) and "url" in output else output
            for output in outputs
        ]


@contextlib.asynccontextmanager
async def mcp_client(url: str):
    """A session with the page's tools."""
    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    async with (
        streamablehttp_client(f"{url}/gradio_api/mcp/") as (read, write, _),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        yield session


def pixels(picture: bytes) -> np.ndarray:
    """A picture file's pixels."""
    return np.asarray(Image.open(io.BytesIO(picture)))


def free_port() -> int:
    """A port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
