"""The ablation's tables on the card: what each choice of the recipe is worth.

>>> print(table(metrics["ablation"]))

`training/ablation.py` trains its rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from olivetti_denoiser.evaluate.tables import markdown


def table(ablation: Mapping[str, Any]) -> str:
    """Return an ablation as Markdown: metrics and command of each row, then all noise levels.

    Args:
        ablation: `seeds`, and `rows`: {name: `command`, `seconds` of a training, `psnr` in dB and
            `ssim` (each `mean`, `low` and `high` over the seeds), and `levels` ("estimated" and
            "given": PSNR in dB by noise level)}.
    """
    seeds, rows = ablation["seeds"], ablation["rows"]
    over = f"seed {seeds[0]} alone, so small differences say nothing"
    if len(seeds) > 1:
        over = f"mean over seeds {', '.join(map(str, seeds))} (lowest – highest)"
    scores = [
        {
            "row": name,
            "seconds": f"{row['seconds']:.0f}",
            "PSNR, dB": _spread_text(row["psnr"], 2),
            "SSIM": _spread_text(row["ssim"], 4),
            "command": f"`{row['command']}`",
        }
        for name, row in rows.items()
    ]
    by_sigma = {}
    for name, row in rows.items():
        by_sigma[name] = row["levels"]["estimated"]
        if len(by_sigma) == 1:
            by_sigma[f"{name}, sigma given"] = row["levels"]["given"]
    levels = [
        {"row": name, **{sigma: f"{psnr:.2f}" for sigma, psnr in values.items()}}
        for name, values in by_sigma.items()
    ]
    # A network that is never told the level is no longer trained, but stands on the released card.
    blind = "the blind one and for " if "blind" in rows else ""
    return (
        "Held-out training faces, averaged weights of the best epoch, one pass without the mirror "
        f"average: {over}.\n\n{markdown(scores, texts=['command'])}\n\n"
        "The same networks at every noise level, PSNR in dB, means over seeds. They "
        f"estimate the level, except for {blind}the row that is given sigma.\n\n"
        f"{markdown(levels)}\n"
    )


def _spread_text(spread, digits):
    """Return a spread as it stands in the table."""
    mean, low, high = (f"{spread[name]:.{digits}f}" for name in ("mean", "low", "high"))
    return mean if spread["low"] == spread["high"] else f"{mean} ({low} – {high})"
