"""Restore a picture of any size with one network, tile by tile.

>>> restored = restore(network, pictures, sigma=0.1)                # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from olivetti_denoiser.inference.network import Network
from olivetti_denoiser.inference.tiles import MARGINS, TILE_SIDE, padded, tile_places

Progress = Callable[[int, int], None]


def restore(
    network: Network,
    pictures: np.ndarray,
    sigma: float,
    mirror: bool | None = None,
    progress: Progress | None = None,
) -> np.ndarray:
    """Return restored pictures: float32 N×C×H×W, not clipped.

    Args:
        network: The network.
        pictures: float32 N×C×H×W in [0, 1].
        sigma: The noise level of the pictures.
        mirror: Whether to average with the restored mirror image; None follows `network.mirror`.
        progress: Called with (tiles done, tiles in all) after each tile.
    """
    restored, margin = np.empty_like(pictures, order="C"), MARGINS[network.channels]
    mirror = network.mirror if mirror is None else mirror
    places = [
        (row, *place)
        for row in range(len(pictures))
        for place in tile_places(pictures.shape[2:], margin)
    ]
    for done, (row, top, left) in enumerate(places, 1):
        tile = pictures[row : row + 1, :, top : top + TILE_SIDE, left : left + TILE_SIDE]
        height, width = tile.shape[2:]
        tile = padded(tile, network.stride)
        result = network.restore(tile, sigma)
        if mirror:
            result += network.restore(tile[..., ::-1], sigma)[..., ::-1]
            result /= 2
        # Keep the part a margin away from the tile's edges, and all up to the picture's own edges.
        up, before = margin * (top > 0), margin * (left > 0)
        restored[row, :, top + up : top + height, left + before : left + width] = result[
            0, :, up:height, before:width
        ]
        if progress is not None:
            progress(done, len(places))
    return restored
