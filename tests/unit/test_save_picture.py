"""Restored pictures as files: what a format cannot hold is converted and said, or refused."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from odd_pictures import (
    cmyk_profile,
    encoded,
    exif_block,
    gamma_profile,
    jpeg_with_exif,
    png_with_chunks,
    with_small_picture,
)
from olivetti_denoiser.cli.main import main
from olivetti_denoiser.images.colour_profile import to_srgb
from olivetti_denoiser.images.high_bit_depth import encode_png16, encode_tiff16
from olivetti_denoiser.images.read import decode_picture, read_picture
from olivetti_denoiser.images.write import check_output, save_picture

RNG = np.random.default_rng(0)
RGB = Image.fromarray(
    np.kron(RNG.integers(30, 220, (4, 6, 3)), np.ones((8, 8, 1))).astype(np.uint8)
)
DEEP = RNG.integers(0, 65536, (16, 24, 4), np.uint16)


def kinds() -> dict[str, bytes]:
    """A file of each kind of pixels."""
    see_through = RGB.convert("RGBA")
    see_through.putalpha(128)
    gray16 = Image.fromarray(np.asarray(RGB.convert("L")).astype(np.uint16) * 257)
    floats = Image.fromarray(np.asarray(RGB.convert("L")).astype(np.float32) / 255)
    return {
        "L": encoded(RGB.convert("L"), "PNG"),
        "LA": encoded(see_through.convert("LA"), "PNG"),
        "RGB": encoded(RGB, "PNG"),
        "RGBA": encoded(see_through, "PNG"),
        "opaque": encoded(RGB.convert("RGBA"), "PNG"),
        "CMYK": encoded(RGB.convert("CMYK"), "TIFF"),
        "YCbCr": encoded(RGB.convert("YCbCr"), "TIFF", compression="tiff_lzw"),
        "1": encoded(RGB.convert("1"), "PNG"),
        "I;16": encoded(gray16, "PNG"),
        "F": encoded(floats, "TIFF"),
        "LA;16": encode_png16(DEEP[..., :2]),
        "RGB;16": encode_png16(DEEP[..., :3]),
        "RGBA;16": encode_tiff16(DEEP),
    }


def in_eight_bits(image: Image.Image) -> np.ndarray:
    """RGBA of any picture."""
    image = to_srgb(image)
    if image.mode in ("F", "I;16"):
        scale = 255 if image.mode == "F" else 1 / 257
        image = Image.fromarray(np.rint(np.asarray(image) * scale).astype(np.uint8))
    return np.asarray(image.convert("RGBA")).astype(int)


# Kind of pixels, ending, what is said, and the mean error in 255ths that is allowed.
WRITTEN = [
    ("LA", ".png", None, 0),
    ("opaque", ".jpg", None, 6),  # alpha is left out where nothing is transparent
    ("1", ".jpeg", None, 6),  # a JPEG has no bits
    ("CMYK", ".jpg", None, 6),
    ("CMYK", ".webp", "CMYK becomes RGB, for .webp holds no more.", 0),
    ("YCbCr", ".tif", None, 0),
    ("L", ".avif", None, 6),  # AVIF has no gray of Pillow's
    ("RGBA", ".heic", None, 6),
    ("F", ".tiff", None, 0),
    ("F", ".png", "Floats become 16 bits, for .png holds no more.", 0.6),
    ("F", ".webp", "Floats become 8 bits, for .webp holds no more.", 0.6),
    ("I;16", ".jpg", "16 bits become 8 bits, for .jpg holds no more.", 6),
    ("LA;16", ".png", None, 0),
    ("LA;16", ".tif", None, 0),  # as colours: Pillow and others read no such gray
    ("RGB;16", ".png", None, 0),
    ("RGBA;16", ".tif", None, 0),
    ("RGBA;16", ".webp", "16 bits become 8 bits, for .webp holds no more.", 0),
]


@pytest.mark.parametrize(("kind", "ending", "said", "allowed"), WRITTEN)
def test_a_kind_of_pixels_comes_back_and_what_it_loses_is_said(
    kind, ending, said, allowed, tmp_path
):
    picture, output = decode_picture(kinds()[kind], kind), tmp_path / f"restored{ending}"
    assert check_output(picture, output) == ([said] if said else [])
    save_picture(picture.whole, output, picture)
    back = read_picture(output)
    assert back.image.size == picture.image.size
    assert np.abs(in_eight_bits(back.image) - in_eight_bits(picture.image)).mean() <= allowed
    if picture.deep is not None and ending != ".webp":
        colours = picture.deep if kind != "LA;16" or ending == ".png" else DEEP[..., [0, 0, 0, 1]]
        assert np.array_equal(back.deep, colours)


@pytest.mark.parametrize("name", ["restored.xyz", "restored", "a.png.pdf", "restored.gif", "r.bmp"])
def test_an_ending_that_is_not_written_is_refused_before_any_work(name, tmp_path, capsys):
    (tmp_path / "in.png").write_bytes(encoded(RGB, "PNG"))
    code = main(["restore", str(tmp_path / "in.png"), str(tmp_path / name), "--model", "nowhere"])
    assert code == 2
    assert "written as .png, .jpg" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "words"),
    [("写" * 90 + ".png", "File name too long"), ("folder.png", "replace a folder")],
)
def test_a_name_that_cannot_be_written_is_refused_before_any_work(name, words, tmp_path, capsys):
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "in.png").write_bytes(encoded(RGB, "PNG"))
    code = main(["restore", str(tmp_path / "in.png"), str(tmp_path / name), "--model", "nowhere"])
    assert code == 2
    assert words in capsys.readouterr().err


def test_a_side_that_a_format_cannot_hold_is_refused():
    picture = decode_picture(encoded(Image.new("L", (17_000, 2)), "PNG"), "long")
    with pytest.raises(ValueError, match=r"more than .webp holds"):
        check_output(picture, "long.webp")


def test_jpeg_is_saved_at_95_or_at_the_quality_it_came_in(tmp_path):
    noise = Image.fromarray(RNG.integers(0, 256, (64, 64, 3), np.uint8))
    for came, least in ((60, 95), (90, 95), (97, 97), (100, 100)):
        picture = decode_picture(encoded(noise, "JPEG", quality=came), "in.jpg")
        save_picture(picture.whole, tmp_path / "out.jpg", picture)
        tables = Image.open(tmp_path / "out.jpg").quantization
        asked = Image.open(io.BytesIO(encoded(noise, "JPEG", quality=least))).quantization
        assert tables == asked
        assert Image.open(tmp_path / "out.jpg").layer[0][1:3] == (1, 1)  # colours of full size


def test_profile_resolution_and_exif_are_kept_where_the_mode_is(tmp_path):
    profile = gamma_profile(1.8)
    block = exif_block([(0x010F, 2, b"maker"), (0x0112, 3, 6)])
    content = jpeg_with_exif(RGB, block, icc_profile=profile, dpi=(300, 300))
    picture = decode_picture(content, "photo.jpg")
    for ending in (".jpg", ".png", ".tif", ".webp", ".avif", ".heic"):
        output = tmp_path / f"restored{ending}"
        save_picture(picture.whole, output, picture)
        back = read_picture(output)
        assert back.image.info["icc_profile"] == profile, ending
        assert back.image.size == (RGB.height, RGB.width)
        if ending in (".jpg", ".png", ".tif"):
            assert np.allclose(Image.open(output).info["dpi"], 300, atol=0.1)
        assert b"maker" in Image.open(output).getexif().tobytes(), ending


SMALL = encoded(Image.new("RGB", (8, 8), "red"), "JPEG")
MAKERS_BLOCK = b"OLYMP\0 with a small picture"
# Each of them alone made some TIFF unreadable or wrong: the size of the larger original, bits,
# JPEG compression, YCbCr, one sample, separate planes, floats.
OF_ANOTHER_FILE = [
    (256, 4, 4000), (257, 4, 3000), (258, 3, 8), (259, 3, 6), (262, 3, 6), (0x010F, 2, b"maker"),
    (0x0112, 3, 6), (277, 3, 1), (284, 3, 2), (339, 3, 3),
]  # fmt: skip


def photograph(deep: bool) -> bytes:
    """A file, held upright, whose EXIF describes another file and holds a small picture."""
    block = exif_block(OF_ANOTHER_FILE)
    exif = Image.Exif()
    exif.load(b"Exif\0\0" + block)
    inner = exif.get_ifd(0x8769)
    inner |= {0x9003: "2024:05:06 07:08:09", 0xA002: 4000, 0xA003: 3000, 0x927C: MAKERS_BLOCK}
    exif.get_ifd(0x8825)[1] = "N"
    block = exif.tobytes()[6:]
    if block[:2] == b"II":
        block = with_small_picture(block, SMALL)
    if deep:
        return encode_png16(DEEP[..., :3], exif=block)
    return jpeg_with_exif(RGB, block)


@pytest.mark.parametrize(
    ("deep", "ending"), [(False, ".tif"), (False, ".jpg"), (False, ".png"), (True, ".tif")]
)
def test_of_exif_only_what_describes_the_photograph_is_kept(deep, ending, tmp_path):
    content = photograph(deep)
    assert SMALL in content
    picture, output = decode_picture(content, "photo"), tmp_path / f"out{ending}"
    save_picture(picture.whole, output, picture)
    back = read_picture(output)
    stored = DEEP[..., :3] if deep else np.asarray(Image.open(io.BytesIO(content)))
    error = np.abs(
        (back.deep if deep else np.asarray(back.image)).astype(int)
        - np.rot90(stored, -1).astype(int)
    )
    assert error.mean() < (0.1 if ending != ".jpg" else 3)
    exif = Image.open(output).getexif()
    inner = exif.get_ifd(0x8769)
    assert (exif[0x010F].strip("\0"), exif.get_ifd(0x8825)[1]) == ("maker", "N")
    assert inner[0x9003] == "2024:05:06 07:08:09"
    assert not {0xA002, 0xA003, 0x927C} & set(inner)
    assert SMALL not in output.read_bytes()


def test_16_bits_of_gray_with_alpha_mean_the_same_in_a_tiff(tmp_path):
    gray = np.full((8, 8, 2), (128 * 257, 65535), np.uint16)
    for content in (
        encode_png16(gray, gamma_profile(1.0, "GRAY")),
        png_with_chunks(encode_png16(gray), (b"gAMA", (100_000).to_bytes(4, "big"))),
    ):
        picture = decode_picture(content, "linear.png")
        save_picture(picture.whole, tmp_path / "out.tif", picture)
        shown = to_srgb(read_picture(tmp_path / "out.tif").image).getpixel((3, 3))
        assert shown == pytest.approx((188, 188, 188, 255), abs=1)


def test_the_gamma_of_a_png_is_kept_as_a_profile(tmp_path):
    content = png_with_chunks(encoded(RGB, "PNG"), (b"gAMA", (100_000).to_bytes(4, "big")))
    picture = decode_picture(content, "linear.png")
    save_picture(picture.whole, tmp_path / "out.png", picture)
    back = read_picture(tmp_path / "out.png")
    assert np.array_equal(np.asarray(back.image), np.asarray(RGB))
    there, here = (np.asarray(to_srgb(one.image)).astype(int) for one in (picture, back))
    assert np.abs(there - here).max() <= 1


def test_cmyk_becomes_rgb_through_its_profile_and_it_is_said(tmp_path):
    image = Image.new("CMYK", (16, 16), (0, 0, 0, 255))
    picture = decode_picture(encoded(image, "TIFF", icc_profile=cmyk_profile()), "print.tif")
    assert check_output(picture, "out.png") == ["CMYK becomes RGB, for .png holds no more."]
    save_picture(picture.whole, tmp_path / "out.png", picture)
    back = read_picture(tmp_path / "out.png").image
    assert back.getpixel((3, 3)) == to_srgb(picture.image).getpixel((3, 3))
    assert back.getpixel((3, 3))[0] > 140  # its black is a gray, which the profile knows
    assert "icc_profile" not in back.info
    save_picture(picture.whole, tmp_path / "out.tif", picture)
    assert read_picture(tmp_path / "out.tif").image.info["icc_profile"] == cmyk_profile()


def test_exif_that_cannot_be_written_does_not_stop_the_picture(tmp_path):
    block = exif_block([(0x0112, 3, 6), (0x0128, 2, b"inch"), (0x011A, 7, b"72")])
    picture = decode_picture(jpeg_with_exif(RGB, block), "odd.jpg")
    for ending in (".jpg", ".png", ".tif", ".webp", ".avif", ".heic"):
        output = tmp_path / f"restored{ending}"
        save_picture(picture.whole, output, picture)
        assert read_picture(output).image.size == (RGB.height, RGB.width), ending


@pytest.mark.parametrize("dpi", [(0, 0), (float("nan"), 72), (1e9, 1e9), ("72", "72"), None, (72,)])
def test_an_odd_resolution_is_left_out(dpi, tmp_path):
    picture = decode_picture(encoded(RGB, "PNG"), "in.png")
    picture.image.info["dpi"] = dpi
    for ending in (".jpg", ".png", ".tif"):
        save_picture(picture.whole, tmp_path / f"out{ending}", picture)


@pytest.mark.parametrize("kind", ["RGBA", "I;16", "RGB;16", "CMYK", "LA"])
def test_the_command_line_restores_every_kind(kind, page_model, tmp_path, capsys):
    source, output = tmp_path / "in", tmp_path / "out.png"
    source.write_bytes(kinds()[kind])
    assert main(["restore", str(source), str(output), "--model", str(page_model)]) == 0
    said = capsys.readouterr()
    assert said.out.strip() == str(output)
    assert ("CMYK becomes RGB" in said.err) == (kind == "CMYK")
    before, after = read_picture(source), read_picture(output)
    assert after.image.size == before.image.size
    assert (after.deep is None) == (before.deep is None)
    if kind == "RGBA":
        assert np.array_equal(np.asarray(after.image)[..., 3], np.asarray(before.image)[..., 3])


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        ("RGBA", "out.jpg", "no transparency"),
        ("RGB", "out.gif", "written as"),
    ],
)
def test_what_is_refused_leaves_the_old_file(kind, name, words, page_model, tmp_path, capsys):
    source, output = tmp_path / "in.png", tmp_path / name
    source.write_bytes(kinds()[kind])
    output.write_bytes(b"what was there")
    arguments = ["restore", str(source), str(output), "--model", str(page_model), "--overwrite"]
    assert main(arguments) == 2
    assert words in capsys.readouterr().err
    assert output.read_bytes() == b"what was there"


def test_a_png_named_jpg_restored_onto_itself_becomes_a_whole_jpeg(page_model, tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(encoded(RGB, "PNG"))
    assert main(["restore", str(path), str(path), "--model", str(page_model), "--overwrite"]) == 0
    assert Image.open(path).format == "JPEG"
    assert Image.open(path).size == RGB.size


def test_pages_left_out_are_said(page_model, tmp_path, capsys):
    pages = [RGB.resize((600, 40))] * 2
    source = tmp_path / "scan.tif"
    source.write_bytes(encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:]))
    arguments = ["restore", str(source), str(tmp_path / "out.png"), "--model", str(page_model)]
    assert main(arguments) == 0
    said = capsys.readouterr().err
    assert "Only the first of 2 pages is used." in said
