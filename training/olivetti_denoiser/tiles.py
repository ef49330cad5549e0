"""Tiles: a picture of any size as squares of a few fixed sides, and where each lies.

    >>> tile_side((100, 80)), tile_side((3000, 4000))
    (128, 512)
    >>> tile_places((600, 512), side=512, overlap=128)
    [(0, 0), (384, 0)]

A backend compiles once for each input shape, so pictures go through a network in few shapes.
"""

from __future__ import annotations

import numpy as np

TILE_SIDES = (64, 128, 256, 512)
MARGIN = 64  # pixels of context around a tile; more than half the network's receptive field
# Of a colour network: a neighbouring tile changes what is 16 pixels inside by up to 0.05/255, at 24
# by 0.001/255 (σ = 50/255).
COLOUR_MARGIN = 24
PIXELS_AT_ONCE = TILE_SIDES[-1] ** 2


def tile_side(shape: tuple[int, int]) -> int:
    """Returns the smallest fixed side that holds a picture of this height and width.

    Larger pictures get the largest side there is.
    """
    return next((side for side in TILE_SIDES if side >= max(shape)), TILE_SIDES[-1])


def tile_places(shape: tuple[int, int], side: int, overlap: int) -> list[tuple[int, int]]:
    """Returns the top-left corners of tiles that cover a picture.

    Args:
        shape: height and width of the picture.
        side: of a tile, in pixels.
        overlap: how many pixels neighbours share.
    """
    starts = []
    for length in shape:
        step = side - overlap
        starts.append([0, *range(step, max(1, length - overlap), step)])
    return [(top, left) for top in starts[0] for left in starts[1]]


def padded(tiles: np.ndarray, side: int) -> np.ndarray:
    """Mirrors N×H×W×C pictures at their lower and right edge until they fill side×side."""
    height, width = tiles.shape[1:3]
    return np.pad(tiles, ((0, 0), (0, side - height), (0, side - width), (0, 0)), mode="reflect")


def chunk_size(side: int) -> int:
    """Returns how many tiles of this side go through the network at once."""
    return max(1, PIXELS_AT_ONCE // side**2)
