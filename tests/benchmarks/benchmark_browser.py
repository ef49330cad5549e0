"""The static page against its limits, in headless Chromium on loopback.

    python tests/benchmarks/benchmark_browser.py --rounds 5 --megapixels 12

Prints megabytes and seconds from opening the page, cold, to the first answer; the time of another
64×64 picture; and a colour photograph with the colour network: seconds, and the memory that the
browser takes for it. `make browser` installs what builds the page.
"""

from __future__ import annotations

import argparse
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

from browser_visit import Visits, give  # noqa: E402

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
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="repetitions (%(default)s)")
    parser.add_argument("--megapixels", type=float, default=12.0, help="photograph (%(default)s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work, Visits(Path(work) / "page") as visits:
        visits.open().close()  # the browser itself is up
        rounds = [first_answer(visits) for _ in range(options.rounds)]
        seconds, megabytes, small = (
            statistics.median(column) for column in zip(*rounds, strict=True)
        )
        print(f"first answer: {seconds:.2f} s (limit 1.5), {megabytes:.2f} MB (limit 6)")
        print(f"64×64: {small:.0f} ms", flush=True)
        print_photograph(visits, write_photograph(Path(work), options.megapixels))


def write_photograph(folder: Path, megapixels: float) -> Path:
    """Write a noisy colour JPEG, 4:3."""
    height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
    width = round(height * 4 / 3)
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    waves = np.stack([np.sin(x / (30 + 9 * c)) * np.cos(y / (40 + 7 * c)) for c in range(3)], -1)
    noisy = 0.5 + 0.3 * waves + 0.06 * rng.standard_normal(waves.shape, np.float32)
    path = folder / "photograph.jpg"
    Image.fromarray(np.rint(np.clip(noisy, 0, 1) * 255).astype(np.uint8)).save(path, quality=92)
    return path


def first_answer(visits: Visits) -> tuple[float, float, float]:
    """Return seconds and megabytes to the first answer, and milliseconds of another one."""
    # Without the service worker: what it keeps for visits without a network comes afterwards.
    started = time.perf_counter()
    tab = visits.open(offline="block", headers={})  # one thread
    seconds = time.perf_counter() - started
    megabytes = sum(size for _, size in tab.space.log) / 1e6
    small = statistics.median(tab.evaluate(ANOTHER_SEED, seed) for seed in range(1, 11))
    tab.close()
    return seconds, megabytes, small


def print_photograph(visits: Visits, photograph: Path) -> None:
    """Print time and memory of a large photograph."""
    width, height = Image.open(photograph).size
    tab = visits.open(offline="block", headers={})
    started = time.perf_counter()
    give(tab, "Clean up", photograph)
    link = tab.locator("#clean-up a.download[download^='photo']")
    most = 0.0
    while not link.is_visible():
        most = max(most, tab_megabytes())
        tab.wait_for_timeout(200)
    print(
        f"{width}×{height} in colour: {time.perf_counter() - started:.0f} s with one thread (limit "
        f"90 at 12 megapixels), the tab {max(most, tab_megabytes()):.0f} MB (limit 700)"
    )


def tab_megabytes() -> float:
    """Return the proportional memory of the largest of the browser's renderers."""
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
