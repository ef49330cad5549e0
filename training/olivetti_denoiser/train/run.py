"""The whole run: faces or a dataset of pictures in, a trained and measured network out.

denoiser train --output outputs/model
>>> trained = train(TrainingConfig(epochs=2), "outputs/model")
>>> write_model_folder("outputs/model", trained)
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from olivetti_denoiser.atomic import atomic_write
from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.data.faces import (
    as_arrays,
    load_split,
    others_if_there,
    split_checksum,
)
from olivetti_denoiser.data.patch_notes import NOTES, what_was_left_out
from olivetti_denoiser.data.patches import Prepared, prepare
from olivetti_denoiser.data.test_sets import PictureSet, standing_set
from olivetti_denoiser.denoiser import Denoiser
from olivetti_denoiser.evaluate.drawn import measure_drawn
from olivetti_denoiser.evaluate.measure import evaluate
from olivetti_denoiser.evaluate.measure_colour import evaluate_colour
from olivetti_denoiser.history import best_epoch
from olivetti_denoiser.images.picture import ImageRows
from olivetti_denoiser.network.backend import processors
from olivetti_denoiser.network.export import to_network
from olivetti_denoiser.network.unet import multiply_adds
from olivetti_denoiser.noise import to_uint8
from olivetti_denoiser.release import Metrics, check_target, is_released
from olivetti_denoiser.synthesis.synthetic_dataset import prepare_synthetic
from olivetti_denoiser.train.checkpoint import check_settings
from olivetti_denoiser.train.distributed import data_parallel, initialize
from olivetti_denoiser.train.fit import FitResult, fit
from olivetti_denoiser.train.time_limit import TimeLimit

SPLIT = "split.sha256"  # of a run folder: which faces it has learned from
POOL = "pool"  # of a run folder: the coloured pictures that were made of the faces
PICTURES = "pictures"  # of a run folder: what a dataset of pictures was cut into


class Trained(NamedTuple):
    """The outcome of a training, from which a model folder is written.

    Attributes:
        model: The network to release, averaged weights of the best epoch.
        config: The settings.
        history: One dict an epoch, as in `history.csv`.
        metrics: What `metrics.json` holds.
        pictures: The columns of the test faces, see `data.faces.Faces`, and `restored`.
        run_folder: The run, with its history and TensorBoard events.
    """

    model: keras.Model
    config: TrainingConfig
    history: list[dict]
    metrics: Metrics
    pictures: dict[str, np.ndarray]
    run_folder: Path


def train(
    config: TrainingConfig,
    output: str | Path,
    *,
    dataset: str | None = None,
    image_column: str | None = None,
    split: str | None = None,
    overwrite: bool = False,
    distributed: bool = False,
    max_minutes: float | None = None,
) -> Trained | None:
    """Train and measure; an interrupted run goes on where it was.

    Args:
        config: The settings.
        output: The model folder that is to be made of it, which is not written here. The run lives
            beside it, in `<output>.run`.
        dataset: What to learn from: a folder of pictures or any image dataset, OWNER/NAME on the
            Hub; None, or a published copy of the reference split, takes the faces.
        image_column: The column of pictures, see `data.image_dataset.open_pictures`.
        split: The split of a dataset of pictures, see `open_pictures` there; of the faces, see
            `data.faces.load_split`.
        overwrite: Replace a finished model and start its run anew.
        distributed: Train together with other processes, all of which make this call; see
            `train.distributed.initialize`.
        max_minutes: How long making pictures and training may take, measuring not included; more
            than 0. A run that would take longer is shortened, see `train.time_limit`. It is no
            part of `config`, since what it does depends on the machine, and an interrupted run
            may go on with another limit.

    Returns:
        All that a model folder is written from; None in a process that is not the first one.

    Raises:
        ValueError: The output is taken, or its run has other settings or another split; or
            several processes are given a time limit, of which each would have its own clock.
        FacesUnavailableError: There are no faces to train on.
        TrainingStoppedError: The loss is no longer a number, or more than 1 % of the
            pictures are broken.
        DisconnectedError: The other processes cannot be reached.
    """
    output = Path(output)
    run_folder = output.with_name(f"{output.name}.run")
    if distributed:
        if max_minutes is not None:
            raise ValueError(
                "a time limit is for one process; the limit of the job would do, after which the "
                f"same command goes on. Received: max_minutes={max_minutes:g} and distributed"
            )
        initialize()
    limit = TimeLimit(config, max_minutes)
    processes = data_parallel(config.batch_size)
    processes.check_same("settings", config.to_json().encode())
    processes.first_does(lambda: _claim_output(output, run_folder, overwrite))
    pictures = pictures_of(dataset, image_column, split, config, run_folder)
    learned: ImageRows
    held_out: ImageRows
    if pictures:
        dataset, split, drawn = None, None, load_split()  # the faces to measure on
        learned, held_out = pictures.learned.clean, pictures.held_out.clean
    else:
        drawn = load_split(split, dataset)
        processes.first_does(lambda: _claim_split(run_folder, split_checksum(drawn)))
        faces, count = as_arrays(drawn["train"]).clean, config.validation_faces
        learned, held_out = faces[:-count], faces[-count:]
        if config.planes == 3:
            pool = prepare_synthetic(faces, run_folder / POOL, config)
            learned, held_out = (part.clean for part in pool)
    result = fit(config, learned, held_out, run_folder, processes=processes, limit=limit)
    if result.model is None:
        return None

    denoiser = Denoiser(to_network(result.model))
    outside = others_if_there(dataset, split)
    tested = pictures.test if pictures and config.planes == 1 else None
    metrics = evaluate(denoiser, drawn, outside, pictures=tested, report=print)
    if config.planes == 3:
        sets = [standing_set()]
        if pictures:
            sets.append(
                PictureSet(pictures.summary["dataset"], list(to_uint8(pictures.test.clean)))
            )
        metrics["colour"] = evaluate_colour(denoiser, sets, report=print)["colour"]
        metrics["drawn"] = measure_drawn(denoiser)
    learned_faces = 0 if pictures else len(drawn["train"]) - config.validation_faces
    metrics["training"] = {
        **_summary(config, result),
        "learned_faces": learned_faces,
        "dataset": dataset,
    }
    if pictures:
        metrics["training"]["pictures"] = pictures.summary
        print(what_was_left_out(pictures.summary))
    test = as_arrays(drawn["test"])
    shown = {**test._asdict(), "restored": denoiser(test.noisy)}
    return Trained(result.model, config, result.history, metrics, shown, run_folder)


def _summary(config: TrainingConfig, result: FitResult) -> dict:
    """Return how a network was trained, as `metrics.json` holds it."""
    best = best_epoch(result.history)
    summary = {
        "seed": config.seed,
        "epochs": len(result.history),
        "best_epoch": best["epoch"],
        "validation_psnr": best["val_psnr"],
        "validation_faces": config.validation_faces,
        "seconds": round(result.seconds, 1),
        "cores": processors(),
        "stride": 2 ** (len(config.channels) - 1),
        "multiply_adds": multiply_adds(**config.network, mirror=config.mirror),
    }
    if result.shortened_to is not None:
        summary["shortened_to"] = result.shortened_to
    return summary


def pictures_of(
    dataset: str | None,
    image_column: str | None,
    split: str | None,
    config: TrainingConfig,
    run_folder: Path,
) -> Prepared | None:
    """Return the patches of a dataset of pictures, read now or earlier in the run.

    Args:
        dataset, image_column, split: As for `train`.
        config: The settings, which say how many patches the run will look at.
        run_folder: The run, which keeps them; processes on one machine may share it.

    Returns:
        The patches; None where the reference faces are to be learned from.

    Raises:
        ValueError: See `data.patches.prepare`; or an option is about pictures and there are
            none; or the run has begun with other pictures or settings.
        FacesUnavailableError: There are no faces to measure on.
        TrainingStoppedError: More than 1 % of the pictures are broken.
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
            channels=config.planes,
            fixed=begun,
            check=load_split,  # the faces that every model is measured on; they may be missing
        )
    if found is None and image_column is not None:
        raise ValueError(
            "--image-column is for a dataset of pictures, and the faces have none. "
            f"Received: --image-column {image_column}"
        )
    if found is None and begun and (folder / NOTES).is_file():
        raise ValueError(
            "the run folder belongs to a training on a dataset of pictures; use the same "
            f"--dataset, another --output, or --overwrite to start anew. Received: {run_folder}"
        )
    return found


def _claim_output(output, run_folder, overwrite):
    """Remove an earlier run with `overwrite`; else refuse to replace a finished model."""
    check_target(output)
    if overwrite:
        shutil.rmtree(run_folder, ignore_errors=True)
    elif is_released(output) and not run_folder.is_dir():
        raise ValueError(
            f"there is a finished model; use another --output, or --overwrite. Received: {output}"
        )


def _claim_split(run_folder, checksum):
    """Note in the run folder which faces it learns from; refuse a run with other faces."""
    path = run_folder / SPLIT
    if path.is_file() and path.read_text(encoding="ascii").strip() != checksum:
        raise ValueError(
            "the run folder belongs to another split of the faces; use that, another --output, or "
            f"--overwrite to start anew. Received: {run_folder}"
        )
    run_folder.mkdir(parents=True, exist_ok=True)
    atomic_write(path, f"{checksum}\n")
