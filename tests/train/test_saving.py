"""What is written opens in the oldest Keras that the cards name, on another backend, without us."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
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
from olivetti_denoiser.network.unet import with_mirror

RELEASED = bundled("model_card")
OPENS = """
import sys
import keras, numpy as np
assert keras.__version__.startswith(sys.argv[1] + "."), keras.__version__
noisy = np.load(sys.argv[2])
for path in sys.argv[3:]:
    model = keras.saving.load_model(path, compile=False)
    np.save(path + ".npy", model.predict(noisy[..., : model.input_shape[-1]], verbose=0))
print(keras.backend.backend(), "olivetti_denoiser" in sys.modules)
"""


@pytest.mark.parametrize("planes", [1, 3])
def test_a_network_is_saved_over_itself_without_a_change_and_what_else_is_there_is_kept(
    awake, planes, tmp_path
):
    folder, plain = tmp_path / "model", awake(planes=planes)
    (folder / "assets").mkdir(parents=True)  # a name that Keras wants for itself
    (folder / "assets" / "picture.png").write_bytes(b"mine")
    save_folder(plain, folder)
    save_folder(with_mirror(plain), folder)
    save_file(plain, tmp_path / "model.h5")
    assert {path.name for path in folder.rglob("*")} == {
        "assets", "picture.png", "config.json", "metadata.json", "model.weights.h5",
    }  # fmt: skip
    legacy = keras.saving.load_model(tmp_path / "model.h5", compile=False)
    for saved, model in ((load_folder(folder), with_mirror(plain)), (legacy, plain)):
        noisy = np.random.default_rng(1).random((1, 16, 16, planes), np.float32)
        np.testing.assert_array_equal(np.asarray(saved(noisy)), np.asarray(model(noisy)))
    with h5py.File(tmp_path / "model.h5") as file:
        texts = [(folder / "config.json").read_text(), file.attrs["model_config"]]
    for text in texts:
        json.loads(text, object_hook=stock_and_portable)


def stock_and_portable(part):
    """Fail at a class that Keras does not bring, or a setting that an older Keras may not know."""
    if "class_name" in part and "config" in part:
        assert (part.get("module") or "keras").partition(".")[0] == "keras", part
        assert part.get("registered_name") in (None, part["class_name"]), part
        assert part["class_name"] != "Lambda"
        assert None not in part["config"].values(), part
    return part


def test_the_released_models_are_written_so():
    for folder in (RELEASED, RELEASED / "colour"):
        text = (folder / "config.json").read_text(encoding="utf-8")
        assert text == portable(text)
    for page in (
        RELEASED / "README.md",
        RELEASED / "colour/README.md",
        RELEASED.parent / "README.md",
    ):
        assert f"Keras {OLDEST_KERAS} or newer" in page.read_text(encoding="utf-8")


def test_the_oldest_keras_opens_it_on_another_backend_and_predicts_the_same(awake, tmp_path):
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    install = [uv, "pip", "install", "--python", sys.executable]
    packages = ["--no-deps", "--target", str(tmp_path / "keras"), f"keras=={OLDEST_KERAS}.*"]
    subprocess.run([*install, *packages], check=True, capture_output=True, timeout=300)

    models = {"released": keras.saving.load_model(str(RELEASED), compile=False)}
    shutil.copytree(RELEASED, tmp_path / "released")
    models |= {"colour": with_mirror(awake(planes=3)), "gray.h5": awake()}
    save_folder(models["colour"], tmp_path / "colour")
    save_file(models["gray.h5"], tmp_path / "gray.h5")
    noisy = np.random.default_rng(1).random((1, 64, 64, 3), np.float32)
    np.save(tmp_path / "noisy.npy", noisy)
    paths = [str(tmp_path / name) for name in models]
    done = subprocess.run(
        [sys.executable, "-c", OPENS, OLDEST_KERAS, str(tmp_path / "noisy.npy"), *paths],
        env=os.environ | {"PYTHONPATH": str(tmp_path / "keras"), "KERAS_BACKEND": "jax"},
        check=True, timeout=300, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "jax False"
    for path, model in zip(paths, models.values(), strict=True):
        here = model.predict(noisy[..., : model.input_shape[-1]], verbose=0)
        np.testing.assert_allclose(np.load(f"{path}.npy"), here, atol=1e-5)


@pytest.mark.parametrize("content", [b"", b"<!doctype html>", b"\x89HDF\r\n\x1a\n"])
def test_a_damaged_network_ends_in_a_reason_and_not_in_keras_own_error(awake, tmp_path, content):
    save_folder(awake(), tmp_path / "model")
    (tmp_path / "model" / "model.weights.h5").write_bytes(content)
    with pytest.raises(ValueError, match=r"cannot be loaded: .*Received: ") as error:
        load_folder(tmp_path / "model")
    assert "local variable" not in str(error.value)
