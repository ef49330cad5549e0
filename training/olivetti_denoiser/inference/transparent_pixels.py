"""Pixels that nobody sees, filled so that they do not bleed into those that are seen.

    >>> pictures = fill_hidden(pictures, visible)     # doctest: +SKIP

What lies under transparency may be anything: black, white, the rest of the photograph.
"""

from __future__ import annotations

import numpy as np


def fill_hidden(pictures: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """Fill the pixels that nobody sees with what is near them, so that they bleed into nothing.

    Means of visible pixels, at ever coarser resolutions where there are none.

    Args:
        pictures: float32 N×H×W×C.
        visible: bool N×H×W; a picture of which nothing is visible stays as it is.
    """
    weights = visible[..., None].astype(np.float32)
    filled = _fill(pictures * weights, weights)
    wholly_hidden = np.logical_not(visible.any(axis=(1, 2), keepdims=True))[..., None]
    return np.where((weights > 0) | wholly_hidden, pictures, filled)


def _fill(sums, weights):
    """Weighted means, taken from half the resolution where the weights are zero."""
    height, width = sums.shape[1:3]
    means = np.divide(sums, weights, out=np.zeros_like(sums), where=weights > 0)
    if (weights > 0).all() or max(height, width) == 1:
        return means
    pad = ((0, 0), (0, height % 2), (0, width % 2), (0, 0))
    coarse = []
    for values in (means * (weights > 0), (weights > 0).astype(np.float32)):
        values = np.pad(values, pad)
        shape = (len(values), values.shape[1] // 2, 2, values.shape[2] // 2, 2, values.shape[3])
        coarse.append(values.reshape(shape).sum(axis=(2, 4)))
    below = _fill(*coarse).repeat(2, axis=1).repeat(2, axis=2)[:, :height, :width]
    return np.where(weights > 0, means, below)
