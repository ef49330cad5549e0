"""The gate: no network replaces a published one that scores better.

>>> judge(networks_of("outputs/model"), published, "owner/name")
gray network, the test faces: 30.167 dB, published 30.012 dB
"""

from __future__ import annotations

from collections.abc import Mapping

from olivetti_denoiser.errors import RefusedError
from olivetti_denoiser.release import Released, gate_score

PSNR_TOLERANCE = 1e-3  # dB; the same weights differ by less from one machine to another


def judge(
    networks: Mapping[str, Released],
    published: Mapping[str, Released],
    where: str,
    *,
    allow_regression: bool = False,
) -> None:
    """Compare each network with its published counterpart, and print how they score.

    Args:
        networks: The networks that are to be published.
        published: The published networks.
        where: What messages call the published release.
        allow_regression: Compare, and refuse nothing.

    Raises:
        RefusedError: A published network is better, or nothing can be compared: its score is
            missing or of other pictures.
    """
    verdicts, refused = [], []
    for name in networks.keys() & published.keys():
        mine, theirs = (gate_score(side[name].metrics) for side in (networks, published))
        verdict = f"{name} network, {mine.pictures}: {mine.psnr:.3f} dB, published "
        verdict += f"{theirs.psnr:.3f} dB" if theirs else "without a PSNR to compare with"
        if theirs and not mine.compares_with(theirs):
            of = [f"{it.pictures} ({(it.checksum or 'unknown')[:12]})" for it in (mine, theirs)]
            verdict += f", but on other pictures, by their checksums: {of[0]} and {of[1]}"
            theirs = None
        if theirs is None or mine.psnr < theirs.psnr - PSNR_TOLERANCE:
            refused.append(name)
        verdicts.append(verdict)
    if verdicts:
        print("; ".join(verdicts))
    if refused and not allow_regression:
        raise RefusedError(
            f"refused because of the {' and the '.join(refused)} network at {where}: "
            f"{'; '.join(verdicts)}; --allow-regression publishes all the same"
        )
