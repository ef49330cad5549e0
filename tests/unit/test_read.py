"""Files of other people's programs: read as they are meant, or refused in one sentence."""

from __future__ import annotations

import io
import struct
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from odd_pictures import (
    encoded,
    exif_block,
    jpeg_with_exif,
    linear_profile,
    png_with_chunks,
    png_with_header,
)
from olivetti_denoiser.images.colour_profile import to_srgb
from olivetti_denoiser.images.formats import (
    DamagedPictureError,
    PictureError,
    TooLargeError,
    formats,
)
from olivetti_denoiser.images.gray_view import gray_pixels
from olivetti_denoiser.images.high_bit_depth import encode_png16, encode_tiff16
from olivetti_denoiser.images.pillow_modes import upright
from olivetti_denoiser.images.read import decode_picture, read_picture
from olivetti_denoiser.images.write import check_output

cv2 = pytest.importorskip("cv2")
pytest.importorskip("pillow_heif").register_heif_opener()

RNG = np.random.default_rng(0)
WIDE = Image.fromarray(RNG.integers(0, 256, (2, 6, 3), np.uint8)).resize((48, 16))
DEEP = RNG.integers(0, 65536, (6, 9, 4), np.uint16)
GRAY16 = Image.fromarray(DEEP[..., 0])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_once_at_every_depth(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    eight, deep = (DEEP[..., :3] >> 8).astype(np.uint8), DEEP[..., :3]
    for content in (
        encoded(Image.fromarray(eight), "PNG", exif=exif),
        encoded(Image.fromarray(eight), "TIFF", exif=exif, compression="tiff_lzw"),
        encode_png16(deep, exif=exif),
        encode_tiff16(deep, exif=exif),
    ):
        picture = decode_picture(content, "file")
        stored = eight if picture.pixels16 is None else deep
        mirrored = np.fliplr(stored) if orientation in (2, 4, 5, 7) else stored
        quarters = {3: 2, 4: 2, 5: 1, 6: -1, 7: -1, 8: 1}.get(orientation, 0)
        assert np.array_equal(np.asarray(picture.whole), np.rot90(mirrored, quarters))
        assert upright(picture.image).size == picture.image.size


@pytest.mark.parametrize(
    "beside", [(0x0128, 2, "inch"), (0x8769, 4, 8)], ids=["text for a number", "endless directory"]
)
def test_an_orientation_that_can_be_read_is_applied_whatever_stands_beside_it(beside):
    block = exif_block([(0x0112, 3, 6), beside])
    for content in (
        jpeg_with_exif(WIDE, block),
        encoded(WIDE, "WEBP", exif=b"Exif\0\0" + block),
        encoded(WIDE, "HEIF", exif=b"Exif\0\0" + block),
    ):
        assert decode_picture(content, "file").image.size == (16, 48)
        assert upright(Image.open(io.BytesIO(content))).size == (16, 48)


def test_an_orientation_is_read_of_a_block_that_is_cut_short():
    block = exif_block([(0x010F, 2, "maker"), (0x0112, 3, 6)])[:-6]
    assert decode_picture(jpeg_with_exif(WIDE, block), "file").image.size == (16, 48)


def test_random_bytes_never_stop_a_program_and_random_exif_never_a_picture():
    sound = exif_block([(0x010F, 2, "maker"), (0x0112, 3, 1), (0x011A, 4, 72), (0x0128, 3, 2)])
    for _ in range(60):
        exif = changed(sound, 5)
        for content in (
            jpeg_with_exif(WIDE, exif, dpi=(72, 72)),
            png_with_chunks(encoded(WIDE), (b"eXIf", exif)),
        ):
            assert sorted(decode_picture(content, "odd").image.size) == [16, 48], exif
    for kind in ("PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP", "AVIF"):
        content = encoded(WIDE, kind)
        with pytest.raises(DamagedPictureError):
            decode_picture(content[: -len(content) // 2], kind)
        for _ in range(20):
            try:
                decode_picture(changed(content, 12), kind, 10**6)
            except PictureError as error:
                assert str(error).endswith(f"Received: {kind}")


def changed(content, count) -> bytes:
    """The bytes with some of them replaced."""
    content = bytearray(content)
    for place in RNG.integers(0, len(content), count):
        content[place] = RNG.integers(256)
    return bytes(content)


def tiff(**tags) -> bytes:
    """A TIFF that Pillow writes, with some of its tags changed."""
    return encoded(GRAY16, "TIFF", tiffinfo={int(tag[1:]): value for tag, value in tags.items()})


TWELVE_BITS = tiff().replace(struct.pack("<HI", 3, 1) + b"\x10", struct.pack("<HI", 3, 1) + b"\x0c")
NO_PICTURES = {
    "empty": (b"", "the file is empty"),
    "text": (b"Dear page", "not a picture in a format that is read; JPEG, PNG"),
    "PostScript, which runs": (b"%!PS-Adobe-3.0 EPSF-3.0\n{} loop\n", "not a picture"),
    "SVG": (b'<?xml version="1.0"?><svg xmlns="..."/>', "an SVG is a drawing"),
    "raw photograph": (tiff(_254=1), "raw photographs are not read"),
    "12 bits, read too dark": (TWELVE_BITS, "this TIFF holds values of a kind"),
    "zero is white, read inverted": (tiff(_262=0), "this TIFF holds values of a kind"),
    "planes, read as noise": (encode_tiff16(DEEP, tiffinfo={284: 2}), "in separate planes"),
    "a kind that Pillow lacks": (cv2.imencode(".tif", np.zeros((4, 4)))[1].tobytes(), "this TIFF"),
    "Lab": (encoded(WIDE.convert("LAB"), "TIFF"), "must be gray, RGB or CMYK"),
    "tRNS of 16 bits": (png_with_chunks(encoded(GRAY16), (b"tRNS", b"\0\1")), "one transparent"),
}


@pytest.mark.parametrize("name", NO_PICTURES)
def test_what_is_not_read_is_refused_in_a_sentence_and_starts_no_program(name, monkeypatch):
    content, words = NO_PICTURES[name]
    monkeypatch.setattr(subprocess, "Popen", None)
    with pytest.raises(PictureError, match=rf"{words}.*Received: a\.png$"):
        decode_picture(content, "a.png")


def test_no_file_and_too_large_a_picture_are_refused(tmp_path):
    for path in (tmp_path, tmp_path / "absent.png", tmp_path / "nul\0.png"):
        with pytest.raises(ValueError, match=r"the picture cannot be read: .* Received: /"):
            read_picture(path)
    with pytest.raises(TooLargeError, match="48×16"):
        decode_picture(encoded(WIDE), "large.png", max_pixels=700)


def test_a_picture_that_is_wrong_inside_is_no_picture_with_a_black_part():
    content = bytearray(encoded(WIDE))
    content[content.index(b"IDAT") + 6] ^= 255
    with pytest.raises(DamagedPictureError, match="data stream"):
        decode_picture(bytes(content), "damaged.png")
    with pytest.raises(OSError, match="data stream"):
        upright(Image.open(io.BytesIO(content)))


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize(
    ("ending", "options"),
    [(".png", []), (".tiff", [cv2.IMWRITE_TIFF_COMPRESSION, 1]), (".tiff", [])],
    ids=["PNG", "TIFF as it is", "TIFF by LZW, decoded by libtiff"],
)
def test_all_of_16_bits_that_opencv_writes_are_read(ending, options, channels):
    deep = DEEP[..., :channels]
    content = cv2.imencode(ending, deep[..., [2, 1, 0, 3][:channels]], options)[1].tobytes()
    picture = decode_picture(content, "deep")
    assert (picture.pixels16.dtype, picture.notes) == (np.uint16, ())
    assert np.array_equal(picture.pixels16, deep)
    assert np.abs(np.asarray(picture.image) - deep / 257).max() <= 0.5


def test_gray_of_16_bits_is_kept_in_every_byte_order():
    big_endian = Image.frombytes("I;16B", (9, 6), DEEP[..., 0].astype(">u2").tobytes())
    for image, kind in ((GRAY16, "PNG"), (GRAY16, "PPM"), (big_endian, "TIFF")):
        picture = decode_picture(encoded(image, kind), kind)
        assert (picture.image.mode, picture.notes) == ("I;16", ())
        assert np.array_equal(np.asarray(picture.image), DEEP[..., 0])


BGR16 = np.tile(DEEP[..., 2::-1], (16, 16, 1))
TEN_BITS = cv2.imencode(".avif", BGR16 >> 6, [cv2.IMWRITE_AVIF_DEPTH, 10])[1].tobytes()
RAMP = np.tile(np.arange(0, 250, 10, dtype=np.uint8), (4, 1))
TWO_BITS = encoded(Image.fromarray(np.tile(np.arange(4, dtype=np.uint8), (3, 2)), "P"), bits=2)
MORE_BITS = ("Of more than 8 bits a colour 8 are used.",)
COLOURS = ("What its colours mean is not kept: they may look pale or dark.",)


def avif(primaries: int) -> bytes:
    content = encoded(WIDE, "AVIF")
    place = content.index(b"colrnclx") + 8
    return content[:place] + struct.pack(">HH", primaries, 13) + content[place + 4 :]


def png(**chunks) -> bytes:
    return png_with_chunks(encoded(WIDE), *((name.encode(), data) for name, data in chunks.items()))


NOTED = {
    "gray with alpha": (png_with_header(encoded(WIDE.convert("RGBA")), 16, 4), MORE_BITS),
    "PPM": (b"P6 9 6 65535\n" + DEEP[..., :3].astype(">u2").tobytes(), MORE_BITS),
    "JPEG 2000": (cv2.imencode(".jp2", BGR16)[1].tobytes(), MORE_BITS),
    "AVIF": (TEN_BITS, MORE_BITS),
    "PPM of 8 bits": (b"P6 4 2 255\n" + bytes(24), ()),
    "PPM of 1 bit": (b"P4 4 2\n" + bytes(24), ()),
    "CMYK": (encoded(Image.new("CMYK", (8, 8)), "JPEG"), ("CMYK is converted to RGB.",)),
    "linear": (png(gAMA=struct.pack(">I", 100_000)), COLOURS),
    "sRGB, whatever its gamma": (png(gAMA=struct.pack(">I", 100_000), sRGB=b"\0"), ()),
    "HDR": (png(cICP=bytes([9, 16, 0, 1])), COLOURS),
    "sRGB in numbers": (png(cICP=bytes([1, 13, 0, 1])), ()),
    "P3": (avif(12), COLOURS),
    "AVIF of sRGB": (avif(1), ()),
    "profile": (encoded(WIDE, "AVIF", icc_profile=linear_profile()), ()),
}  # fmt: skip


@pytest.mark.parametrize("name", NOTED)
def test_what_is_left_out_is_said_and_nothing_else(name):
    content, notes = NOTED[name]
    assert decode_picture(content, name).notes == notes


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "WEBP", "PNG", "AVIF", "HEIF", "MPO"])
def test_frames_and_pages_that_are_left_out_are_said(kind):
    first, *rest = (Image.new("RGB", (16, 16), (level, 0, 0)) for level in (9, 99, 199))
    picture = decode_picture(encoded(first, kind, save_all=True, append_images=rest), kind)
    word = "page" if kind == "TIFF" else "frame"
    of_three = (f"Only the first of 3 {word}s is used.",)
    assert picture.notes == (() if kind == "MPO" else of_three)  # MPO holds a photograph's depth
    assert abs(picture.image.convert("RGB").getpixel((0, 0))[0] - 9) < 5
    assert decode_picture(encoded(first, kind), kind).notes == ()


@pytest.mark.parametrize(
    ("content", "colour"),
    [
        (encoded(Image.fromarray(RAMP), transparency=30), 30),
        (encoded(Image.fromarray(RAMP).convert("RGB"), transparency=(30, 30, 30)), (30, 30, 30)),
        (png_with_chunks(png_with_header(TWO_BITS, 2, 0), (b"tRNS", b"\0\1")), 85),
    ],
    ids=["gray", "RGB", "2 bits, whose value Pillow leaves in 2 bits"],
)
def test_one_transparent_colour_becomes_a_channel(content, colour):
    image = decode_picture(content, "file").image
    assert image.mode in ("LA", "RGBA")
    *colours, alpha = (np.asarray(band) for band in image.split())
    hidden = (np.stack(colours, -1) == colour).all(-1)
    assert 0 < hidden.sum() < hidden.size
    assert np.array_equal(alpha, np.where(hidden, 0, 255))
    assert (gray_pixels(image)[hidden] == 255).all()  # it lies on white


@pytest.mark.parametrize("kind", ["GIF", "PNG"])
def test_a_palette_keeps_its_transparency(kind):
    content = encoded(WIDE.quantize(16), kind, transparency=3)
    expected = np.asarray(Image.open(io.BytesIO(content)).convert("RGBA"))
    assert np.array_equal(np.asarray(decode_picture(content, kind).image), expected)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "I;16", "F"])
