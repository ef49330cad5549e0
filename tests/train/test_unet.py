"""The network: the identity untrained, fully convolutional, and readable without our code."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.inference.tiles import MARGINS
from olivetti_denoiser.network.unet import (
    BOUND,
    estimator_of,
    multiply_adds,
    residual_unet,
    restorer_of,
    with_mirror,
    without_mirror,
)

DEFAULT = TrainingConfig()
COLOUR = TrainingConfig.from_options({}, preset="colour")
SIGMA = np.full((1, 1, 1, 1), 0.1, np.float32)


@pytest.fixture(scope="module")
def model(awake):
    """A narrow network whose every weight is at work, averaged over the mirror image."""
    return with_mirror(awake((4, 8, 8), (1, 2, 2)))


def pictures(*shape, channels=1):
    return np.random.default_rng(1).random((*shape, channels), np.float32)


def predict(model, *inputs):
    return np.asarray(model(list(inputs) if len(inputs) > 1 else inputs[0]))


@pytest.mark.parametrize(
    ("config", "adds"), [(DEFAULT, 500_000_000), (COLOUR, 60_000 * 64**2)], ids=["gray", "colour"]
)
def test_untrained_it_returns_its_input_of_any_size_and_keeps_to_its_budget(config, adds):
    model, channels = residual_unet(**config.network), config.planes
    assert model.input_shape == model.output_shape == (None, None, None, channels)
    assert model.outputs[0].dtype == "float32"
    for height, width in ((64, 64), (16, 36)):
        noisy = pictures(2, height, width, channels=channels)
        np.testing.assert_allclose(predict(model, noisy), noisy, atol=1e-6)
    assert model.count_params() <= 1_000_000
    assert multiply_adds(**config.network, mirror=config.mirror) <= adds
    parts = [model, restorer_of(model), estimator_of(model)]
    used = {type(layer).__name__ for part in parts for layer in part.layers} - {"Functional"}
    assert used <= set(dir(keras.layers)) - {"Lambda"}


def test_a_shifted_picture_gives_the_shifted_result(model):
    """Fully convolutional: by the stride, away from the edges, at a given noise level."""
    whole = pictures(1, 160, 160)
    restored = predict(restorer_of(model), whole, SIGMA)
    shifted = predict(restorer_of(model), np.ascontiguousarray(whole[:, 4:, 8:]), SIGMA)
    inside = np.s_[:, 64:-64, 64:-64]
    np.testing.assert_allclose(shifted[inside], restored[:, 4:, 8:][inside], atol=1e-5)


def test_a_pixel_reaches_less_far_than_the_margin_of_the_tiles():
    """At the default depth, whatever the widths: the tiles of `Denoiser` rely on it."""
    narrow = {"channels": (2,) * len(DEFAULT.channels)}
    restorer = restorer_of(residual_unet(**DEFAULT.network | narrow))
    rng = np.random.default_rng(0)  # no weight is below zero, so no path through it is cut
    restorer.set_weights([np.abs(rng.normal(0.2, 0.05, w.shape)) for w in restorer.weights])
    dark = np.zeros((1, 256, 256, 1), np.float32)
    spot = dark.copy()
    spot[0, 128, 128] = 1e-3
    change = predict(restorer, spot, SIGMA) != predict(restorer, dark, SIGMA)
    reach = np.abs(np.argwhere(change[0, ..., 0]) - 128).max()
    assert 8 < reach <= MARGINS[1]


def test_the_whole_is_the_restorer_at_the_sigma_of_the_estimator(model):
    noisy = pictures(3, 32, 32)
    sigma = predict(estimator_of(model), noisy)
    assert sigma.shape == (3, 1, 1, 1)
    given = predict(restorer_of(model), noisy, sigma)
    np.testing.assert_allclose(given, predict(model, noisy), atol=1e-6)
    other = predict(restorer_of(model), noisy, sigma + 0.2)
    assert np.abs(other - given).mean() > 1e-3
    np.testing.assert_allclose(predict(restorer_of(model), noisy, 0 * sigma), noisy, atol=1e-6)


def test_the_network_sees_the_picture_in_units_of_the_noise(model):
    """Noise is equally strong at every level, and no level is divided by zero."""
    unet = restorer_of(without_mirror(model))
    look = keras.Model(unet.inputs, unet.get_layer("noise_units").output)
    noisy = pictures(5, 16, 16)
    sigma = np.array([0.0, 0.01, 0.05, 0.1, 0.3], np.float32).reshape(5, 1, 1, 1)
    expected = 0.1 * (noisy - 0.5) / np.sqrt(sigma**2 + 0.01**2)
    np.testing.assert_allclose(predict(look, noisy, sigma), expected, atol=1e-5)


def test_in_colour_a_smooth_ramp_is_near_zero_in_units_of_the_noise():
    """Vivid colours at weak noise are far from all other pictures, and a network fails there."""
    unet = restorer_of(residual_unet((4, 8), (1, 1), planes=3))
    look = keras.Model(unet.inputs, unet.get_layer("noise_units").output)
    across = np.linspace(0, 1, 128, dtype=np.float32)[:, None]
    ramp = across * [0, 1, 1] + (1 - across) * [0, 1, 0]  # green to cyan
    noisy = np.broadcast_to(ramp, (1, 32, 128, 3)).astype(np.float32)
    weak = np.full((1, 1, 1, 1), 0.004, np.float32)
    seen = predict(look, noisy, weak)
    assert np.abs(seen).max() < 0.6  # at the edges, where the mean is of one side
    np.testing.assert_allclose(seen[:, :, 8:-8], 0, atol=1e-4)
    noisy = pictures(1, 31, 31, channels=3)
    expected = 0.1 / np.hypot(0.1, 0.01) * (noisy[0, 15, 15] - noisy[0, 8:23, 8:23].mean((0, 1)))
    np.testing.assert_allclose(predict(look, noisy, SIGMA)[0, 15, 15], expected, atol=1e-5)


def test_the_average_with_the_mirror_image_is_in_the_graph_and_can_be_taken_out(model):
    noisy = pictures(1, 16, 24)
    mirrored = np.ascontiguousarray(noisy[:, :, ::-1])
    plain = without_mirror(model)
    one, other = (predict(restorer_of(plain), picture, SIGMA) for picture in (noisy, mirrored))
    averaged = predict(restorer_of(model), noisy, SIGMA)
    np.testing.assert_allclose(averaged, (one + other[:, :, ::-1]) / 2, atol=1e-6)
    assert np.abs(one - averaged).max() > 1e-3
    assert model.count_params() == plain.count_params()
    assert without_mirror(plain) is plain


def test_multiply_adds_are_those_of_one_convolution_counted_by_hand():
    # One level, one block, two channels: stem 2→2, block 2→2 twice, output 2→1, all 3×3.
    unet = 32 * 32 * 9 * (2 * 2 + 2 * 2 + 2 * 2 + 2 * 1)
    unet += 1 * 32 + 32 * 2  # the embedding of sigma and its shift
    # Estimator: 30×30 of 1→16, every second of 16→16, 14×14, then 12×12 of 16→32; two of 1×1.
    estimator = 9 * (16 * 30**2 + 256 * 14**2 + 512 * 12**2) + 32 * 32 + 32
    assert multiply_adds((2,), (1,), side=32) == unet + estimator
    assert multiply_adds((2,), (1,), mirror=True, side=32) == 2 * unet + estimator


def test_a_bounded_network_never_takes_away_more_than_noise_can_be():
    free, bounded = (residual_unet((4, 8), (1, 1), 3, bounded=flag) for flag in (False, True))
    rng = np.random.default_rng(0)
    weights = [rng.normal(0, 0.5, w.shape) for w in free.weights]  # a network that fails
    for network in (free, bounded):
        network.set_weights(weights)
    noisy, limit = pictures(2, 16, 16, channels=3), BOUND * SIGMA.item()
    free, bounded = (predict(restorer_of(n), noisy, SIGMA[[0, 0]]) for n in (free, bounded))
    assert np.abs(free - noisy).max() > limit
    np.testing.assert_allclose(bounded, np.clip(free, noisy - limit, noisy + limit), atol=1e-6)
