"""The workflows: valid, safe, and their steps call the commands that there are."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from checkout import ROOT
from olivetti_denoiser.cli.main import build_parser
from workflow_steps import JOB, WORKFLOW, WORKFLOWS, run_step, step

LINTERS = (
    ("check-jsonschema", "--builtin-schema", "vendor.github-workflows"),
    ("zizmor", "--offline", "--no-progress"),  # pins, permissions, injected values
)
NAME = "alice/olivetti-denoiser"
PUBLISHED = f"outputs/model --model {NAME} --dataset {NAME} --space {NAME}"
SECRET_FREE = {"MODEL": "outputs/model", "REPOSITORY": NAME, "SPACE": NAME}


@pytest.mark.parametrize("linter", LINTERS, ids=lambda linter: linter[0])
def test_the_linters_find_nothing(linter):
    command = [Path(sys.executable).with_name(linter[0]), *linter[1:], *WORKFLOWS.glob("*.yml")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_publication_is_never_cut_short():
    assert WORKFLOW["concurrency"] == {"group": "retrain", "cancel-in-progress": False}
    limit = re.search(r"--max-minutes (\d+)", step("train")["run"])[1]
    assert int(limit) <= JOB["timeout-minutes"] - 30  # to measure, publish


@pytest.fixture
def called(tmp_path):
    """Runs a step of the retraining with a `denoiser` that only notes how it is called."""
    program = tmp_path / ".venv" / "bin" / "denoiser"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\necho "$*"\nexit ${FAILING:-0}\n')
    program.chmod(0o755)
    path = {"PATH": os.environ["PATH"], "GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}

    def run(name, code=0, **variables):
        done = run_step(name, tmp_path, SECRET_FREE | path | variables)
        assert done.returncode == code
        words = done.stdout.removeprefix("- ").strip()
        build_parser().parse_args(shlex.split(words))
        return words

    return run


def test_what_is_typed_is_what_is_trained(called):
    trained = "train --output outputs/model --preset quick --max-minutes 330"
    assert called("train", PRESET="quick") == trained
    typed = {"EPOCHS": "2", "SIGMA": "0.2", "SEED": "0", "DATASET": "bob/faces"}
    options = "--epochs 2 --sigma 0.2 --seed 0 --dataset bob/faces"
    assert called("train", PRESET="quick", **typed) == f"{trained} {options}"


def test_what_is_published_is_named_and_shown_and_a_worse_model_ends_the_run(called, tmp_path):
    published = f"publish {PUBLISHED} --tag v1.0.0"
    assert called("Publish", TAG="v1.0.0") == published
    assert (tmp_path / "summary").read_text() == f"- {published}\n"
    without = PUBLISHED.partition(" --space")[0]
    assert called("Publish", code=3, SPACE="", FAILING="3") == f"publish {without}"
