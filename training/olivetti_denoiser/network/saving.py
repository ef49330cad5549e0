"""Write a Keras model so that every Keras from 3.12 on opens it.

    >>> save_folder(model, "model")               # doctest: +SKIP
    >>> save_file(model, "best_model.h5")         # doctest: +SKIP

A newer Keras writes settings that an older Keras does not know and refuses. In the layers of our
networks such settings are None, which says nothing, so settings that are None are left out.
"""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from olivetti_denoiser.release import MODEL_FILES, NETWORK, missing_files

if TYPE_CHECKING:
    import keras

OLDEST_KERAS = "3.12"  # tests/train/test_saving.py opens in it what is written
LEGACY_CONFIG = "model_config"  # the attribute of an HDF5 file that holds the network


def load_folder(folder: str | Path) -> keras.Model:
    """Load the Keras model of a model folder.

    Raises:
        ValueError: The folder holds no such model, or its files are damaged.
    """
    import keras

    if missing := missing_files(folder):
        raise ValueError(
            f"a network for Keras is {', '.join(MODEL_FILES)}; {', '.join(missing)} missing. "
            f"Received: {folder}"
        )
    try:
        return keras.saving.load_model(str(folder), compile=False)
    except Exception as error:  # Keras and h5py raise many types for a damaged file
        # Keras hides an error in its files behind an UnboundLocalError of its own.
        cause = (isinstance(error, UnboundLocalError) and error.__context__) or error
        reason = (str(cause) or type(cause).__name__).splitlines()[0]
        raise ValueError(f"the model cannot be loaded: {reason}. Received: {folder}") from error


def save_folder(model: keras.Model, folder: str | Path) -> None:
    """Save a network as Keras's files in a folder, created where missing, beside what is in it.

    It is not written as a whole, see `atomic.atomic_folder`.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    # Keras stops at a folder that holds `assets`, which it also writes itself, empty.
    with tempfile.TemporaryDirectory() as new:
        model.save(new, zipped=False)
        for name in MODEL_FILES:
            shutil.copyfile(Path(new) / name, Path(folder) / name)
    path = Path(folder) / NETWORK
    path.write_text(portable(path.read_text(encoding="utf-8")), encoding="utf-8")


def save_file(model: keras.Model, path: str | Path) -> None:
    """Save a network as one HDF5 file, the format of Keras 2, without optimizer.

    Args:
        model: A network of layers that the format knows.
        path: The file, which ends in `.h5`; not written as a whole, see `atomic.atomic_file`.
    """
    import h5py

    logging.getLogger("absl").setLevel(logging.ERROR)  # Keras advises against this very format
    model.save(str(path), overwrite=True, include_optimizer=False)
    with h5py.File(path, "r+") as file:
        file.attrs[LEGACY_CONFIG] = portable(file.attrs[LEGACY_CONFIG]).encode()


def portable(text: str | bytes) -> str:
    """Return the JSON of a network, as Keras writes it, without the settings that are None."""

    def without_none(part):
        if "class_name" in part and isinstance(part.get("config"), dict):
            config = part["config"].items()
            part["config"] = {name: value for name, value in config if value is not None}
        return part

    return json.dumps(json.loads(text, object_hook=without_none))
