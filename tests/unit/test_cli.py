"""The command line: fast help, one-line refusals, exit codes; an option is used or refused."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
import tomllib
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import olivetti_denoiser
from olivetti_denoiser.bundled import bundled
from olivetti_denoiser.cli.main import build_parser, main
from olivetti_denoiser.config import TrainingConfig

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = {option.name for option in fields(TrainingConfig)}
(COMMANDS,) = (action.choices for action in build_parser()._subparsers._group_actions)


def test_help_imports_nothing_heavy_and_lists_what_people_call():
    code = (
        "import sys, olivetti_denoiser.cli.main as cli; cli.build_parser().print_help();"
        "print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    said, loaded = done.stdout.rsplit("\n", 2)[0], set(done.stdout.splitlines()[-1].split())
    assert not {"keras", "tensorflow", "numpy", "datasets", "gradio", "huggingface_hub"} & loaded
    listed = set(re.findall(r"^    (\w+) ", said, re.MULTILINE))
    assert listed == {"train", "evaluate", "export", "restore", "demo", "publish"}
    assert COMMANDS.keys() - listed == {"summary", "credentials"}  # the workflow's


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_read_by_its_command(command):
    """An option that is declared and read nowhere would be ignored, whatever else is given."""
    source = inspect.getsource(inspect.getmodule(COMMANDS[command].get_default("run")))
    named = {"model", "dataset", "space"} if "given_repositories(options)" in source else set()
    if command == "demo":
        named = {"host", "port", "model", "revision"}  # by their variables
    given = {action.dest for action in COMMANDS[command]._actions} - {"help"} - named - SETTINGS
    read = set(re.findall(r"options\.(\w+)", source)) | set(re.findall(r'"(\w+)"', source))
    assert given <= read
    assert COMMANDS[command].format_help()  # no stray % in a help text


def test_every_setting_is_an_option_and_is_read_by_a_training():
    assert {action.dest for action in COMMANDS["train"]._actions} >= SETTINGS
    folder = Path(olivetti_denoiser.__file__).parent
    code = "".join(path.read_text(encoding="utf-8") for path in folder.rglob("*.py"))
    read = set(re.findall(r"(?:config|self)\.(\w+)", code)) | {*TrainingConfig().network}
    assert read >= SETTINGS


REFUSED = [  # a command, and words of its refusal
    ("train --sigma 7", "sigma must be a number from 0.005 to 0.5. Received: 7"),
    ("train --channels 16,x", "--channels: invalid list of whole numbers value: '16,x'"),
    ("train --sgma 0.1", "unrecognized arguments: --sgma 0.1"),
    ("train --config nowhere.json", "cannot read the config"),
    ("train --config epoch.json", "Received: epoch"),
    ("train --preset colour --warp 0.5", "--warp is for a training in gray"),
    ("train --max-minutes nan", "--max-minutes must be a number above 0. Received: nan"),
    ("train --pool 100", "--pool is for a training in colour"),
    ("evaluate --every 2", "--every needs --pictures"),
    ("evaluate --pictures . --crop 8 --dataset ada/faces", "without the faces"),
    ("evaluate MODEL --drawn 2 --save", "drawn pictures are kept with the network for colour"),
    ("evaluate --drawn 0", "--drawn must be at least 1. Received: --drawn 0"),
    ("demo --revision v1.0.0", "--revision needs --model"),
]


@pytest.mark.parametrize(("line", "words"), REFUSED)
def test_a_wrong_or_useless_option_is_refused_in_one_line(
    line, words, tmp_path, capsys, monkeypatch
):
    monkeypatch.delenv("MODEL_ID", raising=False)
    monkeypatch.chdir(tmp_path)
    Path("epoch.json").write_text('{"epochs": 2, "epoch": 3}')
    arguments = [str(bundled("model_card")) if word == "MODEL" else word for word in line.split()]
    try:
        code = main(arguments)
    except SystemExit as stop:  # argparse's own
        code = stop.code
    (error,) = capsys.readouterr().err.strip().splitlines()[-1:]
    assert code == 2 and error.startswith("denoiser") and words in error
    assert [path.name for path in tmp_path.iterdir()] == ["epoch.json"]


def test_a_missing_package_is_one_line_that_names_the_extra(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)  # as where it is not installed
    assert main(["demo"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "needs the package 'gradio'" in line and "olivetti-denoiser[space]" in line
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = {command.get_default("extra") for command in COMMANDS.values()}
    assert named <= set(project["optional-dependencies"])


@pytest.fixture
def noisy(tmp_path):
    """A picture in a folder whose name few code pages have."""
    folder = tmp_path / "写真"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(90, 160, (48, 48, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "noisy.png")
    return folder / "noisy.png"


@pytest.mark.parametrize(
    ("output", "encoding", "printed"),
    [
        ("restored.png", "ascii", rb"\u5199\u771f/restored.png"),  # the C locale has no Japanese
        ("restored.png", "cp932", "写真/restored.png".encode("cp932")),  # Japanese Windows has
        (b"\xff.png", "utf-8", rb"\udcff.png"),  # a name that is no Unicode
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="imitates Windows elsewhere")
def test_a_path_is_printed_as_far_as_the_encoding_goes(noisy, output, encoding, printed):
    """Redirected output, strict and in a code page, as on Windows."""
    output = noisy.parent / os.fsdecode(output)
    done = subprocess.run(
        [sys.executable, "-m", "olivetti_denoiser", "restore", noisy, output],
        capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"},
        timeout=120,
    )
    assert (done.returncode, output.exists()) == (0, True), done.stderr
    assert done.stdout.strip().endswith(printed)


@pytest.mark.skipif(os.name == "nt", reason="no such shell")
def test_streams_that_are_closed_end_no_command(noisy):
    output = noisy.with_name("restored.png")
    command = [sys.executable, "-m", "olivetti_denoiser", "restore", noisy, output]
    done = subprocess.run(["sh", "-c", '"$@" <&- >&- 2>&-', "-", *command])
    assert (done.returncode, output.exists()) == (0, True)
