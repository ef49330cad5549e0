"""The whole run: faces in, a released model folder out.

denoiser train --output outputs/model
>>> metrics = train(TrainingConfig(epochs=2), "outputs/model")
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from training.config import TrainingConfig
from training.data import FacesUnavailableError, as_arrays, other_faces, reference_split
from training.denoiser import Denoiser
from training.evaluate import evaluate
from training.fit import check_settings, fit
from training.model import multiply_adds
from training.patches import NOTES, Prepared, named_in_words, prepare
from training.release import check_target, is_released, write_model_folder

PICTURES = "pictures"  # of a run folder: what a dataset of pictures was cut into


def train(
    config: TrainingConfig,
    output: str | Path,
    *,
    dataset: str | None = None,
    image_column: str | None = None,
    split: str | None = None,
    overwrite: bool = False,
    say: Callable[[str], None] = print,
) -> dict:
    """Trains, measures and releases; an interrupted run goes on where it was.

    Args:
        config: the settings.
        output: the model folder to make. The run lives beside it, in `<output>.run`.
        dataset: what to learn from: a folder of pictures or any image dataset, OWNER/NAME on the
            Hub; None, or a published copy of the reference split, takes the reference faces.
        image_column, split: of a dataset of pictures, see `training.pictures.open_pictures`.
        overwrite: replace a finished model and start its run anew.
        say: receives lines of progress.

    Returns:
        The figures that `metrics.json` holds.

    Raises:
        ValueError: the output is taken, or its run has other settings.
        training.data.FacesUnavailableError: there are no faces to train on.
        training.fit.TrainingStoppedError: the loss is no longer a number, or more than 1 % of the
            pictures are broken.
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
    pictures = pictures_of(dataset, image_column, split, config, run_folder, say)
    published = dataset if pictures is None else None
    reference = reference_split(published)
    faces = as_arrays(reference["train"])
    if pictures is None:
        result = fit(config, faces, run_folder)
    else:
        result = fit(config, pictures.learned, run_folder, held_out=pictures.held_out)

    denoiser = Denoiser(result.model)
    metrics = evaluate(
        denoiser,
        reference,
        others_if_there(published, say),
        pictures=pictures and pictures.test,
        say=say,
    )
    best = min(result.history, key=lambda row: row["val_restored_loss"])
    metrics["training"] = {
        "seed": config.seed,
        "epochs": len(result.history),
        "best_epoch": best["epoch"],
        "validation_psnr": best["val_psnr"],
        "validation_faces": config.validation_faces,
        "learned_faces": 0 if pictures else len(faces.clean) - config.validation_faces,
        "seconds": round(result.seconds, 1),
        "cores": _cores(),
        "stride": 2 ** (len(config.channels) - 1),
        "multiply_adds": multiply_adds(config.channels, config.blocks),
        "dataset": published,
    }
    if pictures is not None:
        metrics["training"]["pictures"] = pictures.summary
    test = as_arrays(reference["test"])
    shown = {
        "clean": test.clean,
        "noisy": test.noisy,
        "restored": denoiser(test.noisy),
        "face_id": test.face_id,
    }
    say(f"Writing {output}")
    write_model_folder(output, result.model, config, result.history, metrics, shown, run_folder)
    if pictures is not None:
        say(what_was_left_out(pictures.summary))
    return metrics


def pictures_of(
    dataset: str | None,
    image_column: str | None,
    split: str | None,
    config: TrainingConfig,
    run_folder: Path,
    say: Callable[[str], None] = print,
) -> Prepared | None:
    """Returns the patches of a dataset of pictures, read now or in an earlier sitting of the run.

    Args:
        dataset, image_column, split: as for `train`.
        config: the settings, which say how many patches the run will look at.
        run_folder: the run, which keeps them.
        say: receives lines of progress.

    Returns:
        The patches; None where the reference faces are to be learned from.

    Raises:
        ValueError: see `training.patches.prepare`; or an option is about pictures and there are
            none; or the run has begun with other pictures or settings.
        training.fit.TrainingStoppedError: more than 1 % of the pictures are broken.
    """
    folder, found = run_folder / PICTURES, None
    begun = check_settings(run_folder, config)
    if dataset is not None:
        found = prepare(
            dataset,
            folder,
            column=image_column,
            split=split,
            wanted=config.total_steps * config.batch_size,
            validation=config.validation_faces,
            fixed=begun,
            say=say,
        )
    if found is None:
        for option, value in (("--image-column", image_column), ("--split", split)):
            if value is not None:
                raise ValueError(
                    f"{option} is for a dataset of pictures, and the reference faces have none. "
                    f"Received: {option} {value}"
                )
        if begun and (folder / NOTES).is_file():
            raise ValueError(
                "the run folder belongs to a training on a dataset of pictures; use the same "
                f"--dataset, another --output, or --overwrite to start anew. Received: {run_folder}"
            )
    return found


def what_was_left_out(summary: Mapping) -> str:
    """Says which pictures could not be read; `summary` is that of `training.patches.Prepared`."""
    broken, read = summary["broken"], summary["read"]
    if not broken:
        return f"Every one of the {read:,} pictures could be read."
    names = named_in_words(summary["broken_names"], broken)
    return f"Left out {broken:,} of {read:,} pictures, which are broken: {names}"


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
