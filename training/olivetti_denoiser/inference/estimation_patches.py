"""Noise-estimation patches: the parts of a picture that hold noise, not bars or cut-outs.

    >>> places = estimation_patches(noisy_blocks(picture), picture.shape[1:], 64)  # doctest: +SKIP

Black bars, transparent parts, burnt-out skies and drawn areas hold no noise, whatever the rest of
the picture does: a camera's noise makes neighbours differ. A mean over the whole picture would take
such parts for clean ones, so they are left out.
"""

from __future__ import annotations

import numpy as np

BLOCK = 8  # pixels a side: plain parts are found in blocks
VARIED = 0.2  # a block holds noise where at least this share of its pixels differs from a neighbour
FILLED = 0.9  # a patch is used where at least this share of its blocks holds noise
PLAIN_SHARE = 0.01  # of a picture's blocks; fewer plain ones change no estimate
SMALLEST = 16  # pixels a side of a patch
MOST = 256  # patches of one picture, spread evenly; more do not change the mean


def noisy_blocks(picture: np.ndarray, visible: np.ndarray | None = None) -> np.ndarray:
    """Find the blocks of a picture whose pixels differ from one another.

    Args:
        picture: C×H×W in [0, 1].
        visible: bool H×W, which pixels are seen; None for all.

    Returns:
        bool ⌈H / 8⌉×⌈W / 8⌉.
    """
    height, width = picture.shape[1:]
    differs = np.zeros((height, width), bool)
    down = (picture[:, 1:] != picture[:, :-1]).any(axis=0)
    across = (picture[:, :, 1:] != picture[:, :, :-1]).any(axis=0)
    if visible is not None:
        down &= visible[1:] & visible[:-1]
        across &= visible[:, 1:] & visible[:, :-1]
    differs[1:] |= down
    differs[:-1] |= down
    differs[:, 1:] |= across
    differs[:, :-1] |= across
    share = np.add.reduceat(differs, range(0, height, BLOCK), axis=0, dtype=np.uint16)
    share = np.add.reduceat(share, range(0, width, BLOCK), axis=1)
    sizes = [np.diff([*range(0, length, BLOCK), length]) for length in (height, width)]
    return share >= VARIED * np.outer(*sizes)


def has_plain_parts(blocks: np.ndarray) -> bool:
    """Tell whether so much of a picture is plain or hidden that it would change the estimate.

    Args:
        blocks: As `noisy_blocks` returns them.
    """
    return bool(blocks.mean() < 1 - PLAIN_SHARE)


def estimation_patches(
    blocks: np.ndarray, shape: tuple[int, int], side: int
) -> list[tuple[slice, slice]]:
    """Choose the patches of a picture that its noise level is estimated on.

    Args:
        blocks: As `noisy_blocks` returns them.
        shape: Height and width of the picture.
        side: Side of a patch, 16 pixels or 32, 64, 128 and so on.

    Returns:
        The rows and columns of each patch: at least one patch, all of one size. It is side×side
        pixels, or smaller where the noisy area is smaller. Where no patch is full of noise, the
        side is halved until one is, down to 16. The patches of a picture without any noise cover
        the whole picture.
    """
    if not blocks.any():
        blocks = np.ones_like(blocks)
    while True:
        patches = _covering(blocks, shape, side)
        filled = np.array([_share(blocks, *patch) for patch in patches])
        if filled.max() >= FILLED or side == SMALLEST:
            break
        side //= 2
    chosen = np.flatnonzero(filled >= min(FILLED, filled.max()))
    if len(chosen) > MOST:
        chosen = chosen[np.linspace(0, len(chosen) - 1, MOST).round().astype(int)]
    return [patches[index] for index in chosen]


def _covering(blocks, shape, side):
    """Return patches that cover the noisy area; the last ones overlap their neighbours."""
    spans = []
    for axis, length in enumerate(shape):
        used = np.flatnonzero(blocks.any(axis=1 - axis))
        low, high = BLOCK * used[0], min(BLOCK * (used[-1] + 1), length)
        starts = [*range(low, max(high - side, low), side), max(high - side, low)]
        spans.append([slice(start, min(start + side, high)) for start in starts])
    return [(rows, columns) for rows in spans[0] for columns in spans[1]]


def _share(blocks, rows, columns):
    """Return how much of a patch holds noise."""
    rows, columns = (slice(span.start // BLOCK, -(-span.stop // BLOCK)) for span in (rows, columns))
    return blocks[rows, columns].mean()
