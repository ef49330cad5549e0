"""The static page against its limits, in headless Chromium with one thread on loopback.

    python tests/benchmarks/benchmark_browser.py --rounds 5 --megapixels 12

Prints megabytes and seconds from opening the page, cold, to the first answer; one 64×64 picture
beside Python's `Denoiser` in the same run; and a colour photograph with the colour network:
seconds, and the memory that the browser takes for it.
`make browser` installs what builds the page.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
for folder in (ROOT / "training", ROOT / "tests" / "helpers"):
    sys.path.insert(0, str(folder))

from static_space import StaticSpace, build_page, headers_of  # noqa: E402

FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking")
ANSWER = "figure.reconstructed img[src]"
PATIENCE = 600_000  # milliseconds
# Sets another seed and measures until the picture has changed, as a visitor waits.
ANOTHER_SEED = """(seed) => new Promise((resolve) => {
  const image = document.querySelector("figure.reconstructed img");
  const started = performance.now();
  new MutationObserver((_, observer) => {
    observer.disconnect();
    resolve(performance.now() - started);
  }).observe(image, { attributes: true, attributeFilter: ["src"] });
  const input = document.querySelector("input[name=seed]");
  input.value = seed;
  input.dispatchEvent(new Event("input"));
})"""


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="repetitions (%(default)s)")
    parser.add_argument("--megapixels", type=float, default=12.0, help="photograph (%(default)s)")
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as work, sync_playwright() as driver:
        page = Path(work) / "page"
        make_page(page)
        photograph = write_photograph(Path(work), options.megapixels)
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        browser.new_page().close()  # the browser itself is up
        print_first_answer([first_answer(browser, page) for _ in range(options.rounds)])
        print_small(browser, page, options.rounds)
        print_photograph(browser, page, photograph)
        browser.close()


def make_page(folder: Path) -> None:
    """Builds the page with the released networks."""
    from olivetti_denoiser.publish.static_space import main as assemble

    build_page(folder)
    assemble(str(ROOT / "model_card"), str(folder))


def write_photograph(folder: Path, megapixels: float) -> Path:
    """Writes a noisy colour JPEG, 4:3."""
    height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
    width = round(height * 4 / 3)
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    waves = np.stack([np.sin(x / (30 + 9 * c)) * np.cos(y / (40 + 7 * c)) for c in range(3)], -1)
    noisy = 0.5 + 0.3 * waves + 0.06 * rng.standard_normal(waves.shape, np.float32)
    path = folder / "photograph.jpg"
    Image.fromarray(np.rint(np.clip(noisy, 0, 1) * 255).astype(np.uint8)).save(path, quality=92)
    return path


def served(page: Path) -> StaticSpace:
    """The page as the Hub serves it."""
    card = (ROOT / "space" / "browser" / "README.md").read_text(encoding="utf-8")
    return StaticSpace(page, headers_of(card))


def first_answer(browser, page: Path) -> tuple[float, float]:
    """Returns seconds and megabytes from opening the page, with nothing cached."""
    with served(page) as space:
        # What is kept for visits without a network comes after the first answer.
        context = browser.new_context(service_workers="block")
        tab = context.new_page()
        started = time.perf_counter()
        tab.goto(space.url, wait_until="commit")
        tab.wait_for_selector(ANSWER, timeout=PATIENCE)
        seconds = time.perf_counter() - started
        megabytes = sum(size for _, size in space.log) / 1e6
        context.close()
    return seconds, megabytes


def print_first_answer(rounds) -> None:
    """Prints the medians."""
    seconds, megabytes = (statistics.median(column) for column in zip(*rounds, strict=True))
    print(f"first answer: {seconds:.2f} s (limit 1.5), {megabytes:.2f} MB (limit 6)", flush=True)


def print_small(browser, page: Path, rounds: int) -> None:
    """Prints the time of one 64×64 picture here and by `Denoiser`, in turn."""
    from olivetti_denoiser.denoiser import Denoiser

    denoiser = Denoiser.from_pretrained(ROOT / "model_card").only("gray")
    picture = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    denoiser(picture)
    here, there = [], []
    with served(page) as space:
        tab = browser.new_page()
        tab.set_default_timeout(PATIENCE)
        tab.goto(space.url)
        tab.wait_for_selector(ANSWER)
        for seed in range(1, 10 * rounds + 1):
            here.append(tab.evaluate(ANOTHER_SEED, seed))
            started = time.perf_counter()
            denoiser(picture)
            there.append(1000 * (time.perf_counter() - started))
        tab.close()
    ours, theirs = statistics.median(here), statistics.median(there)
    print(f"64×64: {ours:.0f} ms, Denoiser {theirs:.0f} ms: {ours / theirs:.1f} times (limit 3)")


def print_photograph(browser, page: Path, photograph: Path) -> None:
    """Prints time and memory of a large photograph."""
    width, height = Image.open(photograph).size
    with served(page) as space:
        tab = browser.new_page()
        tab.set_default_timeout(PATIENCE)
        tab.goto(f"{space.url}#clean-up")
        tab.locator(".result").wait_for()
        part = tab.get_by_role("tabpanel")
        part.locator("input[type=file]").set_input_files(photograph)
        start, link = part.get_by_role("button", name="Start"), part.locator("a[download^='photo']")
        start.or_(link).first.wait_for()
        started = time.perf_counter()
        if start.is_visible():
            start.click()
        most = 0.0
        while not link.is_visible():
            most = max(most, tab_megabytes())
            tab.wait_for_timeout(200)
        seconds = time.perf_counter() - started
        print(
            f"{width}×{height} in colour: {seconds:.0f} s with one thread (limit 90 at 12 "
            f"megapixels), the tab {max(most, tab_megabytes()):.0f} MB (limit 700)"
        )
        tab.close()


def tab_megabytes() -> float:
    """Returns the proportional memory of the largest of the browser's renderers."""
    sizes = [0.0]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if b"--type=renderer" in (process / "cmdline").read_bytes():
                lines = (process / "smaps_rollup").read_text().splitlines()
                (size,) = (line.split()[1] for line in lines if line.startswith("Pss:"))
                sizes.append(int(size) * 1024 / 1e6)
        except OSError:
            continue  # it has ended
    return max(sizes)


if __name__ == "__main__":
    main()
