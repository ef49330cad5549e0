"""The static Space's Clean up: pictures of every kind, what their files say, and the controls."""

from __future__ import annotations

import gzip
import re

import numpy as np
import pytest
from PIL import Image, ImageOps

import pictures_for_browsers as made
from browser_visit import (
    clean_up,
    download,
    give,
    section,
    shot,
    status,
    told,
    until,
    wait_for_result,
)
from olivetti_denoiser.denoiser import Denoiser
from pictures_for_browsers import FILES, PICTURES, SWAPPED, noisy_scene, save, write
from static_space import ROOT

EXAMPLE = ROOT / "space" / "examples" / "noisy_1_photograph.png"
WORDS = {"gray": "gray network", "colour": "network for colour"}


@pytest.fixture(scope="module")
def denoiser():
    """What the page's pictures are compared with."""
    return Denoiser.from_pretrained(ROOT / "model_card")


def assert_one_level(ours: Image.Image, theirs: Image.Image):
    """Assert that two pictures differ by one level of 255 at most."""
    assert (ours.size, ours.mode) == (theirs.size, theirs.mode)
    difference = np.abs(np.asarray(ours).astype(int) - np.asarray(theirs))
    assert difference.max() <= (257 if ours.mode == "I;16" else 1)


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_are_cleaned_up_as_by_the_denoiser(tab, denoiser, tmp_path, name):
    path = save(tmp_path / name, PICTURES[name]())
    expected = denoiser.restore(path)
    assert_one_level(clean_up(tab, path), expected.image)
    said = status(tab)
    assert said.endswith(f" Restored by the {WORDS[expected.network]}.")
    sigma = float(re.search(r"σ ≈ ([\d.]+) ", said)[1])
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
    make, options = FILES[name]
    path = save(tmp_path / name, make(), **options)
    expected = ImageOps.exif_transpose(Image.open(path))
    clear = "transparency" in expected.info or expected.mode == "RGBA"
    mode = "RGBA" if clear else {"1": "L", "P": "RGB"}.get(expected.mode, expected.mode)
    cleaned = clean_up(untouched, path)
    decoded, expected = ImageOps.exif_transpose(cleaned), expected.convert(mode)
    assert (decoded.size, decoded.mode) == (expected.size, mode)
    decoded, expected = (np.asarray(image).astype(int) for image in (decoded, expected))
    difference = np.abs(decoded - expected)
    if clear:  # the browser rounds half-transparent colours
        assert not difference[..., 3].any()
        difference = difference[expected[..., 3] == 255]
    assert difference.max(initial=0) <= (
        2 if path.suffix == ".jpg" else 0
    )  # decoders of JPEG round
    assert ("rounded by the browser" in status(untouched)) == (name == "clear.webp")
    assert cleaned.info.get("gamma") == (made.GAMMA if name == "odd.png" else None)


@pytest.mark.parametrize("kind", ["png", "jpg", "webp", "tif", "avif"])
def test_a_colour_profile_is_kept_and_nothing_converted(untouched, tmp_path, kind):
    options = {"icc_profile": SWAPPED} | ({"lossless": True} if kind == "webp" else {})
    path = save(tmp_path / f"profile_{kind}.{kind}", noisy_scene(60, 50, 3), **options)
    decoded = clean_up(untouched, path)
    assert decoded.info["icc_profile"] == SWAPPED
    difference = np.asarray(decoded).astype(int) - np.asarray(Image.open(path))
    assert np.abs(difference).mean() <= (3 if kind in ("avif", "jpg") else 0)


def test_a_note_says_what_was_left_out(untouched, tmp_path):
    frames = [Image.fromarray(noisy_scene(40, 30 + i, 3)[:30]) for i in range(3)]
    several = {"save_all": True, "append_images": frames[1:]}
    first = "Only the first frame was used."
    for name, picture, options, note in (
        ("pages.tif", frames[0], several, "Only the first of 3 pages was used."),
        ("frames.gif", frames[0], several | {"loop": 0}, first),
        ("frames_2.webp", frames[0], several | {"lossless": True}, first),
        ("frames_3.png", frames[0], several, first),
        ("single.gif", frames[0], {}, ""),
        ("ink.jpg", frames[0].convert("CMYK"), {"icc_profile": cmyk()}, "converted to sRGB"),
    ):
        cleaned = clean_up(untouched, save(tmp_path / name, picture, **options))
        assert (cleaned.size, cleaned.info.get("icc_profile")) == ((40, 30), None)
        assert note in status(untouched) and (note or "Only the first" not in status(untouched))


