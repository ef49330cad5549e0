"""The page in a process of its own on loopback, and visitors by plain HTTP and by MCP.

with PageServer(work) as page:
    original, noisy, restored, *_ = page.visitor().call("denoise", "face.png", 0.1, 0)
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import numpy as np
from PIL import Image

from checkout import ROOT

STARTED = 900.0  # seconds; `make demo` installs what the page needs
APP = ROOT / "space" / "app.py"
OURS = ("PYTHONPATH", "VIRTUAL_ENV", "KERAS_BACKEND", "HF_HOME", "HF_TOKEN", "MODEL_ID")
NEWCOMERS = {key: value for key, value in os.environ.items() if key not in OURS}


class RefusedError(Exception):
    """The sentence of a page that refuses a request."""


class PageServer:
    """Run a command that serves the page until the `with` block ends.

    Args:
        work: the folder that it runs in, also for the log and for Gradio's files.
        command: the words of the command; a format string gets the page's port.
        **variables: more variables for the process; None removes one.
    """

    def __init__(self, work: Path, command=(sys.executable, APP), **variables):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = work / "page.log"
        given = {
            **NEWCOMERS,
            "GRADIO_SERVER_PORT": str(self.port),
            "GRADIO_TEMP_DIR": str(work / "gradio"),
            **variables,
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [str(word).format(port=self.port) for word in command],
                cwd=work,
                env={name: value for name, value in given.items() if value is not None},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self) -> PageServer:
        try:
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error) -> None:
        """End the command and what it has started."""
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(30)

    def _wait(self):
        end = time.monotonic() + STARTED
        while True:
            with socket.socket() as knock:
                if knock.connect_ex(("127.0.0.1", self.port)) == 0:
                    break
            assert self.process.poll() is None and time.monotonic() < end, self.text()
            time.sleep(0.1)
        httpx.get(f"{self.url}/gradio_api/startup-events", timeout=STARTED).raise_for_status()

    def text(self) -> str:
        """Return the log of the process."""
        return self.log.read_text(errors="replace")

    def memory(self, field: str = "VmRSS") -> float:
        """Megabytes of memory, now or with "VmHWM" at most so far."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))

    def processor_seconds(self) -> float:
        """Seconds of all processors that the process has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def visitor(self) -> Visitor:
        """Somebody new."""
        return Visitor(self.url)


class Visitor:
    """One visitor's calls, as `curl` would make them."""

    def __init__(self, url: str):
        # The server closes idle connections after 5 s; a browser would then ask once more.
        limits = httpx.Limits(keepalive_expiry=2.0)
        self.http = httpx.Client(base_url=url, timeout=120.0, limits=limits)

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
        event = answer.raise_for_status().json()["event_id"]
        stream = self.http.get(f"/gradio_api/call/{endpoint}/{event}").text
        kind, data = re.findall(r"^event: (\w+)\ndata: (.*)$", stream, re.M)[-1]
        if kind == "error":
            raise RefusedError(str((json.loads(data) or {}).get("error")))
        return json.loads(data)

    def fetch(self, file: dict) -> bytes:
        """Download an output picture."""
        return self.http.get(file["url"]).raise_for_status().content

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
