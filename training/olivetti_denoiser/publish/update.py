"""Put later figures into a finished model folder: figures, plot and card, all of it or none.

>>> update_release("model_card", evaluate(denoiser, split, published=published))
>>> update_release("model_card/colour", evaluate_colour(denoiser, sets))
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from olivetti_denoiser.atomic import atomic_folder
from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.data.faces import REFERENCE, split_checksum, split_name
from olivetti_denoiser.evaluate.plots import draw_levels
from olivetti_denoiser.publish.card import render_above, render_card
from olivetti_denoiser.release import (
    CARD,
    CONFIG,
    gate_score,
    is_released,
    model_scores,
    read_metrics,
    write_metrics,
)

if TYPE_CHECKING:
    from datasets import DatasetDict

MEASURED_ON_REQUEST = {"published"}  # an evaluation without them drops them
SETS = ("colour", "pairs")  # figures by the name of a set of pictures


def update_release(
    folder: str | Path,
    figures: Mapping[str, Any],
    *,
    also: Sequence[str | Path] = (),
    draw: Callable[[Path], None] | None = None,
) -> Path:
    """Put later figures of a network into its model folder; plot and card are made anew.

    Args:
        folder: a model folder with figures and card.
        figures: some of `release.Metrics`, which replace those of the same name. Of `colour` and
            `pairs` only the sets that are given are replaced. With `parts` they are a whole
            evaluation on the faces: what it leaves out of published denoisers is dropped.
        also: model folders of the same recipe with other seeds, or on another split, whose figures
            are put beside those of an evaluation.
        draw: called with the folder that is written; draws further plots.

    Returns:
        The folder.

    Raises:
        ValueError: it is no whole model folder, the figures are of another split than its own or
            of networks for colour, or a further folder differs in more than its seed.
    """
    check_release(folder)
    before: Any = read_metrics(folder)
    if "pictures_learned" in figures and before.get("planes", 1) != 3:
        raise ValueError(f"these figures are of networks for colour. Received: {folder}")
    after: Any = {**before, **figures}
    for kind in SETS:
        sets = dict(before.get(kind, {}))
        if sets := sets | figures.get(kind, {}):
            after[kind] = sets
        else:
            after.pop(kind, None)
    if "parts" in figures:
        _check_split(folder, before, figures["split_checksum"])
        after |= _figures_beside(folder, also) if also else {}
        learned_from: dict[str, Any] = {
            part: row for part, row in before["parts"].items() if part == "pictures"
        }
        after["parts"] = {**figures["parts"], **learned_from}
        for name in MEASURED_ON_REQUEST - figures.keys():
            after.pop(name, None)
    with atomic_folder(folder) as stage:
        write_metrics(stage, after)
        if "sigmas" in figures or (after.get("planes") == 3 and "colour" in figures):
            draw_levels(stage, after)
        if draw is not None:
            draw(stage)
        (stage / CARD).write_text(render_card(stage), encoding="utf-8")
    render_above(folder)
    return Path(folder)


def check_release(folder: str | Path) -> None:
    """Makes sure that figures can be kept in a folder.

    Raises:
        ValueError: it is no release.
    """
    if not is_released(folder):
        raise ValueError(f"figures are kept in a whole model folder. Received: {folder}")


def check_update(folder: str | Path, split: DatasetDict) -> None:
    """Make sure that figures on a split can be kept in a folder, before they are measured.

    Args:
        folder: a model folder.
        split: the `datasets.DatasetDict` to measure on.

    Raises:
        ValueError: see `update_release`.
    """
    check_release(folder)
    _check_split(folder, read_metrics(folder), split_checksum(split))


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
    if figures.get("planes", 1) == 3 and (gate := gate_score(figures)):
        scores["gate_psnr"] = gate.psnr
    return {"seed": seed, **scores, "validation_psnr": figures["training"]["validation_psnr"]}


def _psnr(part):
    """A part's mean PSNR in dB alone."""
    kinds = ("methods", "variants")
    means = {
        kind: {name: row["psnr"]["mean"] for name, row in part[kind].items()} for kind in kinds
    }
    return {"count": part["count"], **means}


def _check_split(folder, figures, checksum):
    """Refuse figures of another split than that of a model folder."""
    if figures["split_checksum"] != checksum:
        raise ValueError(
            f"the figures to keep must be of the model's own split, "
            f"{figures.get('split', REFERENCE)}; give it as --split. "
            f"Received: {folder} and the split {split_name(checksum) or checksum}"
        )
