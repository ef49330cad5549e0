"""An option is used or refused, never ignored: every option of every command."""

from __future__ import annotations

import argparse
import inspect
import re
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import olivetti_denoiser
from olivetti_denoiser.bundled import bundled
from olivetti_denoiser.cli.main import build_parser, main
from olivetti_denoiser.cli.options import add_release
from olivetti_denoiser.config import TrainingConfig

SETTINGS = {option.name for option in fields(TrainingConfig)}
(CHOICES,) = (
    action.choices
    for action in build_parser()._actions
    if isinstance(action, argparse._SubParsersAction)
)


@pytest.mark.parametrize("command", CHOICES)
def test_every_option_is_read_by_its_command(command):
    """What is declared and read nowhere would be ignored, whatever else is given."""
    source = inspect.getsource(inspect.getmodule(CHOICES[command].get_default("run")))
    named = {"model", "dataset", "space"} if "given_repositories(options)" in source else set()
    if command == "demo":
        named = {"host", "port", "model", "revision"}  # by their variables
    given = {action.dest for action in CHOICES[command]._actions} - {"help"} - named - SETTINGS
    read = set(re.findall(r"options\.(\w+)", source)) | set(re.findall(r'"(\w+)"', source))
    assert given <= read


def test_every_setting_is_read_by_a_training():
    folder = Path(olivetti_denoiser.__file__).parent
    code = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*/*.py"))
    code += (folder / "config.py").read_text(encoding="utf-8")
    read = set(re.findall(r"(?:config|self)\.(\w+)", code)) | {*TrainingConfig().network}
    assert read >= SETTINGS


# Each row is a way to give an option that nothing would read.
REFUSED = [
    ("evaluate --every 2", "--every needs --pictures"),
    ("evaluate --pairs . --every 2", "--every needs --pictures"),
    ("evaluate --crop 64", "--crop needs --pictures"),
    ("evaluate --pairs . --plot p.png", "add --pictures"),
    ("evaluate --plot p.pdf", "a plot is written as .png"),
    ("evaluate --pictures . --every 2", "--crop takes them in their size"),
    ("evaluate --also other", "--also needs --save"),
    ("evaluate --save", "--save needs the model folder"),
    ("evaluate --pair-pattern a b", "--pair-pattern needs --pairs"),
    ("evaluate --pairs . --split subjects", "without the faces"),
    ("evaluate --pictures . --crop 8 --dataset ada/faces", "without the faces"),
    ("evaluate MODEL --pairs . --save --also MODEL", "Received: --also"),
    ("evaluate --split subjects --dataset ada/faces", "leave --dataset or --split out"),
    ("demo --revision v1.0.0", "--revision needs --model"),
    ("demo --port 70000", "from 1 to 65535"),
    ("publish MODEL --model ada/m --space-sdk static", "--space-sdk needs --space"),
    ("train --image-column photo", "--image-column is for a dataset"),
    ("train --preset colour --warp 0.5", "--warp is for a training in gray"),
    ("train --pool 100", "--pool is for a training in colour"),
]


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """What the capital words of the table stand for."""
    work = tmp_path_factory.mktemp("options")
    Image.fromarray(np.full((16, 16), 99, np.uint8)).save(work / "in.png")
    return {
        "MODEL": str(bundled("model_card")),
        "IN": str(work / "in.png"),
        "OUT": str(work / "out.png"),
    }


@pytest.mark.parametrize(("line", "told"), REFUSED)
def test_an_option_that_would_be_ignored_is_refused(line, told, places, capsys, monkeypatch):
    monkeypatch.delenv("MODEL_ID", raising=False)
    monkeypatch.chdir(Path(places["IN"]).parent)
    assert main([places.get(word, word) for word in line.split()]) == 2
    (error,) = capsys.readouterr().err.strip().splitlines()[-1:]
    assert error.startswith("denoiser: ") and told in error and "Received: " in error


def test_a_network_for_colour_is_trained_on_what_it_takes():
    from olivetti_denoiser.network.unet import residual_unet
    from olivetti_denoiser.train.objective import training_model

    for planes in (1, 3):
        trained = training_model(residual_unet(channels=(4, 8), blocks=(1, 1), planes=planes))
        assert trained.input["noisy"].shape[-1] == planes


def test_the_options_of_a_publication_are_those_of_the_function():
    from olivetti_denoiser.publish.publish import publish

    parser = argparse.ArgumentParser()
    add_release(parser)
    offered = {action.dest for action in parser._actions} - {"help"}
    assert offered <= inspect.signature(publish).parameters.keys()
