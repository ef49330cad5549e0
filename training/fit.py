"""Train one network: batches with fresh noise, optimizer, callbacks, resume.

    >>> result = fit(TrainingConfig(epochs=2), as_arrays(split["train"]), "outputs/model.run")

The run folder holds `best_model.h5` (the averaged weights of the best epoch), `history.csv`,
`tensorboard/`, `training_config.json` and `state.npz`, from which an interrupted run goes on.
"""

from __future__ import annotations

import csv
import io
import json
import logging
import math
import sys
import time
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import cv2
import keras
import numpy as np

from training.collage import collage
from training.config import TrainingConfig
from training.data import Faces
from training.events import restored_faces
from training.losses import restored_loss
from training.metrics import psnr, ssim
from training.model import level_of, residual_unet, restorer_of, takes_sigma, with_mirror
from training.noise import add_gaussian_noise
from training.optimizer import make_optimizer
from training.team import Team, apart, assemble, mixed_precision

BEST_MODEL = "best_model.h5"
HISTORY = "history.csv"
CONFIG = "training_config.json"
TENSORBOARD = "tensorboard"
STATE = "state.npz"

LEAST_SIGMA = 0.01  # levels under this one weigh no more than this one does
WARP_ANGLE, WARP_SCALE, WARP_SHEAR = np.deg2rad(8), 0.15, 0.08  # largest; logarithms of ratios
VALIDATION_DRAWS = 8  # noise levels at which each validation face is seen


class TrainingStoppedError(RuntimeError):
    """Training cannot go on; the message says why and what would work."""


class FitResult(NamedTuple):
    """What `fit` leaves.

    Attributes:
        model: the network to release, averaged weights of the best epoch; None on a worker that is
            not the first.
        history: one dict an epoch, as in `history.csv`.
        seconds: time spent in training, over all sittings.
    """

    model: keras.Model | None
    history: list[dict]
    seconds: float


def fit(
    config: TrainingConfig,
    faces: Faces,
    run_folder: str | Path,
    *,
    held_out: Faces | None = None,
) -> FitResult:
    """Trains the network, or goes on with the interrupted run in `run_folder`.

    Args:
        config: the settings; a run folder belongs to one of them.
        faces: the training faces, of which the last `config.validation_faces` are held out; or
            anything with a sequence of pictures as `clean`, such as `training.patches.Patches`.
        run_folder: where the run lives; created where missing. Of several workers, only the first
            one reads and writes it.
        held_out: pictures to validate on, where all of `faces` are to be learned from.

    Returns:
        The `FitResult` of the whole run.

    Raises:
        ValueError: the folder holds a run with other settings; the message names them. Or the
            devices cannot share a batch evenly.
        TrainingStoppedError: the loss is no longer a number.
        training.trainer.DisconnectedError: the other workers are out of reach.
    """
    run_folder = Path(run_folder)
    team = assemble(config.batch_size)
    if team.first:
        _claim(run_folder, config)
    keras.utils.set_random_seed(config.seed)
    learned = faces
    if held_out is None:
        learned, held_out = carve_validation(faces, config.validation_faces)

    with team.scope():
        trained = compiled(config)
    averaged = residual_unet(**config.network)

    judge = {"monitor": "val_restored_loss", "mode": "min"}
    best = BestModel(averaged, run_folder / BEST_MODEL, save_best_only=True, **judge)
    stopping = keras.callbacks.EarlyStopping(patience=config.patience, **judge)
    state = RunState(run_folder, best, stopping, team)
    measuring, writing = [], []
    if team.first:
        validation = Validation(averaged, held_out, config)
        pictures = restored_faces(validation, config, run_folder / TENSORBOARD)
        measuring, writing = [validation], [best, *_tensorboard(run_folder), *pictures]
    callbacks = [*team.callbacks(*measuring), stopping, *writing, state]

    with team.scope():
        state.restore(trained)
        batches = NoisyFaces(learned.clean, config, len(state.history))
        team.check_same(batches)
        if not state.finished(config):
            trained.fit(
                team.share(batches),
                initial_epoch=len(state.history),
                epochs=config.epochs,
                # One iterator for all epochs: to end one, TensorFlow waits about as long as it ran.
                steps_per_epoch=config.steps_per_epoch,
                shuffle=False,  # the batches are in an order of their own
                callbacks=callbacks,
                verbose=(1 if sys.stdout.isatty() else 2) if team.first else 0,
            )
    team.part()
    released = None
    if team.first:
        best_model = keras.models.load_model(run_folder / BEST_MODEL, compile=False)
        released = with_mirror(best_model) if config.mirror else best_model
    return FitResult(released, state.history, sum(row["seconds"] for row in state.history))


