"""The ablation's tables on the card: what each choice of the recipe is worth.

>>> print(table(metrics["ablation"]))

`training/ablation.py` trains its rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from olivetti_denoiser.evaluate.tables import Table, markdown


def table(ablation: Mapping[str, Any]) -> str:
    """Return an ablation as Markdown: figures and command of each row, then all noise levels.

    Args:
        ablation: `seeds`, and `rows`: {name: `command`, `seconds` of a training, `psnr` in dB and
            `ssim` (each `mean`, `low` and `high` over the seeds), `levels` ("estimated" and
            "given": PSNR in dB by noise level), `diverged` (how many seeds)}. Where all have
            diverged, the figures are None.
    """
    seeds = ablation["seeds"]
    if len(seeds) > 1:
        over = f"mean over seeds {', '.join(map(str, seeds))} (lowest – highest)"
    else:
        over = f"seed {seeds[0]} alone, so small differences say nothing"
    text = (
        "Held-out training faces, averaged weights of the best epoch, one pass without the mirror "
        f"average: {over}.\n\n{_markdown(_figures_table(ablation))}\n"
    )
    levels = _levels_table(ablation)
    if not levels:
        return text
    # A network that is never told the level is no longer trained, but stands on the released card.
    blind = "the blind one and for " if "blind" in ablation["rows"] else ""
    return (
        f"{text}\nThe same networks at every noise level, PSNR in dB, means over seeds. They "
        f"estimate the level, except for {blind}the row that is given sigma.\n\n"
        f"{_markdown(levels)}\n"
    )


def _figures_table(ablation) -> Table:
    """Figures and command of each row."""
    seeds, lines = len(ablation["seeds"]), []
    for name, row in ablation["rows"].items():
        diverged = f", {row['diverged']} of {seeds} diverged" if row["diverged"] else ""
        lines.append(
            {
                "row": name,
                "seconds": "–" if row["seconds"] is None else f"{row['seconds']:.0f}",
                "PSNR, dB": _spread_text(row["psnr"], 2) + diverged,
                "SSIM": _spread_text(row["ssim"], 4),
                "command": f"`{row['command']}`",
            }
        )
    return lines


def _levels_table(ablation) -> Table:
    """PSNR at every noise level; no rows where no run has been measured."""
    lines = []
    for name, row in ablation["rows"].items():
        if row["levels"]:
            lines.append({"row": name, **row["levels"]["estimated"]})
            if len(lines) == 1 and "given" in row["levels"]:
                lines.append({"row": f"{name}, sigma given", **row["levels"]["given"]})
    return lines


def _markdown(lines):
    texts = [
        {name: cell if isinstance(cell, str) else f"{cell:.2f}" for name, cell in line.items()}
        for line in lines
    ]
    return markdown(texts, texts=["command"])


def _spread_text(spread, digits):
    """A spread as it stands in the table."""
    if spread is None:
        return "–"
    mean, low, high = (f"{spread[name]:.{digits}f}" for name in ("mean", "low", "high"))
    return mean if spread["low"] == spread["high"] else f"{mean} ({low} – {high})"
