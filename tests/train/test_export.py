"""ONNX files: what ONNX Runtime computes from them is what Keras computes."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from olivetti_denoiser.denoiser import Denoiser
from olivetti_denoiser.inference.network import Network
from olivetti_denoiser.network.export import check, export_folder, to_network, to_onnx
from olivetti_denoiser.network.saving import save_folder
from olivetti_denoiser.network.unet import residual_unet, restorer_of, with_mirror


def awake(**options):
    """A small network whose every weight is at work."""
    model = residual_unet(**{"channels": (8, 16), "blocks": (1, 1), **options})
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(0, 0.15, w.shape).astype(np.float32) for w in model.weights])
    return model


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"planes": 3},
        {"channels": (4, 8, 12), "blocks": (1, 1, 2)},  # another stride
    ],
    ids=str,
)
@pytest.mark.parametrize("mirrored", [False, True])
def test_any_number_and_size_of_pictures_comes_out_as_from_keras(options, mirrored):
    model = awake(**options)
    model = with_mirror(model) if mirrored else model
    network = to_network(model)
    assert network.mirror == mirrored
    assert network.stride == 2 ** (len(options.get("channels", (8, 16))) - 1)
    assert network.parameters == model.count_params()
    name = {1: "gray", 3: "colour"}[network.channels]
    rng = np.random.default_rng(1)
    for shape in ((1, 64, 64), (3, 32, 80)):
        pictures = rng.random((*shape, network.channels), np.float32)
        sigmas = network.estimate(np.moveaxis(pictures, -1, 1))
        expected = np.asarray(model(pictures))
        if not mirrored:
            restored = network.restore(np.moveaxis(pictures, -1, 1), sigmas)
            assert np.abs(np.moveaxis(restored, 1, -1) - expected).max() < 1e-5
        # The denoiser pads, finds the level and averages; a network told its level does as Keras.
        level = np.full((len(pictures), 1, 1, 1), 0.1, np.float32)
        told = np.asarray(restorer_of(model)([pictures, level]))
        restored = Denoiser(network)(pictures, sigma=0.1, network=name)
        np.testing.assert_allclose(restored, np.clip(told, 0, 1), atol=1e-5)


def test_a_folder_for_keras_alone_gets_its_onnx_files(tmp_path):
    model = with_mirror(awake())
    save_folder(model, tmp_path / "model")
    assert export_folder(tmp_path / "model") < 1e-6
    network = Denoiser.from_pretrained(tmp_path / "model").networks["gray"]
    assert network.files == to_network(model).files  # the same bytes each time
    legacy = keras.models.load_model(tmp_path / "model" / "best_model.h5", compile=False)
    assert legacy.count_params() == model.count_params()
    with pytest.raises(ValueError, match=r"config\.json.* missing\. Received: "):
        export_folder(tmp_path / "absent")


def test_a_network_with_other_weights_is_found():
    model = awake()
    network = to_network(model)
    weights = model.get_weights()
    model.set_weights([weights[0] + 0.01, *weights[1:]])
    with pytest.raises(ValueError, match=r"within 1e-06 of Keras\. Received: .* away"):
        check(model, network)


def test_the_weights_of_a_network_that_is_called_twice_are_written_once():
    model = awake(channels=(16, 32))
    once, twice = len(to_onnx(restorer_of(model))), len(to_onnx(restorer_of(with_mirror(model))))
    assert twice < 1.3 * once


def test_what_is_no_denoiser_is_refused():
    picture = keras.Input((None, None, 2))
    model = keras.Model(picture, keras.layers.Conv2D(2, 1)(picture))
    with pytest.raises(ValueError, match=r"1 or 3 channels\. Received: odd of 2"):
        Network((to_onnx(model), to_onnx(model)), name="odd")


def test_unknown_layers_are_refused():
    picture = keras.Input((None, None, 1))
    model = keras.Model(picture, keras.layers.GaussianDropout(0.1, name="odd")(picture))
    with pytest.raises(ValueError, match=r"no ONNX form here\. Received: GaussianDropout 'odd'"):
        to_onnx(model)
    model = keras.Model(picture, keras.layers.Conv2D(1, 1, activation="elu", name="e")(picture))
    with pytest.raises(ValueError, match="Received: elu of 'e'"):
        to_onnx(model)
    wide = keras.layers.Conv2DTranspose(1, 3, strides=2, name="wide")
    with pytest.raises(ValueError, match="as large as its stride"):
        to_onnx(keras.Model(picture, wide(picture)))
