"""ONNX files: what ONNX Runtime computes from them is what Keras computes."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from olivetti_denoiser.cli.main import main
from olivetti_denoiser.denoiser import Denoiser
from olivetti_denoiser.inference.network import Network
from olivetti_denoiser.network.export import check, to_network, to_onnx
from olivetti_denoiser.network.saving import save_folder
from olivetti_denoiser.network.unet import restorer_of, with_mirror


@pytest.mark.parametrize(
    ("options", "mirrored"),
    [
        pytest.param({}, True, id="gray, averaged"),
        pytest.param({"planes": 3}, False, id="colour, plain"),
        pytest.param({"channels": (4, 8, 12), "blocks": (1, 1, 2)}, True, id="another stride"),
    ],
)
def test_any_number_and_size_of_pictures_comes_out_as_from_keras(awake, options, mirrored):
    model = awake(**options)
    model = with_mirror(model) if mirrored else model
    network = to_network(model)
    assert network.mirror == mirrored
    assert network.stride == 2 ** (len(options.get("channels", (4, 8))) - 1)
    assert network.parameters == model.count_params()
    name = {1: "gray", 3: "colour"}[network.channels]
    for shape in ((1, 64, 64), (3, 32, 80)):
        pictures = np.random.default_rng(1).random((*shape, network.channels), np.float32)
        sigma = np.full((len(pictures), 1, 1, 1), 0.1, np.float32)
        expected = np.clip(restorer_of(model)([pictures, sigma]), 0, 1)
        restored = Denoiser(network)(pictures, sigma=0.1, network=name)
        np.testing.assert_allclose(restored, expected, atol=1e-5)


@pytest.mark.smoke
def test_a_folder_for_keras_alone_gets_its_onnx_files(awake, tmp_path, capsys):
    model = with_mirror(awake())
    save_folder(model, tmp_path / "model")
    assert main(["export", str(tmp_path / "model")]) == 0
    assert "away from Keras" in capsys.readouterr().out
    network = Denoiser.from_pretrained(tmp_path / "model").networks["gray"]
    assert network.files == to_network(model).files  # the same bytes each time
    legacy = keras.models.load_model(tmp_path / "model" / "best_model.h5", compile=False)
    assert legacy.count_params() == model.count_params()
    assert main(["export", str(tmp_path / "absent")]) == 2
    assert "model.weights.h5 missing. Received: " in capsys.readouterr().err


def test_a_network_with_other_weights_is_found(awake):
    model = awake()
    network = to_network(model)
    weights = model.get_weights()
    model.set_weights([weights[0] + 0.01, *weights[1:]])
    with pytest.raises(ValueError, match=r"within 1e-06 of Keras\. Received: .* away"):
        check(model, network)


def test_what_is_no_denoiser_is_refused():
    picture = keras.Input((None, None, 2))
    files = 2 * (to_onnx(keras.Model(picture, keras.layers.Conv2D(2, 1)(picture)), "restored"),)
    with pytest.raises(ValueError, match=r"of 1 or 3 channels.*Received: odd"):
        Network(files, name="odd")


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (keras.layers.GaussianDropout(0.1, name="a"), "no ONNX form.*: GaussianDropout 'a'"),
        (keras.layers.Conv2D(1, 1, activation="elu", name="b"), "Received: elu of 'b'"),
    ],
)
def test_unknown_layers_are_refused(layer, message):
    picture = keras.Input((None, None, 1))
    with pytest.raises(ValueError, match=message):
        to_onnx(keras.Model(picture, layer(picture)), "restored")
