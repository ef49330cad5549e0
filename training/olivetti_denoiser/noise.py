"""Gaussian noise and 8-bit conversion: the clipping and rounding policy, stated once."""

from __future__ import annotations

import numpy as np


def add_gaussian_noise(
    clean: np.ndarray, sigma: float | np.ndarray, rng: np.random.Generator | np.random.RandomState
) -> np.ndarray:
    """Add white Gaussian noise and clip to the valid range.

    Args:
        clean: Array of any shape with values in [0, 1].
        sigma: Standard deviation as a fraction of the range, a number or an array that
            broadcasts against `clean` (N×1×1×1 for one sigma a picture).
        rng: The generator that the noise is drawn from.

    Returns:
        float32 array shaped like `clean`: `clip(clean + sigma·N(0, 1), 0, 1)`.

    Raises:
        ValueError: Sigma is negative or not finite.
    """
    if not np.all(np.isfinite(sigma)) or np.any(np.asarray(sigma) < 0):
        raise ValueError(f"sigma must be a finite number of at least 0. Received: sigma={sigma}")
    draws = rng.standard_normal(np.shape(clean))
    return np.clip(clean + sigma * draws, 0.0, 1.0).astype(np.float32)


def noisy_uint8(
    clean: np.ndarray, sigma: float | np.ndarray, rng: np.random.Generator | np.random.RandomState
) -> np.ndarray:
    """Add white Gaussian noise as it is stored: added, clipped, rounded to 8 bits.

    >>> noisy_uint8(np.full((2, 2), 128, np.uint8), 0.0, np.random.default_rng(0)).tolist()
    [[128, 128], [128, 128]]

    Args:
        clean: uint8 array of any shape, or floats in [0, 1].
        sigma: As for `add_gaussian_noise`.
        rng: The generator that the noise is drawn from.

    Returns:
        uint8 array shaped like `clean`.

    Raises:
        ValueError: Sigma is negative or not finite.
    """
    if np.asarray(clean).dtype == np.uint8:
        clean = from_uint8(clean)
    return to_uint8(add_gaussian_noise(clean, sigma, rng))


def to_uint8(image: np.ndarray) -> np.ndarray:
    """Convert an image in [0, 1] to 8 bits, rounding to the nearest of the 256 values."""
    return np.rint(np.clip(image, 0.0, 1.0) * 255.0).astype(np.uint8)


def from_uint8(image: np.ndarray) -> np.ndarray:
    """Convert an 8-bit image to float32 in [0, 1]."""
    return np.asarray(image, np.uint8).astype(np.float32) / np.float32(255.0)
