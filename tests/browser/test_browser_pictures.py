"""The static Space's Clean up: pictures of every kind, what their files say, and the controls."""

from __future__ import annotations

import gzip
import re

import numpy as np
import pytest
from PIL import Image, ImageOps

from browser_visit import (
    clean_up,
    download,
    give,
    status,
    told,
    wait_for_result,
)
from checkout import EXAMPLES, MODEL
from olivetti_denoiser.denoiser import Denoiser
from page_in_browser import section, until
from pictures_for_browsers import FILES, PICTURES, SCENE, SWAPPED, noisy_scene, save, turned

EXAMPLE = EXAMPLES / "noisy_1_photograph.png"
WORDS = {"gray": "gray network", "colour": "network for colour"}


@pytest.fixture(scope="module")
def denoiser():
    """What the page's pictures are compared with."""
    return Denoiser.from_pretrained(MODEL)


def assert_one_level(ours: Image.Image, theirs: Image.Image):
    """Assert that two pictures differ by one level of 255 at most."""
    assert (ours.size, ours.mode) == (theirs.size, theirs.mode)
    difference = np.abs(np.asarray(ours).astype(int) - np.asarray(theirs))
    assert difference.max() <= (257 if ours.mode == "I;16" else 1)


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_are_cleaned_up_as_by_the_denoiser(tab, denoiser, tmp_path, name):
    path = save(tmp_path / name, PICTURES[name])
    expected = denoiser.restore(path)
    assert_one_level(clean_up(tab, path), expected.image)
    assert status(tab).endswith(f" Restored by the {WORDS[expected.network]}.")
    sigma = float(re.search(r"σ ≈ ([\d.]+) ", status(tab))[1])
    assert sigma == pytest.approx(expected.sigma, abs=0.001)


@pytest.fixture
def untouched(tab):
    """The same tab with a strength of 0, so that pictures come out as they were decoded."""
    strength = section(tab, "Clean up").get_by_label("Strength")
    strength.fill("0")
    yield tab
    strength.fill("1")


@pytest.mark.parametrize("name", FILES)
def test_files_are_decoded_as_by_pillow(untouched, tmp_path, name):
    picture, options, note = FILES[name]
    path = save(tmp_path / name, picture, **options)
    ours, theirs = clean_up(untouched, path), Image.open(path)
    said = status(untouched)
    assert note in said if note else said.endswith("Nothing is removed.")
    for kept in ("icc_profile", "gamma"):
        assert ours.info.get(kept) == theirs.info.get(kept)
    ours, theirs = (ImageOps.exif_transpose(image) for image in (ours, theirs))
    clear = "transparency" in theirs.info or theirs.mode == "RGBA"
    theirs = theirs.convert("RGBA" if clear else {"P": "RGB"}.get(theirs.mode, theirs.mode))
    assert (ours.size, ours.mode) == (theirs.size, theirs.mode)
    alpha = np.asarray(theirs.getchannel("A")) if clear else np.full(ours.size[::-1], 255)
    assert not clear or np.array_equal(np.asarray(ours.getchannel("A")), alpha)
    difference = (np.asarray(ours).astype(int) - np.asarray(theirs))[alpha == 255]
    most = {".jpg": 1, ".avif": 3}.get(path.suffix, 0)  # on average; decoders differ
    assert np.abs(difference).sum() <= most * difference.size


