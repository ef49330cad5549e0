"""The network: the identity untrained, fully convolutional, and readable without our code."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.network.unet import (
    averages_mirror,
    estimator_of,
    multiply_adds,
    residual_unet,
    restorer_of,
    takes_sigma,
    with_mirror,
    without_mirror,
)

TINY = {"channels": (4, 8, 8), "blocks": (1, 2, 2)}
DEFAULT = TrainingConfig()


@pytest.fixture(scope="module")
def default():
    """The network of the default settings, untrained."""
    return residual_unet(**DEFAULT.network)


@pytest.fixture(scope="module")
def model():
    """A narrow network whose every weight is at work."""
    return with_mirror(at_work(residual_unet(**TINY)))


def at_work(model):
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(0, 0.15, w.shape).astype(np.float32) for w in model.weights])
    return model


def pictures(*shape):
    return np.random.default_rng(1).random((*shape, 1), np.float32)


def predict(model, *inputs):
    return np.asarray(model.predict_on_batch(list(inputs) if len(inputs) > 1 else inputs[0]))


def test_untrained_it_returns_its_input(default):
    noisy = pictures(2, 64, 64)
    np.testing.assert_allclose(predict(default, noisy), noisy, atol=1e-6)


def test_it_has_one_gray_input_of_any_size_and_one_output_of_the_same_shape(default):
    assert [tuple(tensor.shape) for tensor in default.inputs] == [(None, None, None, 1)]
    assert [tuple(tensor.shape) for tensor in default.outputs] == [(None, None, None, 1)]
    assert default.outputs[0].dtype == "float32"


@pytest.mark.parametrize("size", [(12, 12), (16, 20), (64, 64), (128, 36)])
def test_sides_may_be_any_multiple_of_the_stride(model, size):
    assert predict(model, pictures(2, *size)).shape == (2, *size, 1)


def test_a_shifted_picture_gives_the_shifted_result(model):
    """Fully convolutional: by the stride, away from the edges, at a level given."""
    restorer, level = restorer_of(model), np.full((1, 1, 1, 1), 0.1, np.float32)
    whole = pictures(1, 160, 160)
    restored = predict(restorer, whole, level)
    shifted = predict(restorer, np.ascontiguousarray(whole[:, 4:, 8:]), level)
    inside = np.s_[:, 64:-64, 64:-64]
    np.testing.assert_allclose(shifted[inside], restored[:, 4:, 8:][inside], atol=1e-5)


def test_pictures_of_a_batch_do_not_see_each_other(model):
    batch = pictures(3, 32, 32)
    changed = batch.copy()
    changed[1] = 1 - changed[1]
    before, after = predict(model, batch), predict(model, changed)
    np.testing.assert_allclose(after[[0, 2]], before[[0, 2]], atol=1e-6)
    assert np.abs(after[1] - before[1]).mean() > 1e-3


def test_a_pixel_reaches_less_far_than_the_margin_of_the_tiles(default):
    """At the default depth, whatever the widths: the tiles of `Denoiser` rely on it."""
    from olivetti_denoiser.inference.tiles import MARGINS

    restorer = restorer_of(
        residual_unet(**DEFAULT.network | {"channels": (2,) * len(DEFAULT.channels)})
    )
    weights = [
        np.abs(np.random.default_rng(0).normal(0.2, 0.05, w.shape)) for w in restorer.weights
    ]
    restorer.set_weights(weights)  # none below zero, so no path through the network is cut
    dark = np.zeros((1, 256, 256, 1), np.float32)
    spot = dark.copy()
    spot[0, 128, 128] = 1e-3
    level = np.full((1, 1, 1, 1), 0.1, np.float32)
    change = predict(restorer, spot, level) != predict(restorer, dark, level)
    reach = np.abs(np.argwhere(change[0, ..., 0]) - 128).max()
    assert 8 < reach <= MARGINS[1]


def test_the_whole_is_the_restorer_at_the_level_of_the_estimator(model):
    noisy = pictures(3, 32, 32)
    level = predict(estimator_of(model), noisy)
    assert level.shape == (3, 1, 1, 1)
    assert (level >= 0).all()
    given = predict(restorer_of(model), noisy, level)
    np.testing.assert_allclose(given, predict(model, noisy), atol=1e-6)
    other = predict(restorer_of(model), noisy, level + 0.2)
    assert np.abs(other - given).mean() > 1e-3


def test_at_level_zero_the_restorer_returns_its_input(model):
    noisy = pictures(2, 32, 32)
    restored = predict(restorer_of(model), noisy, np.zeros((2, 1, 1, 1), np.float32))
    np.testing.assert_allclose(restored, noisy, atol=1e-6)


def test_the_network_sees_the_picture_in_units_of_the_noise():
    """Noise is equally strong at every level, and no level is divided by zero."""
    restorer = restorer_of(residual_unet(**TINY))
    look = keras.Model(restorer.inputs, restorer.get_layer("noise_units").output)
    noisy = pictures(5, 16, 16)
    sigma = np.array([0.0, 0.01, 0.05, 0.1, 0.3], np.float32).reshape(5, 1, 1, 1)
    expected = 0.1 * (noisy - 0.5) / np.sqrt(sigma**2 + 0.01**2)
    np.testing.assert_allclose(predict(look, noisy, sigma), expected, atol=1e-5)


def test_the_average_with_the_mirror_image_is_in_the_graph(model):
    noisy, level = pictures(2, 16, 24), np.full((2, 1, 1, 1), 0.1, np.float32)
    turned = np.ascontiguousarray(noisy[:, :, ::-1])
    unet = restorer_of(without_mirror(model))
    one, other = (predict(unet, picture, level) for picture in (noisy, turned))
    averaged = predict(restorer_of(model), noisy, level)
    np.testing.assert_allclose(averaged, (one + other[:, :, ::-1]) / 2, atol=1e-6)
    assert np.abs(one - averaged).max() > 1e-3
    again = predict(restorer_of(model), turned, level)
    np.testing.assert_allclose(again[:, :, ::-1], averaged, atol=1e-6)


def test_without_the_mirror_it_is_the_network_that_was_trained():
    plain = at_work(residual_unet(**TINY))
    averaged = with_mirror(plain)
    assert averages_mirror(averaged)
    assert not averages_mirror(plain)
    assert averaged.count_params() == plain.count_params()
    assert without_mirror(plain) is plain
    noisy = pictures(2, 16, 24)
    np.testing.assert_array_equal(predict(without_mirror(averaged), noisy), predict(plain, noisy))


def test_only_a_network_of_both_parts_takes_a_level(model):
    assert takes_sigma(model)
    noisy = keras.Input((None, None, 1))
    other = keras.Model(noisy, keras.layers.Conv2D(1, 3, padding="same")(noisy))
    assert not takes_sigma(other)
    with pytest.raises(ValueError, match="restorer"):
        restorer_of(other)


def test_the_default_network_keeps_to_its_budget(default):
    assert default.count_params() <= 1_000_000
    assert multiply_adds(**DEFAULT.network, mirror=DEFAULT.mirror) <= 500_000_000


def test_multiply_adds_are_those_of_one_convolution_counted_by_hand():
    # One level, one block, two channels: stem 2→2, block 2→2 twice, output 2→1, all 3×3.
    by_hand = 8 * 8 * 9 * (2 * 2 + 2 * 2 + 2 * 2 + 2 * 1)
    level = 1 * 32 + 32 * 2  # the level's embedding and its shift
    # Estimator on 8×8: 6×6 of 1→16, then every second of 16→16, 2×2, too small for the third.
    wide, narrow = (multiply_adds((2,), (1,), mirror=False, side=side) for side in (32, 16))
    estimator = {
        side: 9 * (16 * (side - 2) ** 2 + 256 * _half(side) ** 2 + 512 * (_half(side) - 2) ** 2)
        + 32 * 32
        + 32
        for side in (32, 16)
    }
    for side, counted in ((32, wide), (16, narrow)):
        once = by_hand * (side // 8) ** 2 + level
        assert counted == once + estimator[side]
        assert multiply_adds((2,), (1,), mirror=True, side=side) == 2 * once + estimator[side]


def _half(side):
    return (side - 2 - 3) // 2 + 1


def test_the_file_names_stock_keras_classes_only(model, tmp_path):
    model.save(str(tmp_path / "model"), zipped=False)
    written = json.loads((tmp_path / "model" / "config.json").read_text())
    modules, classes = set(), set()

    def look(node):
        if isinstance(node, dict):
            if node.get("class_name") and "config" in node:
                modules.add(node.get("module"))
                classes.add(node["class_name"])
                assert node.get("registered_name") in (None, node["class_name"]), node["class_name"]
            for value in node.values():
                look(value)
        elif isinstance(node, list):
            for value in node:
                look(value)

    look(written)
    assert "Conv2D" in classes
    assert "Lambda" not in classes
    assert all(module is None or module.split(".")[0] == "keras" for module in modules), modules


def test_saved_it_opens_without_this_package_on_another_backend(tmp_path):
    pytest.importorskip("jax")
    model = with_mirror(at_work(residual_unet((4, 8), (1, 1))))
    model.save(str(tmp_path / "model"), zipped=False)
    noisy = pictures(2, 16, 16)
    np.save(tmp_path / "noisy.npy", noisy)
    script = (
        "import keras, numpy, sys\n"
        "model = keras.saving.load_model('model')\n"
        "numpy.save('restored.npy', model.predict(numpy.load('noisy.npy'), verbose=0))\n"
        "print(keras.backend.backend(), 'olivetti_denoiser' in sys.modules)\n"
    )
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    environment.pop("PYTHONPATH", None)
    said = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path, env=environment, check=True, timeout=120, stdout=subprocess.PIPE, text=True,
    ).stdout  # fmt: skip
    assert said.strip() == "jax False"
    np.testing.assert_allclose(np.load(tmp_path / "restored.npy"), predict(model, noisy), atol=1e-5)


@pytest.mark.parametrize("name", ["model", "model.keras", "model.h5"])
def test_saved_and_loaded_it_predicts_the_same(model, tmp_path, name):
    path = str(tmp_path / name)
    if name == "model.h5":
        model = without_mirror(model)  # the old format knows no flip
    if name == "model":
        model.save(path, zipped=False)
    else:
        model.save(path)
    again = keras.saving.load_model(path, compile=False)
    noisy = pictures(2, 64, 64)
    np.testing.assert_allclose(predict(again, noisy), predict(model, noisy), atol=1e-6)
    assert takes_sigma(again)


def test_the_same_seed_gives_the_same_weights():
    weights = []
    for _ in range(2):
        keras.utils.set_random_seed(5)
        weights.append(residual_unet(**TINY).get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)
