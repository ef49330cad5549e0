"""The whole run: faces in, a trained and measured network out.

denoiser train --output outputs/model
>>> trained = train(TrainingConfig(epochs=2), "outputs/model")
>>> write_model_folder("outputs/model", trained)
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from olivetti_denoiser.atomic import atomic_write
from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.data.faces import (
    SPLIT_CHECKSUM,
    Faces,
    as_arrays,
    load_split,
    others_if_there,
    split_checksum,
    split_name,
)
from olivetti_denoiser.data.patch_files import Patches
from olivetti_denoiser.data.patches import NOTES, Prepared, named_in_words, prepare
from olivetti_denoiser.data.picture_folder import in_words
from olivetti_denoiser.data.test_sets import PictureSet, standing_set
from olivetti_denoiser.denoiser import Denoiser
from olivetti_denoiser.evaluate.measure import evaluate, evaluate_colour
from olivetti_denoiser.history import best_epoch
from olivetti_denoiser.network.backend import processors
from olivetti_denoiser.network.export import to_network
from olivetti_denoiser.network.unet import multiply_adds
from olivetti_denoiser.noise import to_uint8
from olivetti_denoiser.release import Metrics, check_target, is_released
from olivetti_denoiser.synthesis.synthetic_dataset import prepare_synthetic
from olivetti_denoiser.train.checkpoint import STATE, check_settings
from olivetti_denoiser.train.distributed import data_parallel, initialize
from olivetti_denoiser.train.fit import fit
from olivetti_denoiser.train.time_limit import TimeLimit

SPLIT = "split.sha256"  # of a run folder: which faces it has learned from
POOL = "pool"  # of a run folder: the coloured pictures that were made of the faces
PICTURES = "pictures"  # of a run folder: what a dataset of pictures was cut into


class Trained(NamedTuple):
    """What a training leaves, and what a model folder is written from.

    Attributes:
        model: the network to release, averaged weights of the best epoch.
        config: the settings.
        history: one dict an epoch, as in `history.csv`.
        metrics: what `metrics.json` holds.
        pictures: `clean`, `noisy` and `restored` test faces, N×64×64×1, and their `face_id`.
        run_folder: the run, with its history and TensorBoard events.
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
    say: Callable[[str], None] = print,
) -> Trained | None:
    """Trains and measures; an interrupted run goes on where it was.

    Args:
        config: the settings.
        output: the model folder that is to be made of it, which is not written here. The run lives
            beside it, in `<output>.run`.
        dataset: what to learn from: a folder of pictures or any image dataset, OWNER/NAME on the
            Hub; None, or a published copy of the reference split, takes the faces.
        image_column: of a dataset of pictures, see `data.image_dataset.open_pictures`.
        split: of a dataset of pictures, likewise; of the faces, see `data.faces.load_split`.
        overwrite: replace a finished model and start its run anew.
        distributed: train together with other processes, all of which make this call; see
            `train.distributed.initialize`.
        max_minutes: How long making pictures and training may take, measuring not included; more
            than 0. A run that would take longer is shortened, see `train.time_limit`. It is no
            part of `config`, since what it does depends on the machine, and an interrupted run
            may go on with another one.
        say: receives lines of progress.

    Returns:
        What a model folder is written from; None in a process that is not the first one.

    Raises:
        ValueError: the output is taken, or its run has other settings or another split; or
            several processes are given a time limit, of which each would have its own clock.
        FacesUnavailableError: there are no faces to train on.
        TrainingStoppedError: the loss is no longer a number, or more than 1 % of the
            pictures are broken.
        DisconnectedError: the other processes cannot be reached.
    """
    output = Path(output)
    run_folder = run_folder_of(output)
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
    pictures = pictures_of(dataset, image_column, split, config, run_folder, say)
    if pictures is None:
        published, name = dataset, split
        drawn = load_split(name, published)
        processes.first_does(lambda: claim_split(run_folder, split_checksum(drawn)))
        faces = as_arrays(drawn["train"])
        learned: Faces | Patches = faces
        held_out: Patches | None = None
        if config.planes == 3:
            learned, held_out = prepare_synthetic(faces.clean, run_folder / POOL, config, say)
        result = fit(
            config, learned, run_folder, held_out=held_out, processes=processes, limit=limit
        )
    else:
        published, name = None, None
        drawn = load_split()
        result = fit(
            config,
            pictures.learned,
            run_folder,
            held_out=pictures.held_out,
            processes=processes,
            limit=limit,
        )
    if result.model is None:
        return None

    denoiser = Denoiser(to_network(result.model))
    metrics = evaluate(
        denoiser,
        drawn,
        others_if_there(published, say, name),
        pictures=pictures.test if pictures and config.planes == 1 else None,
        say=say,
    )
    if config.planes == 3:
        metrics["colour"] = measured_in_colour(denoiser, pictures, say)
    best = best_epoch(result.history)
    metrics["training"] = {
        "seed": config.seed,
        "epochs": len(result.history),
        "best_epoch": best["epoch"],
        "validation_psnr": best["val_psnr"],
        "validation_faces": config.validation_faces,
        "learned_faces": 0 if pictures else len(faces.clean) - config.validation_faces,
        "seconds": round(result.seconds, 1),
        "cores": processors(),
        "stride": 2 ** (len(config.channels) - 1),
        "multiply_adds": multiply_adds(**config.network, mirror=config.mirror),
        "dataset": published,
    }
    if result.shortened_to is not None:
        metrics["training"]["shortened_to"] = result.shortened_to
    if pictures is not None:
        metrics["training"]["pictures"] = pictures.summary
    test = as_arrays(drawn["test"])
    shown = {
        "clean": test.clean,
        "noisy": test.noisy,
        "restored": denoiser(test.noisy),
        "face_id": test.face_id,
    }
    if pictures is not None:
        say(what_was_left_out(pictures.summary))
    return Trained(result.model, config, result.history, metrics, shown, run_folder)


