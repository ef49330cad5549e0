"""The ablation: real runs over seeds, and their table on the card."""

from __future__ import annotations

import re
import sys

import pandas as pd
import pytest

from checkout import ROOT
from olivetti_denoiser.evaluate.ablation import table

sys.path.insert(0, str(ROOT / "training"))
import ablation

TINY = "--epochs 1 --steps-per-epoch 2 --channels 4 --blocks 1 --validation-faces 4"


def test_a_row_is_trained_and_its_metrics_are_the_histories(pictures, tmp_path):
    found, restored = ablation.run({"default": TINY}, ["0"], pictures, tmp_path)
    score = pd.read_csv(tmp_path / "default-0" / "history.csv")["val_psnr"].iloc[0]
    row = found["rows"]["default"]
    assert row["psnr"] == pytest.approx({"mean": score, "low": score, "high": score})
    assert row["levels"]["given"]["0.02"] > row["levels"]["given"]["0.3"]
    assert row["command"] == f"denoiser train {TINY} --seed N"
    assert restored["mse+ssim"].shape == (4, 32, 32, 1)
    text = table(found)
    assert "seed 0 alone" in text
    assert re.search(rf"\| +{score:.2f} +\|", text)
    assert "default, sigma given" in text


def test_the_table_has_mean_and_spread_over_seeds():
    levels = {kind: {"0.0": 99.0, "0.1": 30.0} for kind in ("estimated", "given")}
    runs = [({"val_psnr": psnr, "val_ssim": 0.9}, 9.4, levels) for psnr in (30.0, 31.0)]
    text = table({"seeds": [3, 4], "rows": {"mse": ablation.summary("--loss mse", runs)}})
    assert "mean over seeds 3, 4 (lowest – highest)" in text
    cells = [cell.strip() for cell in text.splitlines()[4].strip("|").split("|")]
    assert cells == [
        "mse", "9", "30.50 (30.00 – 31.00)", "0.9000", "`denoiser train --loss mse --seed N`",
    ]  # fmt: skip


def test_an_unknown_row_is_refused(capsys):
    with pytest.raises(SystemExit, match="2"):
        ablation.main(["blind"])
    assert "rows are default, mse, " in capsys.readouterr().err
