"""The ablation: real runs over seeds, and their table on the card."""

from __future__ import annotations

import re
import sys

import numpy as np
import pytest

from checkout import ROOT
from olivetti_denoiser.data.faces import Faces
from olivetti_denoiser.evaluate.ablation import table
from olivetti_denoiser.history import read_history

sys.path.insert(0, str(ROOT / "training"))
import ablation

TINY = "--epochs 2 --steps-per-epoch 2 --channels 8,16 --blocks 1,1 --validation-faces 4"


def cells(text):
    """The cells of every table row of a Markdown text, without the lines under the headers."""
    rows = [line for line in text.splitlines() if line.startswith("|")]
    rows = [row for row in rows if set(row) - set("|:-")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


@pytest.fixture(scope="module")
def pictures():
    """Random pictures in place of faces, 12 of them."""
    clean = np.random.default_rng(0).random((12, 64, 64, 1), dtype=np.float32)
    return Faces(clean, clean, np.arange(12), np.arange(12))


def test_rows_are_trained_with_every_seed_and_their_figures_are_the_histories(pictures, tmp_path):
    rows = {"default": TINY, "mse": f"{TINY} --loss mse"}
    found, restored = ablation.run(rows, ["0", "1"], pictures, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        "default-0", "default-1", "mse-0", "mse-1",
    }  # fmt: skip
    for name, row in found["rows"].items():
        best = []
        for seed in (0, 1):
            history = read_history(tmp_path / f"{name}-{seed}" / "history.csv")
            best.append(history.loc[history["val_restored_loss"].idxmin(), "val_psnr"])
        assert row["psnr"] == pytest.approx(
            {"mean": np.mean(best), "low": min(best), "high": max(best)}
        )
        assert row["levels"]["given"]["0.02"] > row["levels"]["given"]["0.3"]
    assert found["rows"]["mse"]["command"] == f"denoiser train {TINY} --loss mse --seed N"
    assert list(restored) == ["mse+ssim", "mse"]
    assert not np.array_equal(restored["mse"], restored["mse+ssim"])
    lines = cells(table(found))
    assert [line[0] for line in lines] == [
        "row", "default", "mse", "row", "default", "default, sigma given", "mse",
    ]  # fmt: skip


def test_a_row_that_diverged_says_so(pictures, tmp_path):
    broken = pictures._replace(clean=np.full_like(pictures.clean, np.nan))
    found, _ = ablation.run({"default": TINY}, ["0"], broken, tmp_path)
    assert cells(table(found))[-1][:4] == ["default", "–", "–, 1 of 1 diverged", "–"]


def test_the_table_has_mean_spread_and_command():
    row = {"command": "denoiser train --seed N", "seconds": 9.4, "levels": None, "diverged": 0}
    spread = {"mean": 30.5, "low": 30.0, "high": 31.0}
    alike = {"mean": 0.9, "low": 0.9, "high": 0.9}
    text = table({"seeds": [3, 4], "rows": {"default": row | {"psnr": spread, "ssim": alike}}})
    assert "mean over seeds 3, 4 (lowest – highest)" in text
    assert cells(text)[1:] == [
        ["default", "9", "30.50 (30.00 – 31.00)", "0.9000", "`denoiser train --seed N`"]
    ]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["blind"], "rows are default, mse, .*Received: blind"),
        (["--seeds", "0,x"], "invalid number value: 'x'"),
        (["--epochs", "0"], "epochs must be a whole number of at least 1. Received: 0"),
    ],
)
def test_a_wrong_argument_is_refused(arguments, named, capsys):
    with pytest.raises(SystemExit) as refused:
        ablation.main(arguments)
    assert refused.value.code == 2
    assert re.search(named, capsys.readouterr().err)
