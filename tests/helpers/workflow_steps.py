"""The steps of a GitHub workflow, run one by one in bash as GitHub runs them.

    step("retrain.yml", "retrain", "train")             # its dictionary
    run_step("retrain.yml", "retrain", "train", folder, {"MODEL": "outputs/model"})

Expressions and conditions are not evaluated: a test gives the variables that a step's `env` names.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

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


def run_step(workflow: str, job: str, name: str, folder: Path, variables: dict[str, str]):
    """Run a step's commands in a folder; what it names in `env` is empty where nothing is given."""
    found = step(workflow, job, name)
    assert "${{" not in found["run"], "values belong into env, never into a script"
    named = dict.fromkeys(found.get("env", {}), "")
    return subprocess.run(
        [*BASH, found["run"]], cwd=folder, env=named | variables,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=900,
    )  # fmt: skip
