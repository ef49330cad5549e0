"""Where to look for the noise of a picture: tiles that hold some, not bars or cut-outs.

    >>> tiles = noisy_tiles(noisy_blocks(picture), picture.shape[:2], side=64)  # doctest: +SKIP

Black bars, transparent parts, burnt-out skies and drawn areas hold no noise, whatever the rest of
the picture does: a camera's noise makes neighbours differ. A mean over the whole picture would take
such parts for clean ones, so they are cut away or left out.
"""

from __future__ import annotations

import numpy as np

BLOCK = 8  # pixels a side: what is plain is found in blocks
VARIED = 0.2  # a block holds noise where at least this share of its pixels differs from a neighbour
FILLED = 0.9  # a tile is used where at least this share of its blocks holds noise
PLAIN_SHARE = 0.01  # of a picture's blocks; fewer plain ones change no estimate
SMALLEST = 16  # pixels a side of a tile
MOST = 256  # tiles of one picture, spread evenly; more do not change the mean


def noisy_blocks(picture: np.ndarray, opaque: np.ndarray | None = None) -> np.ndarray:
    """Finds the blocks of a picture whose pixels differ from one another.

    Args:
        picture: H×W×C in [0, 1].
        opaque: bool H×W, which pixels are seen; None for all.

    Returns:
        bool ⌈H / 8⌉×⌈W / 8⌉.
    """
    height, width = picture.shape[:2]
    differs = np.zeros((height, width), bool)
    down = (picture[1:] != picture[:-1]).any(axis=2)
    across = (picture[:, 1:] != picture[:, :-1]).any(axis=2)
    if opaque is not None:
        down &= opaque[1:] & opaque[:-1]
        across &= opaque[:, 1:] & opaque[:, :-1]
    differs[1:] |= down
    differs[:-1] |= down
    differs[:, 1:] |= across
    differs[:, :-1] |= across
    share = np.add.reduceat(differs, range(0, height, BLOCK), axis=0, dtype=np.uint16)
    share = np.add.reduceat(share, range(0, width, BLOCK), axis=1)
    sizes = [np.diff([*range(0, length, BLOCK), length]) for length in (height, width)]
    return share >= VARIED * np.outer(*sizes)


def has_plain_parts(blocks: np.ndarray) -> bool:
    """Tells whether more of a picture is plain or hidden than changes no estimate.

    Args:
        blocks: see `noisy_blocks`.
    """
    return bool(blocks.mean() < 1 - PLAIN_SHARE)


def noisy_tiles(blocks: np.ndarray, shape: tuple[int, int], side: int) -> list[tuple[slice, slice]]:
    """Chooses the tiles of a picture that its noise level is estimated on.

    Args:
        blocks: see `noisy_blocks`.
        shape: height and width of the picture.
        side: of a tile, 16 pixels or 32, 64, 128 and so on.

    Returns:
        Rows and columns of each tile, at least one. They are side×side where the picture is that
        large around its noise, else smaller; half as large, or a quarter and so on, where no tile
        is full of noise. Where nothing in the picture varies they cover it.
    """
    if not blocks.any():
        blocks = np.ones_like(blocks)
    while True:
        tiles = _tiles(blocks, shape, side)
        filled = np.array([_share(blocks, *tile) for tile in tiles])
        if filled.max() >= FILLED or side == SMALLEST:
            break
        side //= 2
    chosen = np.flatnonzero(filled >= min(FILLED, filled.max()))
    if len(chosen) > MOST:
        chosen = chosen[np.linspace(0, len(chosen) - 1, MOST).round().astype(int)]
    return [tiles[index] for index in chosen]


def _tiles(blocks, shape, side):
    """Tiles that cover what holds noise; where it ends, they reach back inside."""
    spans = []
    for axis, length in enumerate(shape):
        used = np.flatnonzero(blocks.any(axis=1 - axis))
        low, high = BLOCK * used[0], min(BLOCK * (used[-1] + 1), length)
        starts = [*range(low, max(high - side, low), side), max(high - side, low)]
        spans.append([slice(start, min(start + side, high)) for start in starts])
    return [(rows, columns) for rows in spans[0] for columns in spans[1]]


def _share(blocks, rows, columns):
    """How much of a tile holds noise."""
    rows, columns = (slice(span.start // BLOCK, -(-span.stop // BLOCK)) for span in (rows, columns))
    return blocks[rows, columns].mean()