def cmyk():
    """Return a profile that says to be one of print."""
    return SWAPPED[:16] + b"CMYK" + SWAPPED[20:]


def test_a_mistake_is_one_sentence_and_the_next_picture_is_served(tab, tmp_path):
    for name, content, sentence in (
        ("letter.png", b"Dear page, this is a letter.", "not a picture that can be read here"),
        ("empty.png", b"", "The file is empty"),
        ("short.png", EXAMPLE.read_bytes()[:2000], "cut short"),
        ("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "cannot read the SVG"),
        ("phone.heic", b"\0\0\0\x18ftypheic" + bytes(64), "cannot read the HEIC"),
        ("short.jpg", b"\xff\xd8\xff\xe0\0\x10JFIF", "cannot read the JPEG: it is damaged"),
        ("large.jpg", b"\xff\xd8\xff\xc0\0\x11\x08\x75\x30\x75\x30\3", "(30,000×30,000 pixels)"),
    ):
        give(tab, "Clean up", write(tmp_path / name, content))
        told(tab, sentence)
    odd = "This kind of TIFF cannot be read here"
    pixels = Image.fromarray(noisy_scene(60, 50, 3))
    for name, picture, options, sentence in (
        ("endless.png", Image.new("1", (30_000, 30_000)), {}, "too large for this device (30,000"),
        ("ink.tif", pixels.convert("CMYK"), {}, odd),
        ("turned.tif", pixels, {"exif": made.turned(6)}, odd),
        ("floats.tif", pixels.convert("F"), {}, odd),
    ):
        give(tab, "Clean up", save(tmp_path / name, picture, **options))
        told(tab, sentence)
    clean_up(tab, save(tmp_path / "after.png", noisy_scene(30, 30, 1)))


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


def imitating(visits, script, replaced=(), **options):
    """Open Clean up in a browser that behaves as a script makes it."""
    worker = {"worker.js": script + (visits.folder / "worker.js").read_bytes()}
    options["replaced"] = dict(replaced) | worker
    return visits.open(path="#clean-up", ready=False, offline="block", **options)


def test_a_browser_that_hands_out_random_pixels_is_not_believed(visits, denoiser, tmp_path):
    """So do browsers that resist fingerprinting; PNG and TIFF need no canvas."""
    tab = imitating(visits, RANDOM)
    give(tab, "Clean up", save(tmp_path / "photo.jpg", noisy_scene(60, 50, 3)))
    told(tab, "hands out random pixels")
    for path in (tmp_path / "picture.png", tmp_path / "scan.tif"):
        assert_one_level(clean_up(tab, save(path, noisy_scene(60, 50, 3))), denoiser(path))


def test_a_browser_that_converts_colours_gives_no_profile_for_it(visits, tmp_path):
    """WebKit converts a JPEG although it is told not to.

    Here on a plain server that allows no threads, has unpacked the runtime and has lost a part.
    """
    runtime = "runtime/ort.wasm.bin"
    replaced = {f"parts/{path.name}": None for path in visits.folder.glob("parts/decode_tiff*")}
    replaced[runtime] = gzip.decompress((visits.folder / runtime).read_bytes())
    tab = imitating(visits, CONVERTING, replaced, headers={})
    assert not tab.evaluate("crossOriginIsolated")
    red = Image.new("RGB", (40, 40), (220, 20, 20))
    cleaned = clean_up(tab, save(tmp_path / "red.jpg", red, icc_profile=SWAPPED))
    assert cleaned.info.get("icc_profile") is None
    assert cleaned.getpixel((20, 20))[2] > 200  # blue is what the profile means
    assert "colours were converted to sRGB" in status(tab)
    # A missing part of the page is not called a damaged picture.
    give(tab, "Clean up", save(tmp_path / "scene.tif", noisy_scene(70, 60, 1)))
    told(tab, "A part of this page could not be loaded")


@pytest.mark.smoke
def test_the_controls_the_line_and_the_zoom(tab, denoiser, tmp_path):
    part = section(tab, "Clean up")
    part.locator(".examples button").first.click()
    wait_for_result(tab, f"a.download[download^='{EXAMPLE.stem}']")
    assert_one_level(download(part, "a.download"), denoiser(EXAMPLE))
    path = save(tmp_path / "small.png", noisy_scene(160, 160, 3))
    clean_up(tab, path)
    link = part.locator("a.download")

    def moved(label, value, **options):
        before = link.get_attribute("href")
        part.get_by_label(label).focus()
        part.get_by_label(label).fill(value)
        until(tab, lambda: link.get_attribute("href") != before)
        assert_one_level(download(part, "a.download"), denoiser(path, **options))

    moved("Strength", "0.5", strength=0.5)
    moved("Smoothness", "2", strength=0.5, level_factor=2.0)
    assert "2 times the estimate), so the picture becomes smoother" in part.inner_text()
    moved("Smoothness", "1", strength=0.5)
    moved("Strength", "1")

    cut = part.get_by_label("How much of the picture before")
    cut.focus()
    tab.keyboard.press("End")
    stack = part.locator(".stack")
    line = "e => [e.style.getPropertyValue('--cut'), e.clientWidth]"
    at, width = stack.evaluate(line)
    assert float(at.removesuffix("px")) == pytest.approx(width)
    box = part.locator(".frame").bounding_box()
    middle = box["y"] + box["height"] / 2
    tab.mouse.move(box["x"] + 0.9 * box["width"], middle)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 0.25 * box["width"], middle, steps=4)
    tab.mouse.up()
    assert cut.input_value() == "25"
    zoom = part.get_by_role("button", name="100 %")
    zoom.focus()
    tab.keyboard.press("Enter")
    assert stack.locator(".before").evaluate("e => [e.clientWidth, e.naturalWidth]") == [160, 160]
    tab.keyboard.press("Enter")


