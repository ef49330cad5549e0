"""Visitors' pictures as the network sees them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from olivetti_denoiser.images.gray_view import gray_view
from olivetti_denoiser.images.picture import Picture
from page.uploads import encode_png, read_upload

FACE = (np.add.outer(np.arange(64), np.arange(64)) * 1.6 + 20).astype(np.uint8)


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_tiff_files_are_turned_once(tmp_path, compression, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "turned.tif"
    Image.fromarray(FACE[:40]).save(path, exif=exif, compression=compression)
    expected = (40, 64) if orientation > 4 else (64, 40)
    assert read_upload(path).size == expected
    height, width = Picture.of(path).shape
    assert (width, height) == expected


def test_a_gray_face_is_seen_unchanged(tmp_path):
    path = tmp_path / "face.png"
    path.write_bytes(encode_png(FACE))
    assert np.array_equal(gray_view(read_upload(path)), FACE)


def test_the_middle_square_is_seen():
    wide = np.hstack([np.zeros((64, 64), np.uint8), FACE, np.full((64, 64), 255, np.uint8)])
    assert np.array_equal(gray_view(Image.fromarray(wide)), FACE)
    assert np.array_equal(gray_view(Image.fromarray(wide.T)), FACE.T)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "I;16"])
def test_png_is_exact_and_always_the_same(mode):
    deep = (FACE.astype(np.uint16) * 257).astype(np.uint16)
    image = Image.fromarray(deep) if mode == "I;16" else Image.fromarray(FACE).convert(mode)
    encoded = encode_png(image)
    assert encoded == encode_png(image)
    back = Image.open(io.BytesIO(encoded))
    assert back.mode == mode
    assert np.array_equal(np.asarray(back), np.asarray(image))
