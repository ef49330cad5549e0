"""The model folder: the name of every file in it, and what makes one.

    >>> missing_files("model_card")              # doctest: +SKIP
    []

A model folder is the root of a model repository on the Hub: Keras's own files, the card, the
figures, the history and settings of the training, and plots.
"""

from __future__ import annotations

from pathlib import Path

NETWORK, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
MODEL_FILES = (NETWORK, METADATA, WEIGHTS)  # what Keras writes and reads
ONNX = "onnx"  # the folder of the same network for everything but Keras
COLOUR = "colour"  # the folder of the colour network in a release of both
LEGACY_MODEL = "best_model.h5"  # the weights of a gray network as one file of Keras 2
CARD, METRICS = "README.md", "metrics.json"
HISTORY, CONFIG = "history.csv", "training_config.json"
EVENTS = "runs"  # TensorBoard events; the Hub shows them wherever they lie
COMPARISON, CURVES = "comparison.png", "loss_curves.png"
LEVELS, ERRORS = "psnr_vs_sigma.png", "error_map.png"
PLOTS = (CURVES, COMPARISON, LEVELS, ERRORS)
LOSS_FACES = "losses.png"
REAL = "real_photographs.png"  # of a model for colour

# Everything a release consists of; other files of a folder stay as they are.
RELEASED = (*MODEL_FILES, ONNX, CARD, METRICS, HISTORY, CONFIG, *PLOTS, LOSS_FACES, REAL, EVENTS)


def missing_files(folder: str | Path) -> list[str]:
    """Returns which of the files that Keras needs are not in the folder."""
    return [name for name in MODEL_FILES if not (Path(folder) / name).is_file()]


def is_released(folder: str | Path) -> bool:
    """Whether the folder holds a complete release: network, figures and card."""
    return all((Path(folder) / name).exists() for name in (*MODEL_FILES, METRICS, CARD))


def check_target(folder: str | Path) -> None:
    """Makes sure that writing a release to `folder` overwrites nothing but a release.

    Raises:
        ValueError: it is a file, or a folder with files but no model.
    """
    folder = Path(folder)
    if not folder.exists():
        return
    if folder.is_dir() and (
        not any(folder.iterdir()) or any((folder / name).is_file() for name in MODEL_FILES)
    ):
        return
    raise ValueError(
        f"the output must be a new folder or an earlier model folder. Received: {folder}"
    )
