"""Files of strangers, against the running page; how each format is decoded is tested elsewhere."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from page_server import RefusedError, pixels


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


VALUES = np.tile(np.linspace(40, 215, 64).round(), (64, 1))
GRAY = Image.fromarray(VALUES.astype(np.uint8))
FLOATS = Image.fromarray(VALUES.astype(np.float32) / 255)
DEEP = Image.fromarray((VALUES * 257).astype(np.uint16))
HALF_SEEN = Image.fromarray(
    np.dstack([np.full((64, 64, 3), 60, np.uint8), np.tile([0, 255], (64, 32)).astype(np.uint8)])
)
TURNED = Image.Exif()
TURNED[0x0112] = 6  # the camera was held upright: turn by 90 degrees clockwise

FRAMES = {"save_all": True, "append_images": [Image.new("L", (64, 64), 9)]}

# Name: the file, the gray view that must be seen in it, the mode after Clean up.
KINDS = {
    "transparency lies on white and is kept": (
        encoded(HALF_SEEN),
        np.tile([255, 60], (64, 32)),
        "RGBA",
    ),
    "print colours": (encoded(GRAY.convert("CMYK"), "TIFF"), VALUES, "RGB"),
    "16 bits are kept": (encoded(DEEP), VALUES, "I;16"),
    "floats become 16 bits": (encoded(FLOATS, "TIFF"), VALUES, "I;16"),
    "turned": (encoded(GRAY.crop((0, 0, 64, 40)), "TIFF", exif=TURNED), None, "L"),
    "the smallest": (encoded(Image.new("L", (1, 1), 77)), np.full((64, 64), 77), "L"),
    "frames": (encoded(GRAY.convert("RGB"), "PNG", **FRAMES), VALUES, "RGB"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_is_seen_as_it_is_and_cleaned_up_in_its_own_kind(page, kind):
    file, view, mode = KINDS[kind]
    original, noisy, restored, metrics, verdict = page.visitor().call("denoise", file)
    assert {pixels(picture).shape for picture in (original, noisy, restored)} == {(64, 64)}
    assert view is None or np.abs(pixels(original) - view).max() <= 3
    assert 17 < metrics["noisy"]["psnr"] < 27
    assert ("Only the first of 2 frames is used." in verdict) == (kind == "frames")
    cleaned, estimate = page.visitor().call("restore", file)
    cleaned = Image.open(io.BytesIO(cleaned))
    size = (40, 64) if kind == "turned" else Image.open(io.BytesIO(file)).size
    assert (cleaned.format, cleaned.mode, cleaned.size) == ("PNG", mode, size) and "σ" in estimate
    if mode == "RGBA":
        untouched, _ = page.visitor().call("restore", file, 0.0)
        assert np.array_equal(pixels(untouched), np.asarray(HALF_SEEN))
        assert np.array_equal(np.asarray(cleaned)[..., 3], np.asarray(HALF_SEEN)[..., 3])


NOISE = Image.effect_noise((200, 200), 50)
REFUSED = {
    "more pixels than are decoded": (encoded(Image.new("1", (6000, 6000))), "up to 25 million"),
    "as many as Pillow itself refuses": (encoded(Image.new("1", (20000, 20000))), "smaller"),
    "cut short": (encoded(NOISE)[:9000], "cut short; please send it again or save it as a new PNG"),
    "empty": (b"", "The file is empty"),
    "no picture": (b"Dear page, this is a letter.\n", "not a picture.*JPEG"),
    "no numbers": (encoded(Image.fromarray(np.full((9, 9), np.nan, np.float32)), "TIFF"), "number"),
    "another range": (encoded(Image.fromarray(np.full((9, 9), 200.0, np.float32)), "TIFF"), "0, 1"),
}


@pytest.mark.parametrize("endpoint", ["denoise", "restore"])
def test_other_files_get_one_sentence_and_the_next_visitor_an_answer(page, endpoint):
    for name, (file, words) in REFUSED.items():
        limit = words.replace("25", "12.6") if endpoint == "restore" else words
        with pytest.raises(RefusedError, match=limit) as refusal:
            page.visitor().call(endpoint, file)
        sentence = str(refusal.value)
        assert sentence[0].isupper() and sentence.endswith("."), name
        assert "/" not in sentence and "\n" not in sentence and len(sentence) < 200, name
    with pytest.raises(RefusedError, match=r"413|size"):
        page.visitor().upload(bytes(21 * 2**20))
    assert page.visitor().call(endpoint, encoded(GRAY))
