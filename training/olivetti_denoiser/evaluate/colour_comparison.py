"""Pictures of the colour model's card: photographs before and after, pixel for pixel.

    >>> draw_photographs(denoiser, "model_card/colour")          # doctest: +SKIP

The photographs come with scikit-image and scikit-learn, so that any machine can draw them. Noise is
added to those of the first plot; those of the second have the noise of their own camera.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from olivetti_denoiser.data.test_sets import noisy_versions
from olivetti_denoiser.evaluate.plot_style import picture_grid
from olivetti_denoiser.metrics import psnr
from olivetti_denoiser.noise import from_uint8
from olivetti_denoiser.release import COMPARISON, REAL

if TYPE_CHECKING:
    from olivetti_denoiser.denoiser import Denoiser

SIDE = 176  # pixels of a square
SIGMA = 25 / 255  # of the noise that is added

# Squares by their label: the photograph's name in scikit-image or its file in scikit-learn, and
# the top and left of the square in pixels.
Squares = Mapping[str, tuple[str, int, int]]
WITH_NOISE: Squares = {
    "text": ("page", 0, 100),
    "skin": ("astronaut", 20, 130),
    "fur": ("chelsea", 60, 100),
    "sky": ("china.jpg", 30, 230),
    "foliage": ("china.jpg", 215, 420),
    "petals": ("flower.jpg", 100, 250),
    "night": ("rocket", 60, 230),
}
AS_THEY_ARE: Squares = {
    "stars": ("hubble_deep_field", 40, 60),
    "a portrait on film": ("astronaut", 20, 130),
    "coffee": ("coffee", 60, 150),
}


def draw_photographs(denoiser: Denoiser, folder: str | Path) -> None:
    """Draw photographs before and after into a folder, in two plots.

    Args:
        denoiser: A model for colour.
        folder: Where the PNG files go.
    """
    clean = cut(WITH_NOISE)
    noisy = noisy_versions(clean, SIGMA)
    restored = [denoiser(picture) for picture in noisy]

    def row(title, pictures):
        values = psnr(from_uint8(clean), from_uint8(pictures))
        return title, pictures, [f"{value:.2f} dB" for value in values]

    rows = [row("Noisy", noisy), row("Reconstructed", restored), ("Original", clean, None)]
    picture_grid(rows, list(WITH_NOISE), Path(folder) / COMPARISON, pixels=1)

    real = cut(AS_THEY_ARE)
    sigmas = [f"σ ≈ {255 * float(denoiser.estimate_sigma(picture)):.1f}/255" for picture in real]
    after = [denoiser(picture) for picture in real]
    rows = [("As it is", real, sigmas), ("Cleaned up", after, None)]
    picture_grid(rows, list(AS_THEY_ARE), Path(folder) / REAL, pixels=1)


def cut(squares: Squares) -> list[np.ndarray]:
    """Return squares of photographs, uint8 SIDE×SIDE×3."""
    from skimage import data
    from sklearn.datasets import load_sample_image

    found = []
    for source, top, left in squares.values():
        whole = load_sample_image(source) if "." in source else getattr(data, source)()
        if whole.ndim == 2:
            whole = whole[..., None].repeat(3, axis=2)
        found.append(np.ascontiguousarray(whole[top : top + SIDE, left : left + SIDE, :3]))
    return found
