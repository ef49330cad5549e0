"""Write a model folder whole or not at all, with its card, figures and plots.

    >>> write_model_folder("model_card", train(TrainingConfig(), "model_card"))

A folder opens without this package: `keras.saving.load_model("model_card")`.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from olivetti_denoiser.atomic import whole_folder
from olivetti_denoiser.denoiser import Denoiser
from olivetti_denoiser.evaluate.colour_comparison import draw_photographs
from olivetti_denoiser.evaluate.plots import draw_plots
from olivetti_denoiser.figures import write_metrics
from olivetti_denoiser.model_folder import CARD, CONFIG, EVENTS, HISTORY, RELEASED, check_target
from olivetti_denoiser.publish.card import render_card
from olivetti_denoiser.network.export import write_exports
from olivetti_denoiser.save_model import save_folder
from olivetti_denoiser.train.run import Trained


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
    return Path(folder)
