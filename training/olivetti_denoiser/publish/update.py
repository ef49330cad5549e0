"""Put later metrics into a finished model folder: metrics, plot and card, all of it or none.

>>> update_release("model_card", evaluate(denoiser, split, published=published))
>>> update_release("model_card/colour", evaluate_colour(denoiser, sets))
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from olivetti_denoiser import release
from olivetti_denoiser.atomic import atomic_folder
from olivetti_denoiser.data.faces import REFERENCE, split_checksum, split_name
from olivetti_denoiser.evaluate.plots import plot_sigmas
from olivetti_denoiser.publish.card import render_card, render_cards
from olivetti_denoiser.release import COLOUR, network_of, read_metrics

if TYPE_CHECKING:
    from datasets import DatasetDict

MEASURED_ON_REQUEST = {"published"}  # an evaluation without them drops them
SETS = {"colour", "pairs"}  # metrics by the name of a set of pictures


def update_release(
    folder: str | Path,
    metrics: Mapping[str, Any],
    *,
    draw: Callable[[Path], None] | None = None,
) -> Path:
    """Put later metrics of a network into its model folder; plot and card are made anew.

    Args:
        folder: A model folder with metrics and card.
        metrics: Some of `release.Metrics`, which replace those of the same name. Of `colour` and
            `pairs` only the given sets are replaced. Metrics with `parts` are a whole evaluation
            on the faces: published denoisers that it did not measure are dropped.
        draw: Called with the folder that is written; draws further plots.

    Returns:
        The folder.

    Raises:
        ValueError: It is no whole model folder, or the metrics are of another split than its own.
    """
    check_update(folder)
    before: Any = read_metrics(folder)
    in_colour = network_of(before) == COLOUR
    after: Any = {**before, **metrics}
    for kind in SETS & after.keys():
        if sets := {**before.get(kind, {}), **metrics.get(kind, {})}:
            after[kind] = sets
        else:
            del after[kind]
    if "parts" in metrics:
        _check_split(folder, before, metrics["split_checksum"])
        learned_from = {part: row for part, row in before["parts"].items() if part == "pictures"}
        after["parts"] = {**metrics["parts"], **learned_from}
        for name in MEASURED_ON_REQUEST - metrics.keys():
            after.pop(name, None)
    with atomic_folder(folder) as stage:
        release.write_metrics(stage, after)
        if "sigmas" in metrics or (in_colour and "colour" in metrics):
            plot_sigmas(after, stage / release.LEVELS)
        if draw is not None:
            draw(stage)
        (stage / release.CARD).write_text(render_card(stage), encoding="utf-8")
    render_cards(folder)
    return Path(folder)


def check_update(folder: str | Path, split: DatasetDict | None = None) -> None:
    """Make sure that metrics can be kept in a folder, before they are measured.

    Args:
        folder: A model folder.
        split: The `datasets.DatasetDict` to measure on, where it is measured on faces.

    Raises:
        ValueError: See `update_release`.
    """
    if not release.is_released(folder):
        raise ValueError(f"metrics are kept in a whole model folder. Received: {folder}")
    if split is not None:
        _check_split(folder, read_metrics(folder), split_checksum(split))


def _check_split(folder, metrics, checksum):
    """Refuse metrics of another split than that of a model folder."""
    if metrics["split_checksum"] != checksum:
        raise ValueError(
            f"the metrics to keep must be of the model's own split, "
            f"{metrics.get('split', REFERENCE)}; give it as --split. "
            f"Received: {folder} and the split {split_name(checksum) or checksum}"
        )
