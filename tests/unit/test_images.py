"""Picture: whatever comes in goes out again in its own kind, size, dtype and range."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from PIL import Image

from olivetti_denoiser.images.picture import Picture
from olivetti_denoiser.images.pillow_modes import upright
from olivetti_denoiser.images.read import read_picture

RNG = np.random.default_rng(0)
ARRAYS = {
    "uint8 gray": RNG.integers(0, 256, (7, 5), np.uint8),
    "uint8 one channel": RNG.integers(0, 256, (7, 5, 1), np.uint8),
    "uint8 gray with alpha": RNG.integers(0, 256, (7, 5, 2), np.uint8),
    "uint8 RGB": RNG.integers(0, 256, (7, 5, 3), np.uint8),
    "uint8 RGBA": RNG.integers(0, 256, (7, 5, 4), np.uint8),
    "uint16 gray": RNG.integers(0, 65536, (7, 5), np.uint16),
    "uint16 RGB": RNG.integers(0, 65536, (7, 5, 3), np.uint16),
    "float16 gray": RNG.random((7, 5)).astype(np.float16),
    "float32 one channel": RNG.random((7, 5, 1)).astype(np.float32),
    "float64 RGBA": RNG.random((7, 5, 4)).astype(np.float32).astype(np.float64),
    "uint16 gray of another byte order": RNG.integers(0, 65536, (7, 5)).astype(">u2"),
    "float32 RGBA of another byte order": RNG.random((7, 5, 4)).astype(">f4"),
    "one pixel": np.array([[200]], np.uint8),
}
MODES = ("L", "LA", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "F")


def image_of(mode):
    """A small PIL image of the mode, with every channel at work."""
    if mode == "I;16":
        return Image.fromarray(ARRAYS["uint16 gray"])
    if mode == "F":
        return Image.fromarray(ARRAYS["float32 one channel"][..., 0])
    channels = len(Image.new(mode, (1, 1)).getbands())
    shape = (7, 5) if channels == 1 else (7, 5, channels)
    pixels = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    return Image.frombytes(mode, (5, 7), pixels.tobytes())


@pytest.mark.parametrize("name", ARRAYS)
def test_an_array_taken_apart_and_put_together_is_the_same(name):
    array = ARRAYS[name]
    picture = Picture.of(array)
    assert picture.channels.dtype == np.float32
    assert picture.channels.shape[1:] == array.shape[:2]
    assert 0.0 <= picture.channels.min() <= picture.channels.max() <= 1.0
    again = picture.rebuild(picture.channels)
    assert again.dtype == array.dtype
    np.testing.assert_array_equal(again, array)


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
@pytest.mark.parametrize("kind", [np.asmatrix, np.ma.asarray])
def test_an_array_of_another_class_is_taken_for_a_plain_one(kind):
    array = ARRAYS["uint8 gray"]
    picture = Picture.of(kind(array))
    again = picture.rebuild(picture.channels)
    assert type(again) is np.ndarray
    np.testing.assert_array_equal(again, array)


@pytest.mark.parametrize("mode", MODES)
def test_a_pil_image_taken_apart_and_put_together_is_the_same(mode):
    image = image_of(mode)
    picture = Picture.of(image)
    again = picture.rebuild(picture.channels)
    assert (again.mode, again.size) == (mode, (5, 7))
    np.testing.assert_array_equal(np.asarray(again), np.asarray(image))


@pytest.mark.parametrize(
    ("modes", "returned"),
    [
        (("1",), "L"),
        (("LA", "La"), "LA"),
        (("RGBA", "RGBa"), "RGBA"),
        (("RGBX",), "RGB"),
        (("HSV",), "RGB"),
        (("P",), "RGB"),
        (("I",), "I;16"),
    ],
)
def test_rare_modes_become_the_nearest_common_one(modes, returned):
    image = Image.new("L" if modes == ("I",) else "RGB", (3, 2))
    for mode in modes:
        image = image.convert(mode)
    assert upright(image).mode == returned


def test_whole_numbers_beyond_16_bits_are_refused():
    with pytest.raises(ValueError, match=r"lie in 0 to 65535\. Received: -5 to 70000"):
        upright(Image.fromarray(np.array([[-5, 70000]], np.int32)))


def test_a_transparent_palette_keeps_its_transparency(tmp_path):
    pixels = np.zeros((4, 4), np.uint8)
    pixels[:2] = 1
    image = Image.fromarray(pixels).convert("P")
    image.putpalette([10, 20, 30, 200, 210, 220])
    image.save(tmp_path / "palette.png", transparency=0)
    restored = Picture.of(tmp_path / "palette.png")
    again = restored.rebuild(restored.channels)
    assert again.mode == "RGBA"
    assert again.getpixel((0, 3)) == (10, 20, 30, 0)
    assert again.getpixel((0, 0)) == (200, 210, 220, 255)


@pytest.mark.parametrize("mode", ["L", "RGBA", "CMYK"])
def test_the_profile_that_says_what_colours_mean_comes_along(tmp_path, mode):
    image_of(mode).save(tmp_path / "in.tif", icc_profile=b"a profile")
    picture = Picture.of(tmp_path / "in.tif")
    picture.rebuild(picture.channels).save(tmp_path / "out.tif")
    assert Image.open(tmp_path / "out.tif").info["icc_profile"] == b"a profile"


def test_alpha_is_no_channel_and_comes_back_untouched():
    for name in ("uint8 gray with alpha", "uint8 RGBA", "float64 RGBA"):
        array = ARRAYS[name]
        picture = Picture.of(array)
        assert len(picture.channels) == array.shape[-1] - 1
        black = picture.rebuild(np.zeros_like(picture.channels))
        np.testing.assert_array_equal(black[..., -1], array[..., -1])
        assert not black[..., :-1].any()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_whole_numbers_are_scaled_by_their_dtype_and_rounded_back(dtype):
    top = np.iinfo(dtype).max
    picture = Picture.of(np.array([[0, top]], dtype))
    np.testing.assert_array_equal(picture.channels[0], [[0.0, 1.0]])
    rebuilt = picture.rebuild(np.array([[[0.4 / top, 0.6 / top]]], np.float32))
    np.testing.assert_array_equal(rebuilt, [[0, 1]])


def test_results_outside_the_range_are_clipped():
    for dtype in (np.uint8, np.uint16, np.float32):
        picture = Picture.of(np.zeros((1, 2), dtype))
        rebuilt = picture.rebuild(np.array([[[-0.5, 1.5]]], np.float32))
        assert rebuilt[0, 0] == 0
        assert rebuilt[0, 1] == (1.0 if dtype == np.float32 else np.iinfo(dtype).max)


def test_every_way_to_say_the_same_picture_gives_the_same_channels(tmp_path):
    array = ARRAYS["uint8 RGB"]
    Image.fromarray(array).save(tmp_path / "picture.png")
    ways = [
        array,
        array / 255.0,
        (array.astype(np.uint16) * 257),
        Image.fromarray(array),
        tmp_path / "picture.png",
        str(tmp_path / "picture.png"),
    ]
    first = Picture.of(ways[0]).channels
    for way in ways[1:]:
        np.testing.assert_allclose(Picture.of(way).channels, first, atol=1e-7)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path, orientation):
    image = Image.fromarray(ARRAYS["uint8 gray"])
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(tmp_path / "turned.png", exif=exif)
    picture = Picture.of(tmp_path / "turned.png")
    assert picture.channels.shape[1:] == ((7, 5) if orientation <= 4 else (5, 7))
    turned = {
        1: lambda a: a,
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: np.transpose,
        6: lambda a: np.rot90(a, -1),
        7: lambda a: np.rot90(a, 2).T,
        8: np.rot90,
    }[orientation](ARRAYS["uint8 gray"])
    np.testing.assert_array_equal(np.asarray(picture.rebuild(picture.channels)), turned)


@pytest.mark.parametrize("byte_order", ["<u2", ">u2"])
def test_sixteen_bit_files_keep_their_bits(tmp_path, byte_order):
    values = ARRAYS["uint16 gray"].astype(byte_order)
    mode = "I;16" if byte_order == "<u2" else "I;16B"
    image = Image.frombytes(mode, (5, 7), values.tobytes())
    image.save(tmp_path / "deep.tiff")
    picture = Picture.of(tmp_path / "deep.tiff")
    np.testing.assert_array_equal(np.asarray(picture.rebuild(picture.channels)), values)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (None, "image must be a path"),
        ([[0.5]], "image must be a path"),
        (np.zeros((4,)), "must be H×W"),
        (np.zeros((4, 4, 5)), "must be H×W"),
        (np.zeros((1, 4, 4, 1)), "must be H×W"),
        (np.zeros((0, 4)), "no pixels"),
        (np.zeros((4, 4), np.int32), "must be uint8, uint16 or float"),
        (np.zeros((4, 4), bool), "must be uint8, uint16 or float"),
        (np.zeros((4, 4), complex), "must be uint8, uint16 or float"),
        (np.full((4, 4), np.nan), "not numbers"),
        (np.full((4, 4), np.inf), "not numbers"),
        (np.full((4, 4), 255.0), "divide 8-bit values by 255"),
        (np.full((4, 4), -0.01), r"lie in \[0, 1\]"),
    ],
)
def test_what_is_no_picture_is_refused_with_what_was_received(image, message):
    with pytest.raises(ValueError, match=rf"{message}.*Received: ."):
        Picture.of(image)


def test_files_that_cannot_be_read_are_refused_by_name(tmp_path):
    (tmp_path / "text.png").write_text("not a picture")
    (tmp_path / "empty.png").write_bytes(b"")
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)).save(
        tmp_path / "whole.png"
    )
    whole = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    for name in ("absent.png", "text.png", "empty.png", "cut.png", "."):
        with pytest.raises(ValueError, match=r"Received: ") as refused:
            read_picture(tmp_path / name)
        assert str(tmp_path / name) in str(refused.value)


def test_a_large_picture_takes_little_more_memory_than_its_channels():
    image = Image.fromarray(np.full((1500, 2000, 3), 100, np.uint8))
    tracemalloc.start()
    try:
        picture = Picture.of(image)
        rebuilt = picture.rebuild(picture.channels)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert rebuilt.tobytes() == image.tobytes()
    assert peak < 2.5 * picture.channels.nbytes
