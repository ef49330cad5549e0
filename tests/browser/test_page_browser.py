"""The page in a real browser: every tab as a visitor walks it, and what it looks like.

Screenshots go to `screenshots/`; look at them after changing the page.
"""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image

from page_in_browser import (
    CHROMIUM,
    PATIENCE,
    changed,
    chromium,
    download,
    pixels,
    section,
    source,
    upload,
)
from page_server import ROOT

EXAMPLES = ROOT / "space" / "examples"
SHOTS = ROOT / "screenshots"
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium; skips where there is none."""
    pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: `apt-get install chromium` lets these tests run")
    with chromium() as browser:
        yield browser


@pytest.fixture
def visit(browser, page):
    """Opens the page and fails if it complains or calls anybody outside."""
    contexts, complaints = [], []

    def open_page(viewport=WIDE, scheme="light"):
        context = browser.new_context(viewport=viewport, color_scheme=scheme)
        contexts.append(context)
        tab = context.new_page()
        tab.set_default_timeout(PATIENCE)
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on("request", lambda request: outside(request.url))
        tab.goto(page.url)
        tab.wait_for_selector(".before-after img")
        return tab

    def outside(url):
        if not url.startswith((page.url, "data:", "blob:")):
            complaints.append(f"asked {url}")

    yield open_page
    for context in contexts:
        context.close()
    assert not complaints


def test_demo_greets_with_a_result_and_follows_the_controls(visit, page):
    tab = visit()
    part = section(tab, "Demo")
    shown = page.visitor().call("denoise", EXAMPLES / "drawn_1_portrait.png", 0.1, 0)
    names = ("Original", "Noisy", "Reconstructed")
    assert [download(part, name) for name in names] == shown[:3]
    assert "dB" in part.locator(".figures").first.inner_text()

    # Another picture: everything follows, and the download is what the API gives.
    before = source(part, "Reconstructed")
    upload(part, EXAMPLES / "drawn_2_still_life.png")
    changed(tab, part, "Reconstructed", before)
    shown = page.visitor().call("denoise", EXAMPLES / "drawn_2_still_life.png", 0.1, 0)
    assert [download(part, name) for name in names] == shown[:3]

    # The noise level by the keyboard alone, with the number's own rounding.
    before = source(part, "Noisy")
    slider = part.get_by_label("range slider for Noise level")
    slider.focus()
    tab.keyboard.press("End")
    changed(tab, part, "Noisy", before)
    shown = page.visitor().call("denoise", EXAMPLES / "drawn_2_still_life.png", 0.3, 0)
    assert [download(part, name) for name in names] == shown[:3]

    # The same noise level by the pointer.
    before = source(part, "Noisy")
    box = slider.bounding_box()
    tab.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    changed(tab, part, "Noisy", before)

    # Another seed draws other noise.
    before = source(part, "Noisy")
    part.get_by_label("Seed").fill("5")
    changed(tab, part, "Noisy", before)

    # An example, clicked.
    before = source(part, "Original")
    part.locator("button.gallery-item").nth(2).click()
    changed(tab, part, "Original", before)


@pytest.mark.parametrize("name", ["Demo", "Clean up", "Compare"])
def test_taking_the_picture_away_is_no_mistake(visit, name):
    tab = visit()
    part = section(tab, name)
    upload(part, EXAMPLES / "drawn_2_still_life.png")
    tab.wait_for_timeout(4000)
    part.get_by_role("button", name="Remove Image").first.click()
    part.locator("input[type=file]").first.wait_for(state="attached")
    part.get_by_role("slider").first.press("End")  # a control, while there is no picture
    tab.wait_for_timeout(4000)
    assert tab.locator(".toast-body").count() == 0
    upload(part, EXAMPLES / "drawn_3_letters.png")  # and the page goes on with the next one
    part.locator("img[alt='the picture that you sent']").first.wait_for()


def test_small_pictures_are_enlarged_with_hard_pixels(visit):
    tab = visit()
    image = section(tab, "Demo").locator(".pixels img").first
    assert image.evaluate("e => getComputedStyle(e).imageRendering") == "pixelated"
    assert image.bounding_box()["width"] > 200


def test_before_and_after_slides_by_keyboard_and_pointer(visit):
    tab = visit()
    slider = section(tab, "Demo").locator(".before-after").first
    handle = slider.get_by_role("slider")
    assert "Before" in handle.get_attribute("aria-label")
    cut = "e => e.style.getPropertyValue('--cut')"
    handle.focus()
    tab.keyboard.press("ArrowRight")
    assert slider.evaluate(cut) == "51%"
    tab.keyboard.press("Home")
    assert slider.evaluate(cut) == "0%"
    box = slider.bounding_box()
    tab.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + box["height"] / 2)
    tab.mouse.down()
    tab.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + box["height"] / 2)
    tab.mouse.up()
    assert 70 < float(slider.evaluate(cut).rstrip("%")) < 80


def test_clean_up_keeps_the_picture_and_follows_the_strength(visit, page):
    tab = visit()
    part = section(tab, "Clean up")
    part.locator(".before-after img").first.wait_for()
    assert "Restored by the network for colour" in part.inner_text()
    before = source(part, "Cleaned up")
    upload(part, EXAMPLES / "noisy_3_scan.png")
    changed(tab, part, "Cleaned up", before)
    before = source(part, "Cleaned up")
    section(tab, "Demo")
    section(tab, "Clean up")  # opened again, it shows what it showed
    tab.wait_for_timeout(2000)
    assert source(part, "Cleaned up") == before
    assert tab.locator(".toast-body").count() == 0
    cleaned = download(part, "Cleaned up")
    assert cleaned == page.visitor().call("restore", EXAMPLES / "noisy_3_scan.png", 1.0)[0]
    before = source(part, "Cleaned up")
    part.get_by_label("range slider for Strength").focus()
    tab.keyboard.press("Home")
    changed(tab, part, "Cleaned up", before)
    original = np.asarray(Image.open(EXAMPLES / "noisy_3_scan.png"))
    assert np.array_equal(pixels(download(part, "Cleaned up")), original)
    sides = part.locator(".before-after img").evaluate_all("all => all.map(e => e.naturalWidth)")
    assert sides == [520, 520]


def test_clean_up_opens_with_a_result_also_when_older_files_are_deleted(visit, page):
    for _ in range(2):
        part = section(visit(), "Clean up")
        part.locator(".before-after img").first.wait_for()
        assert pixels(download(part, "Cleaned up")).shape == (400, 512, 3)
        for path in (page.log.parent / "gradio").rglob("cleaned_up.png"):
            path.unlink()


def photograph(path, size=(1600, 1200)):
    """Writes a noisy colour picture of many tiles and returns its pixels."""
    width, height = size
    rng = np.random.default_rng(0)
    ramps = np.mgrid[0:height, 0:width].sum(0)[..., None] / (width + height)
    noisy = ramps * np.array([0.9, 0.6, 0.3]) + 0.08 * rng.standard_normal((height, width, 3))
    array = np.rint(np.clip(noisy, 0, 1) * 255).astype(np.uint8)
    Image.fromarray(array).save(path)
    return array


def test_a_large_picture_is_told_how_far_it_is_and_compared_pixel_by_pixel(visit, tmp_path):
    before = photograph(tmp_path / "photograph.png")
    tab = visit()
    part = section(tab, "Clean up")
    slider = part.locator(".before-after")
    assert not slider.locator(".zoom").is_visible()  # a small picture is enlarged already
    shown = source(part, "Cleaned up")
    upload(part, tmp_path / "photograph.png")
    tab.get_by_text(
        re.compile(r"tile \d+ of 12, (about \d+ (s|min) left|almost done)")
    ).first.wait_for()
    changed(tab, part, "Cleaned up", shown)
    after = pixels(download(part, "Cleaned up"))

    slider.locator(".zoom").click()
    view = slider.locator(".view")
    assert slider.locator("img.after").bounding_box()["width"] == 1600
    middle = view.evaluate("e => [e.scrollLeft + e.clientWidth / 2, e.scrollTop]")
    assert middle[0] == pytest.approx(800, abs=1)
    assert middle[1] > 0

    box = view.bounding_box()
    tab.mouse.move(box["x"] + 300, box["y"] + 200)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 200, box["y"] + 150, steps=5)
    tab.mouse.up()
    assert view.evaluate("e => e.scrollLeft + e.clientWidth / 2") == pytest.approx(900, abs=2)
    compare_with_the_screen(slider, before, after)
    handle = slider.get_by_role("slider")
    handle.focus()
    tab.keyboard.press("PageUp")
    assert handle.input_value() == "60"
    compare_with_the_screen(slider, before, after)

    slider.locator(".zoom").click()
    assert slider.locator("img.after").bounding_box()["width"] < 800
    slider.locator("input").dblclick(position={"x": 50, "y": 50})
    assert slider.locator("img.after").bounding_box()["width"] == 1600
    assert view.evaluate("e => e.scrollLeft") < 300


def compare_with_the_screen(slider, before, after):
    """The left of the line shows the one picture and the right of it the other, to the pixel.

    The view may begin between two pixels of the screen, so it may be off by one as a whole.
    """
    view = slider.locator(".view")
    left, top, width, height = view.evaluate(
        "e => [e.scrollLeft, e.scrollTop, e.clientWidth, e.clientHeight].map(Math.round)"
    )
    seen = pixels(view.screenshot()).astype(int)[..., :3]
    line = round(width * float(slider.get_by_role("slider").input_value()) / 100)
    rows = slice(60, height - 60)  # without the names and the button
    for picture, columns in ((before, slice(8, line - 8)), (after, slice(line + 8, width - 8))):
        differences = [
            np.abs(seen[rows, columns] - picture[top + y :, left + x :][rows, columns]).max()
            for y in (-1, 0, 1)
            for x in (-1, 0, 1)
        ]
        assert min(differences) <= 2


def test_a_cut_out_shows_each_side_of_the_line_alone(visit, tmp_path):
    """Where a picture is transparent, the other one must not be seen through it."""
    cut_out = np.zeros((300, 300, 4), np.uint8)
    cut_out[100:200, 100:200] = (200, 30, 30, 255)
    Image.fromarray(cut_out).save(tmp_path / "cut_out.png")
    tab = visit()
    part = section(tab, "Clean up")
    shown = source(part, "Cleaned up")
    upload(part, tmp_path / "cut_out.png")
    changed(tab, part, "Cleaned up", shown)
    clips = part.locator(".before-after img").evaluate_all(
        "all => all.map(e => getComputedStyle(e).clipPath)"
    )
    assert clips == ["inset(0px 0px 0px 50%)", "inset(0px 50% 0px 0px)"]


def test_the_smoothness_is_a_factor_of_the_estimate(visit, page):
    tab = visit()
    part = section(tab, "Clean up")
    before = source(part, "Cleaned up")
    upload(part, EXAMPLES / "noisy_3_scan.png")
    changed(tab, part, "Cleaned up", before)
    before = source(part, "Cleaned up")
    smoothness = part.get_by_label("range slider for Smoothness")
    smoothness.press("End")
    changed(tab, part, "Cleaned up", before)
    asked = page.visitor().call("restore", EXAMPLES / "noisy_3_scan.png", 1.0, 2.0)
    assert download(part, "Cleaned up") == asked[0]
    assert "2 times the estimate" in part.inner_text()
    before = source(part, "Cleaned up")
    smoothness.press("Home")
    changed(tab, part, "Cleaned up", before)
    original = np.asarray(Image.open(EXAMPLES / "noisy_3_scan.png"))
    assert np.array_equal(pixels(download(part, "Cleaned up")), original)


def test_a_picture_that_browsers_cannot_show_is_shown_all_the_same(visit, tmp_path):
    path = tmp_path / "deep.tif"
    Image.fromarray((np.arange(4096).reshape(64, 64) * 16).astype(np.uint16)).save(path)
    tab = visit()
    part = section(tab, "Demo")
    before = source(part, "Original")
    upload(part, path)
    changed(tab, part, "Original", before)
    shown = part.locator(".enlarged img").first
    for _ in range(100):
        if shown.count() and shown.evaluate("e => e.naturalWidth") == 64:
            break
        tab.wait_for_timeout(100)
    assert shown.evaluate("e => e.naturalWidth") == 64


def test_a_mistake_is_told_and_the_next_picture_served(visit, tmp_path):
    path = tmp_path / "letter.png"
    path.write_text("Dear page, this is a letter.")
    tab = visit()
    part = section(tab, "Demo")
    upload(part, path)
    tab.get_by_text("not a picture in a format that is read").first.wait_for()
    shot(tab, "wide_mistake")
    before = source(part, "Original")
    upload(part, EXAMPLES / "drawn_3_letters.png")
    changed(tab, part, "Original", before)


def test_compare_ranks_the_methods(visit):
    tab = visit()
    part = section(tab, "Compare")
    part.locator(".methods img").nth(6).wait_for()
    captions = part.locator(".methods .caption-label").all_inner_texts()
    values = [float(re.search(r"([\d.]+) dB", caption)[1]) for caption in captions[:-1]]
    assert values == sorted(values, reverse=True)
    assert len(values) == 6
    assert captions[-1] == "Original"
    assert any("ms" in caption for caption in captions)


def test_about_credits_the_faces_and_names_the_limits(visit):
    part = section(visit(), "About")
    part.get_by_role("heading", name="Limits of this page").wait_for()
    text = part.inner_text()
    assert "AT&T Laboratories Cambridge" in text
    assert "keras.saving.load_model" in text
    assert "20 MB" in text


def test_every_picture_has_an_alternative_text_and_every_control_a_name(visit):
    from playwright.sync_api import expect

    tab = visit()
    for name in ("Demo", "Clean up", "Compare"):
        part = section(tab, name)
        part.locator("img").first.wait_for()
        # Waits, as a picture that is just being drawn may have its text a moment later.
        expect(part.locator("img:not([alt]), img[alt='']")).to_have_count(0)
        for control in part.locator("input:visible").all():
            named = control.evaluate("e => e.ariaLabel || e.labels?.length || e.title")
            assert named, control.evaluate("e => e.outerHTML")


@pytest.mark.parametrize(
    ("name", "viewport", "scheme"),
    [("wide", WIDE, "light"), ("phone", PHONE, "light"), ("dark", WIDE, "dark")],
)
def test_it_fits_the_window(visit, name, viewport, scheme):
    tab = visit(viewport, scheme)
    for part in ("Demo", "Clean up", "Compare", "About"):
        section(tab, part).locator("img, h2").first.wait_for()
        if part == "Compare":
            tab.locator(".methods img").nth(6).wait_for()
        tab.wait_for_timeout(700)  # pictures are decoded, fonts are there
        overflow = tab.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert overflow <= 0, f"{part} is {overflow} pixels wider than the window"
        shot(tab, f"{name}_{part.lower().replace(' ', '_')}")
    ground = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    bright = sum(map(int, re.findall(r"\d+", ground)[:3])) > 380
    assert bright == (scheme == "light")


def shot(tab, name):
    SHOTS.mkdir(exist_ok=True)
    tab.screenshot(path=SHOTS / f"{name}.png", full_page=True)
