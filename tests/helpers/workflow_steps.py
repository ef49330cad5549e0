"""The steps of the retraining workflow, run one by one in bash as GitHub runs them.

    step("train")                                                    # its dictionary
    run_step("train", folder, {"MODEL": "outputs/model"})

Expressions and conditions are not evaluated: a test gives the variables that a step's `env` names.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import yaml

from checkout import ROOT

WORKFLOWS = ROOT / ".github" / "workflows"
WORKFLOW = yaml.safe_load((WORKFLOWS / "retrain.yml").read_text(encoding="utf-8"))
JOB = WORKFLOW["jobs"]["retrain"]
BASH = ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c")  # what `shell: bash` stands for


def step(name: str) -> dict:
    """Return the step that has this name or id."""
    return next(step for step in JOB["steps"] if name in (step.get("name"), step.get("id")))


def run_step(name: str, folder: Path, variables: dict[str, str]):
    """Run a step's commands in a folder; what it names in `env` is empty where nothing is given."""
    found = step(name)
    assert "${{" not in found["run"], "values belong into env, never into a script"
    named = dict.fromkeys(found.get("env", {}), "")
    return subprocess.run(
        [*BASH, found["run"]], cwd=folder, env=named | variables,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=900,
    )  # fmt: skip
