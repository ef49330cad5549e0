"""What Demo and Compare compute: noise from a seed, metrics, the order of methods."""

from __future__ import annotations

import numpy as np
import pytest

from olivetti_denoiser.noise import from_uint8
from page.trials import MAX_SEED, add_and_remove_noise, compare_methods, noisy_picture

FACE = (np.add.outer(np.arange(64), np.arange(64)) * 1.6 + 20).astype(np.uint8)


def half(picture):
    """A stand-in for the network: what it gives differs from what it got, and from nothing else."""
    return picture // 2


def test_noise_is_drawn_from_the_seed_alone():
    assert np.array_equal(noisy_picture(FACE, 0.1, 3), noisy_picture(FACE, 0.1, 3))
    assert not np.array_equal(noisy_picture(FACE, 0.1, 3), noisy_picture(FACE, 0.1, 4))
    assert np.array_equal(noisy_picture(FACE, 0.0, MAX_SEED), FACE)
    middle = np.full((64, 64), 128, np.uint8)
    assert np.std(from_uint8(noisy_picture(middle, 0.1, 0))) == pytest.approx(0.1, rel=0.05)


@pytest.mark.parametrize(
    ("sigma", "seed"),
    [(sigma, 0) for sigma in (-0.1, 0.31, float("nan"), "much", None)]
    + [(0.1, seed) for seed in (-1, 0.5, MAX_SEED + 1, float("inf"), float("nan"), None)],
)
def test_impossible_numbers_are_refused(sigma, seed):
    with pytest.raises(ValueError, match=r"must be a (whole )?number from 0 to"):
        noisy_picture(FACE, sigma, seed)


def test_metrics_are_those_of_the_pngs():
    noisy, restored, metrics = add_and_remove_noise(half, FACE, 0.1, 0)
    assert np.array_equal(restored, noisy // 2)
    error = np.square(from_uint8(noisy) - from_uint8(FACE)).mean()
    assert metrics["noisy"]["mse"] == pytest.approx(error, abs=1e-6)
    assert metrics["noisy"]["psnr"] == pytest.approx(-10 * np.log10(error), abs=0.01)
    assert metrics["gain_db"] < 0
    *_, exact = add_and_remove_noise(lambda noisy: FACE, FACE, 0.1, 0)
    assert exact["reconstructed"]["ssim"] == 1.0


def test_methods_are_ranked_by_psnr():
    results = compare_methods(half, FACE, 0.1, 0)
    ranks = [result.metrics["psnr"] for result in results]
    assert ranks == sorted(ranks, reverse=True) and len(results) == 6
    assert results[-1].name == "Residual U-Net"  # half as bright is the worst of all
    (noisy,) = (result for result in results if result.milliseconds is None)
    assert np.array_equal(noisy.restored, noisy_picture(FACE, 0.1, 0))
