"""The run folder: the whole state of a training, its history and its settings.

    >>> state = RunState(folder, best, stopping, limit)
    >>> state.restore(trained)               # goes on where an interrupted run was

`state.npz` holds the state, `history.csv` a row an epoch, `training_config.json` the settings.
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

from olivetti_denoiser.atomic import atomic_file, atomic_write
from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.errors import TrainingStoppedError
from olivetti_denoiser.history import write_history
from olivetti_denoiser.release import CONFIG, HISTORY
from olivetti_denoiser.train.callbacks import BestModel
from olivetti_denoiser.train.distributed import Processes
from olivetti_denoiser.train.time_limit import Shortened, TimeLimit

STATE = "state.npz"


class RunState(keras.callbacks.Callback):
    """Keeps the whole state of a run in one file, replaced atomically after each epoch.

    It holds the training weights, the optimizer with its averages and step, the history, where the
    best epoch and early stopping stand, and how a time limit has shortened the run. Of several
    processes, the first one reads and writes the file and sends its bytes to the others.
    """

    def __init__(
        self,
        folder: Path,
        best: BestModel,
        stopping: keras.callbacks.EarlyStopping,
        limit: TimeLimit,
        processes: Processes | None = None,
    ):
        super().__init__()
        self.folder, self.best, self.stopping, self.limit = folder, best, stopping, limit
        self.processes = processes or Processes()
        self.history: list[dict] = []
        self.stopped = False

    def finished(self, config: TrainingConfig) -> bool:
        """Whether the run has had all its epochs or was stopped early."""
        return self.stopped or len(self.history) >= config.epochs

    def restore(self, trained: keras.Model) -> None:
        """Puts back the state that the first process's run folder holds, if any."""
        path = self.folder / STATE
        there = self.processes.is_first and path.is_file()
        content = self.processes.broadcast(path.read_bytes() if there else b"")
        if not content:
            return
        with np.load(io.BytesIO(content)) as saved:
            notes = json.loads(str(saved["notes"]))
            for index, variable in enumerate(_all_variables(trained)):
                variable.assign(saved[f"v{index}"])
        self.history, self.stopped = notes["history"], notes["stopped"]
        self.best.best = notes["best"]
        self._waited = notes["waited"]
        shortened = notes.get("shortened")  # runs of older versions know no limit
        seconds = sum(row["seconds"] for row in self.history)
        self.limit.go_on(trained, seconds, shortened and Shortened(*shortened))
        if not self.stopped and self.processes.is_first:
            print(f"Resuming after epoch {len(self.history)} of the run in {self.folder}")

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Puts back how many epochs early stopping has waited."""
        if self.history:  # EarlyStopping has just reset itself
            self.stopping.wait, self.stopping.best = self._waited, self.best.best

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Starts the epoch's clock."""
        self._started = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """Stops a training whose loss is no longer a number.

        Raises:
            TrainingStoppedError: it is infinite or no number.
        """
        if not math.isfinite(logs["loss"]):
            raise TrainingStoppedError(
                f"the loss is no longer a number after step {batch + 1} of epoch "
                f"{len(self.history) + 1}; a lower --learning-rate or --clip-norm would help. "
                f"Received: loss={logs['loss']}"
            )

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Writes the history and the whole state, so that the run can go on from here."""
        row = {"epoch": epoch + 1, **{name: float(value) for name, value in logs.items()}}
        optimizer = self.model.optimizer
        row["learning_rate"] = float(keras.ops.convert_to_numpy(optimizer.learning_rate))
        row["seconds"] = round(time.perf_counter() - self._started, 3)
        self.history.append(row)
        self.stopped = bool(self.model.stop_training)
        if not self.processes.is_first:
            return
        write_history(self.folder / HISTORY, self.history)
        self._save()

    def _save(self):
        notes = {
            "history": self.history,
            "stopped": self.stopped,
            "best": float(self.best.best),
            "waited": self.stopping.wait,
            "shortened": self.limit.shortened,
        }
        variables = {
            f"v{index}": keras.ops.convert_to_numpy(variable)
            for index, variable in enumerate(_all_variables(self.model))
        }
        with atomic_file(self.folder / STATE) as path, path.open("wb") as file:
            np.savez(file, notes=np.array(json.dumps(notes)), **variables)


def _all_variables(trained):
    return [*trained.variables, *trained.optimizer.variables]


def check_settings(folder: Path, config: TrainingConfig) -> bool:
    """Tells whether a run has begun in the folder.

    Raises:
        ValueError: it has, with other settings; the message names them.
    """
    path = folder / CONFIG
    if not path.is_file():
        return False
    there = asdict(TrainingConfig.from_json(path))
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
    """Makes the run folder this config's, or refuses when it is another's."""
    if not check_settings(folder, config):
        folder.mkdir(parents=True, exist_ok=True)
        atomic_write(folder / CONFIG, config.to_json())
