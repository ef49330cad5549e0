"""Train one network: batches, optimizer, callbacks, resume.

    >>> clean = as_arrays(split["train"]).clean
    >>> result = fit(TrainingConfig(epochs=2), clean[:-8], clean[-8:], "outputs/model.run")

The run folder holds `best_model.h5` (the averaged weights of the best epoch), `history.csv`,
`tensorboard/`, `training_config.json` and `state.npz`, from which an interrupted run goes on.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

import keras

from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.images.picture import ImageRows
from olivetti_denoiser.network.unet import estimator_of, residual_unet, with_mirror
from olivetti_denoiser.release import LEGACY_MODEL
from olivetti_denoiser.train.batches import NoisyFaces
from olivetti_denoiser.train.checkpoint import RunState, claim
from olivetti_denoiser.train.colour_batches import ColourBatches
from olivetti_denoiser.train.colour_validation import ColourValidation
from olivetti_denoiser.train.distributed import Processes, data_parallel
from olivetti_denoiser.train.events import RestoredFaces
from olivetti_denoiser.train.losses import losses, training_model
from olivetti_denoiser.train.optimizer import make_optimizer
from olivetti_denoiser.train.time_limit import TimeLimit
from olivetti_denoiser.train.validation import GrayValidation

TENSORBOARD = "tensorboard"
LEAST_CAPABILITY = 8  # of NVIDIA's GPUs that compute in bfloat16: Ampere and later


class FitResult(NamedTuple):
    """The outcome of `fit`.

    Attributes:
        model: The network to release, averaged weights of the best epoch; None in a process that is
            not the first one.
        history: One dict an epoch, as in `history.csv`.
        seconds: Time spent in training, over all sittings.
        shortened_to: Steps of a run that a time limit shortened; None of one that had all.
    """

    model: keras.Model | None
    history: list[dict]
    seconds: float
    shortened_to: int | None = None


def fit(
    config: TrainingConfig,
    learned: ImageRows,
    held_out: ImageRows,
    run_folder: str | Path,
    *,
    processes: Processes | None = None,
    limit: TimeLimit | None = None,
) -> FitResult:
    """Train the network, or go on with the interrupted run in `run_folder`.

    Args:
        config: The settings; a run folder belongs to one config.
        learned: Pictures to learn from, each H×W×C in [0, 1].
        held_out: Pictures to validate on.
        run_folder: Where the run lives; created where missing. Of several processes, only the
            first one reads and writes it.
        processes: The processes that train together; None trains in this one, on all its devices.
        limit: The time that the run may take; in one process alone.

    Returns:
        The `FitResult` of the whole run.

    Raises:
        ValueError: The folder holds a run with other settings; the message names them. Or the
            devices cannot share a batch evenly.
        TrainingStoppedError: The loss is no longer a number.
        DisconnectedError: The other processes cannot be reached.
    """
    run_folder, limit = Path(run_folder), limit or TimeLimit(config)
    processes = processes or data_parallel(config.batch_size)
    processes.first_does(lambda: claim(run_folder, config))
    keras.utils.set_random_seed(config.seed)
    in_colour = config.planes == 3
    batches_of = ColourBatches if in_colour else NoisyFaces
    validation_of = ColourValidation if in_colour else GrayValidation
    if processes.count > 1:
        arrays = keras.tree.flatten(batches_of(learned, config)[0])
        content = b"".join(array.tobytes() for array in arrays)
        processes.check_same("pictures and packages, as they make other batches", content)

    with processes.scope():
        trained = compiled(config)
    averaged = residual_unet(**config.network)
    state = RunState(run_folder, config, averaged, limit, processes)
    callbacks: list[keras.callbacks.Callback] = []
    if processes.is_first:
        validation, events = validation_of(averaged, held_out, config), run_folder / TENSORBOARD
        callbacks += [validation, RestoredFaces(validation, config.epochs, events / "faces")]
        if keras.backend.backend() == "tensorflow":  # which this callback needs
            callbacks.append(keras.callbacks.TensorBoard(str(events), write_graph=False))

    with processes.scope():
        state.restore(trained)
        if not state.stopped:
            trained.fit(
                batches_of(learned, config, len(state.history), processes.part(config.batch_size)),
                initial_epoch=len(state.history),
                epochs=config.epochs,
                # One iterator for all epochs: to end one, TensorFlow waits about as long as it ran.
                steps_per_epoch=config.steps_per_epoch,
                shuffle=False,  # the batches are in an order of their own
                callbacks=[*callbacks, limit, state],
                verbose=(1 if sys.stdout.isatty() else 2) if processes.is_first else 0,
            )
    processes.shutdown()
    released = None
    if processes.is_first:
        best = keras.models.load_model(run_folder / LEGACY_MODEL, compile=False)
        released = residual_unet(**config.network, bounded=in_colour)
        released.set_weights(best.get_weights())
        released = with_mirror(released) if config.mirror else released
    seconds = sum(row["seconds"] for row in state.history)
    return FitResult(
        released, state.history, seconds, limit.shortened.end if limit.shortened else None
    )


def compiled(config: TrainingConfig) -> keras.Model:
    """Return the network as it is trained, with its optimizer."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if has_bfloat16() else "float32")
    try:
        network = residual_unet(**config.network)
        trained = training_model(network)
    finally:
        keras.config.set_dtype_policy(before)
    optimizer = make_optimizer(config)
    # Decay bends the estimate of weak noise: 0.0169 in place of 0.02, without it 0.0194.
    optimizer.exclude_from_weight_decay(var_list=estimator_of(network).trainable_variables)
    trained.compile(optimizer, loss=losses(config))
    trained.optimizer.build(trained.trainable_variables)
    return trained


def has_bfloat16() -> bool:
    """Return whether the devices compute in bfloat16 faster than in float32; on JAX alone."""
    if keras.backend.backend() != "jax":
        return False
    import jax

    device = jax.local_devices()[0]
    major = str(getattr(device, "compute_capability", "")).partition(".")[0]
    return device.platform == "tpu" or (major.isdecimal() and int(major) >= LEAST_CAPABILITY)
