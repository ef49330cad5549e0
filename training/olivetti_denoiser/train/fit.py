"""Train one network: batches, optimizer, callbacks, resume.

    >>> result = fit(TrainingConfig(epochs=2), as_arrays(split["train"]), "outputs/model.run")

The run folder holds `best_model.h5` (the averaged weights of the best epoch), `history.csv`,
`tensorboard/`, `training_config.json` and `state.npz`, from which an interrupted run goes on.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple, cast

import keras

from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.data.faces import Faces
from olivetti_denoiser.data.patch_files import Patches
from olivetti_denoiser.network.unet import estimator_of, residual_unet, with_mirror
from olivetti_denoiser.release import LEGACY_MODEL
from olivetti_denoiser.train.batches import NoisyFaces
from olivetti_denoiser.train.callbacks import BestModel, Validation
from olivetti_denoiser.train.checkpoint import RunState, claim
from olivetti_denoiser.train.colour_batches import ColourBatches
from olivetti_denoiser.train.colour_validation import ColourValidation
from olivetti_denoiser.train.distributed import Processes, data_parallel
from olivetti_denoiser.train.events import restored_faces
from olivetti_denoiser.train.objective import losses, training_model
from olivetti_denoiser.train.optimizer import make_optimizer
from olivetti_denoiser.train.precision import mixed_precision
from olivetti_denoiser.train.time_limit import TimeLimit

TENSORBOARD = "tensorboard"


class FitResult(NamedTuple):
    """What `fit` leaves.

    Attributes:
        model: the network to release, averaged weights of the best epoch; None in a process that is
            not the first one.
        history: one dict an epoch, as in `history.csv`.
        seconds: time spent in training, over all sittings.
        shortened_to: Steps of a run that a time limit shortened; None of one that had all.
    """

    model: keras.Model | None
    history: list[dict]
    seconds: float
    shortened_to: int | None = None


def fit(
    config: TrainingConfig,
    faces: Faces | Patches,
    run_folder: str | Path,
    *,
    held_out: Faces | Patches | None = None,
    processes: Processes | None = None,
    limit: TimeLimit | None = None,
) -> FitResult:
    """Trains the network, or goes on with the interrupted run in `run_folder`.

    Args:
        config: the settings; a run folder belongs to one of them.
        faces: the training faces, of which the last `config.validation_faces` are held out; or
            anything with a sequence of pictures as `clean`, such as `data.patches.Patches`.
        run_folder: where the run lives; created where missing. Of several processes, only the
            first one reads and writes it.
        held_out: pictures to validate on, where all of `faces` are to be learned from.
        processes: the processes that train together; None trains in this one, on all its devices.
        limit: The time that the run may take; in one process alone.

    Returns:
        The `FitResult` of the whole run.

    Raises:
        ValueError: the folder holds a run with other settings; the message names them. Or the
            devices cannot share a batch evenly.
        TrainingStoppedError: the loss is no longer a number.
        DisconnectedError: the other processes cannot be reached.
    """
    run_folder = Path(run_folder)
    processes = processes or data_parallel(config.batch_size)
    processes.first_does(lambda: claim(run_folder, config))
    keras.utils.set_random_seed(config.seed)
    learned = faces
    if held_out is None:
        learned, held_out = carve_validation(cast(Faces, faces), config.validation_faces)

    with processes.scope():
        trained = compiled(config)
    averaged = residual_unet(**config.network)

    judge = {"monitor": "val_restored_loss", "mode": "min"}
    best = BestModel(averaged, run_folder / LEGACY_MODEL, save_best_only=True, **judge)
    stopping = keras.callbacks.EarlyStopping(patience=config.patience, **judge)
    limit = limit or TimeLimit(config)
    state = RunState(run_folder, best, stopping, limit, processes)
    measuring, writing = [], []
    if processes.is_first:
        if config.planes == 3:
            validation = ColourValidation(averaged, held_out.clean, config)
        else:
            validation = Validation(averaged, held_out, config)
        pictures = restored_faces(validation, config, run_folder / TENSORBOARD)
        measuring, writing = [validation], [best, *_tensorboard(run_folder), *pictures]
    callbacks = [*processes.callbacks(*measuring), stopping, *writing, limit, state]

    with processes.scope():
        state.restore(trained)
        kind = ColourBatches if config.planes == 3 else NoisyFaces
        batches = kind(learned.clean, config, len(state.history))
        processes.check_same_batches(batches)
        if not state.finished(config):
            trained.fit(
                processes.local_batches(batches),
                initial_epoch=len(state.history),
                epochs=config.epochs,
                # One iterator for all epochs: to end one, TensorFlow waits about as long as it ran.
                steps_per_epoch=config.steps_per_epoch,
                shuffle=False,  # the batches are in an order of their own
                callbacks=callbacks,
                verbose=(1 if sys.stdout.isatty() else 2) if processes.is_first else 0,
            )
    processes.shutdown()
    released = None
    if processes.is_first:
        best_model = keras.models.load_model(run_folder / LEGACY_MODEL, compile=False)
        released = with_mirror(best_model) if config.mirror else best_model
    seconds = sum(row["seconds"] for row in state.history)
    shortened_to = limit.shortened.end if limit.shortened else None
    return FitResult(released, state.history, seconds, shortened_to)


def compiled(config: TrainingConfig) -> keras.Model:
    """Returns the network as it is trained, with its optimizer."""
    with mixed_precision():
        network = residual_unet(**config.network)
        trained = training_model(network)
    optimizer = make_optimizer(config)
    # Decay bends the estimate of weak noise: 0.0169 in place of 0.02, without it 0.0194.
    optimizer.exclude_from_weight_decay(var_list=estimator_of(network).trainable_variables)
    trained.compile(optimizer, loss=losses(config))
    trained.optimizer.build(trained.trainable_variables)
    return trained


def carve_validation(faces: Faces, count: int) -> tuple[Faces, Faces]:
    """Splits the training faces into those to learn from and the last `count`, to validate on."""
    return faces.take(slice(None, -count)), faces.take(slice(-count, None))


def _tensorboard(folder):
    """The TensorBoard callback where TensorFlow, which it needs, is the backend."""
    if keras.backend.backend() != "tensorflow":
        return []
    return [keras.callbacks.TensorBoard(str(folder / TENSORBOARD), write_graph=False)]
