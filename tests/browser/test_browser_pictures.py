"""The static Space's Clean up: pictures of every kind, what their files say, and the controls."""

from __future__ import annotations

import io
import re
import struct

import numpy as np
import pytest
from PIL import Image, ImageOps

import pictures_for_browsers as made
from browser_visit import clean_up, download, section, shot, until, wait_for_result
from olivetti_denoiser.denoiser import Denoiser
from pictures_for_browsers import FILES, PICTURES, SWAPPED, TRANSPARENT, noisy_scene, save, write
from static_space import ROOT

EXAMPLES = sorted((ROOT / "space" / "examples").glob("noisy_*.png"))
WORDS = {"gray": "gray network", "colour": "network for colour"}


@pytest.fixture(scope="module")
def denoiser():
    """What the page's pictures are compared with."""
    return Denoiser.from_pretrained(ROOT / "model_card")


@pytest.fixture(scope="module")
def opened(visits):
    """The page in a tab that most tests share; each brings its own picture."""
    tab = visits.open(path="#clean-up", ready=False)
    wait_for_result(tab)
    return tab


@pytest.fixture
def tab(opened, visits):
    yield opened
    assert not visits.complaints


def one_level(ours: Image.Image, theirs: Image.Image):
    """Asserts that two pictures differ by one level of 255 at most."""
    assert (ours.size, ours.mode) == (theirs.size, theirs.mode)
    difference = np.abs(np.asarray(ours).astype(int) - np.asarray(theirs))
    assert difference.max() <= (257 if ours.mode == "I;16" else 1)


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_are_cleaned_up_as_by_the_denoiser(tab, denoiser, tmp_path, name):
    path = PICTURES[name](tmp_path)
    expected = denoiser.restore(path)
    one_level(clean_up(tab, path), expected.image)
    said = tab.locator("#clean-up .status").inner_text()
    assert said.endswith(f" Restored by the {WORDS[expected.network]}.")
    assert float(re.search(r"σ ≈ ([\d.]+) ", said)[1]) == pytest.approx(expected.sigma, abs=0.001)


@pytest.fixture
def untouched(tab):
    """The same tab with a strength of 0, so that pictures come out as they were decoded."""
    strength = section(tab, "Clean up").get_by_label("Strength")
    strength.fill("0")
    yield tab
    strength.fill("1")


@pytest.mark.parametrize("name", FILES)
def test_files_are_decoded_as_by_pillow(untouched, tmp_path, name):
    path = FILES[name](tmp_path)
    expected = ImageOps.exif_transpose(Image.open(path))
    expected = expected.convert({"1": "L", "P": "RGB"}.get(expected.mode, expected.mode))
    decoded = clean_up(untouched, path)
    assert (decoded.size, decoded.mode) == (expected.size, expected.mode)
    difference = np.abs(np.asarray(decoded).astype(int) - np.asarray(expected))
    assert difference.max() <= (2 if path.suffix == ".jpg" else 0)  # decoders of JPEG round


@pytest.mark.slow
def test_a_large_picture_is_cleaned_up_as_by_the_denoiser(visits, denoiser, tmp_path):
    path = save(tmp_path / "large.png", noisy_scene(2000, 1500, 3))
    tab = visits.open(path="#clean-up", ready=False)
    tab.set_default_timeout(600_000)
    one_level(clean_up(tab, path), denoiser(path))


@pytest.mark.parametrize("name", TRANSPARENT)
def test_transparency_is_kept(tab, tmp_path, name):
    path = TRANSPARENT[name](tmp_path)
    cleaned = clean_up(tab, path)
    if name == "RGB of 16 bits":  # which Pillow reads as 8
        expected = np.full((60, 40), 255)
        expected[:9, :9] = 0
    elif name == "gray of four bits":  # whose value Pillow compares with scaled ones
        expected = np.where(noisy_scene(80, 60, 1)[..., 0] >> 4 == 7, 0, 255)
    elif name == "BMP":
        expected = made.with_alpha(noisy_scene(50, 40, 3))[..., 3]
    else:
        expected = np.asarray(Image.open(path).convert("RGBA"))[..., 3]
    assert np.array_equal(np.asarray(cleaned.convert("RGBA"))[..., 3], expected)
    said = tab.locator("#clean-up .status").inner_text()
    assert ("rounded by the browser" in said) == (name in ("BMP", "WebP"))


