"""The summary of a retraining in Markdown: one table, new beside released; then the addresses.

    denoiser summary outputs/model --released owner/olivetti-denoiser model_card
    denoiser addresses --model owner/olivetti-denoiser --space owner/olivetti-denoiser

GitHub shows it as a job summary. There, only pictures on public pages appear, and none of `data:`
addresses: the plots are shown once they are published.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from olivetti_denoiser import hub
from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.evaluate.tables import NONE, markdown
from olivetti_denoiser.publish.gate import PSNR_TOLERANCE
from olivetti_denoiser.release import (
    COLOUR,
    COMPARISON,
    CONFIG,
    CURVES,
    METRICS,
    MODEL,
    PLACES,
    Measure,
    Metrics,
    gate_score,
    model_scores,
    network_of,
    read_metrics,
)

PICTURES = (COMPARISON, CURVES)
COLUMNS = ("", "new", "released", "difference")
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
    """Return the figures of a new network beside those of the released one.

    Args:
        folder: the new model folder.
        released: where the release may be, folders or OWNER/NAME; the first that has figures of
            this network counts.
        note: a sentence to put at the end, such as why nothing is published.

    Returns:
        Markdown: the verdict and a table (new, released, difference) of what the network scores,
        how it was trained, and each setting in which the two differ.

    Raises:
        ValueError: the folder holds no figures.
    """
    folder = Path(folder)
    new = read_metrics(folder)
    place, where, missing = _released(released, network_of(folder), new)
    old = read_metrics(place) if place else None
    rows = [*_score_rows(new, old), *_set_rows(new, old), *_training_rows(folder, new, place, old)]
    lines = [
        *("## Retrained model", "", _verdict(new, old, where), "", *missing),
        markdown([dict(zip(COLUMNS, row, strict=True)) for row in rows]),
        *("", "With 95 % intervals; a difference has one where the faces are paired.", ""),
        _plots(folder),
        *(("", note) if note else ()),
    ]
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
            paths = [place + png for place in PLACES.values() for png in PICTURES]
            pictures = [f"![{path}]({page}/{path})" for path in paths if path in there]
    for picture in pictures:
        lines += ["", picture]
    return "\n".join(lines) + "\n"


def _released(places, network, new):
    """The released folder, where it comes from, and a line for each place without figures."""
    missing, mine = [], gate_score(new)
    for place in places:
        try:
            release = Path(place)
            if not release.is_dir():
                names = [where + name for where in PLACES.values() for name in (METRICS, CONFIG)]
                release = hub.download(place, *names)
            inside = [f for f in (release / COLOUR, release) if (f / METRICS).is_file()]
            folder = next((f for f in inside if network_of(f) == network), None)
            if folder is None:
                raise ValueError(f"it holds no {network} network's figures.")
            theirs = gate_score(read_metrics(folder))
            if theirs is None:
                raise ValueError("it holds no figure to compare with.")
            if mine is not None and not mine.compares_with(theirs):
                raise ValueError("its figures are of other pictures.")
            return folder, place, missing
        except (ValueError, OSError) as error:
            missing += [f"Not compared with `{place}`: {error}", ""]
    return None, None, missing


def _verdict(new, old, where):
    mine = gate_score(new)
    if mine is None:
        raise ValueError("the folder's figures hold none to judge the model by.")
    sentence = f"PSNR on {mine.pictures} **{mine.psnr:.3f} dB**, noisy input {mine.noisy:.3f} dB."
    if old is None:
        return f"{sentence} There is no released model to compare with."
    theirs = gate_score(old).psnr
    word = "worse than" if mine.psnr < theirs - PSNR_TOLERANCE else "better than"
    if abs(mine.psnr - theirs) <= PSNR_TOLERANCE:
        word = "as good as"
    which = "bundled" if Path(where).is_dir() else "released"
    return f"{sentence} It is **{word}** the {which} model, {theirs:.3f} dB (`{where}`)."


def _score_rows(new: Metrics, old: Metrics | None) -> list[tuple]:
    """Each measure on each part of the faces."""
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
    return lines


def _set_rows(new, old):
    """PSNR on colour pictures by level, and on real noisy pictures; `old` may have other sets."""
    mine, theirs = _by_set(new), _by_set(old or {})
    return [
        (name, f"{psnr:.3f}", f"{theirs[name]:.3f}", f"{psnr - theirs[name]:+.3f}")
        if name in theirs
        else (name, f"{psnr:.3f}", NONE, NONE)
        for name, psnr in mine.items()
    ]


def _by_set(metrics):
    found = {
        f"{name}, σ = {level}/255, PSNR dB": psnr
        for name, figures in metrics.get("colour", {}).items()
        for level, psnr in figures["psnr"]["methods"][MODEL].items()
    }
    return found | {
        f"{name}, real noise, PSNR dB": figures["psnr"]["methods"][MODEL]
        for name, figures in metrics.get("pairs", {}).items()
    }


def _training_rows(folder, new, place, old):
    """How long each was trained, and the settings in which they differ."""
    runs = [new.get("training", {}), (old or {}).get("training", {})]
    lines = [
        (
            "epochs, best",
            *(
                f"{run.get('epochs', NONE)}, {run.get('best_epoch', NONE)}" + _shortened(run)
                for run in runs
            ),
        ),
        (
            "minutes, cores",
            *(f"{run.get('seconds', 0) / 60:.1f}, {run.get('cores', NONE)}" for run in runs),
        ),
    ]
    there = place and (place / CONFIG).is_file()
    mine = asdict(TrainingConfig.from_json(folder / CONFIG))
    theirs = asdict(TrainingConfig.from_json(place / CONFIG) if there else TrainingConfig())
    lines += [
        (name, mine[name], theirs[name] if there else f"{theirs[name]} (default)")
        for name in mine
        if mine[name] != theirs[name]
    ]
    return [(*line, "") for line in lines]


def _shortened(run):
    """What a time limit made of the training's steps."""
    return f" (shortened to {run['shortened_to']:,} steps)" if "shortened_to" in run else ""


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


def _plots(folder):
    """Where the plots lie; on GitHub, in the artifact of the run."""
    run = os.environ.get("GITHUB_RUN_ID")
    names = ", ".join(f"`{folder / png}`" for png in PICTURES)
    if not run:
        return f"Plots: {names}."
    page = f"{os.environ.get('GITHUB_SERVER_URL')}/{os.environ.get('GITHUB_REPOSITORY')}"
    return f"Plots: {names} in [the artifact of this run]({page}/actions/runs/{run}#artifacts)."
