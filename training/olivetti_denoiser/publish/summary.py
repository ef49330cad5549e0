"""The summary of a retraining in Markdown, which GitHub shows: one table, new beside released.

denoiser summary outputs/model --released owner/olivetti-denoiser model_card
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from olivetti_denoiser import hub
from olivetti_denoiser.evaluate.tables import NONE, PART_NAMES, markdown
from olivetti_denoiser.publish.gate import PSNR_TOLERANCE
from olivetti_denoiser.release import (
    METRICS,
    MODEL,
    PLACES,
    Metrics,
    Released,
    gate_score,
    network_of,
    networks_of,
    read_network,
)


def summary(folder: str | Path, released: Sequence[str] = ()) -> str:
    """Return the metrics of a new network beside those of the released one.

    Args:
        folder: The new model folder.
        released: Where the release may be, folders or OWNER/NAME; the first that has metrics of
            this network counts.

    Returns:
        Markdown: the verdict and a table (new, released, difference) of what the network scores.

    Raises:
        ValueError: The folder holds no metrics to judge the network by.
    """
    new, old, where, lines = read_network(folder), None, "", []
    if gate_score(new.metrics) is None:
        raise ValueError("the folder's metrics hold no PSNR to judge the model by.")
    for where in released:
        try:
            old = _released(where, new.metrics)
            break
        except (ValueError, OSError) as error:
            lines += [f"Not compared with `{where}`: {error}", ""]
    theirs = _scores(old.metrics) if old else {}
    table = [_row(name, score, theirs.get(name)) for name, score in _scores(new.metrics).items()]
    head = ["## Retrained model", "", _verdict(new.metrics, old, where), ""]
    return "\n".join([*head, *lines, markdown(table)]) + "\n"


def _released(where: str, new: Metrics) -> Released:
    """Return the released network that a new one compares with.

    Raises:
        ValueError, OSError: There is none, or it cannot be compared.
    """
    folder, network = Path(where), network_of(new)
    if not folder.is_dir():
        folder = hub.download(where, *(place + METRICS for place in PLACES.values()))
    found = networks_of(folder).get(network)
    if found is None:
        raise ValueError(f"it holds no {network} network.")
    score = gate_score(found.metrics)
    if score is None or not gate_score(new).compares_with(score):
        raise ValueError("its metrics are of other pictures.")
    return found


def _verdict(new: Metrics, old: Released | None, where: str) -> str:
    mine = gate_score(new)
    sentence = f"PSNR on {mine.pictures} **{mine.psnr:.3f} dB**, noisy input {mine.noisy:.3f} dB."
    if old is None:
        return f"{sentence} There is no released model to compare with."
    theirs = gate_score(old.metrics).psnr
    word = "worse than" if mine.psnr < theirs else "better than"
    if abs(mine.psnr - theirs) <= PSNR_TOLERANCE:
        word = "as good as"
    return f"{sentence} It is **{word}** the released model, {theirs:.3f} dB (`{where}`)."


def _row(name: str, new: float, old: float | None) -> dict[str, str]:
    """Return a score's row of the table; the released network may lack it."""
    row = {"": name, "new": f"{new:.5g}", "released": NONE, "difference": NONE}
    return (
        row if old is None else row | {"released": f"{old:.5g}", "difference": f"{new - old:+.2g}"}
    )


def _scores(metrics: Metrics) -> dict[str, float]:
    """Return the means on each part of the faces and on each set of colour pictures."""
    scores = {
        f"{PART_NAMES[part]}, {measure.upper()}": row["methods"][MODEL][measure]["mean"]
        for part, row in metrics["parts"].items()
        for measure in ("psnr", "ssim", "mse")
    }
    for name, found in metrics.get("colour", {}).items():
        for level, psnr in found["psnr"]["methods"][MODEL].items():
            scores[f"{name}, σ = {level}/255, PSNR"] = psnr
    for name, found in metrics.get("pairs", {}).items():
        scores[f"{name}, real noise, PSNR"] = found["psnr"]["methods"][MODEL]
    return scores
