"""Render the cards of a release from their templates and the figures of its networks.

    python -m olivetti_denoiser.publish.card model_card      # writes both cards anew
    >>> text = render_card("model_card", "owner/olivetti-denoiser", "owner/olivetti-denoiser")

The card of the gray network is that of the release: it has a section on the network for colour,
whose own card lies beside it in `colour/`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from olivetti_denoiser.atomic import atomic_write
from olivetti_denoiser.bundled import PACKAGE
from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.data.faces import REFERENCE
from olivetti_denoiser.evaluate import tables
from olivetti_denoiser.evaluate.ablation import table as ablation_table
from olivetti_denoiser.network.saving import OLDEST_KERAS
from olivetti_denoiser.release import (
    CARD,
    COLOUR,
    CONFIG,
    GATE_LEVEL,
    METRICS,
    MODEL,
    gate_score,
    model_scores,
    networks_of,
    read_metrics,
)

TEMPLATES = {1: "model_card.md", 3: "colour_card.md"}  # by the network's planes
NAME = "olivetti-denoiser"
NO_OWNER = f"OWNER/{NAME}"


def render_card(
    folder: str | Path,
    repo_id: str = NO_OWNER,
    dataset_id: str | None = None,
    colour: str | Path | None = None,
) -> str:
    """Render the card of one network.

    Args:
        folder: its model folder, of which `metrics.json` and `training_config.json` are read.
        repo_id: OWNER/NAME of the model repository, for the lines of code on the card.
        dataset_id: OWNER/NAME of the dataset repository, where there is one.
        colour: the folder of the network for colour that a gray network is released with; None
            for the one in its `colour/`, if any.

    Returns:
        The card's Markdown with its YAML header, `model-index` included.

    Raises:
        ValueError: the figures cannot be read, or are of an older form.
    """
    from huggingface_hub import ModelCard
    from jinja2 import UndefinedError

    metrics = read_metrics(folder)
    planes = metrics.get("planes", 1)
    try:
        if planes == 3:
            shown = _shown_of_colour(metrics)
        else:
            colour = colour or networks_of(folder).get(COLOUR)
            shown = _shown_of_gray(metrics) | _shown_of_other(colour)
        card = ModelCard.from_template(
            _card_data(metrics, repo_id, dataset_id),
            template_path=str(PACKAGE / "templates" / TEMPLATES[planes]),
            repo_id=repo_id,
            dataset_id=dataset_id,
            metrics=metrics,
            config=TrainingConfig.from_json(Path(folder) / CONFIG),
            test=metrics["parts"]["test"]["methods"],
            db=tables.decibels,
            oldest_keras=OLDEST_KERAS,
            **shown,
        )
    except (KeyError, UndefinedError) as error:
        raise ValueError(
            f"the figures do not have what the card shows, {error}: `denoiser evaluate {folder} "
            f"--save` measures them anew. Received: {folder}"
        ) from error
    return str(card)


def render_cards(release: str | Path) -> None:
    """Write the card of each network of a release anew.

    Args:
        release: a model folder, with or without `colour/` in it.

    Raises:
        ValueError: see `render_card` and `release.networks_of`.
    """
    for folder in networks_of(release).values():
        atomic_write(folder / CARD, render_card(folder))


def render_above(folder: str | Path) -> None:
    """Write the card of a release anew whose network for colour has changed.

    Args:
        folder: the network's folder; where it is not the `colour/` of a release, nothing is done.
    """
    folder = Path(folder).resolve()
    if folder.name == COLOUR and (folder.parent / METRICS).is_file():
        atomic_write(folder.parent / CARD, render_card(folder.parent))


def _shown_of_gray(metrics):
    """What only the card of a gray model shows."""
    parts, text = metrics["parts"], tables.markdown
    return {
        "comparison": text(tables.comparison(metrics)),
        "sigma_table": text(tables.psnr_by_sigma(metrics)),
        "photographs": text(tables.photographs(metrics)) if "photographs" in parts else "",
        "details": text(tables.details(metrics)) if "details" in metrics else "",
        "ablation": ablation_table(metrics["ablation"]) if "ablation" in metrics else "",
        "faces": sorted(metrics["faces"], key=lambda face: face["psnr"]),
    }


def _shown_of_other(folder):
    """What the card of a gray model shows of the network for colour beside it, if there is one."""
    if folder is None:
        return {}
    metrics = read_metrics(folder)
    return {"colour": metrics, "colour_gate": gate_score(metrics)}


def _shown_of_colour(metrics):
    """What only the card of a colour model shows."""
    shown = {"gate": gate_score(metrics)}
    if learned := metrics.get("pictures_learned"):
        shown["learned"] = tables.markdown(tables.pictures_learned(learned))
    for kind, table in (("colour", tables.colour), ("pairs", tables.pairs)):
        shown[kind] = [
            (name, figures, tables.markdown(table(metrics, name)))
            for name, figures in metrics.get(kind, {}).items()
        ]
    return shown


def _card_data(metrics, repo_id, dataset_id):
    from huggingface_hub import EvalResult, ModelCardData

    results = (
        _colour_results(metrics)
        if metrics.get("planes") == 3
        else [
            EvalResult(
                task_type="image-to-image",
                task_name="Gaussian denoising",
                dataset_type=dataset_id or "olivetti-faces",
                dataset_name=f"Olivetti faces{_other_split(metrics)}, sigma {metrics['sigma']:g}",
                dataset_split="test",
                metric_type=name,
                metric_name=f"Test {name.upper()}",
                metric_value=round(model_scores(metrics)[name]["mean"], digits),
            )
            for name, digits in (("psnr", 2), ("ssim", 3), ("mse", 6))
        ]
    )
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


def _colour_results(metrics):
    """What stands in the card's header of a colour model: each set at the level of the gate."""
    from huggingface_hub import EvalResult

    return [
        EvalResult(
            task_type="image-to-image",
            task_name="Gaussian denoising",
            dataset_type=name.lower(),
            dataset_name=f"{name}, sigma {GATE_LEVEL}/255",
            metric_type="psnr",
            metric_name="PSNR",
            metric_value=round(figures["psnr"]["methods"][MODEL][GATE_LEVEL], 2),
        )
        for name, figures in metrics.get("colour", {}).items()
    ]


def _other_split(metrics):
    """Names the split where it is not the one that everybody expects."""
    name = metrics.get("split", REFERENCE)
    return "" if name == REFERENCE else f", {name or 'another'} split"


if __name__ == "__main__":
    render_cards(sys.argv[1])
