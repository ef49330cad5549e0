"""What Demo and Compare compute: the numbers that they take, and the order of methods."""

from __future__ import annotations

import numpy as np
import pytest

from page.trials import MAX_SEED, add_and_remove_noise, compare_methods, noisy_picture

FACE = (np.add.outer(np.arange(64), np.arange(64)) * 1.6 + 20).astype(np.uint8)


def test_a_seed_draws_its_own_noise_and_without_noise_nothing_changes():
    assert not np.array_equal(noisy_picture(FACE, 0.1, 3), noisy_picture(FACE, 0.1, 4))
    noisy, restored, metrics = add_and_remove_noise(lambda noisy: noisy, FACE, 0.0, MAX_SEED)
    assert np.array_equal(noisy, FACE) and np.array_equal(restored, FACE)
    assert metrics["reconstructed"]["ssim"] == 1.0


@pytest.mark.parametrize(
    ("sigma", "seed"),
    [(sigma, 0) for sigma in (-0.1, 0.31, float("nan"), "much", None)]
    + [(0.1, seed) for seed in (-1, 0.5, MAX_SEED + 1, float("inf"), None)],
)
def test_impossible_numbers_are_refused(sigma, seed):
    with pytest.raises(ValueError, match=r"must be a (whole )?number from 0 to"):
        noisy_picture(FACE, sigma, seed)


def test_methods_are_ranked_by_psnr():
    results = compare_methods(lambda noisy: noisy // 2, FACE, 0.1, 0)
    ranks = [result.metrics["psnr"] for result in results]
    assert ranks == sorted(ranks, reverse=True) and len(results) == 6
    assert results[-1].name == "Residual U-Net"  # half as bright is the worst of all
