"""Put later figures into a finished model folder: figures, plot and card, all of it or none.

>>> update_figures("model_card", evaluate(denoiser, split, published=published))
>>> update_ablation("model_card", ablation, faces, restored)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from olivetti_denoiser.atomic import whole_folder
from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.data.faces import REFERENCE, Faces, split_checksum, split_name
from olivetti_denoiser.evaluate.colour_comparison import draw_photographs
from olivetti_denoiser.evaluate.plots import draw_levels, losses_grid
from olivetti_denoiser.figures import (
    Metrics,
    PicturesLearned,
    gate_figure,
    model_scores,
    read_metrics,
    write_metrics,
)
from olivetti_denoiser.model_folder import CARD, CONFIG, ERRORS, LOSS_FACES, is_released
from olivetti_denoiser.publish.card import render_card

if TYPE_CHECKING:
    from datasets import DatasetDict

    from olivetti_denoiser.denoiser import Denoiser

# What only an evaluation with published denoisers measures: one without them drops it.
MEASURED_ON_REQUEST = ("published",)


def update_figures(folder: str | Path, metrics: Metrics, also: Sequence[str | Path] = ()) -> Path:
    """Puts new figures of the same model on the same split into a release.

    `metrics.json` keeps what is written of the training and of colour pictures; PSNR against sigma
    is drawn anew and the card rendered anew.

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
    kept = {name: before[name] for name in before if name not in (*metrics, *MEASURED_ON_REQUEST)}
    if "colour" in metrics:
        metrics = {**metrics, "colour": {**before.get("colour", {}), **metrics["colour"]}}
    learned_from = {part: row for part, row in before["parts"].items() if part == "pictures"}
    parts = {**metrics["parts"], **learned_from}
    with whole_folder(folder) as stage:
        write_metrics(stage, {**metrics, **kept, "parts": parts})
        draw_levels(stage, metrics)
        (stage / CARD).write_text(render_card(stage), encoding="utf-8")
    return Path(folder)


def update_ablation(
    folder: str | Path,
    ablation: Mapping[str, Any],
    faces: Faces,
    restored: Mapping[str, np.ndarray],
) -> Path:
    """Puts what each choice of the recipe is worth into a release, see `evaluate.ablation`.

    Args:
        folder: a release.
        ablation: as `evaluate.ablation.table` takes it.
        faces: `data.faces.Faces` with noise.
        restored: {loss: those faces as networks trained with it restore them}, to be drawn.

    Returns:
        The folder.

    Raises:
        ValueError: it is no release.
    """
    check_release(folder)
    with whole_folder(folder) as stage:
        write_metrics(stage, {**read_metrics(stage), "ablation": dict(ablation)})
        losses_grid(faces.clean, faces.noisy, restored, stage / LOSS_FACES)
        (stage / CARD).write_text(render_card(stage), encoding="utf-8")
    return Path(folder)


def update_colour(folder: str | Path, figures: Mapping[str, Any], denoiser: Denoiser) -> Path:
    """Puts figures on colour pictures and on real noisy ones into a release, set by set.

    Args:
        folder: a release.
        figures: what `evaluate.colour.evaluate_colour` returned.
        denoiser: the release's model; one for colour has its photographs drawn anew.

    Returns:
        The folder.

    Raises:
        ValueError: it is no release.
    """
    check_release(folder)
    metrics = read_metrics(folder)
    if colour := {**metrics.get("colour", {}), **figures.get("colour", {})}:
        metrics["colour"] = colour
    if pairs := {**metrics.get("pairs", {}), **figures.get("pairs", {})}:
        metrics["pairs"] = pairs
    with whole_folder(folder) as stage:
        write_metrics(stage, metrics)
        if metrics.get("planes") == 3:
            draw_levels(stage, metrics)
            draw_photographs(denoiser, stage)
            (stage / ERRORS).unlink(missing_ok=True)  # of faces, which earlier releases showed
        (stage / CARD).write_text(render_card(stage), encoding="utf-8")
    return Path(folder)


def update_pictures_learned(folder: str | Path, found: PicturesLearned) -> Path:
    """Puts what the pictures to learn from are worth into a release of a network for colour.

    Args:
        folder: a release.
        found: the figures.

    Returns:
        The folder.

    Raises:
        ValueError: it is no release, or one of a network for gray pictures.
    """
    check_release(folder)
    metrics = read_metrics(folder)
    if metrics.get("planes", 1) != 3:
        raise ValueError(f"these figures are of networks for colour. Received: {folder}")
    with whole_folder(folder) as stage:
        write_metrics(stage, {**metrics, "pictures_learned": found})
        (stage / CARD).write_text(render_card(stage), encoding="utf-8")
    return Path(folder)


def check_release(folder: str | Path) -> None:
    """Makes sure that figures can be kept in a folder.

    Raises:
        ValueError: it is no release.
    """
    if not is_released(folder):
        raise ValueError(f"figures are kept in a whole model folder. Received: {folder}")


def check_update(folder: str | Path, split: DatasetDict) -> None:
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
    if different := [path for path in also if recipes[path] != recipes[folder]]:
        raise ValueError(f"other runs must differ in seed or split alone. Received: {different[0]}")
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
            | {"parts": {part: _psnr(row) for part, row in figures[path]["parts"].items()}}
            for path in elsewhere
        }
    return beside


def _scores(figures, seed):
    """Seed, test scores, validation score and, in colour, the figure of the gate of one run."""
    scores = {name: row["mean"] for name, row in model_scores(figures).items()}
    if figures.get("planes", 1) == 3 and (gate := gate_figure(figures)):
        scores["gate_psnr"] = gate.psnr
    return {"seed": seed, **scores, "validation_psnr": figures["training"]["validation_psnr"]}


def _psnr(part):
    """A part's mean PSNR in dB alone."""
    kinds = ("methods", "variants")
    means = {
        kind: {name: row["psnr"]["mean"] for name, row in part[kind].items()} for kind in kinds
    }
    return {"count": part["count"], **means}


def _own_figures(folder, checksum):
    """The figures of a release, which have to be of the split with this checksum."""
    check_release(folder)
    figures = read_metrics(folder)
    if figures["split_checksum"] != checksum:
        raise ValueError(
            f"the figures to keep must be of the model's own split, "
            f"{figures.get('split', REFERENCE)}; give it as --split. "
            f"Received: {folder} and the split {split_name(checksum) or checksum}"
        )
    return figures
