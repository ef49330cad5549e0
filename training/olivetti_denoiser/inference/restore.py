"""Restore pictures of any size with one network, tile by tile.

>>> restored, passes = plan(network, pictures, sigmas)              # doctest: +SKIP
>>> for one_pass in passes:                                         # doctest: +SKIP
...     one_pass()
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from olivetti_denoiser.inference.letterbox import inside_frame
from olivetti_denoiser.inference.network import Network
from olivetti_denoiser.inference.tiles import MARGINS, TILE_SIDE, chunks, padded, tile_places


def plan(
    network: Network, pictures: np.ndarray, sigmas: np.ndarray, mirror: bool | None = None
) -> tuple[np.ndarray, list[Callable[[], None]]]:
    """Return where the restored pictures will be, and the passes that put them there.

    Bars and margins of one colour stay as they are, and what is inside is restored as if it were
    the whole picture.

    Args:
        network: The network.
        pictures: float32 N×C×H×W in [0, 1].
        sigmas: The noise level of each picture, N.
        mirror: Whether to average with the restored mirror image; None as the network is meant to.

    Returns:
        float32 N×C×H×W, not clipped, a copy of the pictures until the passes have run; and the
        passes, which may run in any order.
    """
    restored = pictures.copy(order="K")
    insides = [inside_frame(np.moveaxis(picture, 0, -1)) for picture in pictures]
    if all(inside == insides[0] for inside in insides):
        parts = [(slice(None), slice(None), *inside) for inside in insides[:1]]
    else:
        parts = [(slice(row, row + 1), slice(None), *span) for row, span in enumerate(insides)]
    mirror = network.mirror if mirror is None else mirror
    passes: list[Callable[[], None]] = []
    for part in parts:
        source, target, levels = pictures[part], restored[part], sigmas[part[0]]
        if not target.size:
            continue
        margin, shape = MARGINS[network.channels], source.shape[2:]
        for place in tile_places(shape, margin):
            tile = (min(TILE_SIDE, shape[0]), min(TILE_SIDE, shape[1]))
            for rows in chunks(len(source), tile):
                passes.append(
                    partial(
                        _restore_tile,
                        network,
                        source[rows],
                        levels[rows],
                        mirror,
                        place,
                        margin,
                        target[rows],
                    )
                )
    return restored, passes


def _restore_tile(network, pictures, sigmas, mirror, place, margin, restored):
    """Restore one tile of some pictures into `restored`."""
    top, left = place
    cut = pictures[:, :, top : top + TILE_SIDE, left : left + TILE_SIDE]
    height, width = cut.shape[2:]
    tiles = padded(cut, network.stride)
    result = network.restore(tiles, sigmas)
    if mirror:
        result += network.restore(tiles[..., ::-1], sigmas)[..., ::-1]
        result /= 2
    # Keep what is a margin away from the tile's edges, and all of it at the picture's own.
    up, before = margin * (top > 0), margin * (left > 0)
    restored[:, :, top + up : top + height, left + before : left + width] = result[
        :, :, up:height, before:width
    ]
