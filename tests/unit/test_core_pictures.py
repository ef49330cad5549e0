"""Picture files with the core alone: without OpenCV and pillow-heif, and a Pillow without AVIF."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from odd_pictures import encoded, png_with_chunks
from olivetti_denoiser.images.high_bit_depth import encode_png16, encode_tiff16

pytest.importorskip("pillow_heif").register_heif_opener()

RNG = np.random.default_rng(0)
RGB = Image.fromarray(RNG.integers(0, 256, (16, 24, 3), np.uint8))
DEEP = RNG.integers(0, 65536, (16, 24, 3), np.uint16)
EXTRA = 'pip install "olivetti-denoiser[images]"'

CORE = """
import json, sys
from pathlib import Path

for name in ("cv2", "pillow_heif", "PIL.AvifImagePlugin", "keras", "onnxruntime"):
    sys.modules[name] = None  # as where it is not installed

from olivetti_denoiser import atomic
from olivetti_denoiser.images import gray_view
from olivetti_denoiser.inference import transparent_pixels as hidden_pixels
from olivetti_denoiser.images import picture as images
from olivetti_denoiser.images.read import read_picture
from olivetti_denoiser.images.write import check_output, save_picture

def said(name, output="out.png"):
    try:
        picture = read_picture(folder / name)
        notes = [*picture.notes, *check_output(picture, folder / output)]
        save_picture(picture.whole, folder / output, picture)
        images.Picture.of(folder / name)
    except ValueError as error:
        return str(error)
    return notes

folder = Path(sys.argv[1])
answers = {name: said(name) for name in sys.argv[2:]}
answers |= {output: said("a.png", output) for output in ("b.heic", "b.avif", "b.webp", "b.tif")}
print(json.dumps(answers))
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What a process with the core alone says of each file: notes, or the sentence of an error."""
    folder = tmp_path_factory.mktemp("core")
    transparent = png_with_chunks(encode_png16(DEEP), (b"tRNS", b"\0\1\0\2\0\3"))
    files = {
        "a.png": encoded(RGB, "PNG"),
        "a.jpg": encoded(RGB, "JPEG"),
        "a.webp": encoded(RGB, "WEBP"),
        "a.tif": encoded(RGB, "TIFF"),
        "gray16.png": encoded(Image.fromarray(DEEP[..., 0]), "PNG"),
        "rgb16.png": encode_png16(DEEP),
        "rgb16.tif": encode_tiff16(DEEP),
        "transparent16.png": transparent,
        "phone.heic": encoded(RGB, "HEIF"),
        "a.avif": encoded(RGB, "AVIF"),
        "letter.png": b"Dear page",
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    command = [sys.executable, "-W", "ignore", "-c", CORE, folder, *files]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    "name", ["a.png", "a.jpg", "a.webp", "a.tif", "gray16.png", "b.webp", "b.tif"]
)
def test_what_the_core_reads_and_writes_it_does_without_a_word(said, name):
    assert said[name] == []


@pytest.mark.parametrize("name", ["rgb16.png", "rgb16.tif"])
def test_of_16_bits_a_colour_8_are_used_and_the_extra_is_named(said, name):
    assert said[name] == [f"Of 16 bits a colour 8 are used: all of them need {EXTRA}."]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("transparent16.png", EXTRA),
        ("phone.heic", f"HEIC needs pillow-heif: {EXTRA}. Received: "),
        ("a.avif", "AVIF needs Pillow 11.3 or newer: pip install --upgrade pillow. Received: "),
        ("letter.png", "this is not a picture in a format that is read"),
        ("b.heic", f".heic needs {EXTRA}; .png would do. Received: "),
        ("b.avif", ".avif needs Pillow 11.3 or newer"),
    ],
)
def test_what_the_core_cannot_do_is_refused_with_what_it_needs(said, name, words):
    assert words in said[name]
