"""The command line: fast help, one-line refusals, exit codes, and a real training."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import tomllib
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from olivetti_denoiser.cli.main import build_parser, main
from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.network.backend import FOR_TRAINING

ROOT = Path(__file__).resolve().parents[2]
SMALL = [
    "--steps-per-epoch=3", "--channels=8,16", "--blocks=1,1", "--validation-faces=4", "--epochs=2",
]  # fmt: skip


def denoiser(*arguments, **options):
    """Runs `python -m olivetti_denoiser …` and returns the finished process."""
    return subprocess.run(
        [sys.executable, "-m", "olivetti_denoiser", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        **{"timeout": 300} | options,
    )


def refused(capsys, *arguments):
    """Runs a command here, which has to end with code 2 and one line; returns the line."""
    try:
        code = main([*map(str, arguments)])
    except SystemExit as stop:
        code = stop.code
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert code == 2, line
    return line


def processor_seconds():
    """The processor's time of the finished commands; on a busy machine a clock would say more."""
    return sum(os.times()[2:4])


def test_help_imports_nothing_heavy_and_answers_at_once():
    before = processor_seconds()
    assert "train" in denoiser("--help").stdout
    assert processor_seconds() - before < 1.0
    code = "import sys, olivetti_denoiser.cli.main as cli; cli.build_parser(); print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    ).stdout.split()
    assert not {"keras", "tensorflow", "numpy", "datasets", "gradio", "huggingface_hub"} & {*loaded}


def test_what_only_the_workflow_calls_is_not_listed():
    listed = denoiser("--help").stdout
    for command in ("train", "evaluate", "export", "restore", "demo", "publish"):
        assert f"\n    {command} " in listed
    for command in ("summary", "addresses", "credentials"):
        assert command not in listed
        assert denoiser(command, "--help").returncode == 0


@pytest.mark.parametrize(
    ("command", "module", "extra"),
    [
        (["demo"], "gradio", "space"),
        (["evaluate"], "datasets", "evaluate"),
        (["train"], "sklearn", "train"),
        (["train"], "keras", "train"),
    ],
)
def test_a_missing_package_is_one_line_that_names_the_extra(
    command, module, extra, tmp_path, request
):
    if module == "datasets":  # the faces are read before it is needed
        request.getfixturevalue("faces")
    missing = [module] if command == ["train"] else [module, "keras"]  # which training alone needs
    if module == "keras":
        missing += FOR_TRAINING
    code = f"import sys; sys.modules.update(dict.fromkeys({missing})); "
    code += "from olivetti_denoiser.cli.main import main"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; sys.exit(main({command}))"],
        capture_output=True, text=True, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert f"needs the package {module!r}" in done.stderr.splitlines()[-1]
    assert f"olivetti-denoiser[{extra}]" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_every_extra_that_a_command_names_exists():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = {
        command.get_default("extra")
        for action in build_parser()._subparsers._group_actions
        for command in action.choices.values()
    }
    assert named and named <= set(project["optional-dependencies"])


def test_every_option_of_the_config_can_be_given():
    text = denoiser("train", "--help").stdout
    offered = set(re.findall(r"--[a-z-]+", text))  # "--sigma" is not "--sigma-max"
    assert {f"--{option.name.replace('_', '-')}" for option in fields(TrainingConfig)} <= offered


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--sigma", "7"], "sigma must be a number from 0.005 to 0.5. Received: 7"),
        (["--epochs", "0"], "epochs must be a whole number of at least 1. Received: 0"),
        (["--epochs", "2.5"], "epochs must be a whole number. Received: 2.5"),
        (["--sigma", "much"], "--sigma: invalid number value: 'much'"),
        (["--optimizer", "sgd"], "optimizer must be one of"),
        (["--channels", "16,x"], "--channels: invalid list of whole numbers value: '16,x'"),
        (["--channels", "16"], "channels and blocks need one entry a level each"),
        (["--sgma", "0.1"], "unrecognized arguments: --sgma 0.1"),
        (["--config", "nowhere.json"], "cannot read the config"),
    ],
)
def test_a_wrong_option_is_refused_in_one_line(arguments, named, capsys):
    assert named in refused(capsys, "train", *arguments)


def test_a_config_file_with_an_unknown_option_is_refused(tmp_path, capsys):
    (tmp_path / "config.json").write_text('{"epochs": 2, "epoch": 3}')
    line = refused(capsys, "train", "--config", tmp_path / "config.json")
    assert line.endswith("Received: epoch")