def test_colours_are_seen_through_their_profile(mode):
    gray = np.full((8, 8), 120, np.uint8)
    deep = {"I;16": gray * np.uint16(257), "F": gray / np.float32(255)}
    image = Image.fromarray(deep.get(mode, gray))
    image = image if mode in deep else image.convert(mode)
    profile = linear_profile("RGB" if mode in ("RGB", "RGBA", "P") else "GRAY")
    picture = decode_picture(encoded(image, "TIFF", icc_profile=profile), "profile")
    shown = to_srgb(picture.image)
    assert (shown.mode, shown.info.get("icc_profile")) == (picture.image.mode, None)
    assert abs(int(gray_pixels(picture.image)[3, 3]) - 182) <= 1  # 1.055·(120/255)^(1/2.4) − 0.055
    assert to_srgb(shown) is shown


@pytest.mark.parametrize("profile", [b"no profile", linear_profile("GRAY")])
def test_a_profile_that_does_not_fit_is_left_out(profile):
    content = encoded(Image.new("RGB", (8, 8), (10, 20, 30)), icc_profile=profile)
    assert to_srgb(decode_picture(content, "odd").image).getpixel((0, 0)) == (10, 20, 30)


def test_without_pillow_heif_the_extra_is_named(tmp_path, monkeypatch, request):
    heic = encoded(WIDE, "HEIF")
    monkeypatch.setitem(sys.modules, "pillow_heif", None)  # as where it is not installed
    monkeypatch.delitem(Image.OPEN, "HEIF")
    formats.cache_clear()
    request.addfinalizer(formats.cache_clear)
    for step in (lambda: decode_picture(heic, "a.heic"), lambda: check_output(None, "a.heic")):
        with pytest.raises(ValueError, match=r"(HEIC|heic) needs .*pip install"):
            step()
