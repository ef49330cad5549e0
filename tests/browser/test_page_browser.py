"""The page in a real browser: every tab as a visitor walks it, and what it looks like.

Screenshots go to `screenshots/`; look at them after changing the page.
"""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image

from checkout import EXAMPLES
from olivetti_denoiser.noise import noisy_uint8
from page_in_browser import (
    PHONE,
    WIDE,
    changes,
    chromium,
    download,
    listen,
    look,
    section,
    until,
    upload,
)
from page_server import pixels

STILL_LIFE = EXAMPLES / "drawn_2_still_life.png"
SCAN = EXAMPLES / "noisy_3_scan.png"
DEMO = ("Original", "Noisy", "Reconstructed")


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def tab(browser, page):
    """The page, opened anew; fails if it complains or calls anybody outside."""
    tab = browser.new_page(viewport=WIDE)
    complaints = []
    listen(tab, complaints, page.url)
    tab.goto(page.url)
    tab.wait_for_selector("before-after img")
    yield tab
    tab.close()
    assert not complaints


@pytest.mark.smoke
def test_demo_greets_with_a_result_and_follows_the_controls(tab, page):
    part = section(tab, "Demo")

    def shows(path):
        shown = page.visitor().call("denoise", path, 0.1, 0)[:3]
        return [download(part, name) for name in DEMO] == shown

    assert shows(EXAMPLES / "drawn_1_portrait.png")
    assert "dB" in part.locator(".figures").first.inner_text()
    image = part.locator(".pixels img").first  # enlarged with hard pixels
    assert image.evaluate("e => getComputedStyle(e).imageRendering") == "pixelated"
    assert image.bounding_box()["width"] > 200

    with changes(part, "Reconstructed"):
        upload(part, STILL_LIFE)
    assert shows(STILL_LIFE)
    for label, act in (
        # By the keyboard alone, where Gradio waits for a pointer.
        ("Noisy", lambda: part.get_by_label("range slider for Noise level").press("End")),
        ("Noisy", lambda: part.get_by_label("Seed").fill("5")),
        ("Original", part.locator("button.gallery-item").nth(2).click),
    ):
        with changes(part, label):
            act()


def test_mistakes_are_told_and_the_page_goes_on_without_a_picture(tab, tmp_path):
    (tmp_path / "letter.png").write_text("Dear page, this is a letter.")
    pixels16 = (np.arange(4096).reshape(64, 64) * 16).astype(np.uint16)
    Image.fromarray(pixels16).save(tmp_path / "deep.tif")
    part = section(tab, "Demo")
    upload(part, tmp_path / "letter.png")
    tab.get_by_text("not a picture in a format that is read").first.wait_for()
    look(tab, "wide_mistake")
    tab.locator(".toast-close").click()
    with changes(part, "Original"):
        upload(part, tmp_path / "deep.tif")  # which browsers cannot show
    shown = part.locator("img[alt='the picture that you sent'].small")
    shown.wait_for()
    assert shown.evaluate("e => e.naturalWidth") == 64

    part.get_by_role("button", name="Remove Image").first.click()
    part.locator("input[type=file]").first.wait_for(state="attached")
    part.get_by_role("slider").first.press("End")  # a control, while there is no picture
    tab.wait_for_timeout(2000)
    assert tab.locator(".toast-body").count() == 0


def test_clean_up_keeps_the_picture_and_follows_the_controls(tab, page, tmp_path):
    part = section(tab, "Clean up")
    part.locator("before-after img").first.wait_for()
    assert "Restored by the network for colour" in part.inner_text()

    def after(act):
        with changes(part, "Cleaned up"):
            act()
        return download(part, "Cleaned up")

    cleaned = after(lambda: upload(part, SCAN))
    assert cleaned == page.visitor().call("restore", SCAN)[0]
    section(tab, "Demo")
    section(tab, "Clean up")  # opened again, it shows the same
    tab.wait_for_timeout(1000)
    assert download(part, "Cleaned up") == cleaned
    smoothness = part.get_by_label("range slider for Smoothness")
    smooth = after(lambda: smoothness.press("End"))
    assert smooth == page.visitor().call("restore", SCAN, 1.0, 2.0)[0]
    assert "2 times the estimate" in part.inner_text()
    untouched = after(lambda: part.get_by_label("range slider for Strength").press("Home"))
    assert np.array_equal(pixels(untouched), np.asarray(Image.open(SCAN)))
    assert tab.locator(".toast-body").count() == 0


