"""Tiles: a large picture as squares, and where each lies.

    >>> tile_places((600, 512), margin=64)
    [(0, 0), (384, 0)]

A picture of at most 512 pixels a side goes through a network whole. A larger picture is cut into
tiles, and of each restored tile only the part inside a margin of context is kept.
"""

from __future__ import annotations

import numpy as np

TILE_SIDE = 512  # pixels; tiles of 256 cost up to twice as much a pixel, of 1024 no less
# Pixels of context around the kept part of a tile, by the network's channels. Of a gray network
# more than half its receptive field. Of a colour network: what lies beyond a tile changes a pixel
# that is 24 inside by up to 2/255, at 32 by 0.15/255, at 40 by 0.002/255 (σ from 2 to 50/255).
MARGINS = {1: 64, 3: 32}


def tile_places(shape: tuple[int, int], margin: int) -> list[tuple[int, int]]:
    """Return the top-left corners of tiles that cover a picture.

    Args:
        shape: Height and width of the picture.
        margin: Pixels of context; two neighbouring tiles overlap by twice as many pixels.
    """
    starts = []
    for length in shape:
        shared = 2 * margin if length > TILE_SIDE else 0
        starts.append([0, *range(TILE_SIDE - shared, max(1, length - shared), TILE_SIDE - shared)])
    return [(top, left) for top in starts[0] for left in starts[1]]


def padded(pictures: np.ndarray, stride: int, least: int = 1) -> np.ndarray:
    """Pad N×C×H×W pictures by reflection at their lower and right edges.

    Args:
        pictures: The pictures.
        stride: Height and width become multiples of this.
        least: The least height and width.
    """
    rest = [max(-length % stride, least - length) for length in pictures.shape[2:]]
    if not any(rest):
        return pictures
    return np.pad(pictures, ((0, 0), (0, 0), (0, rest[0]), (0, rest[1])), mode="reflect")
