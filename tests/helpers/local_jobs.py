"""The machines of the local Hub's Jobs: each job really runs its command, in a process of its own.

    job = LocalJob("0" * 24, "alice", spec, environment_of_the_image)
    for event in job.lines(): ...

An image is the environment of its processes. Nothing else is taken over, so a job sees the secrets
and variables of its spec alone; its home and working folder are new and are gone with it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from datetime import UTC, datetime

LONGEST = 600  # seconds, whatever the spec says
A10G = {
    "type": "gpu",
    "model": "A10G",
    "quantity": "1",
    "vram": "24 GB",
    "manufacturer": "Nvidia",
}
HARDWARE = [
    {
        "name": name,
        "prettyName": pretty,
        "cpu": "4 vCPU",
        "ram": "15 GB",
        "accelerator": accelerator,
        "unitCostMicroUSD": cost,
        "unitCostUSD": cost / 1e6,
        "unitLabel": "minute",
    }
    for name, pretty, cost, accelerator in (
        ("cpu-basic", "CPU Basic", 167, None),
        ("a10g-small", "Nvidia A10G - small", 16667, A10G),
    )
]


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


class LocalJob:
    """One job: `spec` is what the client sent."""

    def __init__(self, identity: str, owner: str, spec: dict, machine: dict[str, str]):
        self.id, self.owner, self.spec, self.created = identity, owner, spec, now()
        self.stage, self.message = "RUNNING", None
        self._events = [{"timestamp": now(), "data": f"===== Job started at {self.created} ====="}]
        self._changed = threading.Condition()
        self._folder = tempfile.TemporaryDirectory(prefix="job-")
        self._process = subprocess.Popen(
            [*spec["command"], *spec["arguments"]],
            cwd=self._folder.name,
            env=machine
            | {"HOME": self._folder.name}
            | spec["environment"]
            | spec.get("secrets", {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        seconds = min(spec.get("timeoutSeconds", LONGEST), LONGEST)
        self._timer = threading.Timer(seconds, self._end, ("ERROR", "Job timeout"))
        self._timer.daemon = True
        self._timer.start()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self._process.stdout:
            with self._changed:
                self._events.append({"timestamp": now(), "data": line.rstrip("\n")})
                self._changed.notify_all()
        code = self._process.wait()
        self._timer.cancel()
        with self._changed:
            if self.stage == "RUNNING":
                self.stage = "ERROR" if code else "COMPLETED"
                self.message = f"Job failed with exit code: {code}" if code else None
            self._changed.notify_all()
        self._folder.cleanup()

    def _end(self, stage: str, message: str | None) -> None:
        with self._changed:
            if self.stage != "RUNNING":
                return
            self.stage, self.message = stage, message
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def cancel(self) -> None:
        """End the job if it still runs."""
        self._end("CANCELED", None)

    def lines(self) -> Iterator[dict]:
        """Yield the log's events from the first on, until the job has ended."""
        sent = 0
        while True:
            with self._changed:
                while len(self._events) == sent and self._process.returncode is None:
                    self._changed.wait(1)
                events = self._events[sent:]
            yield from events
            sent += len(events)
            if not events:
                return

    def info(self) -> dict:
        """Return the job as the Hub describes it: of secrets, the names."""
        return {
            "id": self.id,
            "createdAt": self.created,
            "dockerImage": self.spec.get("dockerImage"),
            "command": self.spec["command"],
            "arguments": self.spec["arguments"],
            "environment": self.spec["environment"],
            "secrets": dict.fromkeys(self.spec.get("secrets", {}), ""),
            "flavor": self.spec["flavor"],
            "labels": self.spec.get("labels"),
            "status": {"stage": self.stage, "message": self.message},
            "owner": {"id": "1", "name": self.owner, "type": "user"},
        }