def compiled(config: TrainingConfig) -> keras.Model:
    """Returns the network as it is trained, with its optimizer."""
    with mixed_precision():
        network = residual_unet(**config.network)
        trained = training_model(network)
    optimizer = make_optimizer(config)
    # Decay bends the estimate of weak noise: 0.0169 in place of 0.02, without it 0.0194.
    optimizer.exclude_from_weight_decay(var_list=level_of(network).trainable_variables)
    trained.compile(optimizer, loss=losses(config))
    trained.optimizer.build(trained.trainable_variables)
    return trained


class NoisyFaces(keras.utils.PyDataset):
    """Batches of varied faces with fresh noise of random levels.

    A batch is a function of (seed, step) alone: the same bytes on every backend and in every
    process, so a resumed run sees what the uninterrupted one would have seen.

    Args:
        clean: the pictures, N×H×W×1 in [0, 1].
        config: the settings.
        epochs_done: how many epochs the run has had.
    """

    def __init__(self, clean: np.ndarray, config: TrainingConfig, epochs_done: int = 0):
        super().__init__()
        self.clean, self.config = clean, config
        self.steps_done = epochs_done * config.steps_per_epoch

    def __len__(self):
        # One more than are used: with the last one, Keras would start over at once.
        return self.config.total_steps - self.steps_done + 1

    def __getitem__(self, index):
        config = self.config
        step = self.steps_done + index
        rng = np.random.default_rng((config.seed, step))
        clean = np.stack([self._varied(row, rng) for row in self._rows(step)])
        exact = rng.random(len(clean)) < config.sigma_share
        sigma = np.where(exact, config.sigma, rng.uniform(0, config.sigma_max, len(clean)))
        return example_batch(clean, sigma, config, rng)

    def _rows(self, step):
        """The faces of this step: every face once a pass, each pass in an order of its own."""
        size, count = self.config.batch_size, len(self.clean)
        places = np.arange(step * size, (step + 1) * size)
        seed = self.config.seed
        return [_order(seed, place // count, count)[place % count] for place in places]

    def _varied(self, row, rng):
        """One face, warped, flipped and shifted, mixed with another, in other light; or a collage.

        Only some faces are warped: interpolation leaves a face smoother than a real one, and a
        network that learns from many of those smooths too much.
        """
        config = self.config
        if rng.random() < config.collage:
            return collage(self.clean, rng)
        face = self._moved(self.clean[row], rng)
        if rng.random() < config.mix:
            other = self._moved(self.clean[rng.integers(len(self.clean))], rng)
            face = _with_rectangle_of(other, face, rng)
        contrast = 1 + rng.uniform(-config.contrast, config.contrast)
        brightness = rng.uniform(-config.brightness, config.brightness)
        return np.clip((face - 0.5) * contrast + 0.5 + brightness, 0, 1).astype(np.float32)

    def _moved(self, face, rng):
        shift = self.config.shift
        if rng.random() < self.config.warp:
            face = warped(face, rng)
        if self.config.flip and rng.random() < 0.5:
            face = face[:, ::-1]
        if shift:
            down, right = rng.integers(0, 2 * shift + 1, 2)
            padded = np.pad(face, ((shift, shift), (shift, shift), (0, 0)), mode="reflect")
            face = padded[down : down + face.shape[0], right : right + face.shape[1]]
        return face


@lru_cache(maxsize=2)  # drawing it anew each step would take a quarter of a step for a million
def _order(seed, turn, count):
    """The order in which one pass shows the pictures."""
    return np.random.default_rng((seed, turn, 1)).permutation(count)


def warped(face: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Turns, scales and shears a picture a little around its middle.

    Args:
        face: H×W×1 in [0, 1].
        rng: what is drawn.

    Returns:
        float32 H×W×1 in [0, 1], edges reflected, resampled by the sharpest filter there is.
    """
    height, width = face.shape[:2]
    angle = rng.uniform(-WARP_ANGLE, WARP_ANGLE)
    scale = np.exp(rng.uniform(-WARP_SCALE, WARP_SCALE))
    stretch = np.exp(rng.uniform(-WARP_SHEAR, WARP_SHEAR))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shear = np.array([[1.0, rng.uniform(-WARP_SHEAR, WARP_SHEAR)], [0.0, stretch]])
    matrix = scale * turn @ shear
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    moved = cv2.warpAffine(
        np.ascontiguousarray(face[..., 0], np.float32),
        np.column_stack([matrix, middle - matrix @ middle]),
        (width, height),
        flags=cv2.INTER_LANCZOS4,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return np.clip(moved, 0, 1)[..., None]


def _with_rectangle_of(other, face, rng):
    """CutMix (Yun et al. 2019) without its labels: a quarter to three quarters of each side."""
    size = [int(rng.integers(side // 4, 3 * side // 4 + 1)) for side in face.shape[:2]]
    top, left = (
        int(rng.integers(0, side - length + 1))
        for side, length in zip(face.shape[:2], size, strict=True)
    )
    rectangle = np.s_[top : top + size[0], left : left + size[1]]
    mixed = face.copy()
    mixed[rectangle] = other[rectangle]
    return mixed


def example_batch(clean, sigma, config, rng):
    """Makes one training example a picture: (inputs, targets, sample weights).

    Args:
        clean: N×H×W×1 in [0, 1].
        sigma: N noise levels.
        config: the `TrainingConfig` whose `sigma` has weight one; other levels are weighted by
            `config.sigma / sigma`, so that strong noise does not drown weak noise.
        rng: generator of the noise.
    """
    level = np.asarray(sigma, np.float32)[:, None, None, None]
    noisy = add_gaussian_noise(clean, level, rng)
    weight = config.sigma / np.maximum(np.asarray(sigma, np.float32), LEAST_SIGMA)
    inputs = {"noisy": noisy, "sigma": level}
    targets = {"restored": clean.astype(np.float32), "estimate": level}
    # Keras multiplies weights into the loss map, N×H×W, so they are shaped to broadcast over it.
    weight = weight.astype(np.float32)[:, None, None]
    weights = {"restored": weight, "estimate": weight}
    return inputs, targets, weights


def losses(config: TrainingConfig) -> dict:
    """Returns the loss of each output of `training_model`."""
    return {"restored": restored_loss(config.loss), "estimate": "mse"}


def training_model(model: keras.Model) -> keras.Model:
    """Returns the network as it is trained: given (noisy, sigma), gives (restored, estimate).

    The restoring part sees the true level and the estimator learns it from the picture, so each
    part is trained on its own and either can be used without the other. A blind model's
    restoring part sees the same constant as when it is used, and that is its estimate.
    """
    noisy = keras.Input((None, None, 1), name="noisy")
    sigma = keras.Input((1, 1, 1), name="sigma")
    estimate = level_of(model)(noisy)
    restored = restorer_of(model)([noisy, sigma if takes_sigma(model) else estimate])
    return keras.Model(
        {"noisy": noisy, "sigma": sigma}, {"restored": restored, "estimate": estimate}
    )


def carve_validation(faces: Faces, count: int) -> tuple[Faces, Faces]:
    """Splits the training faces into those to learn from and the last `count`, to validate on."""
    return faces.take(slice(None, -count)), faces.take(slice(-count, None))


class Validation(keras.callbacks.Callback):
    """Measures the averaged weights on the held-out faces after each epoch.

    Adds to the epoch's logs `val_restored_loss` and `val_estimate_loss`, of the same mixture of
    noise levels as the training losses but with noise that never changes, and `val_psnr` in dB
    and `val_ssim` at `config.sigma`, the level being estimated. The averaged weights stay in
    `averaged`.
    """

    def __init__(self, averaged: keras.Model, held_out: Faces, config: TrainingConfig):
        super().__init__()
        self.averaged, self.config = averaged, config
        self.judged = training_model(averaged)
        self.judged.compile(loss=losses(config))
        rng = np.random.default_rng(0)  # one noise for every run, so that runs can be compared
        clean = np.repeat(held_out.clean, VALIDATION_DRAWS, axis=0)
        spread = (np.arange(len(clean)) + 0.5) / len(clean) * config.sigma_max
        exact = np.arange(len(clean)) % VALIDATION_DRAWS < config.sigma_share * VALIDATION_DRAWS
        levels = np.where(exact, config.sigma, rng.permutation(spread))
        self.example = example_batch(clean, levels, config, rng)
        self.clean = clean
        self.noisy = add_gaussian_noise(clean, config.sigma, rng)

    def on_epoch_end(self, epoch, logs=None):
        with apart():
            self._measure(logs)

    def _measure(self, logs):
        copy_averaged_weights(self.model, self.averaged)
        inputs, targets, weights = self.example
        losses = self.judged.evaluate(
            inputs, targets, sample_weight=weights, batch_size=16, verbose=0, return_dict=True
        )
        logs.update({f"val_{name}": float(value) for name, value in losses.items()})
        restored = self.averaged.predict(self.noisy, batch_size=16, verbose=0)
        self.restored = np.clip(restored, 0, 1)
        logs["val_psnr"] = float(psnr(self.clean, self.restored).mean())
        logs["val_ssim"] = float(ssim(self.clean, self.restored).mean())

    def pictures(self) -> dict[str, np.ndarray]:
        """Returns each held-out face once: noisy, restored after this epoch, and original."""
        once = slice(None, None, VALIDATION_DRAWS)
        kinds = {"noisy": self.noisy, "restored": self.restored, "original": self.clean}
        return {kind: faces[once] for kind, faces in kinds.items()}


def copy_averaged_weights(trained: keras.Model, averaged: keras.Model) -> None:
    """Copies the optimizer's moving averages of `trained` into the network `averaged`.

    Keras's own `SwapEMAWeights` swaps by adding and subtracting, which rounds: a resumed run
    would no longer equal the uninterrupted one. A copy leaves the training weights alone.
    """
    optimizer = trained.optimizer
    averages = {
        variable.path: average
        for variable, average in zip(
            optimizer._trainable_variables, optimizer._model_variables_moving_average, strict=True
        )
    }
    for target in averaged.trainable_variables:
        target.assign(keras.ops.convert_to_numpy(averages[target.path]))


class BestModel(keras.callbacks.ModelCheckpoint):
    """`ModelCheckpoint` of another model than the one that is being trained."""

    def __init__(self, released: keras.Model, path: Path, **options):
        super().__init__(str(path), **options)
        self.released = released
        # The h5 file is what the first clients of this model open, legacy or not.
        logging.getLogger("absl").setLevel(logging.ERROR)

    @property
    def model(self):
        return self

    def save(self, path, overwrite=True):
        """Saves the other model, beside `path` and renamed: a killed run leaves a whole file."""
        beside = Path(path).with_name(f"part-{Path(path).name}")
        self.released.save(beside, overwrite=overwrite)
        beside.replace(path)


class RunState(keras.callbacks.Callback):
    """Keeps the whole state of a run in one file, replaced atomically after each epoch.

    It holds the training weights, the optimizer with its averages and step, the history, and where
    the best epoch and early stopping stand. Of several workers, the first one has it and gives
    its bytes to the others.
    """

    def __init__(
        self,
        folder: Path,
        best: BestModel,
        stopping: keras.callbacks.EarlyStopping,
        team: Team | None = None,
    ):
        super().__init__()
        self.folder, self.best, self.stopping = folder, best, stopping
        self.team = team or Team()
        self.history: list[dict] = []
        self.stopped = False

    def finished(self, config: TrainingConfig) -> bool:
        """Whether the run has had all its epochs or was stopped early."""
        return self.stopped or len(self.history) >= config.epochs

    def restore(self, trained: keras.Model) -> None:
        """Puts back the state that the first worker's folder holds, if any."""
        path = self.folder / STATE
        there = self.team.first and path.is_file()
        content = self.team.broadcast(path.read_bytes() if there else b"")
        if not content:
            return
        with np.load(io.BytesIO(content)) as saved:
            notes = json.loads(str(saved["notes"]))
            for index, variable in enumerate(_all_variables(trained)):
                variable.assign(saved[f"v{index}"])
        self.history, self.stopped = notes["history"], notes["stopped"]
        self.best.best = notes["best"]
        self._waited = notes["waited"]
        if not self.stopped and self.team.first:
            print(f"Resuming after epoch {len(self.history)} of the run in {self.folder}")

    def on_train_begin(self, logs=None):
        if self.history:  # EarlyStopping has just reset itself
            self.stopping.wait, self.stopping.best = self._waited, self.best.best

    def on_epoch_begin(self, epoch, logs=None):
        self._started = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        if not math.isfinite(logs["loss"]):
            raise TrainingStoppedError(
                f"the loss is no longer a number after step {batch + 1} of epoch "
                f"{len(self.history) + 1}; a lower --learning-rate or --clip-norm would help. "
                f"Received: loss={logs['loss']}"
            )

    def on_epoch_end(self, epoch, logs=None):
        row = {"epoch": epoch + 1, **{name: float(value) for name, value in logs.items()}}
        optimizer = self.model.optimizer
        row["learning_rate"] = float(keras.ops.convert_to_numpy(optimizer.learning_rate))
        row["seconds"] = round(time.perf_counter() - self._started, 3)
        self.history.append(row)
        self.stopped = bool(self.model.stop_training)
        if not self.team.first:
            return
        _replace(self.folder / HISTORY, lambda path: write_history(path, self.history))
        _replace(self.folder / STATE, self._save)

    def _save(self, path):
        notes = {
            "history": self.history,
            "stopped": self.stopped,
            "best": float(self.best.best),
            "waited": self.stopping.wait,
        }
        variables = {
            f"v{index}": keras.ops.convert_to_numpy(variable)
            for index, variable in enumerate(_all_variables(self.model))
        }
        with path.open("wb") as file:
            np.savez(file, notes=np.array(json.dumps(notes)), **variables)


def best_epoch(history: list[dict]) -> dict:
    """Returns the epoch whose averaged weights are released: the lowest validation loss."""
    return min(history, key=lambda row: row["val_restored_loss"])


def write_history(path: Path, history: list[dict]) -> None:
    """Writes one row an epoch as CSV; what an earlier version did not measure is left empty."""
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(history[-1]), restval="")
        writer.writeheader()
        writer.writerows(history)


def _all_variables(trained):
    return [*trained.variables, *trained.optimizer.variables]


def _replace(path, write):
    """Writes beside `path` and renames, so that a reader never sees half a file."""
    beside = path.with_name(f"{path.name}.part")
    write(beside)
    beside.replace(path)


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


def _claim(folder, config):
    """Makes the run folder this config's, or refuses when it is another's."""
    if not check_settings(folder, config):
        folder.mkdir(parents=True, exist_ok=True)
        text = config.to_json()
        _replace(folder / CONFIG, lambda beside: beside.write_text(text, encoding="utf-8"))


def _tensorboard(folder):
    """The TensorBoard callback where TensorFlow, which it needs, is the backend."""
    if keras.backend.backend() != "tensorflow":
        return []
    return [keras.callbacks.TensorBoard(str(folder / TENSORBOARD), write_graph=False)]
