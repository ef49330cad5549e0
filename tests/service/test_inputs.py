"""Every kind of file that a stranger may send, against the running page."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from page_server import RefusedError

VIEW = (64, 64)


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def decoded(picture: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(picture))
    assert image.format == "PNG"
    return image


def ramp(width: int, height: int, mode: str = "L") -> Image.Image:
    """A picture that is dark at the left and bright at the right, never black or white."""
    row = np.linspace(40, 215, width).round().astype(np.uint8)
    return Image.fromarray(np.tile(row, (height, 1))).convert(mode)


def grays(picture: bytes) -> np.ndarray:
    return np.asarray(decoded(picture).convert("L")).astype(int)


GRAY = ramp(64, 64)
RED = Image.new("RGB", (80, 80), (200, 0, 0))
FLOATS = Image.fromarray(np.asarray(GRAY, np.float32) / 255)
DEEP = Image.fromarray((np.asarray(GRAY, np.uint16) * 257).astype(np.uint16))
SEE_THROUGH = Image.fromarray(
    np.dstack([np.full((64, 64, 3), 60, np.uint8), np.tile([0, 255], (64, 32)).astype(np.uint8)])
)
ROTATED = Image.Exif()
ROTATED[0x0112] = 6  # the camera was held upright: turn by 90 degrees clockwise


def as_seen(name: str) -> tuple[bytes, np.ndarray]:
    """A file and the gray 64×64 picture that must be seen in it."""
    gray = np.asarray(GRAY).astype(int)
    alpha = np.tile([255, 60], (64, 32))
    return {
        "gray": (encoded(GRAY), gray),
        "rgb": (encoded(GRAY.convert("RGB")), gray),
        "rgba on white": (encoded(SEE_THROUGH), alpha),
        "gray with alpha on white": (encoded(SEE_THROUGH.convert("LA")), alpha),
        "palette": (encoded(GRAY.convert("P")), gray),
        "palette with alpha": (encoded(SEE_THROUGH.quantize(4)), alpha),
        "one bit": (
            encoded(GRAY.point(lambda v: 255 * (v > 128)).convert("1")),
            255 * (gray > 128),
        ),
        "cmyk": (encoded(GRAY.convert("CMYK"), "TIFF"), gray),
        "16 bits": (encoded(DEEP), gray),
        "16-bit tiff": (encoded(DEEP, "TIFF"), gray),
        "float tiff": (encoded(FLOATS, "TIFF"), gray),
        "exif": (encoded(GRAY, "TIFF", exif=ROTATED), np.rot90(gray, -1)),
        "webp": (encoded(GRAY.convert("RGB"), "WEBP", lossless=True), gray),
        "bmp": (encoded(GRAY, "BMP"), gray),
        "ppm": (encoded(GRAY, "PPM"), gray),
        "avif": (encoded(GRAY.convert("RGB"), "AVIF", quality=100), gray),
        "1×1": (encoded(Image.new("L", (1, 1), 77)), np.full(VIEW, 77)),
        "1×4000": (encoded(Image.new("L", (1, 4000), 99)), np.full(VIEW, 99)),
        "wide": (encoded(ramp(4000, 1000)), None),
    }[name]


SEEN = (
    "gray",
    "rgb",
    "rgba on white",
    "gray with alpha on white",
    "palette",
    "palette with alpha",
    "one bit",
    "cmyk",
    "16 bits",
    "16-bit tiff",
    "float tiff",
    "exif",
    "webp",
    "bmp",
    "ppm",
    "avif",
    "1×1",
    "1×4000",
    "wide",
)
TOLERANCE = {"palette": 3, "avif": 3}


@pytest.mark.parametrize("kind", SEEN)
def test_a_picture_of_any_kind_is_seen_as_it_is(page, kind):
    file, expected = as_seen(kind)
    original, noisy, restored, figures, _ = page.visitor().call("denoise", file, 0.1, 0)
    for picture in (original, noisy, restored):
        assert decoded(picture).size == VIEW
        assert decoded(picture).mode == "L"
    if expected is not None:
        assert np.abs(grays(original) - expected).max() <= TOLERANCE.get(kind, 1)
    else:
        seen = grays(original)
        assert 100 < seen.mean() < 155
        assert (np.diff(seen[32]) >= 0).all()
    assert 17 < figures["noisy"]["psnr"] < 24


def bomb(side: int) -> bytes:
    """A PNG of a few bytes that claims to be side×side pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content))
            + kind
            + content
            + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(10_000)))
        + chunk(b"IEND", b"")
    )


