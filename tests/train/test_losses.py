"""The losses: the metric's own SSIM, weights of a picture, colours, estimates that are too low."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from olivetti_denoiser.config import LOSSES, TrainingConfig
from olivetti_denoiser.metrics import ssim
from olivetti_denoiser.train.losses import SSIM_SHARE, losses, mean_ssim, sigma_loss


@pytest.fixture(scope="module")
def pair():
    """Three pictures and noisier and noisier copies."""
    rng = np.random.default_rng(0)
    clean = np.kron(rng.random((3, 8, 8, 1)), np.ones((1, 8, 8, 1))).astype(np.float32)
    noise = rng.standard_normal(clean.shape) * np.reshape([0.02, 0.1, 0.3], (3, 1, 1, 1))
    return clean, (clean + noise).astype(np.float32)


def test_each_loss_is_its_formula_and_a_weight_counts_for_a_whole_picture(pair):
    clean, restored = pair
    squared = np.square(clean - restored).mean(axis=(1, 2, 3))
    expected = {
        "l1": np.abs(clean - restored).mean(axis=(1, 2, 3)),
        "mse": squared,
        "mse+ssim": squared + SSIM_SHARE * (1 - ssim(clean, restored)),
    }
    assert expected.keys() == set(LOSSES)
    weights = np.array([4.0, 1.0, 0.25], np.float32)
    for name, each in expected.items():
        model = keras.Sequential([keras.Input((64, 64, 1)), keras.layers.Identity()])
        model.compile(loss=losses(TrainingConfig(loss=name))["restored"])
        found = model.evaluate(
            restored, clean, sample_weight=weights.reshape(3, 1, 1), batch_size=3, verbose=0
        )
        assert found == pytest.approx((each * weights).mean(), rel=1e-4)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(mean_ssim(clean, clean)), 1)


def test_the_default_loss_takes_colours_channel_by_channel(pair):
    """`denoiser train --planes 3` has it too."""
    clean, restored = (np.concatenate([one, one**2, 1 - one], axis=-1) for one in pair)
    each = [ssim(clean[..., c : c + 1], restored[..., c : c + 1]) for c in range(3)]
    found = keras.ops.convert_to_numpy(mean_ssim(clean, restored))
    np.testing.assert_allclose(found, np.mean(each, axis=0), rtol=1e-4)


def test_an_estimate_that_is_too_low_costs_three_times_as_much():
    sigma, error = np.full((1, 1, 1, 1), 0.09, np.float32), np.float32(0.01)
    low, high = (np.asarray(sigma_loss(sigma, sigma + sign * error)).item() for sign in (-1, 1))
    assert high == pytest.approx(0.01, rel=1e-4)
    assert low == pytest.approx(3 * high, rel=1e-4)
