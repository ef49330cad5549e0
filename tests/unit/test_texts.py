"""The page's sentences: what they say holds for the figures that they are given."""

from __future__ import annotations

import re

import numpy as np
import pytest

from olivetti_denoiser.denoiser import Restored
from page.texts import comparison_table, gain_in_words, restored_in_words, verdict
from page.trials import MethodResult, figures


def trial_figures(noisy_mse, restored_mse):
    """Figures as `Trial.figures` gives them."""
    before, after = (
        {"mse": error, "psnr": min(100.0, -10 * np.log10(max(error, 1e-10))), "ssim": 0.5}
        for error in (noisy_mse, restored_mse)
    )
    return {
        "noisy": before,
        "reconstructed": after,
        "gain_db": round(after["psnr"] - before["psnr"], 2),
    }


@pytest.mark.parametrize("times", [1.1, 1.5, 2.0, 8.9, 10.8, 200.0])
def test_a_gain_is_told_as_a_factor_of_the_noise(times):
    better = gain_in_words(trial_figures(0.01, 0.01 / times))
    assert float(re.search(r"([\d.]+) times less noise", better)[1]) == pytest.approx(times, 0.01)
    assert better.startswith(f"+{10 * np.log10(times):.1f} dB")
    worse = gain_in_words(trial_figures(0.01, 0.01 * times))
    assert float(re.search(r"([\d.]+) times more", worse)[1]) == pytest.approx(times, 0.01)
    assert worse.startswith(f"−{10 * np.log10(times):.1f} dB")


@pytest.mark.parametrize(
    ("noisy", "restored", "words"),
    [
        (0.0, 0.001, "No noise was added"),
        (0.01, 0.0, "no noise is left"),
        (0.01, 0.01, "as much noise as before"),
        (0.01, 0.0098, "+0.1 dB: hardly any difference"),
        (0.0098, 0.01, "−0.1 dB: hardly any difference"),
    ],
)
def test_what_is_no_factor_is_told_in_other_words(noisy, restored, words):
    sentence = gain_in_words(trial_figures(noisy, restored))
    assert words in sentence
    assert "times" not in sentence


def test_a_verdict_is_the_sentence_and_a_table_of_both_pictures():
    sentence, _, *table = verdict(trial_figures(0.01, 0.001)).splitlines()
    assert sentence == "**+10.0 dB: 10.0 times less noise.**"
    assert [row.split("|")[1].strip() for row in table[2:]] == ["Noisy", "Reconstructed"]


def test_the_comparison_table_has_a_row_for_every_method():
    flat = np.full((16, 16), 100, np.uint8)
    results = [
        MethodResult(name, flat, figures(flat, flat), time)
        for name, time in (("Noisy", None), ("Median", 0.04), ("Network", 12.34))
    ]
    _, _, *rows = comparison_table(results).splitlines()
    assert [row.split("|")[1].strip() for row in rows] == ["Noisy", "Median", "Network"]
    assert [row.split("|")[-2].strip() for row in rows] == ["–", "under 0.1 ms", "12.3 ms"]


def said_of(sigma, *asked, network="gray"):
    return restored_in_words(Restored(None, sigma, network), *asked)


def test_noise_levels_have_words():
    said = [said_of(level) for level in (-0.01, 0.0, 0.02, 0.05, 0.1, 0.3)]
    assert ["hardly any" in line for line in said] == [True, True, False, False, False, False]
    assert "very strong" in said[-1]


def test_the_network_is_told_where_one_was_at_work():
    assert said_of(0.1).endswith("Restored by the gray network.")
    assert said_of(0.1, network="colour").endswith("Restored by the network for colour.")
    for untouched in (said_of(0.1, 0.0), said_of(0.1, 1.0, 0.0)):
        assert untouched.endswith("Nothing is removed.")


def test_a_factor_of_the_level_is_told_with_what_it_does():
    assert "(25.5 of 255)" in said_of(0.1)
    more, less = said_of(0.1, 1.0, 1.5), said_of(0.1, 1.0, 0.5)
    assert "σ ≈ 0.150 (1.5 times the estimate)" in more
    assert "smoother" in more
    assert "σ ≈ 0.050 (0.5 times the estimate)" in less
    assert "more grain" in less
