"""Noise and 8 bits: clipped, rounded, and a function of the generator alone."""

from __future__ import annotations

import numpy as np
import pytest

from olivetti_denoiser.noise import add_gaussian_noise, from_uint8, to_uint8


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others():
    clean = np.full((4, 16, 16, 1), 0.5, np.float32)
    first, again, other = (
        add_gaussian_noise(clean, 0.1, np.random.default_rng(seed)) for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_noise_has_the_level_asked_for_and_the_input_is_left_alone():
    clean = np.full((64, 64, 64, 1), 0.5, np.float32)
    noisy = add_gaussian_noise(clean, 0.1, np.random.default_rng(0))
    assert noisy.dtype == np.float32
    assert noisy.shape == clean.shape
    assert (noisy - clean).std() == pytest.approx(0.1, rel=0.01)
    assert (noisy - clean).mean() == pytest.approx(0.0, abs=1e-3)
    assert np.all(clean == 0.5)


def test_noise_is_clipped_to_the_range():
    noisy = add_gaussian_noise(np.array([0.0, 1.0] * 500), 0.5, np.random.default_rng(0))
    assert noisy.min() == 0.0
    assert noisy.max() == 1.0


def test_no_noise_at_level_zero():
    clean = np.linspace(0, 1, 256, dtype=np.float32)
    np.testing.assert_array_equal(add_gaussian_noise(clean, 0, np.random.default_rng(0)), clean)


def test_each_picture_may_have_its_own_level():
    clean = np.full((3, 64, 64, 1), 0.5, np.float32)
    levels = np.array([0.0, 0.05, 0.1]).reshape(-1, 1, 1, 1)
    noisy = add_gaussian_noise(clean, levels, np.random.default_rng(0))
    spread = (noisy - clean).std(axis=(1, 2, 3))
    np.testing.assert_allclose(spread, [0.0, 0.05, 0.1], rtol=0.03)


def test_both_kinds_of_numpy_generator_serve():
    random = np.random.RandomState(42)
    noisy = add_gaussian_noise(np.full(100, 0.5), 0.1, random)
    draws = np.random.RandomState(42).randn(100)
    np.testing.assert_allclose(noisy, np.clip(0.5 + 0.1 * draws, 0, 1), rtol=1e-6)


@pytest.mark.parametrize("sigma", [-0.1, float("nan"), float("inf"), np.array([0.1, -0.1])])
def test_an_impossible_level_is_refused(sigma):
    with pytest.raises(ValueError, match=r"sigma must be a finite number .* Received: sigma="):
        add_gaussian_noise(np.zeros((2,)), sigma, np.random.default_rng(0))


def test_eight_bits_to_floats_and_back_are_the_same_bytes():
    every = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(to_uint8(from_uint8(every)), every)
    assert from_uint8(every).dtype == np.float32
    assert from_uint8(every)[255] == 1.0


def test_conversion_rounds_to_the_nearest_value_and_never_truncates():
    values = np.linspace(0, 1, 100_001)
    assert np.abs(to_uint8(values) - values * 255).max() <= 0.5
    np.testing.assert_array_equal(to_uint8([-0.2, 0.9999, 1.7]), [0, 255, 255])
