"""The model folder: the name of every file in it, and what makes one.

    >>> missing_files("model_card")              # doctest: +SKIP
    []

A model folder holds one network: Keras's own files, the ONNX files, the card, the figures, the
history and settings of the training, and plots. A release is the model folder of the gray network
with that of the network for colour in `colour/`; a folder with one network is a release too.
"""

from __future__ import annotations

from pathlib import Path

NETWORK, METADATA, WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
MODEL_FILES = (NETWORK, METADATA, WEIGHTS)  # what Keras writes and reads
POINTER = b"version https://git-lfs"  # what a pointer of git-lfs begins with
LEGACY_MODEL = "best_model.h5"  # the same weights as one file; of a gray network only
ONNX = "onnx"  # the folder of the network for everything but Keras
ESTIMATOR, RESTORER = f"{ONNX}/estimator.onnx", f"{ONNX}/restorer.onnx"
ONNX_FILES = (ESTIMATOR, RESTORER)
CARD, METRICS = "README.md", "metrics.json"
HISTORY, CONFIG = "history.csv", "training_config.json"
EVENTS = "runs"  # TensorBoard events; the Hub shows them wherever they lie
COMPARISON, CURVES = "comparison.png", "loss_curves.png"
LEVELS, ERRORS = "psnr_vs_sigma.png", "error_map.png"
PLOTS = (CURVES, COMPARISON, LEVELS, ERRORS)
LOSS_FACES = "losses.png"
REAL = "real_photographs.png"  # of a model for colour
GRAY, COLOUR = "gray", "colour"  # the two networks; the second has its folder inside the first's
NETWORKS = {1: GRAY, 3: COLOUR}  # by the number of channels
PLACES = {GRAY: "", COLOUR: f"{COLOUR}/"}  # where each lies in a release

# Everything a model folder consists of; other files of a folder stay as they are.
RELEASED = (
    *MODEL_FILES, LEGACY_MODEL, ONNX, CARD, METRICS, HISTORY, CONFIG, *PLOTS, LOSS_FACES, REAL,
    EVENTS,
)  # fmt: skip


def missing_files(folder: str | Path) -> list[str]:
    """Returns which of the files that Keras needs are not in the folder."""
    return [name for name in MODEL_FILES if not (Path(folder) / name).is_file()]


def pointers_of(folder: str | Path) -> list[str]:
    """Return which files of the network are pointers of git-lfs, left by a clone without it."""
    found = []
    for name in (*MODEL_FILES, *ONNX_FILES):
        if (Path(folder) / name).is_file():
            with (Path(folder) / name).open("rb") as file:
                if file.read(len(POINTER)) == POINTER:
                    found.append(name)
    return found


def is_released(folder: str | Path) -> bool:
    """Whether the folder holds a complete release: network, figures and card."""
    return all((Path(folder) / name).exists() for name in (*MODEL_FILES, METRICS, CARD))


def files_of(folder: str | Path) -> dict[str, Path]:
    """Return the files of a model folder that are released, by their path in the folder."""
    folder = Path(folder)
    return {
        path.relative_to(folder).as_posix(): path
        for name in RELEASED
        for path in (folder / name, *sorted((folder / name).rglob("*")))
        if path.is_file()
    }


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
