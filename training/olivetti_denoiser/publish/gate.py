"""The gate: no network replaces a published one that scores better.

>>> psnr = judge({"gray": Path("outputs/model")}, published, "owner/name", say=print)
gray network, the test faces: 30.167 dB, published 30.012 dB
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from olivetti_denoiser.errors import RefusedError
from olivetti_denoiser.release import METRICS, PLACES, GateScore, gate_score, read_metrics

PSNR_TOLERANCE = 1e-3  # dB; the same weights differ by less from one machine to another


def judge(
    networks: Mapping[str, Path],
    published: Path | None,
    where: str,
    *,
    allow_regression: bool = False,
    say: Callable[[str], None],
) -> dict[str, tuple[float, float | None]]:
    """Compare each network with its published counterpart, and say how they score.

    Args:
        networks: Model folder of each network that is to be published.
        published: The published release, or its figures alone; None where there is none.
        where: What messages call the published release.
        allow_regression: Compare, and refuse nothing.
        say: Receives the scores as one line.

    Returns:
        Of each network what it is judged by in dB, and that of its counterpart or None.

    Raises:
        RefusedError: a published network is better, or its figures are of other pictures.
        ValueError: a published network has no figures.
    """
    psnr, verdicts, refused = {}, [], []
    for network, folder in networks.items():
        mine = gate_score(read_metrics(folder))
        theirs = _published_figure(published, network, where, allow_regression)
        psnr[network] = (mine.psnr, theirs and theirs.psnr)
        if theirs is None:
            continue
        verdict = (
            f"{network} network, {mine.pictures}: {mine.psnr:.3f} dB, "
            f"published {theirs.psnr:.3f} dB"
        )
        if not mine.compares_with(theirs):
            of = [f"{it.pictures} ({(it.checksum or 'unknown')[:12]})" for it in (mine, theirs)]
            verdict += f", but on other pictures, by their checksums: {of[0]} and {of[1]}"
        if not mine.compares_with(theirs) or mine.psnr < theirs.psnr - PSNR_TOLERANCE:
            refused.append(network)
        verdicts.append(verdict)
    if verdicts:
        say("; ".join(verdicts))
    if refused and not allow_regression:
        raise RefusedError(
            f"refused because of the {' and the '.join(refused)} network at {where}: "
            f"{'; '.join(verdicts)}; --allow-regression publishes all the same"
        )
    return psnr


def _published_figure(published, network, where, allow_regression) -> GateScore | None:
    folder = published and published / PLACES[network]
    if folder is None or not (folder / METRICS).is_file():
        return None
    try:
        figure = gate_score(read_metrics(folder))
    except ValueError:
        figure = None
    if figure is None and not allow_regression:
        raise ValueError(
            f"the published {PLACES[network]}{METRICS} holds no PSNR to compare with; "
            f"--allow-regression publishes all the same. Received: {where}"
        )
    return figure
