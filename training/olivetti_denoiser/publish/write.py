"""Write a model folder whole or not at all, with its card, metrics and plots.

    >>> write_model_folder("model_card", train(TrainingConfig(), "model_card"))

A folder opens without this package: `keras.saving.load_model("model_card")`.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from olivetti_denoiser.atomic import atomic_folder
from olivetti_denoiser.denoiser import Denoiser
from olivetti_denoiser.evaluate.colour_comparison import draw_photographs
from olivetti_denoiser.evaluate.plots import draw_plots
from olivetti_denoiser.network.export import write_exports
from olivetti_denoiser.network.saving import save_folder
from olivetti_denoiser.publish.card import render_card, render_cards
from olivetti_denoiser.release import (
    CARD,
    CONFIG,
    EVENTS,
    HISTORY,
    RELEASED,
    check_target,
    write_metrics,
)
from olivetti_denoiser.train.run import Trained


def write_model_folder(folder: str | Path, trained: Trained) -> Path:
    """Write a model folder beside its target and rename it into place.

    Args:
        folder: The target; an earlier network there is replaced, other files in it are kept, such
            as the network for colour in `colour/`.
        trained: What `train.run.train` returned; its history and TensorBoard events are copied.

    Returns:
        The folder.

    Raises:
        ValueError: The target is something else than a model folder, or an ONNX file differs from
            Keras.
    """
    run_folder = Path(trained.run_folder)
    check_target(folder)
    with atomic_folder(folder, _replaced(folder)) as stage:
        save_folder(trained.model, stage)
        write_exports(trained.model, stage)
        (stage / CONFIG).write_text(trained.config.to_json(), encoding="utf-8")
        shutil.copyfile(run_folder / HISTORY, stage / HISTORY)
        if (run_folder / "tensorboard").is_dir():
            shutil.copytree(run_folder / "tensorboard", stage / EVENTS)
        write_metrics(stage, trained.metrics)
        draw_plots(stage, trained.history, trained.metrics, trained.pictures)
        if trained.config.planes == 3:
            draw_photographs(Denoiser.from_pretrained(stage), stage)
        (stage / CARD).write_text(render_card(stage), encoding="utf-8")
    render_cards(folder)
    return Path(folder)


def _replaced(folder):
    """What `shutil.copytree` leaves behind: the network at the folder's root, not in `colour/`."""
    ignored, root = shutil.ignore_patterns(*RELEASED), Path(folder).resolve()
    return lambda here, names: ignored(here, names) if Path(here).resolve() == root else set()
