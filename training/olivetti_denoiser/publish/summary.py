"""The summary of a retraining in Markdown: figures beside the released ones, losses, addresses.

    denoiser summary outputs/model --released owner/olivetti-denoiser model_card
    denoiser addresses --model owner/olivetti-denoiser --space owner/olivetti-denoiser

GitHub shows it as a job summary. There, only pictures on public pages appear, and none of `data:`
addresses: the loss curve is drawn by Mermaid, and the plots are shown once they are published.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from olivetti_denoiser import hub
from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.evaluate.tables import NONE, markdown
from olivetti_denoiser.figures import Measure, Metrics, gate_figure, model_scores, read_metrics
from olivetti_denoiser.history import read_history
from olivetti_denoiser.model_folder import COMPARISON, CONFIG, CURVES, HISTORY, METRICS
from olivetti_denoiser.publish.publish import PSNR_TOLERANCE

if TYPE_CHECKING:
    import pandas as pd

PICTURES = (COMPARISON, CURVES)
PARTS = {
    "test": "test faces",
    "outside": "faces outside the split",
    "train": "training faces",
    "pictures": "pictures of the dataset",
}
# Measure: its name, how many digits, and which sign of a difference is a gain.
MEASURES: dict[Measure, tuple[str, int, int]] = {
    "psnr": ("PSNR dB", 3, 1),
    "ssim": ("SSIM", 4, 1),
    "mse": ("MSE", 6, -1),
}


def summary(folder: str | Path, released: Sequence[str] = (), note: str | None = None) -> str:
    """Returns the figures of a new model beside those of the released one.

    Args:
        folder: the new model folder.
        released: where the released model may be, folders or OWNER/NAME; the first that has
            figures counts.
        note: a sentence to put at the end, such as why nothing is published.

    Returns:
        Markdown: the verdict, a table (new, released, difference, with 95 % intervals), the loss
        curve and how the model was trained.

    Raises:
        ValueError: the folder holds no figures.
    """
    folder = Path(folder)
    new = read_metrics(folder)
    old, where, missing = _released(released, new)
    lines = [
        *("## Retrained model", "", _verdict(new, old, where), "", *missing),
        *(markdown(_table(new, old)), ""),
        "With 95 % intervals; a difference has one where the faces are paired.",
        "",
        *_curve(folder / HISTORY),
        "",
        _settings(new, folder / CONFIG),
        "",
        _plots(folder),
    ]
    if note:
        lines += ["", note]
    return "\n".join(lines) + "\n"


def addresses(names: Mapping[str, str]) -> str:
    """Returns where the published repositories are, and the model's plots.

    Args:
        names: OWNER/NAME of each kind: "model", "dataset", "space".

    Returns:
        Markdown that shows the plots of the model's newest commit, by their addresses.

    Raises:
        ValueError, PermissionError, ConnectionError: see `hub`.
    """
    from huggingface_hub import HfApi, ModelInfo

    lines, pictures = ["", "## Published", ""], []
    for kind, name in names.items():
        try:
            info = hub.patiently(partial(HfApi().repo_info, name, repo_type=kind))
        except Exception as error:
            raise hub.explained(error, name, kind) from error
        lines.append(f"- {kind}: {hub.address(name, kind)} at `{info.sha[:7]}`")
        if isinstance(info, ModelInfo):
            there = {file.rfilename for file in info.siblings or ()}
            page = f"{hub.address(name)}/resolve/{info.sha}"
            pictures = [f"![{png}]({page}/{png})" for png in PICTURES if png in there]
    for picture in pictures:
        lines += ["", picture]
    return "\n".join(lines) + "\n"


def _released(places, new):
    """The released figures, where they come from, and a line for each place without such."""
    missing, mine = [], gate_figure(new)
    for place in places:
        try:
            folder = Path(place)
            if not folder.is_dir():
                folder = hub.download(place, METRICS)
            figures = read_metrics(folder)
            theirs = gate_figure(figures)
            if theirs is None:
                raise ValueError("it holds no figure to compare with.")
            if mine is not None and not mine.compares_with(theirs):
                raise ValueError("its figures are of other pictures.")
            return figures, place, missing
        except (ValueError, OSError) as error:
            missing += [f"Not compared with `{place}`: {error}", ""]
    return None, None, missing


def _verdict(new, old, where):
    mine = gate_figure(new)
    if mine is None:
        raise ValueError("the folder's figures hold none to judge the model by.")
    sentence = f"PSNR on {mine.pictures} **{mine.psnr:.3f} dB**, noisy input {mine.noisy:.3f} dB."
    if old is None:
        return f"{sentence} There is no released model to compare with."
    theirs = gate_figure(old).psnr
    word = "worse than" if mine.psnr < theirs - PSNR_TOLERANCE else "better than"
    if abs(mine.psnr - theirs) <= PSNR_TOLERANCE:
        word = "as good as"
    which = "bundled" if Path(where).is_dir() else "released"
    return f"{sentence} It is **{word}** the {which} model, {theirs:.3f} dB (`{where}`)."


def _table(new: Metrics, old: Metrics | None) -> pd.DataFrame:
    """New, released and difference of each measure on each part."""
    import pandas as pd

    lines = []
    for part, name in PARTS.items():
        if part not in new["parts"]:
            continue
        mine = model_scores(new, part)
        theirs = model_scores(old, part) if old and part in old["parts"] else None
        for measure, (title, digits, gain) in MEASURES.items():
            paired = _paired(new, old, measure) if part == "test" and old else None
            row, other = mine[measure], theirs.get(measure) if theirs else None
            difference = _difference(row, other, paired, digits, gain)
            figures = (_figure(row, digits), _figure(other, digits), difference)
            lines.append((f"{name}, {title}", *figures))
    return pd.DataFrame(lines, columns=["", "new", "released", "difference"])


def _paired(new, old, measure):
    """The interval of the difference, face by face, where both list the same faces."""
    from olivetti_denoiser.metrics import mean_interval

    mine, theirs = (
        {face["face_id"]: face.get(measure) for face in metrics.get("faces", ())}
        for metrics in (new, old)
    )
    if mine.keys() != theirs.keys() or None in (*mine.values(), *theirs.values()) or not mine:
        return None
    return mean_interval([mine[face] - theirs[face] for face in mine])


def _figure(row, digits):
    if row is None:
        return NONE
    return f"{row['mean']:.{digits}f} [{row['low']:.{digits}f}, {row['high']:.{digits}f}]"


def _difference(mine, theirs, paired, digits, gain):
    if theirs is None:
        return NONE
    value = mine["mean"] - theirs["mean"]
    text = f"{value:+.{digits}f}"
    if paired is not None:
        text += f" [{paired['low']:+.{digits}f}, {paired['high']:+.{digits}f}]"
    if round(value, digits) == 0:
        return text
    return f"{text} {'better' if value * gain > 0 else 'worse'}"


def _curve(path):
    """The losses as a Mermaid chart, on a logarithmic scale since they fall by decades at first."""
    history = read_history(path)
    names = ("restored_loss", "val_restored_loss")
    if history.empty or not set(names) <= set(history.columns):
        return []
    curves = [[math.log10(max(value, 1e-9)) for value in history[name]] for name in names]
    low, high = (edge(map(edge, curves)) for edge in (min, max))
    return [
        "Loss of the restored faces, common logarithm: training (first line) and validation.",
        "",
        "```mermaid",
        "xychart-beta",
        f'    x-axis "epoch" 1 --> {max(2, len(history))}',
        f'    y-axis "log10 of the loss" {low - 0.05:.2f} --> {high + 0.05:.2f}',
        *(f"    line [{', '.join(f'{value:.3f}' for value in curve)}]" for curve in curves),
        "```",
    ]


def _plots(folder):
    """Where the plots lie; on GitHub, in the artifact of the run."""
    run = os.environ.get("GITHUB_RUN_ID")
    names = ", ".join(f"`{folder / png}`" for png in PICTURES)
    if not run:
        return f"Plots: {names}."
    page = f"{os.environ.get('GITHUB_SERVER_URL')}/{os.environ.get('GITHUB_REPOSITORY')}"
    return f"Plots: {names} in [the artifact of this run]({page}/actions/runs/{run}#artifacts)."


def _settings(metrics, path):
    run = metrics.get("training", {})
    config, default = asdict(TrainingConfig.from_json(path)), asdict(TrainingConfig())
    changed = [f"{name} {value}" for name, value in config.items() if value != default[name]]
    shortened = f" (shortened to {run['shortened_to']:,} steps)" if "shortened_to" in run else ""
    return (
        f"Seed {config['seed']}, {run.get('epochs', '?')} epochs{shortened}, best "
        f"{run.get('best_epoch', '?')}, {run.get('seconds', 0) / 60:.1f} minutes of training on "
        f"{run.get('cores', '?')} cores; "
        f"{'other than the default: ' + ', '.join(changed) if changed else 'default settings'}."
    )
