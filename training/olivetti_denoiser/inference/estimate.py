"""Estimate the noise level of a picture of any size with one network.

In the browser `estimateSigma` of `worker/denoiser.js` does the same.

>>> sigma = estimate(network, picture)               # doctest: +SKIP
"""

from __future__ import annotations

import numpy as np

from olivetti_denoiser.inference.estimation_patches import (
    estimation_patches,
    has_plain_parts,
    noisy_blocks,
)
from olivetti_denoiser.inference.network import Network
from olivetti_denoiser.inference.tiles import TILE_SIDE, padded

# Of the sigmas of a picture's patches: fine texture is taken for noise, so patches with little of
# it tell sigma best; real noise differs with brightness, so the lowest are too low for the rest.
# At 0.1, 0.2 and 0.3, 12 clean photographs of BSDS500 come back at 44.4, 43.0 and 41.9 dB, and 20
# real pictures gain 2.25, 2.28 and 2.29 dB. With white noise they are within 0.1 dB of each other.
COLOUR_QUANTILE = 0.2
SMALL_SIDE = 64  # pixels; of the patches for a colour network, or of a picture with plain parts
PIXELS_AT_ONCE = TILE_SIDE**2  # of patches that go through a network together


def estimate(network: Network, picture: np.ndarray, visible: np.ndarray | None = None) -> float:
    """Return the noise level of a picture, a fraction of the range, from its noisy patches.

    It is the mean over the patches for a gray network, and a low quantile for a colour network.

    Args:
        network: The network.
        picture: float32 C×H×W in [0, 1], without its letterbox border.
        visible: bool H×W, which pixels are seen; None for all.
    """
    blocks = noisy_blocks(picture, visible)
    # A colour network has learned sigma on small patches, in which it differs less; and only small
    # patches fit between plain parts.
    whole = network.channels == 1 and not has_plain_parts(blocks)
    shape = picture.shape[1:]
    side = min(TILE_SIDE, _power_of_two(max(shape))) if whole else SMALL_SIDE
    places = estimation_patches(blocks, shape, side)
    patches = padded(np.stack([picture[:, *place] for place in places]), 1, SMALL_SIDE)
    count = max(1, PIXELS_AT_ONCE // (patches.shape[2] * patches.shape[3]))
    runs = [patches[start : start + count] for start in range(0, len(patches), count)]
    sigmas = np.concatenate([network.estimate(run) for run in runs])
    return float(np.mean(sigmas) if network.channels == 1 else np.quantile(sigmas, COLOUR_QUANTILE))


def _power_of_two(length):
    """Return the least power of two, 64 or more, that is not below a length."""
    return max(SMALL_SIDE, 1 << (length - 1).bit_length())
