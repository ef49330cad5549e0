"""Write a model folder whole or not at all, and put later metrics into it.

    >>> write_model_folder("model_card", train(TrainingConfig(), "model_card"))
    >>> update_release("model_card", evaluate(denoiser, split, published=published))
    >>> update_release("model_card/colour", evaluate_colour(denoiser, sets))

A folder opens without this package: `keras.saving.load_model("model_card")`.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from olivetti_denoiser import release
from olivetti_denoiser.atomic import atomic_folder
from olivetti_denoiser.data.faces import REFERENCE, split_name
from olivetti_denoiser.denoiser import Denoiser
from olivetti_denoiser.evaluate.colour_comparison import draw_photographs
from olivetti_denoiser.evaluate.plots import draw_plots, plot_sigmas
from olivetti_denoiser.network.saving import save_folder
from olivetti_denoiser.publish.card import render_card, render_cards
from olivetti_denoiser.release import COLOUR, network_of, read_metrics

if TYPE_CHECKING:
    from olivetti_denoiser.train.run import Trained

SETS = {"colour", "pairs"}  # metrics by the name of a set of pictures


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
    from olivetti_denoiser.network.export import write_exports

    run_folder = Path(trained.run_folder)
    release.check_target(folder)
    with _card_rendered(folder, _replaced(folder)) as stage:
        save_folder(trained.model, stage)
        write_exports(trained.model, stage)
        (stage / release.CONFIG).write_text(trained.config.to_json(), encoding="utf-8")
        shutil.copyfile(run_folder / release.HISTORY, stage / release.HISTORY)
        if (run_folder / "tensorboard").is_dir():
            shutil.copytree(run_folder / "tensorboard", stage / release.EVENTS)
        release.write_metrics(stage, trained.metrics)
        draw_plots(stage, trained.history, trained.metrics, trained.pictures)
        if trained.config.planes == 3:
            draw_photographs(Denoiser.from_pretrained(stage), stage)
    return Path(folder)


def update_release(folder: str | Path, metrics: Mapping[str, Any]) -> Path:
    """Put later metrics of a network into its model folder; plot and card are made anew.

    Args:
        folder: A model folder with metrics and card.
        metrics: Some of `release.Metrics`, which replace those of the same name. Of `colour` and
            `pairs` only the given sets are replaced. Metrics with `parts` are a whole evaluation
            on the faces: published denoisers that it did not measure are dropped.

    Returns:
        The folder.

    Raises:
        ValueError: It is no whole model folder, or the metrics are of another split than its own.
    """
    check_update(folder, metrics.get("split_checksum"))
    before: Any = read_metrics(folder)
    in_colour = network_of(before) == COLOUR
    after: Any = {**before, **metrics}
    for kind in SETS & after.keys():
        if sets := {**before.get(kind, {}), **metrics.get(kind, {})}:
            after[kind] = sets
        else:
            del after[kind]
    if "parts" in metrics:
        learned_from = {part: row for part, row in before["parts"].items() if part == "pictures"}
        after["parts"] = {**metrics["parts"], **learned_from}
        if "published" not in metrics:
            after.pop("published", None)
    with _card_rendered(folder) as stage:
        release.write_metrics(stage, after)
        if "sigmas" in metrics or (in_colour and "colour" in metrics):
            plot_sigmas(after, stage / release.LEVELS)
    return Path(folder)


def check_update(folder: str | Path, checksum: str | None = None) -> None:
    """Make sure that metrics can be kept in a folder, before they are measured.

    Args:
        folder: A model folder.
        checksum: Of the split to measure on, where it is measured on faces.

    Raises:
        ValueError: See `update_release`.
    """
    if not release.is_released(folder):
        raise ValueError(f"metrics are kept in a whole model folder. Received: {folder}")
    metrics = read_metrics(folder)
    if checksum not in (None, metrics["split_checksum"]):
        raise ValueError(
            f"the metrics to keep must be of the model's own split, "
            f"{metrics.get('split', REFERENCE)}; give it as --split. "
            f"Received: {folder} and the split {split_name(checksum) or checksum}"
        )


@contextlib.contextmanager
def _card_rendered(folder, ignore=None) -> Iterator[Path]:
    """Yield a copy of a model folder to work on, which gets its card and replaces the folder."""
    with atomic_folder(folder, ignore) as stage:
        yield stage
        (stage / release.CARD).write_text(render_card(stage), encoding="utf-8")
    render_cards(folder)


def _replaced(folder):
    """What `shutil.copytree` leaves behind: the network at the folder's root, not in `colour/`."""
    ignored, root = shutil.ignore_patterns(*release.RELEASED), Path(folder).resolve()
    return lambda here, names: ignored(here, names) if Path(here).resolve() == root else set()
