"""The run folder: the best network, the history and the whole state of a training.

    >>> state = RunState(folder, config, averaged, limit, processes)
    >>> state.restore(trained)               # goes on where an interrupted run was

`best_model.h5` holds the best epoch's network, `history.csv` a row an epoch, `state.npz` the state
and `training_config.json` the settings.
"""

from __future__ import annotations

import io
import json
import math
import time
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from olivetti_denoiser.atomic import atomic_file, atomic_write
from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.errors import TrainingStoppedError
from olivetti_denoiser.history import best_epoch
from olivetti_denoiser.network.saving import save_file
from olivetti_denoiser.release import CONFIG, HISTORY, LEGACY_MODEL
from olivetti_denoiser.train.distributed import Processes
from olivetti_denoiser.train.time_limit import TimeLimit

STATE = "state.npz"
RECIPES = {1: 1, 3: 4}  # by channels: raised when the same settings give another training


class RunState(keras.callbacks.Callback):
    """Keep a run in its folder, whose files are replaced atomically after each epoch.

    The state is the training weights, the optimizer with its averages and step, the history, and
    how a time limit has shortened the run. A run ends early when `config.patience` epochs have not
    been better than the best. Of several processes, the first one reads and writes the folder and
    sends the state's bytes to the others.

    Args:
        folder: The run folder.
        config: The settings.
        averaged: The network with the averaged weights of each epoch.
        limit: The time that the run may take.
        processes: The processes that train together.

    Attributes:
        history: One dict an epoch, as in `history.csv`.
        stopped: Whether the run has ended, by its last step, its limit or its patience.
    """

    def __init__(
        self,
        folder: Path,
        config: TrainingConfig,
        averaged: keras.Model,
        limit: TimeLimit,
        processes: Processes,
    ):
        super().__init__()
        self.folder, self.config, self.averaged = folder, config, averaged
        self.limit, self.processes = limit, processes
        self.history: list[dict] = []
        self.stopped = False

    def restore(self, trained: keras.Model) -> None:
        """Put back the state that the first process's run folder holds, if any."""
        path = self.folder / STATE
        there = self.processes.is_first and path.is_file()
        content = self.processes.broadcast(path.read_bytes() if there else b"")
        if not content:
            return
        with np.load(io.BytesIO(content)) as saved:
            notes = _notes(saved)
            for index, variable in enumerate(_all_variables(trained)):
                variable.assign(saved[f"v{index}"])
        self.history, self.stopped = notes["history"], notes["stopped"]
        seconds = sum(row["seconds"] for row in self.history)
        self.limit.go_on(trained, seconds, notes.get("shortened"))  # older runs know no limit
        if not self.stopped and self.processes.is_first:
            print(f"Resuming after epoch {len(self.history)} of the run in {self.folder}")

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Start the epoch's clock."""
        self._started = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Stop a training whose loss is no longer a number.

        Raises:
            TrainingStoppedError: It is infinite or no number.
        """
        if not math.isfinite(logs["loss"]):
            raise TrainingStoppedError(
                f"the loss is no longer a number after step {batch + 1} of epoch "
                f"{len(self.history) + 1}; a lower --learning-rate or --clip-norm would help. "
                f"Received: loss={logs['loss']}"
            )

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Decide whether the run goes on, and write its folder so that it can go on from here."""
        self.processes.share(logs)
        row = {"epoch": epoch + 1, **{name: float(value) for name, value in logs.items()}}
        row["learning_rate"] = float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate))
        row["seconds"] = round(time.perf_counter() - self._started, 3)
        self.history.append(row)
        best = best_epoch(self.history)
        if best is row and self.processes.is_first:
            with atomic_file(self.folder / LEGACY_MODEL) as path:
                save_file(self.averaged, path)
        if row["epoch"] - best["epoch"] >= self.config.patience:
            self.model.stop_training = True
        self.limit.shorten()
        self.stopped = bool(self.model.stop_training)
        if self.processes.is_first:
            with atomic_file(self.folder / HISTORY) as path:
                pd.DataFrame(self.history).to_csv(path, index=False, lineterminator="\n")
            self._save()

    def _save(self):
        rates = self.limit.shortened
        notes = {
            "recipe": RECIPES[self.config.planes],
            "history": self.history,
            "stopped": self.stopped,
            "shortened": rates and [rates.start, rates.place, rates.end],
        }
        variables = {
            f"v{index}": keras.ops.convert_to_numpy(variable)
            for index, variable in enumerate(_all_variables(self.model))
        }
        with atomic_file(self.folder / STATE) as path, path.open("wb") as file:
            np.savez(file, notes=np.array(json.dumps(notes)), **variables)


def _notes(state):
    return json.loads(str(state["notes"]))


def _all_variables(trained):
    return [*trained.variables, *trained.optimizer.variables]


def check_settings(folder: Path, config: TrainingConfig) -> bool:
    """Return whether a run has begun in the folder.

    Raises:
        ValueError: It has, with other settings; the message names them. Or an earlier version
            began it, whose pictures, noise or network were others.
    """
    path = folder / CONFIG
    if not path.is_file():
        return False
    there = asdict(TrainingConfig.from_json(path))
    if (folder / STATE).is_file():
        with np.load(folder / STATE) as state:
            recipe = _notes(state).get("recipe", 1)
        if recipe != RECIPES[there["planes"]]:
            raise ValueError(
                "the run was begun by an earlier version, whose training was another; go on with "
                "that version, or use another --output, or --overwrite to start anew. "
                f"Received: {folder}"
            )
    differences = [
        f"{name}: {there[name]} there, {value} here"
        for name, value in asdict(config).items()
        if there[name] != value
    ]
    if differences:
        raise ValueError(
            f"the run folder belongs to other settings ({'; '.join(differences)}); use those, "
            f"another --output, or --overwrite to start anew. Received: {folder}"
        )
    return True


def claim(folder: Path, config: TrainingConfig) -> None:
    """Note the settings in the run folder; refuse a folder whose run has other settings."""
    if not check_settings(folder, config):
        folder.mkdir(parents=True, exist_ok=True)
        atomic_write(folder / CONFIG, config.to_json())
