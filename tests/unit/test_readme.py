"""README and training/README.md are true: figures, links, commands."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from checkout import ROOT
from olivetti_denoiser.cli.main import build_parser
from olivetti_denoiser.evaluate.tables import scores
from olivetti_denoiser.release import read_metrics

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_scores_are_those_of_the_released_model():
    measured = {
        re.sub(r" \(.*", "", row["method"]): [
            text for name, text in row.items() if "ms" not in name
        ]
        for row in scores(read_metrics(ROOT / "model_card"), "test")  # "DnCNN (σ = …)"
    }
    rows = re.findall(r"^\| (.+?) \| (.+?) \| (.+?) \| (.+?) \|$", README, re.M)
    shown = {name.strip("*"): texts for name, *texts in rows}
    assert {"noisy", "model", "FFDNet"} <= shown.keys() & measured.keys()
    for name in shown.keys() & measured.keys():
        assert shown[name] == measured[name][1:]


def test_every_file_and_make_target_that_it_names_exists():
    links = [link for link in re.findall(r"\]\(([^)#\s]+)", README) if "://" not in link]
    assert len(links) >= 5 and not [link for link in links if not (ROOT / link).exists()]
    targets = re.findall(r"^\$ make (\w+)", README, re.M)
    defined = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.M)
    assert targets and {*targets} <= {*defined}


def test_every_command_is_understood():
    commands = re.findall(r"^\$ denoiser ((?:.*\\\n)*.*?)(?:\s+#.*)?$", README, re.M)
    assert len(commands) >= 5
    for command in commands:
        command = re.sub(r"[<>] \S+", "", command.replace("\\\n", " "))  # the shell's own
        arguments = shlex.split(command, comments=True)
        try:
            build_parser().parse_args(arguments)
        except SystemExit as stop:
            pytest.fail(f"denoiser {command}: exit code {stop.code}")


@pytest.mark.parametrize(
    ("version", "target", "said"),
    [
        ((3, 10), "demo", "Python 3.11 to 3.14 is needed"),
        ((3, 15), "demo", "Python 3.11 to 3.14 is needed"),
        ((3, 14), "test", "TensorFlow: Python 3.11 to 3.13 on Linux"),
    ],
)
def test_make_says_which_python_it_needs_before_it_installs(tmp_path, version, target, said):
    """A Python of another version is played by one that says so."""
    text = ".".join(map(str, version))
    (tmp_path / "sitecustomize.py").write_text(
        f"import platform, sys\nsys.version_info, sys.version = {version}, '{text}'\n"
        f"platform.python_version = lambda: '{text}'\n"
    )
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "space").mkdir()
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    for name in ("pyproject.toml", "requirements.txt", "space/requirements.txt"):
        (tmp_path / name).touch()
    if target == "test":  # made by a `make demo` before
        (tmp_path / ".venv" / "bin" / "uv").touch()
        (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    command = ["make", "-C", tmp_path, target, f"PYTHON={sys.executable}"]
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 2 and said in done.stderr, done.stderr
    assert f"{text}" in done.stderr and "Installing" not in done.stdout


def test_the_table_of_what_to_change_names_files_that_exist():
    guide = (ROOT / "training" / "README.md").read_text(encoding="utf-8")
    table = guide.partition("## Where to change what\n")[2]
    paths = re.findall(r"`([\w/]+(?:/|\.\w+))`", "\n".join(re.findall(r"^\|.*", table, re.M)))
    assert {"cli/main.py", "space/browser/src/", "training/ablation.py"} <= set(paths)
    for path in paths:
        places = (ROOT / "training" / "olivetti_denoiser" / path, ROOT / path)
        if path != "metrics.json":  # of a model folder
            assert any(place.exists() for place in places), path


def shown_command() -> list[str]:
    """The words of the command under "Jobs"."""
    guide = (ROOT / "training" / "README.md").read_text(encoding="utf-8")
    section = guide.partition("## Jobs\n")[2]
    block = re.search(r"```console\n\$ (.*?)```", section, re.DOTALL)
    return shlex.split(block[1])


def test_the_hubs_client_and_the_command_line_take_the_job():
    hf, *words = shown_command()
    at = words.index("run") + 1
    done = subprocess.run(
        [Path(sys.executable).with_name(hf), *words[:at], "--dry-run", *words[at:]],
        capture_output=True, text=True, env=os.environ | {"HF_TOKEN": "hf_of_nobody"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    script = words[-1]
    subprocess.run(["bash", "-n", "-c", script], check=True)
    lines = [shlex.split(line) for line in script.strip().splitlines()]
    commands = [words[1:] for words in lines if words[0] == "denoiser"]
    train, publish = (build_parser().parse_args(words) for words in commands)
    assert (train.command, publish.command) == ("train", "publish")
    assert train.output == publish.folder
