"""Render the cards of a release from their templates and the metrics of its networks.

    python -m olivetti_denoiser.publish.card model_card      # writes both cards anew
    >>> text = render_card("model_card", "owner/olivetti-denoiser", "owner/olivetti-denoiser")

The card of the gray network is that of the release: it has a section on the network for colour,
whose own card lies beside it in `colour/`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from olivetti_denoiser import release
from olivetti_denoiser.atomic import atomic_write
from olivetti_denoiser.bundled import PACKAGE
from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.evaluate import tables
from olivetti_denoiser.evaluate.ablation import table as ablation_table
from olivetti_denoiser.network.saving import OLDEST_KERAS
from olivetti_denoiser.release import (
    COLOUR,
    Released,
    gate_score,
    networks_of,
    read_network,
)

NO_OWNER = "OWNER/olivetti-denoiser"


def render_card(folder: str | Path, repo_id: str = NO_OWNER, dataset_id: str | None = None) -> str:
    """Render the card of the network at a folder's root; see `card_of`."""
    beside = Path(folder) / COLOUR
    colour = read_network(beside) if (beside / release.METRICS).is_file() else None
    return card_of(read_network(folder), repo_id, dataset_id, colour)


def card_of(
    network: Released,
    repo_id: str = NO_OWNER,
    dataset_id: str | None = None,
    colour: Released | None = None,
) -> str:
    """Render the card of one network.

    Args:
        network: The network; of its folder `training_config.json` is read.
        repo_id: OWNER/NAME of the model repository, for the lines of code on the card.
        dataset_id: OWNER/NAME of the dataset repository, where there is one.
        colour: The network for colour that a gray network is released with.

    Returns:
        The card's Markdown with its YAML header, `model-index` included.

    Raises:
        ValueError: The metrics are of an older form.
    """
    from jinja2 import UndefinedError

    folder, metrics = network
    in_colour = metrics.get("planes", 1) == 3
    try:
        shown = _shown_of_colour(metrics) if in_colour else _shown_of_gray(metrics)
        if colour:
            shown |= {"colour": colour.metrics, "colour_gate": gate_score(colour.metrics)}
        return render(
            "colour_card.md" if in_colour else "model_card.md",
            repo_id=repo_id,
            dataset_id=dataset_id,
            metrics=metrics,
            config=TrainingConfig.from_json(folder / release.CONFIG),
            test=metrics["parts"]["test"]["methods"],
            db=tables.decibels,
            oldest_keras=OLDEST_KERAS,
            **shown,
        )
    except (KeyError, UndefinedError) as error:
        raise ValueError(
            f"the metrics do not have what the card shows, {error}: `denoiser evaluate {folder} "
            f"--save` measures them anew. Received: {folder}"
        ) from error


def render(template: str, **values: Any) -> str:
    """Return one of the package's templates with values in it."""
    from jinja2 import Template

    text = (PACKAGE / "templates" / template).read_text(encoding="utf-8")
    return Template(text).render(**values)


def render_cards(folder: str | Path) -> None:
    """Write the card of each network of a release anew, and of the release that it lies in.

    Args:
        folder: A release, or the network for colour in one.

    Raises:
        ValueError: See `card_of` and `release.networks_of`.
    """
    folder = Path(folder).resolve()
    inside = folder.name == COLOUR and (folder.parent / release.METRICS).is_file()
    networks = networks_of(folder.parent if inside else folder)
    for name, network in networks.items():
        colour = networks.get(COLOUR) if name != COLOUR else None
        atomic_write(network.folder / release.CARD, card_of(network, colour=colour))


def _shown_of_gray(metrics) -> dict[str, Any]:
    """Return what only the card of a gray model shows."""
    text = tables.markdown
    return {
        "comparison": text(tables.comparison(metrics)),
        "sigma_table": text(tables.psnr_by_sigma(metrics)),
        "photographs": "photographs" in metrics["parts"] and text(tables.photographs(metrics)),
        "details": "details" in metrics and text(tables.details(metrics)),
        "ablation": "ablation" in metrics and ablation_table(metrics["ablation"]),
        "faces": sorted(metrics["faces"], key=lambda face: face["psnr"]),
    }


def _shown_of_colour(metrics) -> dict[str, Any]:
    """Return what only the card of a colour model shows."""
    learned = metrics.get("pictures_learned")
    shown = {
        "gate": gate_score(metrics),
        "drawn": metrics.get("drawn") and tables.markdown(tables.drawn(metrics)),
        "learned": learned and tables.markdown(tables.pictures_learned(learned)),
    }
    for kind, table in (("colour", tables.colour), ("pairs", tables.pairs)):
        shown[kind] = [
            (name, found, tables.markdown(table(metrics, name)))
            for name, found in metrics.get(kind, {}).items()
        ]
    return shown


if __name__ == "__main__":
    render_cards(sys.argv[1])
