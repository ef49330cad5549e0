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
    NoPictureError,
    PictureError,
    TooLargeError,
)
from olivetti_denoiser.images.gray_view import gray_pixels
from olivetti_denoiser.images.high_bit_depth import encode_png16, encode_tiff16
from olivetti_denoiser.images.picture import Picture
from olivetti_denoiser.images.pillow_modes import upright
from olivetti_denoiser.images.read import decode_picture, read_picture

cv2 = pytest.importorskip("cv2")
pytest.importorskip("pillow_heif").register_heif_opener()

RNG = np.random.default_rng(0)
WIDE = Image.fromarray(RNG.integers(0, 256, (2, 6, 3), np.uint8)).resize((48, 16))
DEEP = RNG.integers(0, 65536, (6, 9, 4), np.uint16)
GRAY16 = Image.fromarray(DEEP[..., 0])


def pixels_of(content) -> np.ndarray:
    return np.asarray(decode_picture(content, "file").image).astype(int)


def turned(pixels, orientation) -> np.ndarray:
    """The pixels as EXIF's orientation says that they are to be seen."""
    mirrored = np.fliplr(pixels) if orientation in (2, 4, 5, 7) else pixels
    quarters = {1: 0, 2: 0, 3: 2, 4: 2, 5: 1, 6: -1, 7: -1, 8: 1}
    return np.rot90(mirrored, quarters[orientation])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_once_at_every_depth(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    eight, deep = (DEEP[..., :3] >> 8).astype(np.uint8), DEEP[..., :3]
    for content in (
        encoded(Image.fromarray(eight), "PNG", exif=exif),
        encoded(Image.fromarray(eight), "TIFF", exif=exif),
        encoded(Image.fromarray(eight), "TIFF", exif=exif, compression="tiff_lzw"),
        encode_png16(deep, exif=exif),
        encode_tiff16(deep, exif=exif),
    ):
        picture = decode_picture(content, "file")
        stored = eight if picture.pixels16 is None else deep
        assert np.array_equal(np.asarray(picture.whole), turned(stored, orientation))
        assert upright(picture.image).size == picture.image.size


ODD_EXIF = {
    "text in place of a number": [(0x0112, 3, 6), (0x0128, 2, b"inch")],
    "a directory that points to itself": [(0x0112, 3, 6), (0x8769, 4, 8), (0x8825, 4, 8)],
    "cut short": [(0x010F, 2, b"maker"), (0x0112, 3, 6)],
    "the other byte order": [(0x0112, 3, 6), (0x0128, 2, b"inch")],
}


@pytest.mark.parametrize("name", ODD_EXIF)
def test_an_orientation_that_can_be_read_is_applied_whatever_stands_beside_it(name):
    block = exif_block(ODD_EXIF[name], ">" if name == "the other byte order" else "<")
    block = block[:-6] if name == "cut short" else block
    expected = np.rot90(pixels_of(encoded(WIDE, "WEBP", lossless=True)), -1)
    exif = b"Exif\0\0" + block
    assert np.array_equal(pixels_of(encoded(WIDE, "WEBP", lossless=True, exif=exif)), expected)
    for content in (jpeg_with_exif(WIDE, block), encoded(WIDE, "HEIF", quality=100, exif=exif)):
        assert np.abs(pixels_of(content) - expected).mean() < 8
    assert Picture.of(Image.open(io.BytesIO(jpeg_with_exif(WIDE, block)))).shape == (48, 16, 3)


def test_random_exif_never_stops_a_picture():
    random = np.random.default_rng(7)
    sound = exif_block([(0x010F, 2, b"maker"), (0x0112, 3, 1), (0x011A, 4, 72), (0x0128, 3, 2)])
    for number in range(60):
        block = bytearray(sound)
        for place in random.integers(0, len(block), number % 9 + 1):
            block[place] = random.integers(256)
        for content in (
            jpeg_with_exif(WIDE, bytes(block), dpi=(72, 72)),
            png_with_chunks(encoded(WIDE), (b"eXIf", bytes(block))),
        ):
            assert sorted(decode_picture(content, "odd").image.size) == [16, 48], (number, block)


def tiff(image=GRAY16, **tags) -> bytes:
    """A TIFF that Pillow writes, with some of its tags changed."""
    return encoded(image, "TIFF", tiffinfo={int(tag[1:]): value for tag, value in tags.items()})


TWELVE_BITS = tiff().replace(
    struct.pack("<HHIH", 258, 3, 1, 16), struct.pack("<HHIH", 258, 3, 1, 12)
)
NO_PICTURES = {
    "empty": (b"", "the file is empty"),
    "text": (b"Dear page", "not a picture in a format that is read; JPEG, PNG"),
    "PostScript, which runs": (b"%!PS-Adobe-3.0 EPSF-3.0\n{} loop\n", "not a picture"),
    "PDF": (b"%PDF-1.4\n", "a PDF is a document"),
    "SVG": (b'<?xml version="1.0"?><svg xmlns="..."/>', "an SVG is a drawing"),
    "git-lfs": (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    "raw photograph": (tiff(_254=1), "raw photographs are not read"),
    "12 bits, read too dark": (TWELVE_BITS, "this TIFF holds values of a kind"),
    "zero is white, read inverted": (tiff(_262=0), "this TIFF holds values of a kind"),
    "planes, read as noise": (encode_tiff16(DEEP, tiffinfo={284: 2}), "in separate planes"),
    "a kind that Pillow lacks": (cv2.imencode(".tif", np.zeros((4, 4)))[1].tobytes(), "this TIFF"),
    "Lab": (encoded(WIDE.convert("RGB").convert("LAB"), "TIFF"), "must be gray, RGB or CMYK"),
    "tRNS of gray": (png_with_chunks(encoded(GRAY16), (b"tRNS", b"\0\1")), "one transparent"),
    "tRNS of RGB": (
        png_with_chunks(encode_png16(DEEP[..., :3]), (b"tRNS", bytes(6))), "one transparent"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NO_PICTURES)
def test_what_is_not_read_is_refused_in_a_sentence_and_starts_no_program(name, monkeypatch):
    content, words = NO_PICTURES[name]
    monkeypatch.setattr(subprocess, "Popen", None)
    with pytest.raises(NoPictureError, match=rf"{words}.*Received: a\.png$"):
        decode_picture(content, "a.png")


def test_whatever_a_decoder_raises_is_a_damaged_picture(tmp_path):
    random = np.random.default_rng(3)
    for kind in ("PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP", "AVIF"):
        content = encoded(WIDE, kind)
        with pytest.raises(DamagedPictureError):
            decode_picture(content[: -len(content) // 2], kind)
        for _ in range(20):
            changed = bytearray(content)
            for place in random.integers(0, len(changed), 12):
                changed[place] = random.integers(256)
            try:
                decode_picture(bytes(changed), kind, 10**6)
            except PictureError as error:
                assert str(error).endswith(f"Received: {kind}")
    for path in (tmp_path, tmp_path / "absent.png", tmp_path / "nul\0.png"):
        with pytest.raises(ValueError, match=r"the picture cannot be read: .* Received: /"):
            read_picture(path)
    with pytest.raises(TooLargeError, match="48×16"):
        decode_picture(encoded(WIDE), "large.png", max_pixels=700)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA"])
def test_a_picture_that_is_wrong_inside_is_no_picture_with_a_black_part(mode):
    content = bytearray(encoded(WIDE.convert(mode)))
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


BGR16 = np.tile(DEEP[..., 2::-1], (16, 16, 1))
EIGHT_OF_MORE = {
    "gray with alpha": png_with_header(encoded(Image.new("RGBA", (9, 6), (9, 0, 99, 0))), 16, 4),
    "PPM": b"P6 9 6 65535\n" + DEEP[..., :3].astype(">u2").tobytes(),
    "JPEG 2000": cv2.imencode(".jp2", BGR16)[1].tobytes(),
    "AVIF": cv2.imencode(".avif", BGR16 >> 6, [cv2.IMWRITE_AVIF_DEPTH, 10])[1].tobytes(),
}


@pytest.mark.parametrize("name", EIGHT_OF_MORE)
def test_bits_that_are_left_out_are_said(name):
    picture = decode_picture(EIGHT_OF_MORE[name], name)
    assert picture.notes == ("Of more than 8 bits a colour 8 are used.",)
    if name == "gray with alpha":
        assert picture.image.getpixel((0, 0)) == (9, 9, 9, 99)


@pytest.mark.parametrize("header", ["P1", "P2 15", "P2 255", "P3 255", "P4", "P5 255", "P6 255"])
def test_bits_that_are_kept_are_not_said_to_be_left_out(header):
    kind, *largest = header.split()
    values = b"1 " * 24 if kind < "P4" else bytes(24)
    content = " ".join([kind, "4 2", *largest]).encode() + b"\n" + values
    assert decode_picture(content, kind).notes == ()


def test_gray_of_16_bits_is_kept_in_every_byte_order():
    for kind, image in (("PNG", GRAY16), ("TIFF", GRAY16), ("PPM", GRAY16)):
        picture = decode_picture(encoded(image, kind), kind)
        assert (picture.image.mode, picture.notes) == ("I;16", ())
        assert np.array_equal(np.asarray(picture.image), DEEP[..., 0])
    big_endian = Image.frombytes("I;16B", (9, 6), DEEP[..., 0].astype(">u2").tobytes())
    assert np.array_equal(pixels_of(encoded(big_endian, "TIFF")), DEEP[..., 0])


RAMP = np.tile(np.arange(0, 250, 10, dtype=np.uint8), (4, 1))
TWO_BITS = Image.fromarray(np.tile(np.arange(4, dtype=np.uint8), (3, 2)), "P")
PALETTE = WIDE.quantize(16)


@pytest.mark.parametrize(
    ("content", "colour"),
    [
        (encoded(Image.fromarray(RAMP), transparency=30), 30),
        (encoded(Image.fromarray(RAMP).convert("RGB"), transparency=(30, 30, 30)), (30, 30, 30)),
        (encoded(Image.fromarray(RAMP > 99), transparency=1), 255),
        (png_with_header(encoded(TWO_BITS, bits=2, transparency=bytes([0, 1])), 2, 0), 85),
    ],
    ids=["gray", "RGB", "1 bit", "2 bits, whose value Pillow leaves in 2 bits"],
)
def test_one_transparent_colour_becomes_a_channel(content, colour):
    image = decode_picture(content, "file").image
    assert image.mode in ("LA", "RGBA")
    *colours, alpha = (np.asarray(band) for band in image.split())
    hidden = (np.stack(colours, -1) == colour).all(-1)
    assert 0 < hidden.sum() < hidden.size
    assert np.array_equal(alpha, np.where(hidden, 0, 255))
    assert (gray_pixels(image)[hidden] == 255).all()  # it lies on white


@pytest.mark.parametrize(
    ("kind", "transparency"), [("GIF", 3), ("PNG", 3), ("PNG", bytes([0, 128, *[255] * 14]))]
)
def test_a_palette_keeps_its_transparency(kind, transparency):
    content = encoded(PALETTE, kind, transparency=transparency)
    expected = np.asarray(Image.open(io.BytesIO(content)).convert("RGBA"))
    assert np.array_equal(pixels_of(content), expected)


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


def test_cmyk_becomes_rgb_and_it_is_said():
    picture = decode_picture(encoded(Image.new("CMYK", (8, 8), (0, 0, 0, 255)), "JPEG"), "print")
    assert picture.image.getpixel((0, 0)) == (0, 0, 0)
    assert picture.notes == ("CMYK is converted to RGB.",)


def avif(primaries: int, curve: int) -> bytes:
    content = encoded(WIDE, "AVIF")
    place = content.index(b"colrnclx") + 8
    return content[:place] + struct.pack(">HH", primaries, curve) + content[place + 4 :]


def png(**chunks) -> bytes:
    return png_with_chunks(encoded(WIDE), *((name.encode(), data) for name, data in chunks.items()))


WIDE_PRIMARIES = struct.pack(">8I", 31270, 32900, 73470, 26530, 11500, 82640, 15700, 1800)


@pytest.mark.parametrize(
    ("content", "is_srgb"),
    [
        (png(gAMA=struct.pack(">I", 100_000)), False),
        (png(gAMA=struct.pack(">I", 45455)), True),
        (png(gAMA=struct.pack(">I", 100_000), sRGB=b"\0"), True),
        (png(cHRM=WIDE_PRIMARIES), False),
        (png(cICP=bytes([9, 16, 0, 1])), False),
        (png(cICP=bytes([1, 13, 0, 1])), True),
        (avif(12, 13), False),
        (avif(1, 13), True),
        (encoded(WIDE, "AVIF", icc_profile=linear_profile()), True),
    ],
    ids=["linear", "2.2", "sRGB first", "wide", "HDR", "PNG sRGB", "P3", "sRGB", "profile"],
)  # fmt: skip
def test_colours_that_no_profile_names_are_said_to_be_lost(content, is_srgb):
    lost = ("What its colours mean is not kept: they may look pale or dark.",)
    assert decode_picture(content, "file").notes == (() if is_srgb else lost)


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "WEBP", "PNG", "AVIF", "HEIF", "MPO"])
def test_frames_and_pages_that_are_left_out_are_said(kind):
    first, *rest = (Image.new("RGB", (16, 16), (level, 0, 0)) for level in (9, 99, 199))
    picture = decode_picture(encoded(first, kind, save_all=True, append_images=rest), kind)
    word = "page" if kind == "TIFF" else "frame"
    of_three = (f"Only the first of 3 {word}s is used.",)
    assert picture.notes == (() if kind == "MPO" else of_three)  # MPO holds a photograph's depth
    assert abs(picture.image.convert("RGB").getpixel((0, 0))[0] - 9) < 5
    assert decode_picture(encoded(first, kind), kind).notes == ()


WITHOUT_HEIF = """
import sys

sys.modules["pillow_heif"] = None  # as where it is not installed
from olivetti_denoiser.images.read import read_picture
from olivetti_denoiser.images.write import check_output

for step in (read_picture, lambda path: check_output(None, path)):
    try:
        step(sys.argv[1])
    except ValueError as error:
        print(error)
"""


def test_without_pillow_heif_the_extra_is_named(tmp_path):
    path = tmp_path / "a.heic"
    path.write_bytes(encoded(WIDE, "HEIF"))
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_HEIF, path], capture_output=True, text=True
    )
    install = 'pip install "olivetti-denoiser[images]"'
    assert done.stdout.splitlines() == [
        f"HEIC needs pillow-heif: {install}. Received: {path}",
        f".heic needs {install}; .png would do. Received: {path}",
    ]
