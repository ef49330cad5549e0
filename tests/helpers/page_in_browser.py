"""The page as a visitor sees it, by Playwright: tabs, pictures under their labels, uploads.

with chromium() as browser:
    tab = browser.new_page()
    tab.goto(page.url)
    part = section(tab, "Clean up")
    with changes(part, "Cleaned up"):
        upload(part, "photograph.jpg")
"""

from __future__ import annotations

import contextlib
import re
import shutil
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking")
PATIENCE = 120_000  # milliseconds
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
SHOTS = Path(__file__).resolve().parents[2] / "screenshots"


@contextlib.contextmanager
def chromium():
    """A headless Chromium that calls nobody by itself; skips where there is none."""
    playwright_api = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: `apt-get install chromium` lets these tests run")
    with playwright_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def listen(tab, complaints, *origins):
    """Add the page's errors to a list, and the addresses of other origins that it asks."""
    tab.set_default_timeout(PATIENCE)
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    ours = (*origins, "data:", "blob:")
    tab.context.on("request", lambda r: r.url.startswith(ours) or complaints.append(r.url))


def until(tab, holds):
    """Wait until a function of no argument holds; a page's policy may forbid the driver's own."""
    for _ in range(PATIENCE // 50):
        if holds():
            return
        tab.wait_for_timeout(50)
    raise AssertionError("it never held")


def section(tab, name):
    """Open a tab of the page and return its panel."""
    tab.get_by_role("tab", name=name).click()
    return tab.get_by_role("tabpanel").filter(visible=True)


def block(part, label):
    """The component that has a label."""
    title = part.page.locator("[data-testid=block-label]").filter(
        has_text=re.compile(rf"^\s*{label}\s*$")
    )
    return part.locator(".block").filter(has=title)


def source(part, label):
    """The address of the picture that stands under a label."""
    return block(part, label).locator("img").get_attribute("src")


def download(part, label) -> bytes:
    """What a visitor gets from a picture's download button."""
    with part.page.expect_download() as started:
        block(part, label).get_by_role("button", name="Download").click()
    return Path(started.value.path()).read_bytes()


def upload(part, path):
    """Send a file as the picture of a tab."""
    part.locator("input[type=file]").first.set_input_files(path)


@contextlib.contextmanager
def changes(part, label):
    """Wait, when the block ends, until another picture stands under a label."""
    before = source(part, label)
    yield
    until(part.page, lambda: source(part, label) != before)


def look(tab, name):
    """Assert that the page is not wider than the window, and keep a screenshot."""
    tab.wait_for_timeout(700)  # pictures are decoded, fonts are there
    overflow = tab.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert overflow <= 0, f"{name} is {overflow} pixels wider than the window"
    tab.screenshot(path=SHOTS / f"{name.lower().replace(' ', '_')}.png", full_page=True)
