"""Runs that are killed at random moments: `python tests/helpers/killed_runs.py FOLDER SEED KILLS`.

TensorFlow is imported once and each sitting is a fork, so a kill costs no import. Prints one
line of JSON: where each kill fell, how many epochs the folder, which must be whole, held then, and
whether the run equals the undisturbed one bit for bit in the end.
"""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import h5py
import numpy as np

from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.data.faces import Faces
from olivetti_denoiser.release import HISTORY
from olivetti_denoiser.release import LEGACY_MODEL as BEST_MODEL
from olivetti_denoiser.train.checkpoint import STATE
from olivetti_denoiser.train.fit import fit

CONFIG = TrainingConfig(
    epochs=12,
    steps_per_epoch=2,
    channels=(4,),  # one level is built and compiled in half the time of two
    blocks=(1,),
    batch_size=2,
    validation_faces=1,
    patience=100,
)


def sit(folder: Path) -> int:
    """Start or go on with the run in a fork and return its process id."""
    process = os.fork()
    if process:
        return process
    status = 1
    try:
        coarse = np.random.default_rng(0).random((6, 8, 8, 1), dtype=np.float32)
        clean = np.kron(coarse, np.ones((1, 4, 4, 1), np.float32))
        with Path(os.devnull).open("w") as quiet:
            sys.stdout = quiet
            fit(CONFIG, Faces(clean, clean, np.arange(6), np.arange(6)), folder)
        status = 0
    finally:
        os._exit(status)


def finished_epochs(folder: Path) -> int:
    """Return the epochs in a run folder; fails unless every file of it is whole."""
    if not (folder / STATE).is_file():
        return 0
    with np.load(folder / STATE) as state:
        epochs = len(json.loads(str(state["notes"]))["history"])
        assert all(np.isfinite(state[name]).all() for name in state.files if name != "notes")
    with (folder / HISTORY).open() as file:
        assert len(list(csv.DictReader(file))) in (epochs, epochs + 1)
    with h5py.File(folder / BEST_MODEL) as file:
        assert "model_weights" in file
    json.loads((folder / "training_config.json").read_text())
    return epochs


def result(folder: Path) -> list[bytes]:
    """Return what must be equal: the weights, released and as trained, and the history."""
    with np.load(folder / STATE) as state:
        arrays = [state[name].tobytes() for name in sorted(state.files) if name != "notes"]
    with h5py.File(folder / BEST_MODEL) as file:
        names: list[str] = []
        file["model_weights"].visit(names.append)
        sets = [file["model_weights"][name] for name in sorted(names)]
        arrays += [item[()].tobytes() for item in sets if isinstance(item, h5py.Dataset)]
    with (folder / HISTORY).open() as file:
        rows = [{**row, "seconds": ""} for row in csv.DictReader(file)]
    return [*arrays, json.dumps(rows).encode()]


def epochs_written(folder: Path) -> int:
    """Return how far the history goes, which is cheap to look at often."""
    path = folder / HISTORY
    return len(path.read_text().splitlines()) - 1 if path.is_file() else 0


def undisturbed(folder: Path) -> tuple[float, float]:
    """Do a whole run; return the seconds that its building and each of its epochs took."""
    process, started, first = sit(folder), time.monotonic(), None
    while not (ended := os.waitpid(process, os.WNOHANG))[0]:
        if first is None and epochs_written(folder):
            first = time.monotonic() - started
        time.sleep(0.005)
    assert ended[1] == 0
    return first, (time.monotonic() - started - first) / (CONFIG.epochs - 1)


def kill_at(folder: Path, moment: float, building: float, epoch: float) -> None:
    """Let a run sit until a moment, counted in epochs, and kill it.

    A whole number of epochs is waited for, its fraction is waited in seconds, since nothing tells
    from outside where inside an epoch a run is. Where the run has that many epochs when it sits
    down, the fraction is one of the time in which it is built.
    """
    behind = epochs_written(folder) < int(moment)
    process = sit(folder)
    while epochs_written(folder) < int(moment):
        assert not os.waitpid(process, os.WNOHANG)[0], "a sitting ended by itself"
        time.sleep(0.002)
    time.sleep(moment % 1 * (epoch if behind else building))
    os.kill(process, signal.SIGKILL)
    assert os.waitpid(process, 0)[1] == signal.SIGKILL, "a sitting ended before it was killed"


def main(folder: Path, seed: int, kills: int) -> dict:
    building, epoch = undisturbed(folder / "undisturbed")
    wanted, run, seen = result(folder / "undisturbed"), folder / "run", []
    moments = random.Random(seed)
    for moment in sorted(moments.uniform(0, CONFIG.epochs - 1) for _ in range(kills)):
        kill_at(run, moment, building, epoch)
        seen.append((round(moment, 2), finished_epochs(run)))
    assert os.waitpid(sit(run), 0)[1] == 0
    return {"killed_at_and_epochs_kept": seen, "equal": result(run) == wanted}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
