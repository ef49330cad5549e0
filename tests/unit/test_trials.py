"""What the page computes: noise from a seed, figures, the order of methods."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from olivetti_denoiser.noise import from_uint8
from page.trials import MAX_SEED, Trial, clean_up, compare_methods, noisy_picture

FACE = (np.add.outer(np.arange(64), np.arange(64)) * 1.6 + 20).astype(np.uint8)


def half(pictures):
    """A stand-in for the network: what it gives differs from what it got, and from nothing else."""
    return pictures // 2


def test_noise_is_drawn_from_the_seed_alone():
    assert np.array_equal(noisy_picture(FACE, 0.1, 3), noisy_picture(FACE, 0.1, 3))
    assert not np.array_equal(noisy_picture(FACE, 0.1, 3), noisy_picture(FACE, 0.1, 4))
    assert np.array_equal(noisy_picture(FACE, 0.0, 3), FACE)
    middle = np.full((64, 64), 128, np.uint8)
    assert np.std(from_uint8(noisy_picture(middle, 0.1, 0))) == pytest.approx(0.1, rel=0.05)


@pytest.mark.parametrize(
    ("sigma", "seed"),
    [(-0.1, 0), (0.31, 0), (float("nan"), 0), ("much", 0), (None, 0)]
    + [(0.1, seed) for seed in (-1, 0.5, MAX_SEED + 1, float("inf"), float("nan"), "seven", None)],
)
def test_impossible_numbers_are_refused(sigma, seed):
    with pytest.raises(ValueError, match=r"must be a (whole )?number from 0 to"):
        noisy_picture(FACE, sigma, seed)


def test_figures_are_those_of_the_pngs():
    trial = Trial.run(half, FACE, 0.1, 0)
    assert np.array_equal(trial.restored, trial.noisy // 2)
    error = np.square(from_uint8(trial.noisy) - from_uint8(FACE)).mean()
    assert trial.figures["noisy"]["mse"] == pytest.approx(error, abs=1e-6)
    assert trial.figures["noisy"]["psnr"] == pytest.approx(-10 * np.log10(error), abs=0.01)
    assert trial.figures["gain_db"] < 0
    exact = Trial.run(lambda noisy: FACE, FACE, 0.1, 0)
    assert exact.figures["reconstructed"]["ssim"] == 1.0


def test_methods_are_ranked_by_psnr():
    results = compare_methods(half, FACE, 0.1, 0)
    ranks = [result.figures["psnr"] for result in results]
    assert ranks == sorted(ranks, reverse=True)
    assert len(results) == 6
    assert results[-1].name == "Residual U-Net"  # half as bright is the worst of all
    (noisy,) = (result for result in results if result.name == "Noisy")
    assert np.array_equal(noisy.restored, noisy_picture(FACE, 0.1, 0))
    assert all(result.milliseconds >= 0 for result in results if result is not noisy)


def test_clean_up_stops_when_time_is_over(monkeypatch):
    monkeypatch.setattr("page.trials.MAX_SECONDS", -1.0)

    class Slow:
        def restore(self, image, strength, level_factor, progress):
            progress(1, 100)

    with pytest.raises(TimeoutError, match="smaller"):
        clean_up(Slow(), Image.new("L", (9, 9)))


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ({"strength": 1.5}, "strength must be a number from 0 to 1, not 1.5"),
        ({"level_factor": -1}, "factor of the noise level must be a number from 0 to 4"),
        ({"level_factor": float("nan")}, "from 0 to 4"),
        ({"level_factor": "much"}, "not 'much'"),
        ({"level_factor": None}, "not nothing"),
    ],
)
def test_clean_up_refuses_impossible_numbers(numbers, words):
    with pytest.raises(ValueError, match=words):
        clean_up(None, Image.new("L", (9, 9)), **numbers)