def test_a_mistake_is_one_sentence_and_the_next_picture_is_served(tab, tmp_path):
    for name, content, sentence in (
        ("letter.png", b"Dear page, this is a letter.", "not a picture that can be read here"),
        ("empty.png", b"", "The file is empty"),
        ("short.png", EXAMPLE.read_bytes()[:2000], "cut short"),
        ("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "cannot read the SVG"),
        ("large.jpg", b"\xff\xd8\xff\xc0\0\x11\x08\x75\x30\x75\x30\3", "(30,000×30,000 pixels)"),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        give(tab, "Clean up", path)
        told(tab, sentence)
    ink = Image.fromarray(SCENE).convert("CMYK")
    for name, picture, options in (
        ("ink.tif", ink, {}),
        ("turned.tif", SCENE, {"exif": turned(6)}),
        ("floats.tif", ink.convert("F"), {}),
    ):
        give(tab, "Clean up", save(tmp_path / name, picture, **options))
        told(tab, "This kind of TIFF cannot be read here")
    print_profile = SWAPPED[:16] + b"CMYK" + SWAPPED[20:]
    cleaned = clean_up(tab, save(tmp_path / "ink.jpg", ink, icc_profile=print_profile))
    assert (cleaned.mode, cleaned.info.get("icc_profile")) == ("RGB", None)
    assert "converted to sRGB" in status(tab)


CONVERTING = b"""
const decode = self.createImageBitmap;
self.createImageBitmap = (blob, options) =>
  decode(blob, { ...options, colorSpaceConversion: "default" });
"""
RANDOM = b"""
const read = OffscreenCanvasRenderingContext2D.prototype.getImageData;
OffscreenCanvasRenderingContext2D.prototype.getImageData = function (...area) {
  const image = read.apply(this, area);
  crypto.getRandomValues(new Uint8Array(32)).forEach((value, i) => {
    for (let at = i; at < image.data.length; at += 32) image.data[at] = value;
  });
  return image;
};
"""


def test_a_browser_that_hands_out_random_pixels_is_not_believed(visits, denoiser, tmp_path):
    """So do browsers that resist fingerprinting; PNG and TIFF need no canvas."""
    tab = visits.open(ready=False, replaced={"worker.js": RANDOM + visits.file("worker.js")})
    give(tab, "Clean up", save(tmp_path / "photo.jpg", SCENE))
    told(tab, "hands out random pixels")
    for path in (tmp_path / "picture.png", tmp_path / "scan.tif"):
        assert_one_level(clean_up(tab, save(path, SCENE)), denoiser(path))


def test_a_browser_that_converts_colours_gives_no_profile_for_it(visits, tmp_path):
    """WebKit converts a JPEG although it is told not to.

    Here on a plain server that allows no threads, has unpacked the runtime and has lost a part.
    """
    runtime = "runtime/ort.wasm.bin"
    replaced = {f"parts/{path.name}": None for path in visits.folder.glob("parts/decode_tiff*")}
    replaced["worker.js"] = CONVERTING + visits.file("worker.js")
    replaced[runtime] = gzip.decompress(visits.file(runtime))
    tab = visits.open(ready=False, replaced=replaced, headers={})
    assert not tab.evaluate("crossOriginIsolated")
    red = Image.new("RGB", (40, 40), (220, 20, 20))
    cleaned = clean_up(tab, save(tmp_path / "red.jpg", red, icc_profile=SWAPPED))
    assert cleaned.info.get("icc_profile") is None
    assert cleaned.getpixel((20, 20))[2] > 200  # blue is what the profile means
    assert "colours were converted to sRGB" in status(tab)
    give(tab, "Clean up", save(tmp_path / "scene.tif", SCENE))
    told(tab, "A part of this page could not be loaded")  # the picture is not damaged


@pytest.mark.smoke
def test_the_controls_change_the_picture(tab, denoiser, tmp_path):
    part = section(tab, "Clean up")
    part.locator(".examples button").first.click()
    wait_for_result(tab, f"a.download[download^='{EXAMPLE.stem}']")
    assert_one_level(download(part, "a.download"), denoiser(EXAMPLE))
    path = save(tmp_path / "small.png", noisy_scene(160, 160, 3))
    clean_up(tab, path)

    def moved(label, value, **options):
        before = part.locator("a.download").get_attribute("href")
        part.get_by_label(label).focus()
        part.get_by_label(label).fill(value)
        until(tab, lambda: part.locator("a.download").get_attribute("href") != before)
        assert_one_level(download(part, "a.download"), denoiser(path, **options))

    moved("Strength", "0.5", strength=0.5)
    moved("Smoothness", "2", strength=0.5, level_factor=2.0)
    assert "2 times the estimate), so the picture becomes smoother" in part.inner_text()
    moved("Smoothness", "1", strength=0.5)
    moved("Strength", "1")


def test_several_pictures_are_cleaned_up_one_after_the_other(tab, denoiser, tmp_path):
    first, second = (save(tmp_path / f"{name}.png", SCENE) for name in ("first", "second"))
    broken = tmp_path / "between.png"
    broken.write_bytes(b"no picture")
    give(tab, "Clean up", [first, broken, second])
    told(tab, "between.png: This file is not a picture")
    part = tab.locator("#clean-up")
    part.get_by_role("link", name="Download second.png").wait_for()
    assert_one_level(download(part, "li:has-text('first') a"), denoiser(first))


def test_a_long_run_is_stopped_and_an_idle_worker_ends(tab, denoiser, tmp_path):
    tab.clock.install()
    give(tab, "Clean up", save(tmp_path / "long.png", noisy_scene(2000, 1500, 3)))
    part = tab.locator("#clean-up")
    part.locator("progress[value]").wait_for()
    part.get_by_role("button", name="Stop").click()
    part.get_by_text("Stopped.").wait_for()
    # The next picture is cleaned up by another worker, which ends, and the next by one more.
    path = save(tmp_path / "small.png", SCENE)
    assert_one_level(clean_up(tab, path), denoiser(path))
    tab.clock.fast_forward(6 * 60_000)
    until(tab, lambda: not [one for one in tab.workers if one.url.startswith("blob:")])
    path = save(tmp_path / "later.png", SCENE)
    assert_one_level(clean_up(tab, path), denoiser(path))
