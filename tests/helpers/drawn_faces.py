"""Drawn faces: forty people, ten pictures each, for machines without the Olivetti faces.

    python tests/helpers/drawn_faces.py train --output outputs/model    # `denoiser`, with these

They have the form of the Olivetti faces, not their figures.
"""

from __future__ import annotations

import sys

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from olivetti_denoiser.data import faces


def draw_faces(*, download: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Return what `data.fetch.fetch_faces` returns: uint8 400×64×64 and each picture's subject."""
    subjects = np.repeat(np.arange(faces.PEOPLE), 10)
    return np.stack([_face(*divmod(number, 10)) for number in range(400)]), subjects


def _face(person, number):
    """One picture: the person says how the face looks, the number how it is turned and lit."""
    own, rng = np.random.default_rng(person), np.random.default_rng((person, number))
    wall, hair, skin = (int(own.integers(*tones)) for tones in ((60, 200), (10, 120), (110, 230)))
    broad, apart, mouth = own.integers(12, 20), own.integers(5, 9), own.integers(12, 20)
    x, y = 32 + rng.integers(-4, 5), 34 + rng.integers(-4, 5)
    image = Image.new("L", (64, 64), wall)
    pen = ImageDraw.Draw(image)
    pen.ellipse((x - broad - 3, y - 30, x + broad + 3, y + 18), fill=hair)
    pen.ellipse((x - broad, y - 22, x + broad, y + 26), fill=skin)
    for eye in (x - apart, x + apart):
        pen.ellipse((eye - 3, y - 8, eye + 3, y - 4), fill=hair // 2)
    pen.line((x, y - 4, x + rng.integers(-3, 4), y + 6), fill=skin - 60, width=2)
    pen.arc((x - 8, y + mouth - 6, x + 8, y + mouth), 10, 170, fill=skin // 2, width=2)
    light = 1 + rng.uniform(-0.3, 0.3) * np.linspace(-1, 1, 64)
    soft = np.asarray(image.filter(ImageFilter.GaussianBlur(0.7)), float)
    return np.clip(np.rint(soft * light), 0, 255).astype(np.uint8)


if __name__ == "__main__":
    from olivetti_denoiser.cli.main import main

    faces.fetch_faces = draw_faces
    sys.exit(main())
