"""A job of a GitHub workflow on this machine: its `run:` steps in order, in bash, as GitHub would.

    job = Job("retrain.yml", "retrain", workspace, inputs={"epochs": 2}, variables={...})
    job.run()
    job.conclusion, job.summary, job.steps

Expressions are evaluated in the contexts that GitHub gives them, and a name that the workflow does
not declare is an error. Actions (`uses:`) are not run: a test prepares what they would.
"""

from __future__ import annotations

import json
import re
import subprocess
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = ROOT / ".github" / "workflows"
BASH = ("bash", "--noprofile", "--norc", "-eo", "pipefail")  # what `shell: bash` stands for


def read_workflow(name: str) -> dict:
    """Return a workflow; YAML reads its key `on` as true."""
    workflow = yaml.safe_load((WORKFLOWS / name).read_text(encoding="utf-8"))
    return workflow | {"on": workflow.pop(True)}


@dataclass
class Step:
    """What became of a step: its outcome is success, failure, skipped, action or prepared."""

    name: str
    outcome: str
    status: int | None = None
    output: str = ""
    seconds: float = 0.0


@dataclass
class Job:
    """One job of a workflow.

    Args:
        workflow: File name of the workflow.
        name: The job in it.
        workspace: The checkout that it runs in.
        inputs: What somebody typed into the form; others have their defaults. None: a schedule.
        variables: The repository's variables.
        secrets: The repository's secrets.
        environment: What the machine sets.
        identity: Gives the job its identity token where its permissions allow one.
        prepared: Ids of steps whose work is done already.
        timeout: Seconds that a step may take.
    """

    workflow: str
    name: str
    workspace: Path
    inputs: dict | None = field(default_factory=dict)
    variables: dict = field(default_factory=dict)
    secrets: dict = field(default_factory=dict)
    environment: dict = field(default_factory=dict)
    identity: Identity | None = None
    prepared: tuple[str, ...] = ()
    timeout: float = 300.0

    def __post_init__(self):
        self.source = read_workflow(self.workflow)
        self.job = self.source["jobs"][self.name]
        declared = self.source["on"].get("workflow_dispatch", {}).get("inputs", {})
        assert set(self.inputs or ()) <= set(declared), "an input that the form does not have"
        values = dict.fromkeys(declared, "")
        if self.inputs is not None:
            values = {key: wish.get("default", "") for key, wish in declared.items()} | self.inputs
        event = "schedule" if self.inputs is None else "workflow_dispatch"
        self.contexts = {
            "inputs": values,
            "vars": dict(self.variables),
            "secrets": dict(self.secrets),
            "github": {"event_name": event, "ref": "refs/heads/main"},
            "steps": {},
        }
        self.steps: list[Step] = []
        self.conclusion = "success"
        self.runner = self.workspace.parent / f"{self.workspace.name}-runner"
        self.runner.mkdir()
        self.files = {name: self.runner / name.lower() for name in FILES}
        for path in self.files.values():
            path.touch()
        self.contexts["env"] = self.texts(self.job.get("env", {}))

    @property
    def summary(self) -> str:
        return self.files["GITHUB_STEP_SUMMARY"].read_text(encoding="utf-8")

    def step(self, name: str) -> Step:
        return next(step for step in self.steps if step.name == name)

    def texts(self, env: dict) -> dict[str, str]:
        return {key: self.fill(str(value)) for key, value in env.items()}

    def fill(self, text: str) -> str:
        """Put values in place of `${{ … }}`."""
        return re.sub(r"\$\{\{(.*?)\}\}", lambda match: shown(self.value(match[1])), text)

    def value(self, text: str):
        return evaluate(text, self.contexts, self.conclusion == "failure")

    def wanted(self, condition: str) -> bool:
        condition = condition.removeprefix("${{").removesuffix("}}")
        assert "secrets." not in condition, "GitHub knows no secrets in conditions"
        checks = re.search(r"\b(always|cancelled|failure|success)\(\)", condition)
        return bool(self.value(condition)) and (bool(checks) or self.conclusion == "success")

    def run(self) -> Job:
        for number, step in enumerate(self.job["steps"]):
            self.steps.append(self.take(number, step))
            if "id" in step:
                taken = self.steps[-1]
                outputs = read_pairs(self.files["GITHUB_OUTPUT"])
                outcome = "success" if taken.outcome == "prepared" else taken.outcome
                self.contexts["steps"][step["id"]] = {"outputs": outputs, "outcome": outcome}
            self.files["GITHUB_OUTPUT"].write_text("")
        return self

    def take(self, number: int, step: dict) -> Step:
        name = step.get("name") or step.get("uses", "").split("@")[0] or step["run"]
        if not self.wanted(str(step.get("if", "success()"))):
            return Step(name, "skipped")
        outer = self.contexts["env"]
        self.contexts["env"] = outer | read_pairs(self.files["GITHUB_ENV"])
        own = self.texts(step.get("env", {}))
        if "uses" in step:
            self.texts(step.get("with", {}))
            return Step(name, "action")
        script = self.runner / f"{number}.sh"
        script.write_text(self.fill(step["run"]))
        assert "${{" not in step["run"], "values belong into env, never into a script"
        if step.get("id") in self.prepared:
            return Step(name, "prepared")
        started = time.perf_counter()
        done = subprocess.run(
            [*BASH, script],
            cwd=self.workspace,
            env=self.github() | self.contexts["env"] | own,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=self.timeout,
        )
        seconds = time.perf_counter() - started
        if done.returncode:
            self.conclusion = "failure"
        outcome = "failure" if done.returncode else "success"
        return Step(name, outcome, done.returncode, done.stdout, seconds)

    def github(self) -> dict[str, str]:
        given = {
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_NAME": self.contexts["github"]["event_name"],
            "GITHUB_REPOSITORY": "alice/fork",
            "GITHUB_RUN_ID": "1",
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_WORKSPACE": str(self.workspace),
            **{name: str(path) for name, path in self.files.items()},
            **self.environment,
        }
        permissions = self.job.get("permissions", self.source.get("permissions", {}))
        if self.identity is not None and permissions.get("id-token") == "write":
            given["ACTIONS_ID_TOKEN_REQUEST_URL"] = self.identity.address
            given["ACTIONS_ID_TOKEN_REQUEST_TOKEN"] = self.identity.request_token
        return given