def measured_in_colour(
    denoiser: Denoiser, pictures: Prepared | None, say: Callable[[str], None] = print
) -> dict:
    """Measures a network for colour on the pictures that any machine has.

    Args:
        denoiser: the network.
        pictures: what it has learned from, whose test patches are measured too; None for the faces.
        say: receives lines of progress.

    Returns:
        Figures by the name of the set.
    """
    sets = [standing_set()]
    if pictures is not None:
        sets.append(PictureSet(pictures.summary["dataset"], list(to_uint8(pictures.test.clean))))
    return evaluate_colour(denoiser, sets, say=say)["colour"]


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
        run_folder: the run, which keeps them; processes on one machine may share it.
        say: receives lines of progress.

    Returns:
        The patches; None where the reference faces are to be learned from.

    Raises:
        ValueError: see `data.patches.prepare`; or an option is about pictures and there are
            none; or the run has begun with other pictures or settings.
        FacesUnavailableError: there are no faces to measure on.
        TrainingStoppedError: more than 1 % of the pictures are broken.
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
            say=say,
        )
    if found is None:
        if image_column is not None:
            raise ValueError(
                "--image-column is for a dataset of pictures, and the faces have none. "
                f"Received: --image-column {image_column}"
            )
        if begun and (folder / NOTES).is_file():
            raise ValueError(
                "the run folder belongs to a training on a dataset of pictures; use the same "
                f"--dataset, another --output, or --overwrite to start anew. Received: {run_folder}"
            )
    return found


def what_was_left_out(summary: Mapping) -> str:
    """Says which pictures could not be read; `summary` is that of `data.patches.Prepared`."""
    broken, read, others = summary["broken"], summary["read"], summary.get("others")
    beside = f" Not read, as no pictures: {in_words(others)}." if others else ""
    if not broken:
        return f"Every one of the {read:,} pictures could be read.{beside}"
    names = named_in_words(summary["broken_names"], broken)
    return f"Left out {broken:,} of {read:,} pictures, which are broken: {names}.{beside}"


def _claim_output(output, run_folder, overwrite):
    """Makes way for the model folder, or refuses where a finished model is."""
    check_target(output)
    if overwrite:
        shutil.rmtree(run_folder, ignore_errors=True)
    elif is_released(output) and not run_folder.is_dir():
        raise ValueError(
            f"there is a finished model; use another --output, or --overwrite. Received: {output}"
        )


def run_folder_of(output: Path) -> Path:
    """Returns the folder of the training run that belongs to a model folder."""
    return output.with_name(f"{output.name}.run")


def claim_split(run_folder: Path, checksum: str) -> None:
    """Makes the run one of these faces; one that does not say of which is of the reference split.

    Raises:
        ValueError: it has learned from others.
    """
    path = run_folder / SPLIT
    there = SPLIT_CHECKSUM if (run_folder / STATE).is_file() else checksum
    if path.is_file():
        there = path.read_text(encoding="ascii").strip()
    if there != checksum:
        raise ValueError(
            f"the run folder belongs to the {_in_words(there)}; use that, another --output, or "
            f"--overwrite to start anew. Received: {run_folder} and the {_in_words(checksum)}"
        )
    run_folder.mkdir(parents=True, exist_ok=True)
    atomic_write(path, f"{checksum}\n")


def _in_words(checksum):
    name = split_name(checksum)
    return f"{name} split" if name else f"split with the checksum {checksum[:12]}…"