def test_options_win_over_the_file_and_the_file_over_the_preset(tmp_path):
    path = tmp_path / "config.json"
    path.write_text('{"epochs": 9, "seed": 4}')
    config = TrainingConfig.from_options({"seed": 5}, path=path, preset="quick")
    assert (config.epochs, config.seed) == (9, 5)


@pytest.mark.slow
def test_train_killed_and_resumed_leaves_the_folder_absent_or_complete(faces, tmp_path, capsys):
    output = tmp_path / "model"
    arguments = ["train", "--output", output, *SMALL, "--json"]
    running = subprocess.Popen(
        [sys.executable, "-m", "olivetti_denoiser", *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while running.poll() is None and not (tmp_path / "model.run" / "state.npz").exists():
        time.sleep(0.05)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert not output.exists()

    done = denoiser(*arguments)
    assert done.returncode == 0, done.stderr
    assert "Resuming after epoch" in done.stderr
    printed = json.loads(done.stdout)
    assert printed == json.loads((output / "metrics.json").read_text())
    assert round(printed["parts"]["test"]["methods"]["noisy"]["psnr"]["mean"], 2) == 20.03
    assert printed["parts"]["test"]["methods"]["model"]["psnr"]["mean"] > 20.03
    assert {path.name for path in tmp_path.iterdir()} == {"model", "model.run"}
    for name in ("README.md", "best_model.h5", "history.csv"):
        assert (output / name).exists()

    picture, restored = tmp_path / "noisy.png", tmp_path / "restored.png"
    faces["test"][0]["noisy"].save(picture)
    restore = ["restore", str(picture), str(restored), "--model", str(output)]
    done = denoiser(*restore)
    assert done.returncode == 0, done.stderr
    from PIL import Image

    assert Image.open(restored).size == (64, 64)
    assert main(restore) == 2
    assert "--overwrite replaces it" in capsys.readouterr().err


@pytest.mark.slow
def test_evaluate_measures_peers_and_pictures_and_keeps_the_figures(
    faces, tmp_path, capsys, monkeypatch
):
    from PIL import Image
    from test_published import DNCNN_FILE, FFDNET_FILE, small_weights

    # BM3D and the classical methods take minutes, and have tests of their own.
    monkeypatch.setattr("olivetti_denoiser.evaluate.published.find_spec", lambda name: None)
    monkeypatch.setattr("olivetti_denoiser.evaluate.measure.classical_methods", dict)

    def run(*arguments, ends=0):
        code = main([*map(str, arguments)])
        said = capsys.readouterr()
        assert code == ends, said.err
        return said

    model, peers, pictures = (tmp_path / name for name in ("model", "peers", "pictures"))
    said = run("train", "--split=subjects", "--output", model, *SMALL, "--json")
    trained = json.loads(said.out)
    assert trained["split"] == "subjects" and trained["parts"]["outside"]["count"] == 60
    assert "test faces of the subjects split" in (model / "README.md").read_text()
    said = run("train", "--output", model, *SMALL, ends=2)
    assert "belongs to the subjects split" in said.err

    for folder in (peers, pictures):
        folder.mkdir()
    small_weights(peers / FFDNET_FILE, (5, 4, 4))
    small_weights(peers / DNCNN_FILE, (1, 3, 1))
    Image.effect_mandelbrot((96, 80), (-2, -1.5, 1, 1.5), 50).save(pictures / "fractal.png")
    evaluate = ["evaluate", model, "--peers", peers, "--pictures", pictures, "--save"]
    said = run(*evaluate, ends=2)  # on the reference split
    assert "own split, subjects; give it as --split" in said.err

    said = run(*evaluate, "--split", "subjects", "--json")
    kept = json.loads((model / "metrics.json").read_text())
    assert kept == json.loads(said.out) | {"training": trained["training"]}
    assert kept["parts"]["photographs"]["methods"].keys() >= {"model", "FFDNet"}
    assert "photographs of pictures" in (model / "README.md").read_text()

    plot = tmp_path / "curves.png"
    said = run("evaluate", model, "--plot", plot)
    assert "trained on the subjects split, with" in said.err
    assert "| model, without mirror |" in " ".join(said.out.split())
    assert Image.open(plot).size[0] > 500


@pytest.mark.slow
def test_a_folder_with_few_broken_pictures_trains_and_names_them(
    faces, tmp_path, capfd, monkeypatch
):
    monkeypatch.setattr("olivetti_denoiser.evaluate.measure.classical_methods", dict)
    _pictures(tmp_path / "photos", 400, broken=4)
    output = tmp_path / "model"
    arguments = ["train", "--dataset", str(tmp_path / "photos"), "--output", str(output), *SMALL]
    assert main(arguments) == 0
    said = capfd.readouterr().out
    broken = [f"{number:04}.png" for number in range(0, 400, 100)]
    last = next(line for line in said.splitlines() if line.startswith("Left out"))
    assert "4 of 400 pictures" in last
    metrics = json.loads((output / "metrics.json").read_text())
    learned = metrics["training"]["pictures"]
    assert learned["broken"] == 4
    assert all(name in last and name in str(learned["broken_names"]) for name in broken)
    assert metrics["parts"]["test"]["count"] == 20
    assert metrics["parts"]["pictures"]["count"] == learned["pictures"]["test"]
    assert metrics["parts"]["pictures"]["methods"]["model"]["psnr"]["mean"] > 19
    assert "Test pictures of the dataset" in said
    assert "cut from a folder of pictures, `photos`" in (output / "README.md").read_text()

    assert main(["train", "--output", str(output), *SMALL]) == 2
    assert "training on a dataset of pictures" in capfd.readouterr().err
    weights = (output / "model.weights.h5").read_bytes()
    (tmp_path / "photos").rename(tmp_path / "gone")  # a finished run needs no dataset any more
    assert main(arguments) == 0
    assert (output / "model.weights.h5").read_bytes() == weights


def test_a_folder_with_many_broken_pictures_stops(faces, tmp_path, capsys):
    _pictures(tmp_path / "photos", 400, broken=20)
    photos, output = str(tmp_path / "photos"), str(tmp_path / "model")
    assert main(["train", "--dataset", photos, "--output", output, *SMALL]) == 3
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert "20 of the first 400 pictures are broken, more than 1%" in line
    assert "0000.png (" in line
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--dataset", "no/such folder"], "a folder that exists, or OWNER/NAME on the Hub"),
        (["--image-column", "photo"], "--image-column is for a dataset of pictures"),
    ],
)
def test_a_dataset_that_cannot_be_meant_is_refused(arguments, named, tmp_path, capsys):
    assert main(["train", "--output", str(tmp_path / "model"), *arguments, *SMALL]) == 2
    assert named in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


