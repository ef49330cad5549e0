"""Pictures in gray, as the network sees faces."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from olivetti_denoiser.images.gray_view import colour_pixels, gray_pixels, gray_view

FACE = (np.add.outer(np.arange(64), np.arange(64)) * 1.6 + 20).astype(np.uint8)


def test_the_middle_square_is_seen_and_a_face_unchanged():
    wide = np.hstack([np.zeros((64, 64), np.uint8), FACE, np.full((64, 64), 255, np.uint8)])
    for pixels, expected in ((FACE, FACE), (wide, FACE), (wide.T, FACE.T)):
        assert np.array_equal(gray_view(Image.fromarray(pixels)), expected)
    large = np.kron(FACE, np.ones((5, 5))).astype(np.uint8)
    assert np.abs(gray_view(Image.fromarray(large)).astype(int) - FACE).max() <= 2


@pytest.mark.parametrize("pixels", [FACE, FACE * np.uint16(257), FACE / np.float32(255)])
def test_gray_is_the_same_at_every_depth(pixels):
    image = Image.fromarray(pixels)
    assert np.array_equal(gray_pixels(image), FACE)
    assert np.array_equal(colour_pixels(image), np.dstack([FACE] * 3))


def test_transparency_lies_on_white():
    image = Image.fromarray(np.dstack([FACE, np.full_like(FACE, 51)]))
    on_white = np.rint(255 - (255 - FACE.astype(float)) / 5)
    assert np.abs(gray_pixels(image) - on_white).max() <= 1
    assert np.abs(colour_pixels(image) - on_white[..., None]).max() <= 1
