"""The summary of a retraining: true of its figures, patient with what is missing."""

from __future__ import annotations

import json
import re

import pytest

from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.metrics import mean_interval
from olivetti_denoiser.publish.summary import summary


def write_folder(folder, psnr, faces=(1, 2, 3, 4), wobble=0.0):
    """Write what a summary reads; face by face the PSNR differs by a pattern of its own."""
    folder.mkdir()
    values = [psnr + number + wobble * (-1) ** number for number in range(len(faces))]
    row = {
        "psnr": mean_interval(values),
        "ssim": mean_interval([0.8, 0.9]),
        "mse": mean_interval([0.001, 0.002]),
    }
    noisy = row | {"psnr": mean_interval([20.0, 20.1])}
    metrics = {
        "parts": {
            part: {"count": 4, "methods": {"noisy": noisy, "model": row}, "variants": {}}
            for part in ("test", "train")
        },
        "faces": [{"face_id": f, "psnr": v} for f, v in zip(faces, values, strict=True)],
        "training": {"epochs": 3, "best_epoch": 2, "seconds": 90, "cores": 2},
    }
    (folder / "metrics.json").write_text(json.dumps(metrics))
    (folder / "training_config.json").write_text(TrainingConfig(seed=3).to_json())
    return folder


def row_of(text, name):
    return [cell.strip() for cell in re.search(rf"^\| {name} +\|(.*)\|$", text, re.M)[1].split("|")]


@pytest.mark.parametrize(
    ("gain", "word"), [(0.5, "better than"), (-0.5, "worse than"), (0.0004, "as good as")]
)
def test_the_verdict_and_the_difference_follow_the_figures(tmp_path, gain, word):
    old = write_folder(tmp_path / "old", 29.0)
    new = write_folder(tmp_path / "new", 29.0 + gain)
    text = summary(new, [str(old)])
    assert f"It is **{word}** the bundled model, 30.500 dB" in text
    new_cell, old_cell, difference = row_of(text, "test faces, PSNR dB")
    assert new_cell.startswith(f"{30.5 + gain:.3f} [") and old_cell.startswith("30.500 [")
    assert difference.startswith(f"{gain:+.3f} [{gain:+.3f}, {gain:+.3f}]")
    assert difference.endswith({"better than": "better", "worse than": "worse"}.get(word, "]"))


def test_the_interval_of_a_difference_is_that_of_paired_faces(tmp_path):
    """Faces differ by many decibels, the two models on one face by little: so does the interval."""
    old = write_folder(tmp_path / "old", 29.0)
    new = write_folder(tmp_path / "new", 29.1, wobble=0.05)
    difference = row_of(summary(new, [str(old)]), "test faces, PSNR dB")[2]
    low, high = map(float, re.search(r"\[(\S+), (\S+)\]", difference).groups())
    assert 0 < low < 0.1 < high < 0.25
    others = write_folder(tmp_path / "others", 29.0, faces=(5, 6, 7, 8))
    assert "[" not in row_of(summary(new, [str(others)]), "test faces, PSNR dB")[2]


def test_figures_of_another_split_are_not_compared_with(tmp_path):
    old, new = write_folder(tmp_path / "old", 29.0), write_folder(tmp_path / "new", 29.1)
    for folder, checksum in ((old, "1" * 64), (new, "2" * 64)):
        figures = json.loads((folder / "metrics.json").read_text())
        (folder / "metrics.json").write_text(json.dumps(figures | {"split_checksum": checksum}))
    text = summary(new, [str(old)])
    assert "There is no released model to compare with." in text
    assert f"Not compared with `{old}`: its figures are of other pictures" in text


def test_what_cannot_be_compared_with_is_named_and_the_next_taken(tmp_path):
    old, new = write_folder(tmp_path / "old", 29.0), write_folder(tmp_path / "new", 29.1)
    (tmp_path / "empty").mkdir()
    text = summary(new, [str(tmp_path / "empty"), str(old)])
    assert f"Not compared with `{tmp_path / 'empty'}`" in text
    assert "**better than**" in text
    alone = summary(new, note="Nothing is published.")
    assert "There is no released model to compare with." in alone
    assert row_of(alone, "test faces, MSE")[1:] == ["–", "–"]
    assert alone.endswith("Nothing is published.\n")
    with pytest.raises(ValueError, match=r"no figures can be read.*Received"):
        summary(tmp_path / "empty")


def test_the_training_and_the_settings_that_differ_stand_in_the_table(tmp_path):
    old, new = write_folder(tmp_path / "old", 29.0), write_folder(tmp_path / "new", 29.0)
    (old / "training_config.json").write_text(TrainingConfig(seed=4, warp=0.1).to_json())
    text = summary(new, [str(old)])
    assert row_of(text, "epochs, best")[:2] == ["3, 2", "3, 2"]
    assert row_of(text, "minutes, cores")[0] == "1.5, 2"
    assert row_of(text, "seed")[:2] == ["3", "4"]
    assert row_of(text, "warp")[:2] == [str(TrainingConfig().warp), "0.1"]
    assert "sigma_max" not in text
    assert row_of(summary(new), "seed")[:2] == ["3", "0 (default)"]


def test_a_network_for_colour_is_compared_with_the_one_inside_the_release(tmp_path):
    """By its own pictures, whether the release or the network alone is named."""
    release = write_folder(tmp_path / "release", 29.0)
    in_colour(write_folder(release / "colour", 29.0), 30.0)
    new = in_colour(write_folder(tmp_path / "new", 29.0), 30.5)
    for place in (release, release / "colour"):
        text = summary(new, [str(place)])
        assert "**better than** the bundled model, 30.000 dB" in text
        row = row_of(text, "scikit-image, σ = 25/255, PSNR dB")
        assert row == ["30.500", "30.000", "+0.500"]
    text = summary(new, [str(write_folder(tmp_path / "gray", 29.0))])
    assert "it holds no colour network's figures" in text


def in_colour(folder, psnr):
    """Make a folder that of a network for colour."""
    metrics = json.loads((folder / "metrics.json").read_text())
    levels = {"noisy": {"25": 20.0}, "model": {"25": psnr}}
    figures = {"checksum": "a" * 64, "psnr": {"methods": levels, "variants": {}}}
    metrics |= {"planes": 3, "colour": {"scikit-image": figures}}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    return folder
