"""Pictures of the colour model's card: photographs before and after, pixel for pixel.

    >>> draw_photographs(denoiser, "model_card/colour")          # doctest: +SKIP

The photographs come with scikit-image and scikit-learn, so that any machine can draw them. Some are
shown with noise added, beside the original; others as they are, with the noise of their own camera.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from olivetti_denoiser.data.colour_images import noisy_versions
from olivetti_denoiser.evaluate.colour import mean_psnr
from olivetti_denoiser.evaluate.plot_style import picture_grid
from olivetti_denoiser.noise import from_uint8
from olivetti_denoiser.release import COMPARISON, REAL

if TYPE_CHECKING:
    from olivetti_denoiser.denoiser import Denoiser

SIDE = 176  # pixels of a square
SIGMA = 25 / 255  # of the noise that is added


class Square(NamedTuple):
    """A part of a photograph.

    Attributes:
        source: its name in scikit-image, or its file in scikit-learn.
        top, left: where the square begins, in pixels.
    """

    source: str
    top: int
    left: int


WITH_NOISE = {
    "text": Square("page", 0, 100),
    "skin": Square("astronaut", 20, 130),
    "fur": Square("chelsea", 60, 100),
    "sky": Square("china.jpg", 30, 230),
    "foliage": Square("china.jpg", 215, 420),
    "petals": Square("flower.jpg", 100, 250),
    "night": Square("rocket", 60, 230),
}
AS_THEY_ARE = {
    "stars": Square("hubble_deep_field", 40, 60),
    "a portrait on film": Square("astronaut", 20, 130),
    "coffee": Square("coffee", 60, 150),
}


def draw_photographs(denoiser: Denoiser, folder: str | Path) -> None:
    """Draws photographs before and after into a folder, in two plots.

    Args:
        denoiser: a model for colour.
        folder: where the PNG files go.
    """
    clean = list(_squares(WITH_NOISE).values())
    noisy = noisy_versions(clean, SIGMA)
    restored = [denoiser(picture) for picture in noisy]

    def row(title, pictures):
        values = [mean_psnr([one], [other]) for one, other in zip(clean, pictures, strict=True)]
        return title, _planes(pictures), [f"{value:.2f} dB" for value in values]

    rows = [row("Noisy", noisy), row("Reconstructed", restored), ("Original", _planes(clean), None)]
    picture_grid(rows, dict(enumerate(WITH_NOISE)), Path(folder) / COMPARISON, pixels=1)

    real = list(_squares(AS_THEY_ARE).values())
    levels = [f"σ ≈ {255 * float(denoiser.estimate_sigma(picture)):.1f}/255" for picture in real]
    after = [denoiser(picture) for picture in real]
    rows = [("As it is", _planes(real), levels), ("Cleaned up", _planes(after), None)]
    picture_grid(rows, dict(enumerate(AS_THEY_ARE)), Path(folder) / REAL, pixels=1)


def _squares(parts: Mapping[str, Square]) -> dict[str, np.ndarray]:
    """Returns uint8 SIDE×SIDE×3 by label."""
    from skimage import data
    from sklearn.datasets import load_sample_image

    squares = {}
    for label, (source, top, left) in parts.items():
        whole = load_sample_image(source) if "." in source else getattr(data, source)()
        if whole.ndim == 2:
            whole = whole[..., None].repeat(3, axis=2)
        squares[label] = np.ascontiguousarray(whole[top : top + SIDE, left : left + SIDE, :3])
    return squares


def _planes(pictures):
    return from_uint8(np.stack(pictures))
