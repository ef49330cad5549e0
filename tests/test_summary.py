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
    (folder / "history.csv").write_text(
        "epoch,restored_loss,val_restored_loss\n1,0.01,0.02\n2,0.001,0.002\n3,0.001,0.003\n"
    )
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


def test_the_curve_is_that_of_the_history(tmp_path):
    text = summary(write_folder(tmp_path / "new", 29.0))
    chart = re.search(r"```mermaid\n(.*?)```", text, re.S)[1].splitlines()
    assert chart[0] == "xychart-beta"
    assert [line.strip() for line in chart if "line" in line] == [
        "line [-2.000, -3.000, -3.000]",
        "line [-1.699, -2.699, -2.523]",
    ]
    assert "Seed 3, 3 epochs, best 2, 1.5 minutes of training on 2 cores" in text
    assert "other than the default: seed 3." in text