@pytest.mark.parametrize("kind", ["png", "jpg", "webp", "tif", "avif"])
def test_a_colour_profile_is_kept_and_nothing_converted(untouched, tmp_path, kind):
    options = {"icc_profile": SWAPPED} | ({"lossless": True} if kind == "webp" else {})
    path = save(tmp_path / f"profile_{kind}.{kind}", noisy_scene(60, 50, 3), **options)
    decoded = clean_up(untouched, path)
    assert decoded.info["icc_profile"] == SWAPPED
    difference = np.asarray(decoded).astype(int) - np.asarray(Image.open(path))
    assert np.abs(difference).mean() <= (3 if kind in ("avif", "jpg") else 0)  # decoders differ


def test_other_words_about_colours_are_kept(tab, tmp_path):
    """PNG has numbers for them; a profile of another kind than the picture is left out."""
    plain = save(tmp_path / "even.png", noisy_scene(60, 50, 3)).read_bytes()
    chunks = [
        (b"cICP", bytes([12, 13, 0, 1])),
        (b"gAMA", struct.pack(">I", 55000)),
        (b"cHRM", struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)),
    ]
    said = clean_up(tab, write(tmp_path / "said.png", made.with_chunks(plain, *chunks)))
    content = said.fp.getvalue()
    assert [name in content and value in content for name, value in chunks] == [True] * 3
    options = {"icc_profile": SWAPPED, "quality": 95}
    gray = clean_up(tab, save(tmp_path / "mixed.jpg", noisy_scene(60, 50, 1), **options))
    assert (gray.mode, gray.info.get("icc_profile")) == ("L", None)
    ink = Image.fromarray(noisy_scene(60, 50, 3)).convert("CMYK")
    printed = clean_up(tab, save(tmp_path / "ink.jpg", ink, icc_profile=SWAPPED))
    assert (printed.mode, printed.info.get("icc_profile")) == ("RGB", None)
    assert "(CMYK) were converted to RGB" in tab.locator("#clean-up .status").inner_text()


def test_a_note_tells_of_more_pages_and_frames(tab, tmp_path):
    frames = [Image.fromarray(noisy_scene(40, 30 + i, 3)[:30]) for i in range(3)]
    several = {"save_all": True, "append_images": frames[1:]}
    for name, options, note in (
        ("pages.tif", {}, "Only the first of 3 pages was used."),
        ("frames.gif", {"duration": 90}, "Only the first frame was used."),  # shown once
        ("frames_2.webp", {"lossless": True}, "Only the first frame was used."),
        ("frames_3.png", {}, "Only the first frame was used."),
    ):
        cleaned = clean_up(tab, save(tmp_path / name, frames[0], **several, **options))
        assert cleaned.size == (40, 30)
        assert note in tab.locator("#clean-up .status").inner_text()
    clean_up(tab, save(tmp_path / "single.gif", frames[0]))
    assert "Only the first" not in tab.locator("#clean-up .status").inner_text()


