"""Noise and 8 bits: clipped, rounded, and a function of the generator alone."""

from __future__ import annotations

import numpy as np
import pytest

from olivetti_denoiser.noise import add_gaussian_noise, from_uint8, to_uint8


def test_noise_has_the_sigma_of_each_picture_and_the_bytes_of_the_generator():
    clean = np.full((3, 64, 64, 1), 0.5, np.float32)
    sigmas = np.array([0.0, 0.05, 0.1]).reshape(-1, 1, 1, 1)
    noisy, again, other = (
        add_gaussian_noise(clean, sigmas, np.random.default_rng(seed)) for seed in (3, 3, 4)
    )
    assert (noisy.dtype, noisy.shape) == (np.float32, clean.shape)
    np.testing.assert_allclose((noisy - clean).std(axis=(1, 2, 3)), [0.0, 0.05, 0.1], rtol=0.03)
    assert (noisy - clean).mean() == pytest.approx(0.0, abs=2e-3)
    np.testing.assert_array_equal(noisy, again)
    assert not np.array_equal(noisy, other)
    assert np.all(clean == 0.5)


def test_noise_of_the_reference_splits_generator_is_added_then_clipped():
    noisy = add_gaussian_noise(np.array([0.0, 0.5, 1.0] * 99), 0.4, np.random.RandomState(42))
    draws = np.random.RandomState(42).randn(297)
    np.testing.assert_allclose(
        noisy, np.clip([0.0, 0.5, 1.0] * 99 + 0.4 * draws, 0, 1), rtol=1e-5, atol=1e-7
    )
    assert (noisy.min(), noisy.max()) == (0.0, 1.0)


@pytest.mark.parametrize("sigma", [-0.1, float("nan"), np.array([0.1, -0.1])])
def test_an_impossible_sigma_is_refused(sigma):
    with pytest.raises(ValueError, match=r"sigma must be a finite number .* Received: sigma="):
        add_gaussian_noise(np.zeros((2,)), sigma, np.random.default_rng(0))


def test_eight_bits_come_back_and_floats_are_rounded_never_truncated():
    every = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(to_uint8(from_uint8(every)), every)
    assert (from_uint8(every).dtype, from_uint8(every)[255]) == (np.float32, 1.0)
    values = np.linspace(0, 1, 100_001)
    assert np.abs(to_uint8(values) - values * 255).max() <= 0.5
    np.testing.assert_array_equal(to_uint8([-0.2, 0.9999, 1.7]), [0, 255, 255])
