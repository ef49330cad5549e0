"""The page's sentences: they hold for the metrics that they are given."""

from __future__ import annotations

import numpy as np
import pytest

from olivetti_denoiser.denoiser import Restored
from page.texts import caption, comparison_table, gain_in_words, restored_in_words, verdict
from page.trials import MethodResult, metrics_of


def metrics(noisy_mse, restored_mse):
    """Metrics as `add_and_remove_noise` gives them."""
    before, after = (
        {"mse": error, "psnr": -10 * np.log10(max(error, 1e-10)), "ssim": 0.5}
        for error in (noisy_mse, restored_mse)
    )
    return {"noisy": before, "reconstructed": after, "gain_db": after["psnr"] - before["psnr"]}


@pytest.mark.parametrize(
    ("noisy", "restored", "sentence"),
    [
        (0.01, 0.001, "+10.0 dB: 10.0 times less noise."),
        (0.01, 0.009, "+0.5 dB: 1.1 times less noise."),
        (0.01, 0.02, "−3.0 dB: 2.0 times more error than in the noisy picture."),
        (0.0098, 0.01, "−0.1 dB: hardly any difference."),
        (0.0, 0.01, "No noise was added; what changed is what the network took for noise."),
    ],
)
def test_a_gain_is_told_as_a_factor_where_it_is_one(noisy, restored, sentence):
    assert gain_in_words(metrics(noisy, restored)) == sentence


def test_tables_have_a_row_for_every_picture_and_method():
    sentence, _, *table = verdict(metrics(0.01, 0.001)).splitlines()
    assert sentence == "**+10.0 dB: 10.0 times less noise.**"
    assert [row.split("|")[1].strip() for row in table[2:]] == ["Noisy", "Reconstructed"]
    flat = np.full((16, 16), 100, np.uint8)
    results = [
        MethodResult(name, flat, metrics_of(flat, flat), time)
        for name, time in (("Noisy", None), ("Median", 0.04), ("Network", 12.34))
    ]
    _, _, *rows = comparison_table(results).splitlines()
    assert [row.split("|")[1].strip() for row in rows] == ["Noisy", "Median", "Network"]
    assert [row.split("|")[-2].strip() for row in rows] == ["–", "under 0.1 ms", "12.3 ms"]
    assert caption(results[2]) == "Network · 100.00 dB · 12.3 ms"


@pytest.mark.parametrize(
    ("sigma", "asked", "words"),
    [
        (-0.01, (), "hardly any"),  # an estimate may be below zero
        (0.02, (), "(5.1 of 255), a little. Restored by the gray network."),
        (0.3, (), "very strong"),
        (0.1, (0.0, 1.0), "Nothing is removed."),
        (0.1, (1.0, 0.0), "Nothing is removed."),
        (0.1, (1.0, 1.5), "σ ≈ 0.150 (1.5 times the estimate), so the picture becomes smoother"),
        (0.1, (1.0, 0.5), "σ ≈ 0.050 (0.5 times the estimate), so more grain stays"),
    ],
)
def test_the_noise_and_its_removal_are_told_in_words(sigma, asked, words):
    assert words in restored_in_words(Restored(None, sigma, "gray"), *asked)
    assert "network for colour" in restored_in_words(Restored(None, 0.1, "colour"))
