"""The ablation: real runs over seeds, and their table on the card."""

from __future__ import annotations

import re
import sys

import pytest

from checkout import ROOT
from olivetti_denoiser.evaluate.ablation import table
from olivetti_denoiser.history import read_history

sys.path.insert(0, str(ROOT / "training"))
import ablation

TINY = "--epochs 1 --steps-per-epoch 2 --channels 4 --blocks 1 --validation-faces 4"


def test_rows_are_trained_with_every_seed_and_their_metrics_are_the_histories(pictures, tmp_path):
    found, restored = ablation.run({"default": TINY}, ["0", "1"], pictures, tmp_path)
    histories = [read_history(tmp_path / f"default-{seed}" / "history.csv") for seed in (0, 1)]
    scores = [history["val_psnr"].iloc[0] for history in histories]
    row = found["rows"]["default"]
    mean = pytest.approx(sum(scores) / 2)
    assert row["psnr"] == {"mean": mean, "low": min(scores), "high": max(scores)}
    assert row["levels"]["given"]["0.02"] > row["levels"]["given"]["0.3"]
    assert row["command"] == f"denoiser train {TINY} --seed N"
    assert restored["mse+ssim"].shape == (4, 32, 32, 1)
    text = table(found)
    assert "mean over seeds 0, 1 (lowest – highest)" in text
    assert re.search(rf"default +\| +\d+ \| {row['psnr']['mean']:.2f} \(", text)
    assert "default, sigma given" in text


@pytest.mark.parametrize(
    ("arguments", "named"),
    [(["blind"], "rows are default, mse, .*Received: blind"), (["--x"], "unrecognized")],
)
def test_a_wrong_argument_is_refused(arguments, named, capsys):
    with pytest.raises(SystemExit, match="2"):
        ablation.main(arguments)
    assert re.search(named, capsys.readouterr().err)
