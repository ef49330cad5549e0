"""Noise levels from the parts of a picture that show noise, and pixels that nobody sees.

    >>> levels = estimate_levels(network, pictures, visible)     # doctest: +SKIP
    >>> pictures = fill_hidden(pictures, visible)

Bars beside a film, a plain background that was painted in, or what lies under transparency have
no noise: a mean over the whole picture takes such a picture for a clean one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from olivetti_denoiser.inference import TiledNetwork

BLOCKS = (16, 8)  # pixels a side; on noisy pictures, mosaics of 16 are estimated 1 % too high
SIDE = 64  # of a mosaic
MOST = 256  # mosaics of a picture
WINDOW = 5  # pixels a side that are all equal in a plain part, and by chance never
PLAIN_SHARE = 0.01  # of a picture; less than that changes no estimate
BLACK, WHITE, FLAT = 4 / 255, 251 / 255, 1 / 255  # what a JPEG leaves of a black or a white bar


def estimate_levels(
    network: TiledNetwork, pictures: np.ndarray, visible: np.ndarray | None = None
) -> np.ndarray:
    """Returns the noise level of each picture, of the parts that show it.

    Where a part is plain or hidden, the rest is cut into small blocks, these are laid into
    mosaics, and the median over the mosaics counts.

    Args:
        network: with an estimator.
        pictures: float32 N×H×W×C in [0, 1].
        visible: bool N×H×W, or None where all pixels are.

    Returns:
        float32 N, fractions of the range.
    """
    mosaics = mosaics_of(pictures, visible)
    whole = [number for number, tiles in enumerate(mosaics) if tiles is None]
    levels = np.empty(len(pictures), np.float32)
    if whole:
        seen = None if visible is None else visible[whole]
        levels[whole] = network.estimate(pictures[whole], seen)
    for number, tiles in enumerate(mosaics):
        if tiles is not None:
            levels[number] = np.median(network.estimate(tiles))
    return levels


def mosaics_of(pictures: np.ndarray, visible: np.ndarray | None) -> list[np.ndarray | None]:
    """Returns for each picture what its level is estimated from, None for all of it.

    Args:
        pictures, visible: as for `estimate_levels`.

    Returns:
        float32 M×64×64×C of blocks that show noise, neighbours together.
    """
    if pictures.shape[-1] != 1:  # colour networks choose among their small tiles themselves
        return [None] * len(pictures)
    return [
        _mosaics(picture, None if visible is None else visible[number])
        for number, picture in enumerate(pictures)
    ]


def fill_hidden(pictures: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """Fills the pixels that nobody sees with what is near them, so that they bleed into nothing.

    Means of visible pixels, at ever coarser resolutions where there are none.

    Args:
        pictures: float32 N×H×W×C.
        visible: bool N×H×W; a picture of which nothing is visible stays as it is.
    """
    weights = visible[..., None].astype(np.float32)
    filled = _fill(pictures * weights, weights)
    return np.where(weights > 0, pictures, filled if visible.any() else pictures)


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


def _mosaics(picture, visible):
    """Blocks of one H×W×C picture that show noise, as mosaics; None where nothing is plain."""
    shows = _shows_noise(picture)
    if visible is not None:
        shows &= visible
    if shows.mean() >= 1 - PLAIN_SHARE:
        return None
    for side in BLOCKS:
        down, across = (length // side for length in shows.shape)
        if not down or not across:
            continue
        cut = (slice(down * side), slice(across * side))
        whole = shows[cut].reshape(down, side, across, side).all(axis=(1, 3))
        blocks = picture[cut].reshape(down, side, across, side, -1).swapaxes(1, 2)[whole]
        if len(blocks) * side**2 >= SIDE**2 or (side == BLOCKS[-1] and len(blocks)):
            return _laid_out(blocks)
    return None


def _laid_out(blocks):
    """N blocks as mosaics, the last one filled up from the start."""
    count, side = blocks.shape[:2]
    across = SIDE // side
    tiles = min(MOST, -(-count // across**2))
    starts = np.linspace(0, max(0, count - across**2), tiles).astype(int)
    numbers = (starts[:, None] + np.arange(across**2)) % count
    laid = blocks[numbers].reshape(tiles, across, across, side, side, -1)
    return np.ascontiguousarray(laid.swapaxes(2, 3).reshape(tiles, SIDE, SIDE, -1), np.float32)


def _shows_noise(picture):
    """Whether each pixel of H×W×C lies in a part that is neither plain nor clipped to a value."""
    if min(picture.shape[:2]) < WINDOW:
        return np.ones(picture.shape[:2], bool)
    windows = np.lib.stride_tricks.sliding_window_view(picture, (WINDOW, WINDOW), axis=(0, 1))
    low, high = windows.min(axis=(-2, -1)), windows.max(axis=(-2, -1))
    dark, bright = high < BLACK, low > WHITE
    plain = ((low == high) | ((high - low <= 2 * FLAT) & (dark | bright))).all(axis=-1)
    covered = np.zeros(picture.shape[:2], bool)
    height, width = plain.shape
    for top in range(WINDOW):
        for left in range(WINDOW):
            covered[top : top + height, left : left + width] |= plain
    return ~covered
