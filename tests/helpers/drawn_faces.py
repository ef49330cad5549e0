"""Drawn pictures in place of the Olivetti faces: forty soft patterns, each in ten variants.

For machines without the faces: they have their form, not their figures.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from olivetti_denoiser.data import faces


def draw_faces(*, download: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Return what `data.fetch.fetch_faces` returns: uint8 400×64×64 and each picture's subject."""
    rng = np.random.default_rng(0)
    people = rng.uniform(50, 200, (faces.PEOPLE, 1, 8, 8))
    pictures = (people + rng.uniform(-30, 30, (faces.PEOPLE, 10, 8, 8))).reshape(-1, 8, 8)
    drawn = [Image.fromarray(picture.astype(np.uint8)).resize((64, 64)) for picture in pictures]
    return np.stack(list(map(np.asarray, drawn))), np.arange(400) // 10