def test_a_mistake_is_one_sentence_and_the_next_picture_is_served(tab, tmp_path):
    part = section(tab, "Clean up")
    tiff = io.BytesIO()
    Image.fromarray(noisy_scene(60, 50, 3)).convert("CMYK").save(tiff, "TIFF")
    for name, content, sentence in (
        ("letter.png", b"Dear page, this is a letter.", "not a picture that can be read here"),
        ("empty.png", b"", "The file is empty"),
        ("short.png", EXAMPLES[0].read_bytes()[:2000], "cut short"),
        ("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "An SVG is a drawing"),
        ("phone.heic", b"\0\0\0\x18ftypheic" + bytes(64), "cannot read the HEIC"),
        ("short.jpg", b"\xff\xd8\xff\xe0\0\x10JFIF", "cannot read the JPEG: it is damaged"),
        ("ink.tif", tiff.getvalue(), "This kind of TIFF cannot be read here (image type: 5)"),
    ):
        part.locator("input[type=file]").set_input_files(write(tmp_path / name, content))
        tab.locator("#alert").get_by_text(sentence).wait_for()
    path = save(tmp_path / "endless.png", Image.new("1", (30_000, 30_000)))
    part.locator("input[type=file]").set_input_files(path)
    tab.get_by_text("The picture is too large for this device (30,000×30,000 pixels)").wait_for()
    clean_up(tab, save(tmp_path / "after.png", noisy_scene(30, 30, 1)))
    assert tab.locator("#alert").is_hidden()


CONVERTING = """
const decode = self.createImageBitmap;
self.createImageBitmap = (blob, options) =>
  decode(blob, { ...options, colorSpaceConversion: "default" });
"""
RANDOM = """
const read = OffscreenCanvasRenderingContext2D.prototype.getImageData;
OffscreenCanvasRenderingContext2D.prototype.getImageData = function (...area) {
  const image = read.apply(this, area);
  crypto.getRandomValues(new Uint8Array(32)).forEach((value, i) => {
    for (let at = i; at < image.data.length; at += 32) image.data[at] = value;
  });
  return image;
};
"""


def _imitating(visits, script):
    worker = script.encode() + (visits.folder / "worker.js").read_bytes()
    return visits.open(
        path="#clean-up", ready=False, offline="block", replaced={"worker.js": worker}
    )


def test_a_browser_that_hands_out_random_pixels_is_not_believed(visits, denoiser, tmp_path):
    """So do browsers that resist fingerprinting; PNG and TIFF need no canvas."""
    tab = _imitating(visits, RANDOM)
    part = section(tab, "Clean up")
    path = save(tmp_path / "photo.jpg", noisy_scene(60, 50, 3))
    part.locator("input[type=file]").set_input_files(path)
    tab.locator("#alert").get_by_text("hands out random pixels").wait_for()
    for make in (PICTURES["alpha"], FILES["palette"], FILES["TIFF, turned"]):
        path = make(tmp_path)
        one_level(clean_up(tab, path), denoiser(path))


def test_a_browser_that_converts_colours_gives_no_profile_for_it(visits, tmp_path):
    """WebKit converts a JPEG although it is told not to."""
    tab = _imitating(visits, CONVERTING)
    red = Image.new("RGB", (40, 40), (220, 20, 20))
    cleaned = clean_up(tab, save(tmp_path / "red.jpg", red, icc_profile=SWAPPED))
    assert cleaned.info.get("icc_profile") is None
    assert cleaned.getpixel((20, 20))[2] > 200  # blue is what the profile means
    assert "converted its colours to sRGB" in tab.locator("#clean-up .status").inner_text()


def test_the_controls_the_line_and_the_zoom(tab, denoiser, tmp_path):
    part = section(tab, "Clean up")
    part.locator(".examples button").first.click()
    wait_for_result(tab, f"a.download[download^='{EXAMPLES[0].stem}']")
    one_level(download(part, "a.download"), denoiser(EXAMPLES[0]))
    path = save(tmp_path / "small.png", noisy_scene(160, 160, 3))
    clean_up(tab, path)
    assert re.search(r"σ ≈ 0\.\d+", part.locator(".status").inner_text())
    one_level(download(part, "a.download"), denoiser(path))
    link = part.locator("a.download")

    def moved(label, value, **options):
        before = link.get_attribute("href")
        part.get_by_label(label).focus()
        part.get_by_label(label).fill(value)
        until(tab, lambda: link.get_attribute("href") != before)
        one_level(download(part, "a.download"), denoiser(path, **options))

    moved("Strength", "0", strength=0.0)
    assert part.locator(".status").inner_text().endswith("Nothing is removed.")
    moved("Strength", "0.5", strength=0.5)
    moved("Smoothness", "0", strength=0.5, level_factor=0.0)
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
    part = section(tab, "Clean up")
    paths = [save(tmp_path / f"{name}.png", noisy_scene(70, 50, 3)) for name in ("first", "second")]
    broken = write(tmp_path / "between.png", b"no picture")
    part.locator("input[type=file]").set_input_files([paths[0], broken, paths[1]])
    tab.locator("#alert").get_by_text("between.png: This file is not a picture").wait_for()
    part.get_by_role("link", name="Download second.png").wait_for()
    one_level(download(part, "li:has-text('first') a"), denoiser(paths[0]))


def test_a_long_run_asks_first_is_stopped_and_an_idle_worker_ends(visits, denoiser, tmp_path):
    path = save(tmp_path / "long.png", noisy_scene(3000, 2000, 3))
    tab = visits.open(ready=False, offline="block", clock=True)
    tab.wait_for_selector("figure.reconstructed img[src]")
    part = section(tab, "Clean up")
    wait_for_result(tab)
    part.locator("input[type=file]").set_input_files(path)
    asked = r"3,000×2,000 pixels: this will take about .*(s|minutes?)\."
    part.get_by_text(re.compile(asked)).wait_for()
    part.get_by_role("button", name="Start").click()
    part.locator("progress[value]").wait_for()
    shot(tab, "browser_wide_working")
    part.get_by_role("button", name="Stop").click()
    part.get_by_text("Stopped.").wait_for()
    # The Demo asked for nothing meanwhile; it and Clean up go on with another worker.
    path = save(tmp_path / "small.png", noisy_scene(60, 50, 3))
    one_level(clean_up(tab, path), denoiser(path))
    tab.clock.fast_forward(6 * 60_000)
    until(tab, lambda: not [one for one in tab.workers if one.url.startswith("blob:")])
    part.get_by_label("Strength").fill("0.5")
    before = part.locator("a.download").get_attribute("href")
    tab.clock.fast_forward(1000)
    until(tab, lambda: part.locator("a.download").get_attribute("href") != before)
    one_level(download(part, "a.download"), denoiser(path, strength=0.5))
