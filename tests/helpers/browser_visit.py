"""A visitor of the static Space: the built page in a headless Chromium, and what they do there.

    with Visits(folder) as visits:
        tab = visits.open()
        picture = clean_up(tab, "noisy.png")

The page is built into `folder` with the released networks; one browser serves all visits.
"""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

from PIL import Image

from checkout import MODEL, ROOT
from page_in_browser import WIDE, chromium, listen, section, until
from static_space import StaticSpace, build_page, headers_of

HEADERS = headers_of((ROOT / "space" / "browser" / "README.md").read_text(encoding="utf-8"))
HUB = "https://huggingface.co/"


class Visits(contextlib.ExitStack):
    """Opens the page; a context manager. Skips where Chromium or Node is missing.

    `complaints` are errors of the page, and addresses of other origins that it asked.
    """

    def __init__(self, folder: Path):
        super().__init__()
        self.folder, self.complaints = folder, []

    def __enter__(self):
        from olivetti_denoiser.publish.static_space import main

        self._browser = self.enter_context(chromium())
        build_page(self.folder)
        main(str(MODEL), str(self.folder))
        return self

    def file(self, name):
        """Return the content of a file of the page."""
        return (self.folder / name).read_bytes()

    def open(self, hub=None, ready=True, offline="block", headers=HEADERS, **server):
        """Open the page in a context of its own, which has seen nothing; returns the tab.

        Args:
            hub: A function that answers requests to the Hub, which nothing may ask otherwise.
            ready: Wait for the first answer of the Demo.
            offline: "block" keeps the service worker away, "allow" does not.
            headers: Of every answer; without them there are no threads.
            server: Of `StaticSpace`.
        """
        space = self.enter_context(StaticSpace(self.folder, headers=headers, **server))
        context = self._browser.new_context(viewport=WIDE, service_workers=offline)
        if hub is not None:
            context.route(f"{HUB}**", hub)
        tab = context.new_page()
        tab.space = space
        listen(tab, self.complaints, space.url, *([HUB] if hub else []))
        tab.goto(space.url)
        if ready:
            tab.wait_for_selector("figure.reconstructed img[src]")
        return tab


def give(tab, name, path):
    """Choose a file in a section."""
    section(tab, name).locator("input[type=file]").set_input_files(path)


def told(tab, sentence):
    """Wait for a sentence about a mistake."""
    tab.locator("#alert").get_by_text(sentence).wait_for()


def download(part, link) -> Image.Image:
    """Return the picture behind a link."""
    with part.page.expect_download() as started:
        part.locator(link).click()
    return Image.open(io.BytesIO(Path(started.value.path()).read_bytes()))


def clean_up(tab, path) -> Image.Image:
    """Clean up a picture file and return the restored picture."""
    give(tab, "Clean up", path)
    wait_for_result(tab, f"a.download[download^='{Path(path).stem}_']")
    return download(tab.locator("#clean-up"), "a.download")


def status(tab):
    """Return the sentence under a picture in Clean up."""
    return tab.locator("#clean-up .status").inner_text()


def wait_for_result(tab, result=".result"):
    """Wait for a result of Clean up, by default that of the first example when it is opened."""
    result, alert = tab.locator("#clean-up").locator(result), tab.locator("#alert")
    until(tab, lambda: result.is_visible() or alert.is_visible())
    assert alert.is_hidden(), alert.inner_text()
