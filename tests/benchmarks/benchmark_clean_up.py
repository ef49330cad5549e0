"""Clean up, walked in Chromium with five pictures as people bring them: seconds and peak memory.

    python tests/benchmarks/benchmark_clean_up.py                    # the built-in networks
    python tests/benchmarks/benchmark_clean_up.py --only screenshot --shots outputs/shots

Each picture is made here: a noisy photograph of 12 megapixels, a cut-out with transparency, a
letterboxed frame, a gray scan and a screenshot. Exits with 1 where the server needs more than
1.2 GB, or where a picture comes back in another size, with other transparency, or not at all.
"""

from __future__ import annotations

import argparse
import io
import re
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

sys.path.append(str(Path(__file__).resolve().parents[1] / "helpers"))
from page_in_browser import changed, chromium, download, section, source, upload
from page_server import ROOT, PageServer

PEAK = 1200.0  # MB
PATIENCE = 360_000  # milliseconds; the page itself gives up after five minutes


def main() -> int:
    """Walks and prints one row a picture."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--model", type=Path, default=ROOT / "model_card")
    options.add_argument("--only", choices=PICTURES, help="one picture")
    options.add_argument("--shots", type=Path, help="a folder for screenshots at 100 %")
    options = options.parse_args()
    if options.shots:
        options.shots.mkdir(parents=True, exist_ok=True)
    failures = []
    with (
        tempfile.TemporaryDirectory() as work,
        PageServer(options.model.resolve(), Path(work)) as page,
        chromium() as browser,
    ):
        print(next(line for line in page.text().splitlines() if line.startswith("Serving")))
        tab = browser.new_page(viewport={"width": 1280, "height": 900})
        tab.set_default_timeout(PATIENCE)
        tab.goto(page.url)
        part = section(tab, "Clean up")
        part.locator(".before-after img").first.wait_for()
        for name in [options.only] if options.only else PICTURES:
            path = PICTURES[name](Path(work))
            failures += walk(page, tab, part, name, path, options.shots)
    for failure in failures:
        print(failure)
    return 1 if failures else 0


def walk(page, tab, part, name, path, shots) -> list[str]:
    """Sends one picture, waits, looks at it at 100 %, and returns what is wrong."""
    before, sent = source(part, "Cleaned up"), Image.open(path)
    page.forget_peak()
    began = time.perf_counter()
    upload(part, path)
    changed(tab, part, "Cleaned up", before, PATIENCE)
    seconds, peak = time.perf_counter() - began, page.memory("VmHWM")
    cleaned = Image.open(io.BytesIO(download(part, "Cleaned up")))
    estimate = re.search(r"Estimated noise level: (.*?network.*?)\.\s", part.inner_text() + " ")[1]
    print(
        f"{name:>11}: {sent.width}×{sent.height} {sent.mode}, {seconds:.1f} s, "
        f"peak {peak:.0f} MB, {estimate}",
        flush=True,
    )
    slider = part.locator(".before-after")
    slider.locator("img.after").evaluate("e => e.decode()")
    slider.locator("img.before").evaluate("e => e.decode()")
    if slider.locator(".zoom").is_visible():
        slider.locator(".zoom").click()
    tab.wait_for_timeout(1000)
    if shots:
        tab.screenshot(path=shots / f"{name}.png")
    seen = slider.locator("img.after").evaluate("e => [e.naturalWidth, e.naturalHeight]")
    wrong = []
    if peak > PEAK:
        wrong.append(f"{name}: the server needed {peak:.0f} MB, more than {PEAK:.0f}")
    if cleaned.size != sent.size or tuple(seen) != sent.size:
        wrong.append(f"{name}: {sent.size} came back as {cleaned.size}, seen as {seen}")
    if "A" in sent.mode and cleaned.getchannel("A").tobytes() != sent.getchannel("A").tobytes():
        wrong.append(f"{name}: its transparency changed")
    return wrong


def photograph(work: Path) -> Path:
    """Twelve megapixels as a camera writes them: grain in all colours, JPEG."""
    scene = Image.fromarray(_scene()).resize((4000, 3000), Image.Resampling.BICUBIC)
    path = work / "photograph.jpg"
    Image.fromarray(_with_noise(np.asarray(scene), 10.0)).save(path, quality=90)
    return path


def cut_out(work: Path) -> Path:
    """A noisy disc on nothing, its edge half transparent."""
    picture = Image.fromarray(_with_noise(_scene(1000, 1000), 15.0)).convert("RGBA")
    y, x = np.mgrid[0:1000, 0:1000] - 500
    alpha = np.clip(400 - np.hypot(x, y), 0, 20) / 20 * 255
    picture.putalpha(Image.fromarray(alpha.astype(np.uint8)))
    path = work / "cut_out.png"
    picture.save(path)
    return path


def letterboxed(work: Path) -> Path:
    """A noisy film frame between black bars."""
    frame = np.zeros((1080, 1920, 3), np.uint8)
    frame[270:810] = _with_noise(_scene(1920, 540), 12.0)
    path = work / "letterboxed.png"
    Image.fromarray(frame).save(path)
    return path


def scan(work: Path) -> Path:
    """A page of an old book, gray, 200 dots an inch."""
    page = _written((1654, 2339), "L", 225, 45)
    path = work / "scan.png"
    Image.fromarray(_with_noise(np.asarray(page), 8.0)).save(path)
    return path


def screenshot(work: Path) -> Path:
    """Windows and letters without any noise."""
    image = _written((1920, 1080), "RGB", (245, 246, 248), (20, 22, 30))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 1920, 60), fill=(40, 44, 60))
    draw.rectangle((1300, 200, 1800, 700), fill=(220, 90, 60), outline=(0, 0, 0))
    path = work / "screenshot.png"
    image.save(path)
    return path


PICTURES = {
    "photograph": photograph,
    "cut-out": cut_out,
    "letterboxed": letterboxed,
    "scan": scan,
    "screenshot": screenshot,
}


def _scene(width=2000, height=1500):
    """Coloured discs of many sizes over each other, uint8 H×W×3."""
    rng = np.random.default_rng(0)
    image = Image.new("RGB", (width, height), (120, 130, 140))
    draw = ImageDraw.Draw(image)
    for radius in np.geomspace(height / 3, 4, 1200):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        colour = tuple(int(value) for value in rng.integers(20, 236, 3))
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    return np.asarray(image)


def _with_noise(pixels, sigma):
    """Gaussian noise of a standard deviation in 8-bit steps, a row at a time to save memory."""
    rng = np.random.default_rng(1)
    noisy = np.empty_like(pixels)
    for row, values in enumerate(pixels):
        drawn = values + rng.normal(0, sigma, values.shape)
        noisy[row] = np.clip(np.rint(drawn), 0, 255)
    return noisy


def _written(size, mode, ground, ink):
    image = Image.new(mode, size, ground)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(28)
    for y in range(120, size[1] - 100, 44):
        draw.text((100, y), "The quick brown fox jumps over the lazy dog. " * 2, ink, font)
    return image


if __name__ == "__main__":
    sys.exit(main())
