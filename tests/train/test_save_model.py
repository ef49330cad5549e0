"""What is written opens in the oldest Keras that the cards name, and in this one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from olivetti_denoiser.bundled import bundled
from olivetti_denoiser.network.saving import (
    OLDEST_KERAS,
    load_folder,
    portable,
    save_file,
    save_folder,
)
from olivetti_denoiser.network.unet import residual_unet, with_mirror

RELEASED = bundled("model_card")
OPENS = """
import sys
import keras, numpy as np
assert keras.__version__.startswith(sys.argv[1] + "."), keras.__version__
noisy = np.load(sys.argv[2])
for path in sys.argv[3:]:
    model = keras.saving.load_model(path, compile=False)
    np.save(path + ".npy", model.predict(noisy[..., : model.input_shape[-1]], verbose=0))
"""


def network(planes=1):
    model = residual_unet((4, 8), (1, 1), planes)
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(0, 0.1, w.shape).astype(np.float32) for w in model.weights])
    return model


def settings(part):
    """(class, name, value) of every setting in a network's JSON."""
    if isinstance(part, list):
        return [entry for value in part for entry in settings(value)]
    if not isinstance(part, dict):
        return []
    own = part["config"] if "class_name" in part and isinstance(part.get("config"), dict) else {}
    return [(part["class_name"], *item) for item in own.items()] + settings(list(part.values()))


@pytest.mark.parametrize("planes", [1, 3])
def test_settings_that_say_nothing_are_left_out_and_the_network_is_the_same(planes, tmp_path):
    model = network(planes)
    mirrored = with_mirror(model)
    save_folder(mirrored, tmp_path / "model")
    save_file(model, tmp_path / "model.h5")
    import h5py

    with h5py.File(tmp_path / "model.h5") as file:
        texts = [(tmp_path / "model" / "config.json").read_text(), file.attrs["model_config"]]
    for text in texts:
        assert [entry for entry in settings(json.loads(text)) if entry[2] is None] == []
    mirrored.save(tmp_path / "by_keras", zipped=False)
    model.save(tmp_path / "by_keras.h5")
    for ours, by_keras in (("model", "by_keras"), ("model.h5", "by_keras.h5")):
        ours, by_keras = (
            keras.saving.load_model(str(tmp_path / name), compile=False)
            for name in (ours, by_keras)
        )
        assert ours.to_json() == by_keras.to_json()
        for one, other in zip(ours.get_weights(), by_keras.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.Normalization(axis=None, mean=0.5, variance=2.0),  # -1 by default
        keras.layers.Dense(4, kernel_initializer=keras.initializers.STFT("real", window=None)),
        keras.layers.Conv2D(3, 1, kernel_initializer=keras.initializers.HeNormal(seed=7)),
        keras.layers.Bidirectional(keras.layers.GRU(2), merge_mode=None),  # "concat" by default
    ],
    ids=lambda layer: layer.name,
)
def test_none_that_is_not_the_default_stays(layer):
    written = json.loads(portable(json.dumps(keras.saving.serialize_keras_object(layer))))
    assert keras.saving.deserialize_keras_object(written).get_config() == layer.get_config()


def test_a_model_is_saved_over_itself_and_what_else_is_there_is_kept(tmp_path):
    folder = tmp_path / "model"
    (folder / "assets").mkdir(parents=True)  # a name that Keras wants for itself
    (folder / "assets" / "picture.png").write_bytes(b"mine")
    rights = folder.stat().st_mode
    for _ in range(2):
        save_folder(network(), folder)
    load_folder(folder)
    assert (folder / "assets" / "picture.png").read_bytes() == b"mine"
    assert folder.stat().st_mode == rights
    assert {path.name for path in folder.iterdir()} == {
        "assets", "config.json", "metadata.json", "model.weights.h5",
    }  # fmt: skip


def test_the_released_models_are_written_so():
    folders = [RELEASED, *(path.parent for path in RELEASED.glob("*/config.json"))]
    for folder in folders:
        text = (folder / "config.json").read_text(encoding="utf-8")
        assert text == portable(text)
        card = (folder / "README.md").read_text(encoding="utf-8")
        assert f"Keras {OLDEST_KERAS} or newer" in card


def test_the_readme_names_the_oldest_keras():
    readme = RELEASED.parent / "README.md"
    assert f"Keras {OLDEST_KERAS} or newer" in readme.read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_oldest_keras_opens_it_and_predicts_the_same(tmp_path):
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    install = [uv, "pip", "install", "--python", sys.executable]
    packages = ["--no-deps", "--target", str(tmp_path / "keras"), f"keras=={OLDEST_KERAS}.*"]
    subprocess.run([*install, *packages], check=True, capture_output=True, timeout=300)

    models = {"released": keras.saving.load_model(str(RELEASED), compile=False)}
    shutil.copytree(RELEASED, tmp_path / "released")
    for planes in (1, 3):
        name, model = f"of{planes}", network(planes)
        models |= {name: with_mirror(model), f"{name}.h5": model}
        save_folder(models[name], tmp_path / name)
        save_file(model, tmp_path / f"{name}.h5")
    noisy = np.random.default_rng(1).random((1, 64, 64, 3), np.float32)
    np.save(tmp_path / "noisy.npy", noisy)

    paths = [str(tmp_path / name) for name in models]
    subprocess.run(
        [sys.executable, "-c", OPENS, OLDEST_KERAS, str(tmp_path / "noisy.npy"), *paths],
        env=os.environ | {"PYTHONPATH": str(tmp_path / "keras"), "KERAS_BACKEND": "jax"},
        check=True,
        timeout=300,
    )
    for path, model in zip(paths, models.values(), strict=True):
        here = model.predict(noisy[..., : model.input_shape[-1]], verbose=0)
        np.testing.assert_allclose(np.load(f"{path}.npy"), here, atol=1e-5)


@pytest.mark.parametrize(
    "content", [b"", b"<!doctype html><title>404</title>", b"\x89HDF\r\n\x1a\n"]
)
def test_weights_that_are_no_weights_end_in_a_reason_and_not_in_keras_own_error(tmp_path, content):
    save_folder(network(), tmp_path / "model")
    (tmp_path / "model" / "model.weights.h5").write_bytes(content)
    with pytest.raises(ValueError, match=r"cannot be loaded: .*Received: ") as error:
        load_folder(tmp_path / "model")
    assert "local variable" not in str(error.value)
