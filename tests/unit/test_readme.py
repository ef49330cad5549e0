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

from olivetti_denoiser.cli.main import build_parser

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| (.+?) \| ([\d.]+) \| ([\d.]+) \(([\d.]+) – ([\d.]+)\) \| ([\d.]+) \|$", re.M)


def test_the_scores_are_those_of_the_released_model():
    from olivetti_denoiser.release import read_metrics, rows

    measured = rows(read_metrics(ROOT / "model_card")["parts"]["test"])
    shown = {name.strip("*"): figures for name, *figures in ROW.findall(README)}
    measured = {name.split(" (")[0]: row for name, row in measured.items()}  # "DnCNN (σ = …)"
    ours = set(measured)
    assert {"noisy", "model"} <= shown.keys() & ours
    for name in shown.keys() & ours:
        row = measured[name]
        psnr = row["psnr"]
        assert shown[name] == [
            f"{row['mse']['mean']:.6f}",
            *(f"{psnr[part]:.2f}" for part in ("mean", "low", "high")),
            f"{row['ssim']['mean']:.3f}",
        ]
    assert shown.keys() - ours <= {"BM3D", "FFDNet", "DnCNN"}


def test_every_file_that_it_links_exists():
    links = [link for link in re.findall(r"\]\(([^)#\s]+)", README) if "://" not in link]
    assert {"LICENSE", "model_card/README.md", "training/README.md"} <= set(links)
    for link in links:
        assert (ROOT / link).exists(), link


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


def test_every_make_target_exists():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^\$ make (\w+)", README, re.M):
        assert re.search(rf"^{target}:", makefile, re.M), target


@pytest.mark.parametrize(
    ("version", "target", "said"),
    [
        ((3, 10, 9), "demo", "Python 3.11 to 3.14 is needed"),
        ((3, 15, 0), "demo", "Python 3.11 to 3.14 is needed"),
        ((3, 14, 1), "test", "TensorFlow: Python 3.11 to 3.13 on Linux"),
    ],
)
def test_make_says_which_python_it_needs_before_it_installs(tmp_path, version, target, said):
    """A Python of another version is played by one that says so."""
    (tmp_path / "sitecustomize.py").write_text(
        "import platform, sys\n"
        f"sys.version_info, sys.version = {(*version, 'final', 0)}, '{version[0]}.{version[1]}'\n"
        f"platform.python_version = lambda: '{version[0]}.{version[1]}'\n"
    )
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("pyproject.toml", "requirements.txt", "space/requirements.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    if target == "test":  # made by a `make demo` before
        (tmp_path / ".venv" / "bin" / "uv").touch()
        (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    done = subprocess.run(
        ["make", target, f"PYTHON={sys.executable}"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2 and said in done.stderr, done.stderr
    assert f"Received: {'Python ' * (target == 'test')}{version[0]}.{version[1]}" in done.stderr
    assert "Installing" not in done.stdout


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
