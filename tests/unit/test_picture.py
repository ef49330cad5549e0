"""Picture: whatever comes in goes out again in its own kind, size, dtype and range."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from odd_pictures import linear_profile
from olivetti_denoiser.images.high_bit_depth import encode_png16
from olivetti_denoiser.images.picture import Picture
from olivetti_denoiser.images.pillow_modes import upright

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (7, 5, 3), np.uint8)
RGBA = RNG.integers(0, 256, (7, 5, 4), np.uint8)
DEEP = RNG.integers(0, 65536, (7, 5, 3), np.uint16)
FLOATS = RNG.random((7, 5), np.float32)
PICTURES = {
    "one channel": RGB[..., :1],
    "gray with alpha": RGB[..., :2],
    "RGBA": RGBA,
    "16 bits, not in one piece": DEEP[:, ::-1],
    "the other byte order": DEEP.astype(">u2"),
    "float16": FLOATS.astype(np.float16),
    "float64": RNG.random((7, 5, 4), np.float32).astype(np.float64),
    "I;16": Image.fromarray(DEEP[..., 0]),
    "F": Image.fromarray(FLOATS),
    "LA": Image.fromarray(RGB[..., :2]),
    "RGB": Image.fromarray(RGB),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_taken_apart_and_put_together_is_the_same(name):
    given = PICTURES[name]
    if isinstance(given, Image.Image):
        given.info["icc_profile"] = linear_profile()
    picture = Picture.of(given)
    assert picture.channels.dtype == np.float32
    assert picture.channels.flags.c_contiguous
    assert 0.0 <= picture.channels.min() <= picture.channels.max() <= 1.0
    again = picture.rebuild(picture.channels)
    if isinstance(given, Image.Image):
        assert again.mode == given.mode == name
        assert again.info["icc_profile"] == given.info["icc_profile"]
    else:
        assert again.dtype == given.dtype
    np.testing.assert_array_equal(np.asarray(again), np.asarray(given))


@pytest.mark.parametrize(
    ("modes", "returned"),
    [
        (["RGB", "1"], "L"),
        (["LA", "La"], "LA"),
        (["RGBA", "RGBa"], "RGBA"),
        (["HSV"], "RGB"),
        (["P"], "RGB"),
        (["CMYK"], "RGB"),
        (["L", "I"], "I;16"),
    ],
)
def test_rare_modes_become_the_nearest_common_one(modes, returned):
    image = Image.fromarray(RGB)
    for mode in modes:
        image = image.convert(mode)
    assert upright(image).mode == returned


def test_alpha_is_no_channel_and_comes_back_untouched():
    picture = Picture.of(RGBA)
    np.testing.assert_array_equal(picture.channels[1], RGBA[..., 1] / np.float32(255))
    black = picture.rebuild(np.zeros_like(picture.channels))
    np.testing.assert_array_equal(black[..., 3], RGBA[..., 3])
    assert not black[..., :3].any()
    np.testing.assert_array_equal(picture.eight_bits(), RGBA[..., :3])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_results_are_rounded_and_clipped_to_the_range_of_the_dtype(dtype):
    top = 1 if dtype is np.float32 else np.iinfo(dtype).max
    picture = Picture.of(np.array([[0, top]], dtype))
    np.testing.assert_array_equal(picture.rebuild(np.array([[[-0.5, 1.5]]])), [[0, top]])
    if dtype is not np.float32:
        between = np.array([[[0.4 / top, 0.6 / top]]], np.float32)
        np.testing.assert_array_equal(picture.rebuild(between), [[0, 1]])


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ([[0.5]], "image must be a path"),
        (np.zeros((4, 4, 5)), "must be H×W"),
        (np.zeros((0, 4)), "no pixels"),
        (np.zeros((4, 4), np.int32), "must be uint8, uint16 or float"),
        (np.full((4, 4), np.nan), "not numbers"),
        (np.full((4, 4), 255.0), "divide 8-bit values by 255"),
        (Image.fromarray(np.array([[-5, 70000]], np.int32)), "lie in 0 to 65535"),
        (Image.new("LAB", (4, 4)), "must be gray, RGB or CMYK"),
    ],
)
def test_an_object_that_is_no_picture_is_refused_with_what_was_received(image, message):
    with pytest.raises(ValueError, match=rf"{message}.*Received: ."):
        Picture.of(image)


def test_16_bits_a_colour_of_a_path_are_said_to_become_8(tmp_path):
    (tmp_path / "deep.png").write_bytes(encode_png16(RGB * np.uint16(257)))
    with pytest.warns(UserWarning, match="Of 16 bits a colour 8 are used"):
        channels = Picture.of(tmp_path / "deep.png").channels
    np.testing.assert_array_equal(channels, Picture.of(RGB).channels)