NOT_NUMBERS = np.full((64, 64), 0.5, np.float32)
NOT_NUMBERS[3, 4] = np.nan
REFUSED = {
    "12,000×12,000": (bomb(12_000), "12,000×12,000 pixels", "smaller"),
    "bomb": (bomb(100_000), "too large", "smaller"),
    "truncated": (encoded(ramp(300, 300).convert("RGB"), "JPEG")[:900], "cut short", "PNG"),
    "truncated png": (encoded(Image.effect_noise((200, 200), 50))[:9000], "cut short", "PNG"),
    "empty": (b"", "empty", "choose a picture"),
    "text": (b"Dear page, this is a letter.\n", "not a picture", "JPEG"),
    "svg": (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "SVG", "PNG"),
    "heic": (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(400), "cut short", "PNG"),
    "NaN": (encoded(Image.fromarray(NOT_NUMBERS), "TIFF"), "not numbers", "float"),
    "floats to 200": (
        encoded(Image.fromarray(np.full((64, 64), 200, np.float32)), "TIFF"),
        "200",
        "0 to 1",
    ),
}


@pytest.mark.parametrize(
    ("kind", "endpoint"),
    [
        *((kind, "denoise") for kind in REFUSED),
        ("truncated", "restore"),  # these read it by the same function, and say its sentence
        ("text", "compare"),
    ],
)
def test_what_cannot_be_read_gets_one_sentence(page, kind, endpoint):
    file, *needed = REFUSED[kind]
    visitor = page.visitor()
    with pytest.raises(RefusedError) as refusal:
        visitor.call(endpoint, file)
    sentence = str(refusal.value)
    for words in needed:
        assert words in sentence
    assert "\n" not in sentence
    assert "Traceback" not in sentence
    assert "/" not in sentence  # no path of the server's
    assert len(sentence) < 200


def test_after_every_refusal_the_next_visitor_is_served(page):
    for file, *_ in REFUSED.values():
        with pytest.raises(RefusedError):
            page.visitor().call("denoise", file)
    assert grays(page.visitor().call("denoise", encoded(GRAY))[0]).shape == VIEW
    assert page.process.poll() is None


@pytest.mark.parametrize(
    ("kind", "endpoint"),
    [("GIF", "denoise"), ("WEBP", "restore"), ("PNG", "denoise"), ("PNG", "restore")],
)
def test_of_an_animation_the_first_frame_is_used_and_said_so(page, kind, endpoint):
    frames = [Image.new("L", (64, 64), level).convert("RGB") for level in (60, 200)]
    file = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    outputs = page.visitor().call(endpoint, file)
    assert "first of 2 frames" in outputs[-1]
    if endpoint == "denoise":
        assert abs(grays(outputs[0]).mean() - 60) <= 2
    still = page.visitor().call(endpoint, encoded(frames[0], kind))
    assert "first of" not in still[-1]


@pytest.mark.parametrize(
    ("file", "size", "mode"),
    [
        (encoded(ramp(37, 21)), (37, 21), "L"),
        (encoded(ramp(150, 90, "RGB")), (150, 90), "RGB"),
        (encoded(Image.new("L", (1, 1), 9)), (1, 1), "L"),
        (encoded(ramp(1, 4000, "RGB")), (1, 4000), "RGB"),
        (encoded(ramp(64, 64, "CMYK"), "TIFF"), (64, 64), "RGB"),
        (encoded(GRAY.convert("P")), (64, 64), "RGB"),
        (encoded(DEEP), (64, 64), "I;16"),
        (encoded(FLOATS, "TIFF"), (64, 64), "I;16"),
        (encoded(ramp(40, 20), "TIFF", exif=ROTATED), (20, 40), "L"),
    ],
)
def test_clean_up_keeps_size_and_colours(page, file, size, mode):
    cleaned, estimate = page.visitor().call("restore", file)
    assert (decoded(cleaned).size, decoded(cleaned).mode) == (size, mode)
    assert "σ" in estimate


def test_clean_up_keeps_alpha_and_at_no_strength_everything(page):
    picture = encoded(SEE_THROUGH)
    cleaned, _ = page.visitor().call("restore", picture, 1.0)
    assert decoded(cleaned).mode == "RGBA"
    assert decoded(cleaned).getchannel("A").tobytes() == SEE_THROUGH.getchannel("A").tobytes()
    untouched, _ = page.visitor().call("restore", picture, 0.0)
    assert decoded(untouched).tobytes() == SEE_THROUGH.tobytes()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ((0.4, 0), "0.3"),
        ((-0.1, 0), "0"),
        (("loud", 0), "number"),
        ((None, 0), "number"),
        ((0.1, -1), "0"),
        ((0.1, 2**40), "4294967295"),
        ((0.1, None), "number"),
    ],
)
def test_a_wrong_number_gets_one_sentence(page, values, words):
    with pytest.raises(RefusedError) as refusal:
        page.visitor().call("denoise", encoded(GRAY), *values)
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_no_picture_gets_one_sentence(page):
    with pytest.raises(RefusedError, match="choose a picture"):
        page.visitor().ask("denoise", None, 0.1, 0)


def test_an_upload_beyond_the_limit_is_refused(page):
    with pytest.raises(RefusedError, match=r"413|size"):
        page.visitor().upload(bytes(21 * 2**20))