def test_several_pictures_are_cleaned_up_one_after_the_other(tab, denoiser, tmp_path):
    paths = [save(tmp_path / f"{name}.png", noisy_scene(70, 50, 3)) for name in ("first", "second")]
    broken = write(tmp_path / "between.png", b"no picture")
    give(tab, "Clean up", [paths[0], broken, paths[1]])
    told(tab, "between.png: This file is not a picture")
    part = tab.locator("#clean-up")
    part.get_by_role("link", name="Download second.png").wait_for()
    assert_one_level(download(part, "li:has-text('first') a"), denoiser(paths[0]))


def test_a_long_run_is_stopped_and_an_idle_worker_ends(visits, denoiser, tmp_path):
    tab = visits.open(offline="block", clock=True)
    part = section(tab, "Clean up")
    wait_for_result(tab)
    give(tab, "Clean up", save(tmp_path / "long.png", noisy_scene(2000, 1500, 3)))
    part.locator("progress[value]").wait_for()
    shot(tab, "browser_wide_working")
    part.get_by_role("button", name="Stop").click()
    part.get_by_text("Stopped.").wait_for()
    # The next picture is cleaned up by another worker.
    path = save(tmp_path / "small.png", noisy_scene(60, 50, 3))
    assert_one_level(clean_up(tab, path), denoiser(path))
    tab.clock.fast_forward(6 * 60_000)
    until(tab, lambda: not [one for one in tab.workers if one.url.startswith("blob:")])
    part.get_by_label("Strength").fill("0.5")
    before = part.locator("a.download").get_attribute("href")
    tab.clock.fast_forward(1000)
    until(tab, lambda: part.locator("a.download").get_attribute("href") != before)
    assert_one_level(download(part, "a.download"), denoiser(path, strength=0.5))
