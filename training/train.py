"""The whole run: faces in, a released model folder out.

denoiser train --output outputs/model
>>> metrics = train(TrainingConfig(epochs=2), "outputs/model")
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from training.config import TrainingConfig
from training.data import FacesUnavailableError, as_arrays, other_faces, reference_split
from training.denoiser import Denoiser
from training.evaluate import evaluate
from training.fit import best_epoch, fit
from training.model import multiply_adds
from training.release import check_target, is_released, write_model_folder


def train(
    config: TrainingConfig,
    output: str | Path,
    *,
    dataset: str | None = None,
    overwrite: bool = False,
    say: Callable[[str], None] = print,
) -> dict:
    """Trains, measures and releases; an interrupted run goes on where it was.

    Args:
        config: the settings.
        output: the model folder to make. The run lives beside it, in `<output>.run`.
        dataset: OWNER/NAME of the published split; None takes scikit-learn's faces.
        overwrite: replace a finished model and start its run anew.
        say: receives lines of progress.

    Returns:
        The figures that `metrics.json` holds.

    Raises:
        ValueError: the output is taken, or its run has other settings.
        training.data.FacesUnavailableError: there are no faces to train on.
        training.fit.TrainingStoppedError: the loss is no longer a number.
    """
    output = Path(output)
    run_folder = run_folder_of(output)
    check_target(output)
    if overwrite:
        shutil.rmtree(run_folder, ignore_errors=True)
    elif is_released(output) and not run_folder.is_dir():
        raise ValueError(
            f"there is a finished model; use another --output, or --overwrite. Received: {output}"
        )
    split = reference_split(dataset)
    faces = as_arrays(split["train"])
    result = fit(config, faces, run_folder)

    denoiser = Denoiser(result.model)
    metrics = evaluate(denoiser, split, others_if_there(dataset, say), say=say)
    best = best_epoch(result.history)
    metrics["training"] = {
        "seed": config.seed,
        "epochs": len(result.history),
        "best_epoch": best["epoch"],
        "validation_psnr": best["val_psnr"],
        "validation_faces": config.validation_faces,
        "learned_faces": len(faces.clean) - config.validation_faces,
        "seconds": round(result.seconds, 1),
        "cores": _cores(),
        "stride": 2 ** (len(config.channels) - 1),
        "multiply_adds": multiply_adds(
            config.channels, config.blocks, config.mirror, level=config.level
        ),
        "dataset": dataset,
    }
    test = as_arrays(split["test"])
    pictures = {
        "clean": test.clean,
        "noisy": test.noisy,
        "restored": denoiser(test.noisy),
        "face_id": test.face_id,
    }
    say(f"Writing {output}")
    write_model_folder(output, result.model, config, result.history, metrics, pictures, run_folder)
    return metrics


def run_folder_of(output: Path) -> Path:
    """Returns the folder of the training run that belongs to a model folder."""
    return output.with_name(f"{output.name}.run")


def others_if_there(dataset: str | None, say: Callable[[str], None]):
    """Returns the 300 other faces, or None where only the published split can be had."""
    try:
        return other_faces(download=dataset is None)
    except FacesUnavailableError:
        if dataset is None:
            raise
        say("The other 300 faces are not in scikit-learn's cache and are left out of the figures.")
        return None


def _cores():
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