def test_a_large_picture_is_told_how_far_it_is_and_compared_pixel_by_pixel(tab, tmp_path):
    ramps = np.mgrid[0:800, 0:1600].sum(0)[..., None] / 2400 * np.array([0.9, 0.6, 0.3])
    noisy = noisy_uint8(ramps, 0.08, np.random.default_rng(0))
    Image.fromarray(noisy).save(tmp_path / "photograph.png")
    part = section(tab, "Clean up")
    slider = part.locator("before-after")
    slider.locator("img").first.wait_for()
    with changes(part, "Cleaned up"):
        upload(part, tmp_path / "photograph.png")
        tab.get_by_text(re.compile(r"tile \d+ of 8, about \d+ s left")).first.wait_for()

    handle, view = slider.get_by_role("slider"), slider.locator(".view")
    assert "picture before" in handle.get_attribute("aria-label")
    handle.press("Home")
    assert edges_of(slider) == [0, 0]
    width = slider.bounding_box()["width"]
    drag(tab, slider, 0.25 * width, 0.75 * width)
    assert edges_of(slider) == pytest.approx([0.75 * width] * 2, rel=0.05)

    slider.get_by_role("button").click()
    after = slider.locator("[slot=after]")
    assert after.bounding_box()["width"] == 1600
    assert after.evaluate("e => getComputedStyle(e).imageRendering") == "pixelated"
    middle = "e => e.scrollLeft + e.clientWidth / 2"
    assert view.evaluate(middle) == pytest.approx(800, abs=1)
    drag(tab, view, 300, 200)
    assert view.evaluate(middle) == pytest.approx(900, abs=2)
    handle.press("End")
    right = view.evaluate("e => e.scrollLeft + e.clientWidth")
    assert edges_of(slider) == pytest.approx([right] * 2, abs=0.1)
    look(tab, "wide_own_pixels")
    slider.get_by_role("button").click()
    assert after.bounding_box()["width"] < 1280

    # Small pictures are enlarged with hard pixels already.
    with changes(part, "Cleaned up"):
        upload(part, STILL_LIFE)
    until(tab, lambda: not slider.get_by_role("button").is_visible())
    assert slider.bounding_box()["width"] == 480


def drag(tab, part, start, end):
    """Drags the mouse from one place of a part to another, in pixels from its left edge."""
    box = part.bounding_box()
    tab.mouse.move(box["x"] + start, box["y"] + 100)
    tab.mouse.down()
    tab.mouse.move(box["x"] + end, box["y"] + 100, steps=5)
    tab.mouse.up()


def edges_of(slider):
    """Where the picture after begins and the one before ends, from the left in CSS pixels.

    Both are cut, so that the one is never seen through what is transparent in the other.
    """
    clips = slider.locator("img").evaluate_all("all => all.map(e => getComputedStyle(e).clipPath)")
    return sorted(float(re.search(r"([\d.]+)px\)", clip)[1]) for clip in clips)


@pytest.mark.parametrize(
    ("name", "viewport", "scheme"), [("wide", WIDE, "light"), ("phone", PHONE, "dark")]
)
def test_every_tab_fits_the_window_and_names_its_parts(tab, name, viewport, scheme):
    from playwright.sync_api import expect

    tab.set_viewport_size(viewport)
    tab.emulate_media(color_scheme=scheme)
    tab.reload()
    for title in ("Demo", "Clean up", "Compare", "About"):
        part = section(tab, title)
        part.locator("img, h2").first.wait_for()
        if title == "Clean up":
            part.locator("before-after img").first.wait_for()
        if title == "Compare":
            part.locator(".methods img").nth(6).wait_for()
            captions = part.locator(".methods .caption-label").all_inner_texts()
            ranks = [float(re.search(r"([\d.]+) dB", caption)[1]) for caption in captions[:-1]]
            assert ranks == sorted(ranks, reverse=True) and captions[-1] == "Original"
        if title == "About":
            for words in ("AT&T Laboratories Cambridge", "keras.saving.load_model", "20 MB"):
                expect(part).to_contain_text(words, use_inner_text=True)
        look(tab, f"{name}_{title}")
        # Waits, as a picture that is just being drawn may have its text a moment later.
        expect(part.locator("img:not([alt]), img[alt='']")).to_have_count(0)
        for control in part.locator("input:visible").all():
            named = control.evaluate("e => e.ariaLabel || e.labels?.length || e.title")
            assert named, control.evaluate("e => e.outerHTML")
    ground = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    bright = sum(map(int, re.findall(r"\d+", ground)[:3])) > 380
    assert bright == (scheme == "light")