FILES = ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT", "GITHUB_ENV")


def read_pairs(path: Path) -> dict[str, str]:
    """Return the NAME=value lines of a file command."""
    return dict(line.split("=", 1) for line in path.read_text().splitlines() if line)


def shown(value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def evaluate(text: str, contexts: dict, failed: bool):
    """Return the value of an expression.

    `&&`, `||` and `!` become Python's words, which stop at the same operand as GitHub's, and a name
    that begins with a context is looked up in it. Words in quotes stay as they are.
    """
    parts = re.split(r"('[^']*')", text.strip())
    for place in range(0, len(parts), 2):
        part = re.sub(r"!(?!=)", " not ", parts[place].replace("&&", " and ").replace("||", " or "))
        parts[place] = re.sub(r"\b([a-z]+)((?:\.[\w-]+)+)", r"value('\1\2')", part)

    def value(path):
        context, *keys = path.split(".")
        found = contexts[context]
        if context in ("inputs", "steps", "github"):
            assert keys[0] in found, f"{path} does not exist"
        for key in keys:
            found = found.get(key, "")
        return found

    functions = {"value": value, "success": lambda: not failed, "failure": lambda: failed}
    names = {**FUNCTIONS, **functions, "true": True, "false": False}
    return eval("".join(parts), names)  # noqa: S307, of our own files


FUNCTIONS = {
    "format": str.format,
    "contains": lambda items, item: item in items,
    "fromJSON": json.loads,
    "hashFiles": lambda *patterns: "0" * 64 if any(map(list, map(ROOT.glob, patterns))) else "",
    "always": lambda: True,
    "cancelled": lambda: False,
}


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


def link_environment(target: Path, prefix: Path) -> None:
    """Make a virtual environment that is the present one, as the workflow's install step leaves it.

    The stamp says that it is complete, so `make` has nothing to install; if it tried all the same,
    it would meet a `uv` that refuses.
    """
    (target / "bin").mkdir(parents=True)
    for path in prefix.iterdir():
        if path.name != "bin" and not path.name.startswith("."):
            (target / path.name).symlink_to(path)
    for path in (prefix / "bin").iterdir():
        if path.name != "uv":
            (target / "bin" / path.name).symlink_to(path)
    (target / "bin" / "uv").write_text(
        "#!/bin/sh\necho 'nothing should be installed' >&2\nexit 1\n"
    )
    (target / "bin" / "uv").chmod(0o755)
    for stamp in (".all", ".demo"):
        (target / stamp).touch()
