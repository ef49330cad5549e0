"""Files of strangers, against the running page; how each format is decoded is tested elsewhere."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from page_server import RefusedError, pixels


def encoded(image: Image.Image | np.ndarray, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(buffer, kind, **options)
    return buffer.getvalue()


VALUES = np.tile(np.linspace(40, 215, 64).round(), (64, 1))
GRAY = Image.fromarray(VALUES.astype(np.uint8))
HALF_SEEN = np.full((64, 64, 4), 60, np.uint8)
HALF_SEEN[..., 3] = np.tile([0, 255], 32)
TURNED = Image.Exif()
TURNED[0x0112] = 6  # the camera was held upright: turn by 90 degrees clockwise
FRAMES = {"save_all": True, "append_images": [Image.new("L", (64, 64), 9)]}

# Name: the file, the gray view that must be seen in it, the mode after Clean up.
KINDS = {
    "transparency lies on white": (encoded(HALF_SEEN), np.tile([255, 60], (64, 32)), "RGBA"),
    "16 bits": (encoded((VALUES * 257).astype(np.uint16)), VALUES, "I;16"),
    "floats": (encoded(VALUES.astype(np.float32) / 255, "TIFF"), VALUES, "I;16"),
    "turned": (encoded(GRAY.rotate(90), "TIFF", exif=TURNED), VALUES, "L"),
    "frames": (encoded(GRAY.convert("RGB"), "PNG", **FRAMES), VALUES, "RGB"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_is_seen_as_it_is_and_cleaned_up_in_its_own_kind(page, kind):
    file, view, mode = KINDS[kind]
    original, *_, verdict = page.visitor().call("denoise", file)
    assert np.abs(pixels(original) - view).max() <= 3
    assert ("Only the first of 2 frames is used." in verdict) == (kind == "frames")
    untouched, estimate = page.visitor().call("restore", file, 0.0)
    picture = Image.open(io.BytesIO(untouched))
    assert (picture.format, picture.mode, picture.size) == ("PNG", mode, (64, 64))
    assert "σ" in estimate
    if mode == "RGBA":
        assert np.array_equal(pixels(untouched), HALF_SEEN)


REFUSED = {
    "more pixels than are decoded": (encoded(Image.new("1", (6000, 6000))), "up to 12.6 million"),
    "as many as Pillow itself refuses": (encoded(Image.new("1", (20000, 20000))), "smaller"),
    "cut short": (encoded(Image.effect_noise((200, 200), 50))[:9000], "cut short; please send it"),
    "empty": (b"", "The file is empty"),
    "no picture": (b"Dear page, this is a letter.\n", "not a picture.*JPEG"),
    "another range": (encoded(np.full((9, 9), 200, np.float32), "TIFF"), "0, 1"),
}


def test_other_files_get_one_sentence_and_the_next_visitor_an_answer(page):
    for name, (file, words) in REFUSED.items():
        with pytest.raises(RefusedError, match=words) as refusal:
            page.visitor().call("restore", file)
        sentence = str(refusal.value)
        assert sentence[0].isupper() and sentence.endswith("."), name
        assert "/" not in sentence and "\n" not in sentence and len(sentence) < 200, name
    with pytest.raises(RefusedError, match="up to 25 million"):
        page.visitor().call("denoise", encoded(Image.new("1", (6000, 6000))))
    with pytest.raises(RefusedError, match=r"413|size"):
        page.visitor().upload(bytes(21 * 2**20))
    assert page.visitor().call("restore", encoded(GRAY))
