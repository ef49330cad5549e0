"""A visitor of the static Space: the built page in a headless Chromium, and what they do there.

    with Visits(folder) as visits:
        tab = visits.open()
        picture = clean_up(tab, "noisy.png")

The page is built into `folder` with the released network; one server and one browser serve all
visits that ask for nothing special.
"""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest
from PIL import Image

from static_space import ROOT, StaticSpace, build_page, headers_of

SHOTS = ROOT / "screenshots"
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking")
WIDE = {"width": 1280, "height": 900}
PATIENCE = 120_000  # milliseconds
HEADERS = headers_of((ROOT / "space" / "browser" / "README.md").read_text(encoding="utf-8"))


class Visits:
    """Opens the page; a context manager. Skips where Chromium or Node is missing.

    `complaints` are errors of the page, and addresses of other origins that it asked.
    """

    def __init__(self, folder: Path):
        self.folder, self.complaints, self._spaces = folder, [], []

    def __enter__(self):
        from olivetti_denoiser.publish.static_space import main

        sync_api = pytest.importorskip("playwright.sync_api")
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        if chromium is None:
            pytest.skip(
                "Chromium is not installed: `apt-get install chromium` lets these tests run"
            )
        build_page(self.folder)
        main(str(ROOT / "model_card"), str(self.folder))
        self._driver = sync_api.sync_playwright().start()
        self._browser = self._driver.chromium.launch(executable_path=chromium, args=FLAGS)
        self._shared = self._serve(headers=HEADERS)
        return self

    def __exit__(self, *_):
        self._browser.close()
        self._driver.stop()
        for space in self._spaces:
            space.stop()

    def _serve(self, **server):
        space = StaticSpace(self.folder, **server).__enter__()
        self._spaces.append(space)
        return space

    def open(
        self,
        viewport=WIDE,
        scheme="light",
        path="",
        hub=None,
        ready=True,
        offline="allow",
        clock=False,
        **server,
    ):
        """Opens the page in a context of its own, which has seen nothing; returns the tab.

        Args:
            viewport: width and height.
            scheme: light or dark.
            path: what follows the page's address.
            hub: answers requests to the Hub, which nothing may ask otherwise.
            ready: wait for the first answer.
            offline: "block" keeps the service worker away.
            clock: let the test move the time.
            server: of `StaticSpace`; a server of its own then.
        """
        own = server or offline == "block"
        space = self._serve(**{"headers": HEADERS, **server}) if own else self._shared
        context = self._browser.new_context(
            viewport=viewport, color_scheme=scheme, service_workers=offline
        )
        tab = context.new_page()
        tab.space = space
        tab.set_default_timeout(PATIENCE)
        tab.on("pageerror", lambda error: self.complaints.append(str(error)))
        allowed = (space.url, "data:", f"blob:{space.url}")
        if hub is not None:
            allowed = (*allowed, "https://huggingface.co/")
            context.route("https://huggingface.co/**", hub)

        def outside(request):
            if not request.url.startswith(allowed):
                self.complaints.append(f"asked {request.url}")

        context.on("request", outside)
        if clock:
            tab.clock.install()
        tab.goto(space.url + path)
        if ready:
            tab.wait_for_selector("figure.reconstructed img[src]")
        return tab


def section(tab, name):
    """Opens a tab of the page and returns what it shows."""
    tab.get_by_role("tab", name=name).click()
    return tab.get_by_role("tabpanel")


def until(tab, holds):
    """Waits until a function of no argument holds; the page's policy forbids the driver's own."""
    for _ in range(PATIENCE // 50):
        if holds():
            return
        tab.wait_for_timeout(50)
    raise AssertionError("what was waited for did not come")


def source(part, name):
    """The address of a picture of the Demo."""
    return part.locator(f"figure.{name} img").get_attribute("src")


def download(part, link) -> Image.Image:
    """What a visitor gets from a link."""
    with part.page.expect_download() as started:
        part.locator(link).click()
    return Image.open(io.BytesIO(Path(started.value.path()).read_bytes()))


def shown(part, name):
    """The pixels of a picture of the Demo."""
    import numpy as np

    return np.asarray(download(part, f"figure.{name} a"))


def clean_up(tab, path) -> Image.Image:
    """Cleans up a picture file and returns what can be downloaded."""
    part = section(tab, "Clean up")
    part.locator("input[type=file]").set_input_files(path)
    wait_for_result(tab, f"a.download[download^='{Path(path).stem}_']")
    return download(part, "a.download")


def wait_for_result(tab, result=".result"):
    """Waits for what Clean up is at work on, by default the first example when it is opened."""
    part, alert = tab.locator("#clean-up"), tab.locator("#alert")
    result = part.locator(result)
    start = part.get_by_role("button", name="Start")  # asked for where the machine is slow
    until(tab, lambda: any(one.is_visible() for one in (start, result, alert)))
    if start.is_visible():
        start.click()
        until(tab, lambda: result.is_visible() or alert.is_visible())
    assert alert.is_hidden(), alert.inner_text()


def shot(tab, name):
    """Keeps a screenshot to look at."""
    SHOTS.mkdir(exist_ok=True)
    tab.screenshot(path=SHOTS / f"{name}.png", full_page=True)
