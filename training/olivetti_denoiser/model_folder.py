"""The model folder: the name of every file in it, and its figures.

    >>> missing_files("model_card")              # doctest: +SKIP
    []
    >>> read_metrics("model_card")["sigma"]      # doctest: +SKIP
    0.1

A model folder is the root of a model repository on the Hub: Keras's own files, the card, the
figures, the history and settings of the training, and plots.
"""

from __future__ import annotations

import json
from pathlib import Path

WEIGHTS = "model.weights.h5"
MODEL_FILES = ("config.json", "metadata.json", WEIGHTS)  # what Keras writes and reads
LEGACY_MODEL = "best_model.h5"  # the same weights as one file, made when publishing
CARD, METRICS = "README.md", "metrics.json"
HISTORY, CONFIG = "history.csv", "training_config.json"
EVENTS = "runs"  # TensorBoard events; the Hub shows them wherever they lie
COMPARISON, CURVES = "comparison.png", "loss_curves.png"
LEVELS, ERRORS = "psnr_vs_sigma.png", "error_map.png"
PLOTS = (CURVES, COMPARISON, LEVELS, ERRORS)
LOSS_FACES = "losses.png"

# Everything a release consists of; other files of a folder stay as they are.
RELEASED = (*MODEL_FILES, CARD, METRICS, HISTORY, CONFIG, *PLOTS, LOSS_FACES, EVENTS)


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


def read_metrics(folder: str | Path) -> dict:
    """Reads the figures of a model folder.

    Raises:
        ValueError: there are none, or they cannot be read.
    """
    path = Path(folder) / METRICS
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"no figures can be read: {error}. Received: {path}") from None


def mean_test_psnr(folder: str | Path) -> float | None:
    """Returns a model folder's mean PSNR on the test faces in dB, or None without figures."""
    try:
        return float(read_metrics(folder)["splits"]["test"]["model"]["psnr"]["mean"])
    except (ValueError, KeyError, TypeError):
        return None


def split_of(folder: str | Path) -> str | None:
    """Returns the checksum of the split that the figures are of, or None without one."""
    try:
        return read_metrics(folder).get("split_checksum")
    except (ValueError, AttributeError):
        return None
