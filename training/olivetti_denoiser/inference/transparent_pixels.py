"""Transparent pixels, filled so that they do not bleed into the pixels that are seen.

    >>> channels = fill_transparent(channels, visible)     # doctest: +SKIP

The colours under full transparency may be anything: black, white, the rest of the photograph.
"""

from __future__ import annotations

import numpy as np


def fill_transparent(channels: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """Fill transparent pixels with means of the visible pixels near them.

    A transparent pixel gets the mean of the visible pixels in its square of 2×2 pixels. Where that
    square has none, the square grows to 4×4 pixels, 8×8 and so on.

    Args:
        channels: float32 C×H×W.
        visible: bool H×W; a picture of which nothing is visible stays as it is.
    """
    if not visible.any():
        return channels
    weights = visible.astype(np.float32)
    return np.where(visible, channels, _fill(channels * weights, weights))


def _fill(sums, weights):
    """Return weighted means, taken from half the resolution where the weights are zero."""
    height, width = weights.shape
    means = np.divide(sums, weights, out=np.zeros_like(sums), where=weights > 0)
    if (weights > 0).all() or max(height, width) == 1:
        return means
    coarse = []
    for values in (means * (weights > 0), (weights > 0).astype(np.float32)):
        values = np.pad(values, [(0, 0)] * (values.ndim - 2) + [(0, height % 2), (0, width % 2)])
        pairs = values[..., ::2, :] + values[..., 1::2, :]
        coarse.append(pairs[..., ::2] + pairs[..., 1::2])
    below = _fill(*coarse).repeat(2, axis=-2).repeat(2, axis=-1)[..., :height, :width]
    return np.where(weights > 0, means, below)
