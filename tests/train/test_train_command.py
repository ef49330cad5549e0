"""`denoiser train` on a folder of pictures, some of them broken."""

from __future__ import annotations

import json

import numpy as np
from PIL import Image

from olivetti_denoiser.cli.main import main

SMALL = [
    "--steps-per-epoch=3", "--channels=8,16", "--blocks=1,1", "--validation-faces=4", "--epochs=2",
]  # fmt: skip


def write_pictures(folder):
    """Write a folder of 400 small pictures, of which 4 are cut short; return its path."""
    folder.mkdir()
    for number in range(400):
        coarse = np.random.default_rng(number).integers(0, 256, (4, 4), dtype=np.uint8)
        path = folder / f"{number:04}.png"
        Image.fromarray(coarse).resize((64, 64), Image.Resampling.BICUBIC).save(path)
        if number % 100 == 0:
            path.write_bytes(path.read_bytes()[:-40])
    return str(folder)


def test_a_folder_with_few_broken_pictures_trains(some_faces, tmp_path, capfd, monkeypatch):
    # The classical methods take minutes, and have tests of their own.
    monkeypatch.setattr("olivetti_denoiser.evaluate.measure.BASELINES", {})
    photos, output = write_pictures(tmp_path / "photos"), str(tmp_path / "model")
    command = ["train", "--dataset", photos, "--output", output, *SMALL]
    assert main(command) == 0
    said = capfd.readouterr().out
    left_out = next(line for line in said.splitlines() if line.startswith("Left out"))
    assert "4 of 400 pictures" in left_out and "0300.png" in left_out
    metrics = json.loads((tmp_path / "model" / "metrics.json").read_text())
    assert metrics["training"]["pictures"]["broken"] == 4
    assert 19.9 < metrics["parts"]["test"]["methods"]["noisy"]["psnr"]["mean"] < 20.2
    assert metrics["parts"]["pictures"]["methods"]["model"]["psnr"]["mean"] > 19
    assert "cut from a folder of pictures, `photos`" in (tmp_path / "model/README.md").read_text()

    training = metrics.pop("training")
    metrics["parts"]["test"]["methods"]["model"]["psnr"]["mean"] = 21.25  # as of a new evaluation
    monkeypatch.setattr("olivetti_denoiser.evaluate.measure.evaluate", lambda *_, **__: metrics)
    assert main(["evaluate", output, "--save", "--json"]) == 0
    assert json.loads(capfd.readouterr().out) == metrics
    kept = json.loads((tmp_path / "model" / "metrics.json").read_text())
    assert kept == metrics | {"training": training}

    assert main(["train", "--output", output, *SMALL]) == 2  # on the faces
    assert "training on a dataset of pictures" in capfd.readouterr().err


def test_a_dataset_that_cannot_be_meant_is_refused(tmp_path, capsys):
    output = ["--output", str(tmp_path / "model")]
    for arguments, words in (
        (["--dataset", "no/such folder", *output], "a folder that exists, or OWNER/NAME on the"),
        (["--image-column", "photo", *output], "--image-column is for a dataset of pictures"),
        (["--overwrite", "--output", str(tmp_path)], "a new folder or an earlier model folder"),
    ):
        (tmp_path / "thesis.txt").write_text("mine")
        assert main(["train", *arguments, *SMALL]) == 2
        assert words in capsys.readouterr().err
        assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
