"""Render the model card from its template and the model folder's own figures.

>>> text = render_card("model_card", "owner/olivetti-denoiser", "owner/olivetti-denoiser")
"""

from __future__ import annotations

from pathlib import Path

from olivetti_denoiser.bundled import PACKAGE
from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.data.faces import REFERENCE
from olivetti_denoiser.evaluate import tables
from olivetti_denoiser.evaluate.ablation import table as ablation_table
from olivetti_denoiser.figures import (
    GATE_LEVEL,
    MODEL,
    gate_figure,
    model_scores,
    read_metrics,
)
from olivetti_denoiser.model_folder import CONFIG
from olivetti_denoiser.save_model import OLDEST_KERAS

TEMPLATES = {1: "model_card.md", 3: "colour_card.md"}  # by the network's planes
NAME = "olivetti-denoiser"
NO_OWNER = f"OWNER/{NAME}"


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
    planes = metrics.get("planes", 1)
    shown = _shown_of_colour(metrics) if planes == 3 else _shown_of_gray(metrics)
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
    return str(card)


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


def _shown_of_colour(metrics):
    """What only the card of a colour model shows."""
    shown = {"gate": gate_figure(metrics)}
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
