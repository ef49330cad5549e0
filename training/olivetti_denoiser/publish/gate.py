"""The gate: no network replaces a published one that scores better.

>>> judge(networks_of("outputs/model"), published, "owner/name")
gray network, the test faces: 30.167 dB, published 30.012 dB

A network for colour is also compared on drawn pictures, see `evaluate.drawn`: PSNR on photographs
says nothing of a network that fails on a smooth ramp.
"""

from __future__ import annotations

from collections.abc import Mapping

from olivetti_denoiser.errors import RefusedError
from olivetti_denoiser.evaluate.drawn import COUNT, worst
from olivetti_denoiser.release import Metrics, Released, gate_score

PSNR_TOLERANCE = 1e-3  # dB; the same weights differ by less from one machine to another
# Of the drawn pictures: two seeds of a recipe differ by less.
SHARE_TOLERANCE = 0.02  # of them that come back worse than noisy
GAIN_TOLERANCE = 1.0  # dB of the least gain among them


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
        drawn, is_worse = _judge_drawn(*(side[name].metrics for side in (networks, published)))
        if theirs is None or mine.psnr < theirs.psnr - PSNR_TOLERANCE or is_worse:
            refused.append(name)
        verdicts.append(verdict + drawn)
    if verdicts:
        print("; ".join(verdicts))
    if refused and not allow_regression:
        raise RefusedError(
            f"refused because of the {' and the '.join(refused)} network at {where}: "
            f"{'; '.join(verdicts)}; --allow-regression publishes all the same"
        )


def _judge_drawn(mine: Metrics, theirs: Metrics) -> tuple[str, bool]:
    """Compare two networks on drawn pictures: a part of the verdict, and whether mine is worse."""
    if not theirs.get("drawn"):
        return "", False
    if not mine.get("drawn"):
        return (
            ", but not measured on drawn pictures "
            f"(`denoiser evaluate FOLDER --drawn {COUNT} --save`)",
            True,
        )
    counts = [[kind["count"] for kind in its["drawn"].values()] for its in (mine, theirs)]
    if counts[0] != counts[1]:
        return f", but on other drawn pictures: {counts[0]} of the kinds, {counts[1]}", True
    (share, least), (their_share, their_least) = map(worst, (mine["drawn"], theirs["drawn"]))
    verdict = (
        f"; drawn pictures: {share:.1%} come back worse than noisy, by {-least:.1f} dB at most, "
        f"published {their_share:.1%}, {-their_least:.1f} dB"
    )
    return verdict, (share > their_share + SHARE_TOLERANCE or least < their_least - GAIN_TOLERANCE)
