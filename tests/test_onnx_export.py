"""ONNX files: what ONNX Runtime computes from them is what Keras computes."""

from __future__ import annotations

import keras
import numpy as np
import onnxruntime
import pytest

from olivetti_denoiser.model import (
    estimator_of,
    residual_unet,
    restorer_of,
    with_mirror,
)
from olivetti_denoiser.publish.onnx_export import MODEL, RESTORER, check_onnx, to_onnx, write_onnx


def awake(**options):
    """A small network whose every weight is at work."""
    model = residual_unet(**{"channels": (8, 16), "blocks": (1, 1), **options})
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(0, 0.15, w.shape).astype(np.float32) for w in model.weights])
    return model


def run(content, *inputs):
    """One pass of an ONNX file over N×H×W×C arrays."""
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    feed = {
        entry.name: value.transpose(0, 3, 1, 2)
        for entry, value in zip(session.get_inputs(), inputs, strict=True)
    }
    return session.run(None, feed)[0].transpose(0, 2, 3, 1)


OPTIONS = [
    {},
    {"planes": 3},
    {"channels": (4, 8, 12), "blocks": (1, 1, 2)},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("mirrored", [False, True])
def test_any_number_and_size_of_pictures_comes_out_as_from_keras(options, mirrored):
    model = awake(**options)
    model = with_mirror(model) if mirrored else model
    content = to_onnx(model)
    rng = np.random.default_rng(1)
    for shape in ((1, 64, 64), (3, 32, 80), (2, 16, 16)):
        pictures = rng.random((*shape, options.get("planes", 1)), np.float32)
        expected = np.asarray(model(pictures))
        assert np.abs(run(content, pictures) - expected).max() < 1e-5


def test_the_parts_together_are_the_whole(tmp_path):
    model = with_mirror(awake())
    paths = {path.name: path.read_bytes() for path in write_onnx(model, tmp_path / "onnx")}
    assert check_onnx(model, tmp_path / "onnx", tolerance=1e-5) < 1e-5
    noisy = np.random.default_rng(2).random((2, 24, 40, 1), np.float32)
    levels = run(paths["estimator.onnx"], noisy)
    assert levels.shape == (2, 1, 1, 1)
    whole = run(paths["model.onnx"], noisy)
    assert np.abs(run(paths["restorer.onnx"], noisy, levels) - whole).max() < 1e-6
    np.testing.assert_allclose(levels, np.asarray(estimator_of(model)(noisy)), rtol=1e-4)


def test_the_weights_of_a_network_that_is_called_twice_are_written_once():
    model = awake(channels=(16, 32))
    once, twice = len(to_onnx(restorer_of(model))), len(to_onnx(restorer_of(with_mirror(model))))
    assert twice < 1.3 * once


def test_a_file_with_other_weights_is_found(tmp_path):
    model = awake()
    write_onnx(model, tmp_path)
    weights = model.get_weights()
    model.set_weights([weights[0] + 0.01, *weights[1:]])
    with pytest.raises(ValueError, match=r"within 1e-06 of Keras. Received: .*onnx"):
        check_onnx(model, tmp_path)


def test_a_damaged_file_is_found(tmp_path):
    model = awake()
    write_onnx(model, tmp_path)
    path = tmp_path / MODEL
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match=f"cannot open it.*{MODEL}"):
        check_onnx(model, tmp_path)


def test_a_model_without_an_estimator_is_one_file(tmp_path):
    picture = keras.Input((None, None, 1))
    model = keras.Model(picture, keras.layers.Conv2D(1, 3, padding="same")(picture))
    names = [path.name for path in write_onnx(model, tmp_path)]
    assert names == [MODEL]
    assert RESTORER not in names


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
