"""Files of other people's programs: read as they are meant, whatever stands beside the pixels."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import time
import warnings

import numpy as np
import pytest
from PIL import Image

from odd_pictures import (
    big_tiff,
    cmyk_profile,
    encoded,
    exif_block,
    gamma_profile,
    gray_tiff,
    jpeg_with_exif,
    png_of_bits,
    png_with_chunks,
)
from olivetti_denoiser.images.colour_profile import profile_of, to_srgb
from olivetti_denoiser.images.gray_view import gray_pixels, gray_view
from olivetti_denoiser.images.picture import Picture
from olivetti_denoiser.images.pillow_modes import upright
from olivetti_denoiser.images.read import (
    DamagedPictureError,
    NoPictureError,
    TooLargeError,
    decode_picture,
    read_picture,
)

RNG = np.random.default_rng(0)
WIDE = Image.fromarray(RNG.integers(0, 256, (8, 24, 3), np.uint8)).resize((48, 16))
ODD_ENTRIES = {
    "resolution unit as text": [(0x0112, 3, 6), (0x0128, 2, b"inch")],
    "resolution as bytes": [(0x0112, 3, 6), (0x011A, 7, b"72"), (0x0128, 3, 2)],
    "date as a number": [(0x0112, 3, 6), (0x0132, 3, 7)],
    "pointer to nowhere": [(0x0112, 3, 6), (0x8769, 4, 99_999)],
    "pointer to itself": [(0x0112, 3, 6), (0x8769, 4, 8)],
    "orientation as a long": [(0x0112, 4, 6)],
    "value behind the end": [(0x010F, 2, b"maker"), (0x0112, 3, 6)],
    "other byte order": [(0x0112, 3, 6), (0x0128, 2, b"inch")],
}


def pixels_of(picture) -> np.ndarray:
    return np.asarray(picture.image).astype(int)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize("name", ODD_ENTRIES)
def test_an_orientation_that_can_be_read_is_applied_whatever_stands_beside_it(name, kind):
    block = exif_block(ODD_ENTRIES[name], ">" if name == "other byte order" else "<")
    if name == "value behind the end":
        block = block[:-6]
    if kind == "JPEG":
        content, plain = jpeg_with_exif(WIDE, block), jpeg_with_exif(WIDE, exif_block([]))
    elif (name, kind) == ("resolution as bytes", "AVIF"):
        return  # which Pillow does not write
    else:
        options = {"quality": 100} if kind == "AVIF" else {"lossless": True}
        plain = encoded(WIDE, kind, **options)
        content = encoded(WIDE, kind, exif=b"Exif\0\0" + block, **options)
    picture = decode_picture(content, "odd")
    expected = np.rot90(np.asarray(Image.open(io.BytesIO(plain)).convert("RGB")), -1)
    assert picture.image.size == (16, 48)
    assert np.abs(pixels_of(picture) - expected).max() <= 1
    assert upright(picture.image).size == (16, 48)  # once, not twice


def test_random_blocks_never_stop_a_picture():
    """Random bytes, and sound blocks with random bytes changed, in JPEG, PNG, WebP and TIFF."""
    random = np.random.default_rng(7)
    sound = exif_block([(0x010F, 2, b"maker"), (0x0112, 3, 1), (0x011A, 4, 72), (0x0128, 3, 2)])
    plain = jpeg_with_exif(WIDE, exif_block([]), dpi=(72, 72))
    for number in range(400):
        if number % 4 == 0:
            block = random.bytes(random.integers(0, 120))
        else:
            changed = bytearray(sound)
            for place in random.integers(0, len(changed), number % 9 + 1):
                changed[place] = random.integers(256)
            block = bytes(changed)
        block = bytes(16) if number == 1 else block
        contents = [jpeg_with_exif(WIDE, block, dpi=(72, 72))]
        contents.append(png_with_chunks(encoded(WIDE, "PNG"), (b"eXIf", block)))
        contents.append(encoded(WIDE, "WEBP", lossless=True, exif=b"Exif\0\0" + block))
        for content in contents:
            picture = decode_picture(content, "odd")
            assert sorted(picture.image.size) == [16, 48], (number, block)
        assert Picture.of(upright(Image.open(io.BytesIO(plain)))).channels.shape == (3, 16, 48)


def test_a_picture_in_memory_with_odd_exif_is_used(tmp_path):
    block = exif_block(ODD_ENTRIES["resolution unit as text"])
    image = Image.open(io.BytesIO(jpeg_with_exif(WIDE, block)))
    picture = Picture.of(image)
    assert picture.channels.shape == (3, 48, 16)
    assert gray_view(image).shape == (64, 64)


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "jpeg"])
def test_a_tiff_with_odd_tags_is_turned_once(compression):
    exif = Image.Exif()
    exif[0x0112], exif[0x0128] = 6, 2
    content = encoded(WIDE, "TIFF", exif=exif, compression=compression)
    unit = content.index(b"\x28\x01\x03\x00\x01\x00\x00\x00")
    odd = content[: unit + 2] + b"\x02" + content[unit + 3 :]  # text in place of a number
    for file in (content, odd):
        picture = decode_picture(file, "odd")
        assert picture.image.size == (16, 48)
        assert upright(picture.image).size == (16, 48)


POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n%%EndComments\n{} loop\n"
OTHER_PROGRAMS = {
    "PostScript": (POSTSCRIPT, "PostScript"),
    "PostScript in DOS": (b"\xc5\xd0\xd3\xc6" + bytes(26) + POSTSCRIPT, "PostScript"),
    "PDF": (b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n", "PDF"),
    "SVG": (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
    "WMF": (b"\xd7\xcd\xc6\x9a" + bytes(60), "not a picture"),
    "MPEG": (b"\x00\x00\x01\xb3" + bytes(60), "not a picture"),
    "git-lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
    "page": (b"<!DOCTYPE html><html><body>Not found</body></html>", "not a picture"),
    "empty": (b"", "empty"),
}


@pytest.mark.parametrize("name", OTHER_PROGRAMS)
def test_what_would_start_another_program_is_refused_at_once(name, tmp_path, monkeypatch):
    content, words = OTHER_PROGRAMS[name]

    def started(*arguments, **options):
        raise AssertionError("a program was started")

    for call in ("Popen", "run", "check_call"):
        monkeypatch.setattr(subprocess, call, started)
    monkeypatch.setattr(os, "system", started)
    path = tmp_path / "picture.png"
    path.write_bytes(content)
    began = time.perf_counter()
    with pytest.raises(NoPictureError, match=words) as refused:
        read_picture(path)
    assert time.perf_counter() - began < 5
    assert str(refused.value).endswith(f"Received: {path}")


@pytest.mark.parametrize(("bits", "white"), [(12, 1), (16, 1), (16, 0)])
def test_gray_of_a_tiff_is_as_bright_as_it_was(bits, white):
    values = RNG.integers(0, 2**bits, (9, 13))
    values[0, :2] = 0, 2**bits - 1
    picture = decode_picture(gray_tiff(values, bits, white=white), "scan.tif")
    assert picture.image.mode == "I;16"
    expected = values * (65535 / (2**bits - 1))
    assert np.abs(pixels_of(picture) - (expected if white else 65535 - expected)).max() <= 0.5


def test_kinds_of_tiff_that_are_not_read_are_said():
    separate = big_tiff(np.zeros((4, 4, 3), np.uint16), 1).replace(
        struct.pack("<HHQQ", 284, 3, 1, 1), struct.pack("<HHQQ", 284, 3, 1, 2)
    )
    for content, words in (
        (gray_tiff(np.zeros((4, 4), int), 10), "this TIFF holds values of a kind that is not read"),
        (gray_tiff(np.zeros((4, 4), int), 14, ">"), "this TIFF holds values"),
        (gray_tiff(np.zeros((4, 4), int), 8, subfile=1), "raw photographs are not read"),
        (separate, "16 bits in separate planes"),
    ):
        with pytest.raises(NoPictureError, match=words):
            decode_picture(content, "odd.tif")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("orientation", [1, 2, 6, 7])
def test_a_big_tiff_is_upright_and_keeps_its_bits(dtype, orientation):
    pixels = RNG.integers(0, np.iinfo(dtype).max, (6, 9, 3), dtype)
    picture = decode_picture(big_tiff(pixels, orientation), "scan.tif")
    upright_pixels = {1: pixels, 2: pixels[:, ::-1], 6: np.rot90(pixels, -1)}
    upright_pixels[7] = np.rot90(pixels, 2).swapaxes(0, 1)
    whole = np.asarray(picture.whole)
    assert np.array_equal(whole, upright_pixels[orientation])
    assert np.abs(pixels_of(picture) - whole / (1 if dtype is np.uint8 else 257)).max() < 1
    assert upright(picture.image).size == picture.image.size  # turned once
    assert picture.notes == ()


@pytest.mark.parametrize(
    ("kind", "channels"), [("PNG", 2), ("PNG", 3), ("PNG", 4), ("TIFF", 3), ("TIFF", 4)]
)
def test_16_bits_a_colour_are_kept_or_what_is_lost_is_said(kind, channels, tmp_path):
    from olivetti_denoiser.images.high_bit_depth import encode_png16, encode_tiff16

    deep = RNG.integers(0, 65536, (6, 9, channels), np.uint16)
    content = encode_png16(deep) if kind == "PNG" else encode_tiff16(deep)
    picture = decode_picture(content, "deep")
    assert np.array_equal(picture.deep, deep)
    assert picture.notes == ()
    assert np.abs(pixels_of(picture) - deep / 257).max() <= 0.5
    path = tmp_path / "deep"
    path.write_bytes(content)
    with pytest.warns(UserWarning, match="Of 16 bits a colour 8 are used"):
        Picture.of(path)


def test_16_bits_a_colour_are_turned_as_8_are():
    from olivetti_denoiser.images.high_bit_depth import encode_png16

    deep = RNG.integers(0, 65536, (6, 9, 3), np.uint16)
    for orientation in range(1, 9):
        content = encode_png16(deep, exif=exif_block([(0x0112, 3, orientation)]))
        picture = decode_picture(content, "deep")
        assert np.abs(pixels_of(picture) - picture.deep / 257).max() <= 0.5
        eight = decode_picture(
            encoded(Image.fromarray((deep >> 8).astype(np.uint8)), "PNG",
                    exif=b"Exif\0\0" + exif_block([(0x0112, 3, orientation)])), "8"
        )  # fmt: skip
        assert np.array_equal(pixels_of(eight), picture.deep >> 8)


def transparent(name) -> tuple[bytes, np.ndarray, np.ndarray]:
    """A file with one transparent colour, its colours and its alpha."""
    gray = np.tile(np.arange(0, 250, 10, dtype=np.uint8), (4, 1))
    if name in ("1 bit", "2 bits", "4 bits"):
        bits = int(name[0])
        values = np.tile(np.arange(2**bits), (4, 2))
        content = png_with_chunks(png_of_bits(values, bits), (b"tRNS", b"\0\1"))
        return content, values * 255 // (2**bits - 1), np.where(values == 1, 0, 255)
    if name == "RGB":
        rgb = np.dstack([gray, gray // 2, 255 - gray])
        content = encoded(
            Image.fromarray(rgb), "PNG", transparency=tuple(int(v) for v in rgb[0, 3])
        )
        return content, rgb, np.where((rgb == rgb[0, 3]).all(-1), 0, 255)
    if name == "16 bits":
        deep = gray.astype(np.uint16) * 257 + 3
        key = int(deep[0, 3]).to_bytes(2, "big")
        content = png_with_chunks(encoded(Image.fromarray(deep), "PNG"), (b"tRNS", key))
        return content, np.rint(deep / 257), np.where(deep == deep[0, 3], 0, 255)
    content = encoded(Image.fromarray(gray), "PNG", transparency=30)
    return content, gray, np.where(gray == 30, 0, 255)


@pytest.mark.parametrize("name", ["gray", "RGB", "1 bit", "2 bits", "4 bits", "16 bits"])
def test_one_transparent_colour_is_kept(name):
    content, colours, alpha = transparent(name)
    picture = decode_picture(content, name)
    assert picture.image.mode in ("LA", "RGBA")
    seen = pixels_of(picture)
    assert np.array_equal(seen[..., -1], alpha)
    assert 0 < (alpha == 0).sum() < alpha.size
    assert np.array_equal(seen[..., :-1].squeeze(), colours)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        again = Picture.of(Image.open(io.BytesIO(content)))
    if name not in ("2 bits", "4 bits"):  # Pillow tells nobody how many bits there were
        assert np.array_equal(again.alpha[0], alpha)
    assert (gray_pixels(picture.image)[alpha == 0] == 255).all()  # it lies on white


def test_of_16_bits_with_a_transparent_colour_all_are_kept():
    content, _, alpha = transparent("16 bits")
    picture = decode_picture(content, "16 bits")
    assert picture.deep.shape[-1] == 2
    assert np.array_equal(picture.deep[..., 1] // 257, alpha)
    assert set(np.unique(picture.deep[..., 0] % 257)) == {3}


def test_colours_are_seen_through_their_profile():
    image = Image.new("RGB", (64, 64), (120, 120, 120))
    for content in (
        encoded(image, "PNG", icc_profile=gamma_profile(1.0)),
        encoded(image, "JPEG", quality=100, icc_profile=gamma_profile(1.0)),
        encoded(image, "TIFF", icc_profile=gamma_profile(1.0)),
        encoded(image, "WEBP", lossless=True, icc_profile=gamma_profile(1.0)),
        png_with_chunks(encoded(image, "PNG"), (b"gAMA", (100_000).to_bytes(4, "big"))),
        encoded(image.convert("L"), "PNG", icc_profile=gamma_profile(1.0, "GRAY")),
        png_with_chunks(
            encoded(image.convert("L"), "PNG"), (b"gAMA", (100_000).to_bytes(4, "big"))
        ),
        encoded(image.convert("LA"), "PNG", icc_profile=gamma_profile(1.0, "GRAY")),
        encoded(image.quantize(2), "PNG", icc_profile=gamma_profile(1.0)),
    ):
        picture = decode_picture(content, "profile")
        linear = 120 / 255
        expected = 255 * (1.055 * linear ** (1 / 2.4) - 0.055)
        assert abs(int(gray_view(picture.image)[30, 30]) - expected) <= 2
        shown = to_srgb(picture.image)
        assert shown.info.keys().isdisjoint({"icc_profile", "gamma"})
        assert to_srgb(shown) is shown
        assert shown.mode == picture.image.mode


def test_16_bits_and_floats_of_gray_are_seen_through_their_profile():
    deep = Image.fromarray(np.full((8, 8), 30_000, np.uint16))
    floats = Image.fromarray(np.full((8, 8), 30_000 / 65535, np.float32))
    for image in (deep, floats):
        content = encoded(image, "TIFF", icc_profile=gamma_profile(1.0, "GRAY"))
        shown = to_srgb(decode_picture(content, "deep").image)
        value = shown.getpixel((0, 0)) / (65535 if shown.mode == "I;16" else 1)
        assert value == pytest.approx(1.055 * (30_000 / 65535) ** (1 / 2.4) - 0.055, abs=0.005)


def test_chromaticities_of_a_png_are_a_profile():
    wide = (31270, 32900, 73470, 26530, 11500, 82640, 15700, 1800)  # far from sRGB's primaries
    chunks = [(b"gAMA", (45455).to_bytes(4, "big"))]
    chunks.append((b"cHRM", b"".join(value.to_bytes(4, "big") for value in wide)))
    content = png_with_chunks(encoded(Image.new("RGB", (4, 4), (200, 90, 60)), "PNG"), *chunks)
    red, green, _ = to_srgb(decode_picture(content, "wide").image).getpixel((0, 0))
    assert red > 210 and green < 85  # the same numbers mean stronger colours
    srgb = png_with_chunks(encoded(Image.new("RGB", (4, 4), (200, 90, 60)), "PNG"), chunks[0])
    assert profile_of(decode_picture(srgb, "sRGB").image) is None


def test_cmyk_is_converted_through_its_profile():
    image = Image.new("CMYK", (8, 8), (0, 0, 0, 255))
    content = encoded(image, "TIFF", icc_profile=cmyk_profile())
    black = to_srgb(decode_picture(content, "cmyk").image).getpixel((0, 0))
    assert black == pytest.approx((157, 157, 157), abs=6)  # lightness 65, as the profile says
    plain = to_srgb(decode_picture(encoded(image, "TIFF"), "cmyk").image)
    assert plain.getpixel((0, 0)) == (0, 0, 0)


@pytest.mark.parametrize("profile", [b"no profile", gamma_profile(1.0, "GRAY"), cmyk_profile()])
def test_a_profile_that_does_not_fit_is_left_out(profile):
    content = encoded(Image.new("RGB", (8, 8), (10, 20, 30)), "PNG", icc_profile=profile)
    assert to_srgb(decode_picture(content, "odd").image).getpixel((0, 0)) == (10, 20, 30)


def test_lab_is_seen_in_colour():
    content = encoded(Image.new("LAB", (8, 8), (200, 128, 128)), "TIFF")
    picture = decode_picture(content, "lab")
    assert picture.image.mode == "RGB"
    assert np.ptp(picture.image.getpixel((0, 0))) < 12


@pytest.mark.parametrize("brand", [b"heic", b"mif1", b"heix"])
def test_heic_of_any_brand_is_read(brand):
    import pillow_heif

    file = io.BytesIO()
    smooth = WIDE.resize((6, 2), Image.Resampling.BOX).resize((48, 16), Image.Resampling.BICUBIC)
    pillow_heif.from_pillow(smooth).save(file, quality=95)
    content = file.getvalue()
    content = content[:8] + brand + content[12:]
    picture = decode_picture(content, "phone.heic")
    assert (picture.format, picture.image.size) == ("HEIF", (48, 16))
    assert np.abs(pixels_of(picture) - np.asarray(smooth)).mean() < 4


@pytest.mark.parametrize("brand", [b"avif", b"mif1", b"avis"])
def test_avif_of_any_brand_is_read_by_page_and_command_line(brand, tmp_path):
    from page.uploads import read_upload

    content = encoded(WIDE, "AVIF", quality=100)
    assert content[8:12] == b"avif"
    if brand != b"avis":
        content = content[:8] + brand + content[12:]
    (tmp_path / "picture").write_bytes(content)
    assert decode_picture(content, "picture").image.size == (48, 16)
    assert read_upload(tmp_path / "picture").size == (48, 16)


def test_frames_and_pages_are_counted():
    pages = [Image.new("RGB", (8, 8), (level, 0, 0)) for level in (9, 99, 199)]
    for kind in ("GIF", "TIFF", "WEBP", "PNG", "AVIF"):
        content = encoded(pages[0], kind, save_all=True, append_images=pages[1:])
        picture = decode_picture(content, kind)
        assert picture.frames == 3
        assert "first of 3" in picture.frames_note[0]
        assert abs(picture.image.convert("RGB").getpixel((0, 0))[0] - 9) < 4
        assert decode_picture(encoded(pages[0], kind), kind).frames_note == []
    depth = encoded(pages[0], "MPO", save_all=True, append_images=pages[1:])
    assert decode_picture(depth, "MPO").frames_note == []


def test_pages_whose_rest_is_damaged_still_give_the_first():
    pages = [Image.new("L", (64, 64), 50)] * 2
    content = encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    assert decode_picture(content[:5000], "cut.tif").image.getpixel((3, 3)) == 50


def test_a_picture_beyond_the_bound_is_not_decoded():
    content = encoded(Image.new("L", (400, 300)), "PNG")
    with pytest.raises(TooLargeError, match="400×300"):
        decode_picture(content, "large.png", max_pixels=100_000)


def test_whatever_a_decoder_raises_is_a_damaged_picture():
    random = np.random.default_rng(3)
    for kind in ("PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP", "AVIF"):
        content = encoded(WIDE, kind)
        for _ in range(40):
            changed = bytearray(content)
            for place in random.integers(0, len(changed), 12):
                changed[place] = random.integers(256)
            try:
                decode_picture(bytes(changed[: random.integers(1, len(changed))]), kind, 10**6)
            except (DamagedPictureError, NoPictureError, TooLargeError) as error:
                assert str(error).endswith(f"Received: {kind}")
            except ValueError as error:
                assert "Received: " in str(error)


def test_the_exif_of_a_turned_picture_does_not_turn_it_again():
    block = exif_block([(0x010F, 2, b"maker"), (0x0112, 3, 6), (0x0128, 2, b"inch")])
    exif = decode_picture(jpeg_with_exif(WIDE, block), "odd").image.getexif()
    assert (exif[0x010F].strip("\0"), 0x0112 in exif) == ("maker", False)


def test_a_jpeg_that_speaks_of_a_drawing_is_no_drawing():
    content = encoded(WIDE, "JPEG", comment=b"<?xml version='1.0'?><svg xmlns='...'/>")
    assert b"<svg" in content[:1024]
    assert decode_picture(content, "photo.jpg").image.size == WIDE.size


P3 = (12, 13)
RED = Image.new("RGB", (16, 16), (200, 90, 60))


def colours_by_number(kind: str, primaries: int, transfer: int) -> bytes:
    """A file that says in numbers what its colours mean."""
    if kind == "PNG":
        numbers = bytes([primaries, transfer, 0, 1])
        return png_with_chunks(encoded(RED, "PNG"), (b"cICP", numbers))
    content = encoded(RED, kind, quality=100)
    place = content.index(b"colrnclx") + 8
    return content[:place] + struct.pack(">HH", primaries, transfer) + content[place + 4 :]


@pytest.mark.parametrize("kind", ["PNG", "AVIF", "HEIF"])
def test_colours_named_by_numbers_are_honoured_or_their_loss_is_said(kind):
    pytest.importorskip("pillow_heif").register_heif_opener()
    wide = decode_picture(colours_by_number(kind, *P3), "wide")
    assert wide.notes == ()
    assert to_srgb(wide.image).getpixel((8, 8)) == pytest.approx((216, 81, 49), abs=3)
    plain = decode_picture(colours_by_number(kind, 1, 13), "plain")
    assert (plain.notes, profile_of(plain.image)) == ((), None)
    bright = decode_picture(colours_by_number(kind, 9, 16), "bright")
    assert "(HDR, PQ) is not kept" in bright.notes[0]


def test_the_profile_of_a_jpeg_2000_is_kept():
    content, profile = encoded(RED, "JPEG2000"), gamma_profile(1.0)
    place, header = content.index(b"colr") - 4, content.index(b"jp2h") - 4
    box = struct.pack(">I", 11 + len(profile)) + b"colr\2\0\0" + profile
    (old,), (whole,) = (struct.unpack_from(">I", content, at) for at in (place, header))
    longer = content[:header] + struct.pack(">I", whole + len(box) - old)
    content = longer + content[header + 4 : place] + box + content[place + old :]
    assert profile_of(decode_picture(content, "scan.jp2").image) == profile


def test_a_profile_comes_before_numbers_but_not_in_a_png():
    profile = gamma_profile(1.0)
    png = png_with_chunks(encoded(RED, "PNG", icc_profile=profile), (b"cICP", b"\1\r\0\1"))
    assert profile_of(decode_picture(png, "png").image) is None
    avif = encoded(RED, "AVIF", icc_profile=profile)
    assert profile_of(decode_picture(avif, "avif").image) == profile


IN_THREADS = """
import sys, warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from olivetti_denoiser.images.read import read_picture

before = list(warnings.filters)
with ThreadPoolExecutor(8) as threads:
    list(threads.map(read_picture, [sys.argv[1]] * 200))
assert warnings.filters == before
warnings.warn("heard")
"""


def test_pictures_read_in_threads_leave_warnings_as_they_were(tmp_path):
    block = exif_block(ODD_ENTRIES["value behind the end"])[:-6]  # of which Pillow warns
    (tmp_path / "odd.jpg").write_bytes(jpeg_with_exif(WIDE, block))
    command = [sys.executable, "-c", IN_THREADS, tmp_path / "odd.jpg"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("Warning: ")) == (0, 1), done.stderr
    assert "heard" in done.stderr