def _pictures(folder, count, broken):
    """Writes a folder of small pictures, of which some are cut short."""
    from PIL import Image

    folder.mkdir()
    for number in range(count):
        coarse = np.random.default_rng(number).integers(0, 256, (4, 4), dtype=np.uint8)
        path = folder / f"{number:04}.png"
        Image.fromarray(coarse).resize((64, 64), Image.Resampling.BICUBIC).save(path)
        if number % (count // broken) == 0:
            path.write_bytes(path.read_bytes()[:-40])


def test_train_does_not_replace_what_is_no_model(tmp_path, capsys):
    precious = tmp_path / "thesis.txt"
    precious.write_text("mine")
    line = refused(capsys, "train", "--output", tmp_path, "--overwrite", *SMALL)
    assert "must be a new folder or an earlier model folder" in line
    assert precious.read_text() == "mine"


def test_a_missing_model_is_named(tmp_path, capsys):
    picture = ROOT / "space/examples/drawn_1_portrait.png"
    command = ["restore", picture, tmp_path / "b.png", "--model", "no_such_folder"]
    assert "no_such_folder" in refused(capsys, *command)


def test_an_unknown_split_is_refused_in_one_line(faces, capsys):
    line = refused(capsys, "evaluate", ROOT / "model_card", "--split", "people")
    assert line.endswith("are reference and subjects. Received: split='people'")


@pytest.mark.parametrize("error", [OSError("no space left"), ValueError("no such mode")])
def test_a_restore_that_fails_leaves_the_old_file(page_model, tmp_path, monkeypatch, error):
    from PIL import Image

    picture, output = tmp_path / "in.png", tmp_path / "out.jpg"
    Image.new("RGB", (64, 64), (60, 90, 120)).save(picture)
    output.write_bytes(b"what was there")

    def fail(image, path, *arguments, **options):
        Path(path).write_bytes(b"half")
        raise error

    monkeypatch.setattr(Image.Image, "save", fail)
    done = main(["restore", str(picture), str(output), "--model", str(page_model), "--overwrite"])
    assert done in (1, 2)
    assert output.read_bytes() == b"what was there"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.png", "out.jpg"]


def test_a_missing_folder_is_told_before_any_work(tmp_path, capsys):
    output = tmp_path / "nowhere" / "restored.png"
    code = main(["restore", str(tmp_path / "in.png"), str(output), "--model", "nowhere"])
    error = capsys.readouterr().err
    assert code == 2
    assert "make it first" in error and str(output) in error
