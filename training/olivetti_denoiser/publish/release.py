"""The model folder: write it whole or not at all, with its card, figures and plots.

    >>> write_model_folder("model_card", train(TrainingConfig(), "model_card"))
    >>> update_figures("model_card", evaluate(denoiser, split, peers=peers))

A folder opens without this package: `keras.saving.load_model("model_card")`.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from olivetti_denoiser.atomic import whole_folder
from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.data.faces import REFERENCE, split_checksum, split_name
from olivetti_denoiser.evaluate.measure import decibels, sigma_table
from olivetti_denoiser.evaluate.plots import (
    curves_of,
    draw_plots,
    losses_grid,
    psnr_against_sigma,
)
from olivetti_denoiser.model_folder import (
    CARD,
    CONFIG,
    EVENTS,
    HISTORY,
    LEVELS,
    LOSS_FACES,
    METRICS,
    RELEASED,
    check_target,
    is_released,
    read_metrics,
)
from olivetti_denoiser.train.ablation import table as levers_table
from olivetti_denoiser.train.run import Trained

TEMPLATE = Path(__file__).resolve().parents[1] / "templates" / "model_card.md"
NAME = "olivetti-denoiser"
NO_OWNER = f"OWNER/{NAME}"

# Figures that only an evaluation which is given more has: a later one without it drops them.
GIVEN = ("peers", "photographs")


def write_model_folder(folder: str | Path, trained: Trained) -> Path:
    """Writes a release beside its target and renames it into place.

    Args:
        folder: the target; an earlier release there is replaced, other files in it are kept.
        trained: what `train.run.train` returned; its history and TensorBoard events are copied.

    Returns:
        The folder.

    Raises:
        ValueError: the target is something else than a model folder.
    """
    run_folder = Path(trained.run_folder)
    check_target(folder)
    with whole_folder(folder, shutil.ignore_patterns(*RELEASED)) as stage:
        trained.model.save(str(stage), zipped=False)
        with contextlib.suppress(OSError):
            (stage / "assets").rmdir()  # Keras makes it for models that have any
        (stage / CONFIG).write_text(trained.config.to_json(), encoding="utf-8")
        shutil.copyfile(run_folder / HISTORY, stage / HISTORY)
        if (run_folder / "tensorboard").is_dir():
            shutil.copytree(run_folder / "tensorboard", stage / EVENTS)
        _write_figures(stage, trained.metrics)
        draw_plots(stage, trained.history, trained.metrics, trained.pictures)
        (stage / CARD).write_text(render_card(stage), encoding="utf-8")
    return Path(folder)


def update_figures(folder: str | Path, metrics: Mapping, also: Sequence[str | Path] = ()) -> Path:
    """Puts new figures of the same model on the same split into a release.

    `metrics.json` keeps what is written of the training; PSNR against sigma is drawn anew and the
    card rendered anew. All of it or none, like `write_model_folder`.

    Args:
        folder: a release.
        metrics: what `evaluate.measure.evaluate` returned.
        also: releases of the same recipe with other seeds, or on another split, whose figures
            are put beside.

    Returns:
        The folder.

    Raises:
        ValueError: it is no release, the figures are of another split than its own, or a further
            release differs in more than its seed.
    """
    before = _own_figures(folder, metrics["split_checksum"])
    if also:
        metrics = {**metrics, **_figures_beside(folder, also)}
    kept = {name: before[name] for name in before if name not in (*metrics, *GIVEN)}
    learned_from = {part: row for part, row in before["splits"].items() if part == "pictures"}
    splits = {**metrics["splits"], **learned_from}
    with whole_folder(folder) as stage:
        _write_figures(stage, {**metrics, **kept, "splits": splits})
        psnr_against_sigma(curves_of(metrics), stage / LEVELS)
        (stage / CARD).write_text(render_card(stage), encoding="utf-8")
    return Path(folder)


def update_levers(
    folder: str | Path, levers: Mapping, faces, restored: Mapping[str, np.ndarray]
) -> Path:
    """Puts what each lever of the recipe is worth into a release, see `train.ablation`.

    Args:
        folder: a release.
        levers: what `train.ablation.summary` returned.
        faces: `data.faces.Faces` with noise.
        restored: {loss: those faces as networks trained with it restore them}, to be drawn.

    Returns:
        The folder.

    Raises:
        ValueError: it is no release.
    """
    if not is_released(folder):
        raise ValueError(f"figures are kept in a whole model folder. Received: {folder}")
    with whole_folder(folder) as stage:
        _write_figures(stage, {**read_metrics(stage), "levers": levers})
        losses_grid(faces.clean, faces.noisy, restored, stage / LOSS_FACES)
        (stage / CARD).write_text(render_card(stage), encoding="utf-8")
    return Path(folder)


def check_update(folder: str | Path, split) -> None:
    """Makes sure that figures on a split can be kept in a folder, before they are measured.

    Args:
        folder: a release.
        split: the `datasets.DatasetDict` to measure on.

    Raises:
        ValueError: see `update_figures`.
    """
    _own_figures(folder, split_checksum(split))


def _figures_beside(folder, also):
    """What other releases of the recipe score: `seeds` on the same split, and `other_splits`."""
    figures, seeds, recipes = {}, {}, {}
    for path in (folder, *also):
        if not is_released(path):
            raise ValueError(f"another run must be a whole model folder. Received: {path}")
        figures[path] = read_metrics(path)
        recipes[path] = asdict(TrainingConfig.from_json(Path(path) / CONFIG))
        seeds[path] = recipes[path].pop("seed")
    if others := [path for path in also if recipes[path] != recipes[folder]]:
        raise ValueError(f"other runs must differ in seed or split alone. Received: {others[0]}")
    split = figures[folder]["split_checksum"]
    here = [path for path in figures if figures[path]["split_checksum"] == split]
    if len({seeds[path] for path in here}) < len(here):
        given = [seeds[path] for path in here]
        raise ValueError(f"every run must have a seed of its own. Received: seeds {given}")
    beside = {}
    if len(here) > 1:
        beside["seeds"] = [_scores(figures[path], seeds[path]) for path in here]
    if elsewhere := [path for path in figures if path not in here]:
        beside["other_splits"] = {
            figures[path]["split"]: _scores(figures[path], seeds[path])
            | {
                "splits": {
                    part: {
                        method: row["psnr"]["mean"] if isinstance(row, dict) else row
                        for method, row in rows.items()
                    }
                    for part, rows in figures[path]["splits"].items()
                }
            }
            for path in elsewhere
        }
    return beside


def _scores(figures, seed):
    """Seed, test scores and validation score of one run."""
    scores = figures["splits"]["test"]["model"]
    return {"seed": seed, **{name: row["mean"] for name, row in scores.items()}} | {
        "validation_psnr": figures["training"]["validation_psnr"]
    }


def _own_figures(folder, checksum):
    """The figures of a release, which have to be of the split with this checksum."""
    if not is_released(folder):
        raise ValueError(f"figures are kept in a whole model folder. Received: {folder}")
    figures = read_metrics(folder)
    if figures["split_checksum"] != checksum:
        raise ValueError(
            f"the figures to keep must be of the model's own split, "
            f"{figures.get('split', REFERENCE)}; give it as --split. "
            f"Received: {folder} and the split {split_name(checksum) or checksum}"
        )
    return figures


def _write_figures(folder, metrics):
    text = json.dumps(metrics, indent=1) + "\n"
    (folder / METRICS).write_text(text, encoding="utf-8")


def render_card(folder: str | Path, repo_id: str = NO_OWNER, dataset_id: str | None = None) -> str:
    """Renders the model card from its template and the folder's own figures.

    Args:
        folder: a model folder with `metrics.json` and `training_config.json`.
        repo_id: OWNER/NAME of the model repository, for the lines of code on the card.
        dataset_id: OWNER/NAME of the dataset repository, where there is one.

    Returns:
        The card's Markdown with its YAML header, `model-index` included.
    """
    from huggingface_hub import ModelCard

    metrics = read_metrics(folder)
    config = TrainingConfig.from_json(Path(folder) / CONFIG)
    test = metrics["splits"]["test"]
    card = ModelCard.from_template(
        _card_data(metrics, repo_id, dataset_id),
        template_path=str(TEMPLATE),
        repo_id=repo_id,
        dataset_id=dataset_id,
        metrics=metrics,
        config=config,
        test=test,
        rows=[name for name in test if name != "count"],
        sigma_table=sigma_table(metrics),
        levers=levers_table(metrics["levers"]) if "levers" in metrics else "",
        db=decibels,
        faces=sorted(metrics["faces"], key=lambda face: face["psnr"]),
    )
    return str(card)


def _card_data(metrics, repo_id, dataset_id):
    from huggingface_hub import EvalResult, ModelCardData

    results = [
        EvalResult(
            task_type="image-to-image",
            task_name="Gaussian denoising",
            dataset_type=dataset_id or "olivetti-faces",
            dataset_name=f"Olivetti faces{_other_split(metrics)}, sigma {metrics['sigma']:g}",
            dataset_split="test",
            metric_type=name,
            metric_name=f"Test {name.upper()}",
            metric_value=round(metrics["splits"]["test"]["model"][name]["mean"], digits),
        )
        for name, digits in (("psnr", 2), ("ssim", 3), ("mse", 6))
    ]
    pictures = metrics["training"].get("pictures", {})
    datasets = [dataset_id] if dataset_id else []
    if pictures.get("on_hub"):
        datasets.append(pictures["dataset"].partition(":")[0])
    tags = ["denoising", "image-restoration", "u-net", "gaussian-noise"]
    return ModelCardData(
        license="mit",
        library_name="keras",
        pipeline_tag="image-to-image",
        tags=tags if pictures else [*tags, "faces"],
        datasets=datasets or None,
        metrics=["mse", "psnr", "ssim"],
        model_name=repo_id.split("/")[-1],
        eval_results=results,
    )


def _other_split(metrics):
    """Names the split where it is not the one that everybody expects."""
    name = metrics.get("split", REFERENCE)
    return "" if name == REFERENCE else f", {name or 'another'} split"
