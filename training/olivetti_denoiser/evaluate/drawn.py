"""Measure a denoiser on drawn pictures in colour: gradients, charts, screenshots, night skies.

>>> measure_drawn(denoiser)["gradients"]                       # doctest: +SKIP
{'count': 60, 'worse': 0, 'least_gain': 2.9, 'mean_gain': 9.4}

A photograph rarely shows what they do, so no other figure would tell of a network that fails on
them, see `data.drawn_pictures`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from olivetti_denoiser.data.drawn_pictures import KINDS, draw_pictures
from olivetti_denoiser.metrics import psnr
from olivetti_denoiser.noise import from_uint8, to_uint8

COUNT = 60  # pictures of each kind


def measure_drawn(
    restore: Callable[[np.ndarray], np.ndarray],
    count: int = COUNT,
    seed: int = 1,
) -> dict[str, dict[str, float]]:
    """Measure how many drawn pictures come back worse than they were, by kind.

    Args:
        restore: Removes the noise of N×96×96×3 pictures in [0, 1].
        count: How many pictures of each kind.
        seed: Of the pictures and their noise; a training watches those of another seed.

    Returns:
        An entry for each kind: `count`; how many restored pictures are `worse` than noisy, by
        PSNR; and `least_gain` and `mean_gain` of PSNR in dB. Restored pictures have 8 bits.
    """
    found = {}
    for kind in KINDS:
        pictures = draw_pictures(kind, count, seed)
        clean, noisy = (from_uint8(np.asarray(images)) for images in pictures[1:3])
        restored = from_uint8(to_uint8(restore(noisy)))
        gain = psnr(clean, restored) - psnr(clean, noisy)
        found[kind] = {
            "count": count,
            "worse": int((gain < 0).sum()),
            "least_gain": float(gain.min()),
            "mean_gain": float(gain.mean()),
        }
    return found


def worst(found: Mapping[str, Mapping[str, float]]) -> tuple[float, float]:
    """Return the share of pictures that are worse than noisy, and the least gain in dB.

    Args:
        found: Of `measure_drawn`.
    """
    kinds = found.values()
    worse, count = (sum(kind[name] for kind in kinds) for name in ("worse", "count"))
    return worse / count, min(kind["least_gain"] for kind in kinds)
