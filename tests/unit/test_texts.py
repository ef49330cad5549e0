"""The page's sentences: they hold for the metrics that they are given."""

from __future__ import annotations

import numpy as np
import pytest

from olivetti_denoiser.denoiser import Restored
from page.texts import caption, comparison_table, gain_in_words, restored_in_words
from page.trials import MethodResult, metrics_of


@pytest.mark.parametrize(
    ("noisy", "gain", "sentence"),
    [
        (0.01, 10.0, "+10.0 dB: 10.0 times less noise."),
        (0.01, -3.01, "−3.0 dB: 2.0 times more error than in the noisy picture."),
        (0.01, -0.09, "−0.1 dB: hardly any difference."),
        (0.0, -80, "No noise was added; what changed is what the network took for noise."),
    ],
)
def test_a_gain_is_told_as_a_factor_where_it_is_one(noisy, gain, sentence):
    assert gain_in_words({"noisy": {"mse": noisy}, "gain_db": gain}) == sentence


def test_the_table_has_a_row_for_every_method():
    flat = np.full((16, 16), 100, np.uint8)
    results = [
        MethodResult(name, flat, metrics_of(flat, flat), time)
        for name, time in (("Noisy", None), ("Median", 0.04), ("Network", 12.34))
    ]
    assert comparison_table(results).splitlines() == [
        "|   | PSNR | SSIM | MSE | time |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| Noisy | 100.00 dB | 1.000 | 0.00000 | – |",
        "| Median | 100.00 dB | 1.000 | 0.00000 | under 0.1 ms |",
        "| Network | 100.00 dB | 1.000 | 0.00000 | 12.3 ms |",
    ]
    assert caption(results[2]) == "Network · 100.00 dB · 12.3 ms"


@pytest.mark.parametrize(
    ("sigma", "asked", "words"),
    [
        (-0.01, (), "hardly any"),  # an estimate may be below zero
        (0.02, (), "(5.1 of 255), a little. Restored by the gray network."),
        (0.1, (0.0, 1.0), "Nothing is removed."),
        (0.1, (1.0, 0.0), "Nothing is removed."),
        (0.1, (1.0, 1.5), "σ ≈ 0.150 (1.5 times the estimate), so the picture becomes smoother"),
        (0.1, (1.0, 0.5), "σ ≈ 0.050 (0.5 times the estimate), so more grain stays"),
    ],
)
def test_the_noise_and_its_removal_are_told_in_words(sigma, asked, words):
    assert words in restored_in_words(Restored(None, sigma, "gray"), *asked)
