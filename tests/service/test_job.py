"""The job that `training/README.md` shows: as far as it can be tried without an account."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from olivetti_denoiser.cli.main import build_parser

ROOT = Path(__file__).resolve().parents[2]


def shown_command() -> list[str]:
    """The words of the command under "Jobs"."""
    guide = (ROOT / "training" / "README.md").read_text(encoding="utf-8")
    section = guide.partition("## Jobs\n")[2]
    block = re.search(r"```console\n\$ (.*?)```", section, re.DOTALL)
    return shlex.split(block[1])


def test_the_hubs_client_takes_the_job():
    hf, *words = shown_command()
    hf = str(Path(sys.executable).with_name(hf))
    at = words.index("run") + 1
    done = subprocess.run(
        [hf, *words[:at], "--dry-run", "--format", "human", *words[at:]],
        capture_output=True,
        text=True,
        env=os.environ | {"HF_TOKEN": "hf_of_nobody", "NO_COLOR": "1"},
    )
    assert done.returncode == 0, done.stderr
    told = " ".join(done.stdout.split())
    for part in ("image python:3.12", "flavor a10g-small", "timeout 6h", "KERAS_BACKEND=jax"):
        assert part in told
    assert "secrets HF_TOKEN=***" in told and "hf_of_nobody" not in told


def test_bash_and_the_command_line_take_what_the_job_runs():
    script = shown_command()[-1]
    subprocess.run(["bash", "-n", "-c", script], check=True)
    lines = [shlex.split(line) for line in script.strip().splitlines()]
    commands = [words[1:] for words in lines if words[0] == "denoiser"]
    train, publish = (build_parser().parse_args(words) for words in commands)
    assert (train.command, publish.command) == ("train", "publish")
    assert train.output == publish.folder
