"""What a retraining came to, as Markdown: figures beside the released ones, curves, addresses.

    denoiser summary outputs/model --released owner/olivetti-denoiser model_card
    denoiser addresses --model owner/olivetti-denoiser --space owner/olivetti-denoiser

GitHub shows it as a job summary. There, only pictures on public pages appear, and none of `data:`
addresses: the loss curve is drawn by Mermaid, and the plots are shown once they are published.
"""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from olivetti_denoiser import hub
from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.model_folder import METRICS, read_metrics
from olivetti_denoiser.publish.publish import PSNR_TOLERANCE

HISTORY, CONFIG = "history.csv", "training_config.json"
PICTURES = ("comparison.png", "loss_curves.png")
PARTS = {
    "test": "test faces",
    "others": "other faces",
    "train": "training faces",
    "pictures": "pictures of the dataset",
}
# Measure: its name, how many digits, and which sign of a difference is a gain.
MEASURES = {"psnr": ("PSNR dB", 3, 1), "ssim": ("SSIM", 4, 1), "mse": ("MSE", 6, -1)}


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
    old, where, missing = _released(released, new.get("split_checksum"))
    lines = ["## Retrained model", "", _verdict(new, old, where), "", *missing]
    lines += _table(new, old)
    lines += [
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
    from huggingface_hub import HfApi

    lines, pictures = ["", "## Published", ""], []
    for kind, name in names.items():
        try:
            info = hub.patiently(lambda k=kind, n=name: HfApi().repo_info(n, repo_type=k))
        except Exception as error:
            raise hub.explained(error, name, kind) from error
        lines.append(f"- {kind}: {hub.address(name, kind)} at `{info.sha[:7]}`")
        if kind == "model":
            there = {file.rfilename for file in info.siblings or ()}
            page = f"{hub.address(name)}/resolve/{info.sha}"
            pictures = [f"![{png}]({page}/{png})" for png in PICTURES if png in there]
    for picture in pictures:
        lines += ["", picture]
    return "\n".join(lines) + "\n"


def _released(places, split):
    """The released figures, where they come from, and a line for each place without such."""
    missing = []
    for place in places:
        try:
            folder = Path(place)
            if not folder.is_dir():
                folder = hub.download(place, METRICS)
            figures = read_metrics(folder)
            if split != figures.get("split_checksum", split):
                raise ValueError("its figures are of another split of the faces.")
            return figures, place, missing
        except (ValueError, OSError) as error:
            missing += [f"Not compared with `{place}`: {error}", ""]
    return None, None, missing


def _verdict(new, old, where):
    mine = new["splits"]["test"]["model"]["psnr"]["mean"]
    noisy = new["splits"]["test"]["noisy"]["psnr"]["mean"]
    sentence = f"Test PSNR **{mine:.3f} dB**, noisy input {noisy:.3f} dB."
    if old is None:
        return f"{sentence} There is no released model to compare with."
    theirs = old["splits"]["test"]["model"]["psnr"]["mean"]
    word = "worse than" if mine < theirs - PSNR_TOLERANCE else "better than"
    if abs(mine - theirs) <= PSNR_TOLERANCE:
        word = "as good as"
    which = "bundled" if Path(where).is_dir() else "released"
    return f"{sentence} It is **{word}** the {which} model, {theirs:.3f} dB (`{where}`)."


def _table(new, old):
    lines = ["| | new | released | difference |", "|---|---|---|---|"]
    for part, name in PARTS.items():
        if part not in new["splits"]:
            continue
        mine = new["splits"][part]["model"]
        theirs = old["splits"].get(part, {}).get("model", {}) if old else {}
        for measure, (title, digits, gain) in MEASURES.items():
            paired = _paired(new, old, measure) if part == "test" and old else None
            lines.append(
                f"| {name}, {title} | {_figure(mine[measure], digits)} "
                f"| {_figure(theirs.get(measure), digits)} "
                f"| {_difference(mine[measure], theirs.get(measure), paired, digits, gain)} |"
            )
    return [*lines, "", "With 95 % intervals; a difference has one where the faces are paired."]


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
        return "–"
    return f"{row['mean']:.{digits}f} [{row['low']:.{digits}f}, {row['high']:.{digits}f}]"


def _difference(mine, theirs, paired, digits, gain):
    if theirs is None:
        return "–"
    value = mine["mean"] - theirs["mean"]
    text = f"{value:+.{digits}f}"
    if paired is not None:
        text += f" [{paired['low']:+.{digits}f}, {paired['high']:+.{digits}f}]"
    if round(value, digits) == 0:
        return text
    return f"{text} {'better' if value * gain > 0 else 'worse'}"


def _curve(path):
    """The losses as a Mermaid chart, on a logarithmic scale since they fall by decades at first."""
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = ("restored_loss", "val_restored_loss")
    if not rows or not set(names) <= rows[0].keys():
        return []
    curves = [[math.log10(max(float(row[name]), 1e-9)) for row in rows] for name in names]
    low, high = (edge(map(edge, curves)) for edge in (min, max))
    return [
        "Loss of the restored faces, common logarithm: training (first line) and validation.",
        "",
        "```mermaid",
        "xychart-beta",
        f'    x-axis "epoch" 1 --> {max(2, len(rows))}',
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
    return (
        f"Seed {config['seed']}, {run.get('epochs', '?')} epochs, best {run.get('best_epoch', '?')}"
        f", {run.get('seconds', 0) / 60:.1f} minutes of training on {run.get('cores', '?')} cores; "
        f"{'other than the default: ' + ', '.join(changed) if changed else 'default settings'}."
    )
