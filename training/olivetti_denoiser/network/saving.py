"""Write a Keras model so that every Keras from 3.12 on opens it.

    >>> save_folder(model, "model")               # doctest: +SKIP
    >>> save_file(model, "best_model.h5")         # doctest: +SKIP

A newer Keras writes settings that an older one has never heard of, at which it stops. Those that
are None, where None is the constructor's default as well, say nothing and are left out.
"""

from __future__ import annotations

import importlib
import inspect
import json
import logging
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from olivetti_denoiser.network.backend import FOR_TRAINING, choose_backend
from olivetti_denoiser.release import MODEL_FILES, NETWORK, missing_files

if TYPE_CHECKING:
    import keras

OLDEST_KERAS = "3.12"  # tests/train/test_save_model.py opens in it what is written
LAYERS = "keras.layers"  # where a class is from that the format of Keras 2 names alone
LEGACY_CONFIG = "model_config"  # the attribute of an HDF5 file that holds the network


def load_folder(folder: str | Path) -> keras.Model:
    """Load the Keras model of a model folder, on the backend chosen or else the first installed.

    Raises:
        ValueError: The folder holds no such model, or its files are damaged.
    """
    if missing := missing_files(folder):
        raise ValueError(
            f"a network for Keras is {', '.join(MODEL_FILES)}; {', '.join(missing)} missing. "
            f"Received: {folder}"
        )
    choose_backend(FOR_TRAINING)
    import keras

    try:
        return keras.saving.load_model(str(folder), compile=False)
    except Exception as error:  # Keras and h5py raise many types for a damaged file
        cause: BaseException = error
        if isinstance(error, UnboundLocalError):  # Keras, while it handles the one before
            cause = error.__context__ or error
        reason = str(cause).splitlines()[0] if str(cause) else type(cause).__name__
        raise ValueError(f"the model cannot be loaded: {reason}. Received: {folder}") from error


def save_folder(model: keras.Model, folder: str | Path) -> None:
    """Save a model as Keras's files in a folder.

    Args:
        model: Any Keras model.
        folder: Where to write; created where missing, and what else is in it is kept. It is not
            written as a whole, see `atomic.atomic_folder`.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    # Keras stops at a folder that holds `assets`, as one has that it wrote itself.
    with tempfile.TemporaryDirectory(dir=folder) as new:
        model.save(new, zipped=False)
        path = Path(new) / NETWORK
        path.write_text(portable(path.read_text(encoding="utf-8")), encoding="utf-8")
        for path in Path(new).iterdir():
            if path.is_file():
                path.replace(Path(folder) / path.name)
            elif any(path.iterdir()):  # `assets`, which most models have none of
                shutil.copytree(path, Path(folder) / path.name, dirs_exist_ok=True)


def save_file(model: keras.Model, path: str | Path) -> None:
    """Saves a model as one HDF5 file, the format of Keras 2, without optimizer.

    Args:
        model: a Keras model of layers that the format knows.
        path: the file, which ends in `.h5`; not written as a whole, see `atomic.atomic_file`.
    """
    import h5py

    logging.getLogger("absl").setLevel(logging.ERROR)  # Keras advises against this very format
    model.save(str(path), overwrite=True, include_optimizer=False)
    with h5py.File(path, "r+") as file:
        network = file.attrs[LEGACY_CONFIG]
        text = network.decode() if isinstance(network, bytes) else network
        file.attrs[LEGACY_CONFIG] = portable(text).encode()


def portable(text: str) -> str:
    """Returns a network without the settings that say nothing.

    Args:
        text: JSON of a network as Keras writes it.

    Returns:
        JSON of the same network.
    """
    return json.dumps(_portable(json.loads(text)))


def _portable(part: Any) -> Any:
    if isinstance(part, list):
        return [_portable(value) for value in part]
    if not isinstance(part, dict):
        return part
    part = {name: _portable(value) for name, value in part.items()}
    config = part.get("config")
    if isinstance(config, dict) and isinstance(part.get("class_name"), str):
        none = _none_by_default(part.get("module", LAYERS), part["class_name"])
        part["config"] = {
            name: value for name, value in config.items() if value is not None or name not in none
        }
    return part


@cache
def _none_by_default(module: str | None, name: str) -> frozenset[str]:
    """The arguments of one of Keras's classes that are None where they are not given."""
    if str(module).partition(".")[0] != "keras":
        return frozenset()
    cls = getattr(importlib.import_module(module), name, None)
    if not inspect.isclass(cls):
        return frozenset()
    parameters = inspect.signature(cls.__init__).parameters.values()
    return frozenset(parameter.name for parameter in parameters if parameter.default is None)
