"""Restored pictures as files: what a format cannot hold is converted and said, or refused."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from odd_pictures import encoded, exif_block, jpeg_with_exif, linear_profile
from olivetti_denoiser.images.gray_view import colour_pixels
from olivetti_denoiser.images.high_bit_depth import encode_png16, encode_tiff16
from olivetti_denoiser.images.read import decode_picture, read_picture
from olivetti_denoiser.images.write import WRITTEN, check_output, encode_picture

pytest.importorskip("pillow_heif").register_heif_opener()

RNG = np.random.default_rng(0)
RGB = Image.fromarray(
    np.kron(RNG.integers(30, 220, (4, 6, 3)), np.ones((8, 8, 1))).astype(np.uint8)
)
GRAY = RGB.convert("L")
SEE_THROUGH = RGB.copy()
SEE_THROUGH.putalpha(128)
DEEP = RNG.integers(0, 65536, (32, 48, 4), np.uint16)
KINDS = {
    "L": encoded(GRAY),
    "LA": encoded(SEE_THROUGH.convert("LA")),
    "RGB": encoded(RGB),
    "RGBA": encoded(SEE_THROUGH),
    "opaque": encoded(RGB.convert("RGBA")),
    "gray, whose profile is of gray": encoded(GRAY, icc_profile=linear_profile("GRAY")),
    "I;16": encoded(Image.fromarray(np.asarray(GRAY) * np.uint16(257))),
    "F": encoded(Image.fromarray(np.asarray(GRAY) / np.float32(255)), "TIFF"),
    "RGB;16": encode_png16(DEEP[..., :3]),
    "RGBA;16": encode_tiff16(DEEP),
}


def save(content, output):
    """Write what was read, as if nothing had been restored; return both pictures and the notes."""
    picture = decode_picture(content, "in")
    notes = check_output(picture, output)
    output.write_bytes(encode_picture(picture.whole, output, picture))
    return picture, read_picture(output), notes


@pytest.mark.parametrize(
    ("kind", "ending", "allowed"),
    [
        ("L", ".avif", 6),  # no gray in AVIF; the mean error is in 255ths
        ("LA", ".webp", 0),  # no gray in WebP either, and colours below full transparency stay
        ("RGBA", ".heic", 6),
        ("opaque", ".jpg", 6),  # alpha is left out where nothing is transparent
        ("gray, whose profile is of gray", ".webp", 1),
        ("I;16", ".jpg", 6),
        ("F", ".tiff", 0),
        ("RGB;16", ".png", 0),
        ("RGBA;16", ".tif", 0),
        ("RGBA;16", ".webp", 0),
    ],
)
def test_a_kind_of_pixels_comes_back_and_what_it_loses_is_said(kind, ending, allowed, tmp_path):
    picture, back, notes = save(KINDS[kind], tmp_path / f"out{ending}")
    loses = "16" in kind and ending not in (".png", ".tif")
    assert notes == [f"16 bits become 8 bits, for {ending} holds no more."] * loses
    shown, expected = (colour_pixels(one.image).astype(int) for one in (back, picture))
    assert np.abs(shown - expected).mean() <= allowed
    if "A" in picture.image.getbands() and kind != "opaque":
        alphas = [np.asarray(one.image.getchannel("A")) for one in (back, picture)]
        assert np.array_equal(*alphas)
    if allowed == 0 and not loses and picture.image.mode == back.image.mode:
        assert np.array_equal(np.asarray(back.whole), np.asarray(picture.whole))


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        ("RGB", "out.xyz", "pictures are written as .png, .jpg"),
        ("RGB", "out.gif", "pictures are written as .png, .jpg"),  # of 256 colours
        ("RGBA", "out.jpg", "holds no transparency.*; .png, .webp or .tif would do"),
        ("F", "out.png", "holds no floats.*; .tif would do"),
        ("RGB", "写" * 90 + ".png", "File name too long"),
        ("RGB", "folder.png", "only a plain file can be replaced"),
        ("long", "out.webp", "17,000 pixels is more than .webp holds; .png or .tif would do"),
    ],
)
def test_what_cannot_be_written_is_refused_before_any_work(kind, name, words, tmp_path):
    (tmp_path / "folder.png").mkdir()
    content = KINDS.get(kind) or encoded(Image.new("L", (17_000, 2)))
    with pytest.raises(ValueError, match=words):
        check_output(decode_picture(content, "in"), tmp_path / name)


SMALL = encoded(Image.new("RGB", (8, 8), "red"), "JPEG")
# Each of them alone made some TIFF unreadable or wrong: the size of the larger original, bits,
# JPEG compression, YCbCr, one sample, separate planes, floats.
OF_ANOTHER_FILE = [
    (256, 4, 4000), (257, 4, 3000), (258, 3, 8), (259, 3, 6), (262, 3, 6), (0x010F, 2, "maker"),
    (0x0112, 3, 6), (277, 3, 1), (284, 3, 2), (339, 3, 3),
]  # fmt: skip


@pytest.mark.parametrize("ending", [*sorted(set(WRITTEN) - {".jpeg", ".heif", ".tiff"}), "16.tif"])
def test_profile_resolution_and_what_exif_says_of_the_photograph_are_kept(ending, tmp_path):
    exif = Image.Exif()
    exif.load(b"Exif\0\0" + exif_block(OF_ANOTHER_FILE))
    of_the_file = {0xA002: 4000, 0xA003: 3000, 0x927C: SMALL}
    exif.get_ifd(0x8769).update({0x9003: "2024:05:06 07:08:09"} | of_the_file)
    exif.get_ifd(0x8825)[1] = "N"
    kept = {"icc_profile": linear_profile(), "dpi": (300, 300)}
    if ending == "16.tif":
        content = encode_png16(DEEP[..., :3], exif=exif.tobytes(), **kept)
    else:
        content = jpeg_with_exif(RGB, exif.tobytes()[6:], **kept)
    output = tmp_path / f"out{ending}"
    picture, back, _ = save(content, output)
    assert back.image.size == (32, 48)  # held upright, and turned once
    assert np.abs(colour_pixels(back.image).astype(int) - colour_pixels(picture.image)).mean() < 6
    assert back.image.info["icc_profile"] == kept["icc_profile"]
    if ending not in (".webp", ".avif", ".heic"):
        assert np.allclose(back.image.info["dpi"], 300, atol=0.1)
    written = Image.open(output).getexif()
    inner = written.get_ifd(0x8769)
    assert (written[0x010F].strip("\0"), written.get_ifd(0x8825)[1]) == ("maker", "N")
    assert inner[0x9003] == "2024:05:06 07:08:09"
    assert not of_the_file.keys() & inner.keys()
    assert SMALL not in output.read_bytes()


def test_what_cannot_be_written_beside_a_picture_is_left_out(tmp_path):
    block = exif_block([(0x0112, 3, 6), (0x0128, 2, "inch"), (0x011A, 7, b"72")])
    content = jpeg_with_exif(RGB, block)
    for ending in WRITTEN:
        _, back, _ = save(content, tmp_path / f"out{ending}")
        assert back.image.size == (32, 48), ending
    for resolution in (0, 1e9):
        odd = encoded(RGB, "TIFF", tiffinfo={282: resolution, 283: resolution, 296: 2})
        assert decode_picture(odd, "in").image.info["dpi"] is None


def test_a_jpeg_is_saved_at_95_with_colours_of_full_size(tmp_path):
    save(KINDS["RGB"], tmp_path / "out.jpg")
    written, asked = Image.open(tmp_path / "out.jpg"), encoded(RGB, "JPEG", quality=95)
    assert written.quantization == Image.open(io.BytesIO(asked)).quantization
    assert written.layer[0][1:3] == (1, 1)
