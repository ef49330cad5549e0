"""The steps of a GitHub workflow, run one by one in bash as GitHub runs them.

    step("retrain.yml", "retrain", "train")             # its dictionary
    run_step("retrain.yml", "retrain", "train", folder, {"MODEL": "outputs/model"})

Expressions and conditions are not evaluated: a test gives the variables that a step's `env` names.
"""

from __future__ import annotations

import json
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import yaml

from checkout import ROOT

WORKFLOWS = ROOT / ".github" / "workflows"
BASH = ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c")  # what `shell: bash` stands for


def read_workflow(name: str) -> dict:
    """Return a workflow; YAML reads its key `on` as true."""
    workflow = yaml.safe_load((WORKFLOWS / name).read_text(encoding="utf-8"))
    return workflow | {"on": workflow.pop(True)}


def step(workflow: str, job: str, name: str) -> dict:
    """Return the step of a job that has this name or id."""
    steps = read_workflow(workflow)["jobs"][job]["steps"]
    return next(step for step in steps if name in (step.get("name"), step.get("id")))


def run_step(
    workflow: str, job: str, name: str, folder: Path, variables: dict[str, str], **options
):
    """Run a step's commands in a folder; what it names in `env` is empty where nothing is given."""
    found = step(workflow, job, name)
    assert "${{" not in found["run"], "values belong into env, never into a script"
    named = dict.fromkeys(found.get("env", {}), "")
    return subprocess.run(
        [*BASH, found["run"]], cwd=folder, env=named | variables,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=900,
    )  # fmt: skip


class Identity:
    """The service from which a job asks its identity token; a context manager."""

    request_token = "a-request-token"  # noqa: S105

    def __init__(self, audience: str, token: str = "identity-of-alice-fork-retrain"):  # noqa: S107
        service, self.token = self, token

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                asked = parse_qs(urlsplit(self.path).query)
                bearer = self.headers.get("Authorization")
                good = bearer == f"Bearer {service.request_token}"
                good = good and asked.get("audience") == [audience]
                content = json.dumps({"value": service.token} if good else {}).encode()
                self.send_response(200 if good else 401)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                """Keep quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}/token?api-version=2.0"

    def __enter__(self) -> Identity:
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self.server.shutdown()
        self.server.server_close()
