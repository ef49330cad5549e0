"""How fast the page is beside Gradio alone: start, memory, a crowd. Figures are medians of one run.

    python tests/benchmarks/benchmark_page.py                        # about four minutes
    python tests/benchmarks/benchmark_page.py --seconds 10 --rounds 1

Compare ratios: both sides of each were measured in turn, while absolute times drift with whatever
else the machine does. Everything stays on 127.0.0.1.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "helpers"))
from page_server import APP, MODEL, ROOT, PageServer

PICTURE = (ROOT / "space" / "examples" / "drawn_1_portrait.png").read_bytes()

GRADIO_ALONE = """
import gradio
with gradio.Blocks(analytics_enabled=False) as page:
    gradio.Image().upload(lambda image: image, gradio.Image(), gradio.Image())
page.launch(mcp_server=True, ssr_mode=False)
"""

# The page with networks that give back what they get at once: what Gradio's part of it costs.
WITHOUT_NETWORKS = f"""
import runpy, sys
import numpy as np
sys.path.insert(0, {str(ROOT / "training")!r})
from olivetti_denoiser.inference.network import Network
Network.estimate = lambda self, pictures: np.full(len(pictures), 0.1, np.float32)
Network.restore = lambda self, pictures, sigma: pictures.copy()
runpy.run_path({str(APP)!r}, run_name="__main__")
"""


def main() -> None:
    """Measure everything and print it."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--model", type=Path, default=MODEL)
    options.add_argument("--rounds", type=int, default=3, help="starts of the page")
    options.add_argument("--visitors", type=int, default=100)
    options.add_argument("--seconds", type=float, default=60, help="of the crowd, each side")
    options = options.parse_args()
    with tempfile.TemporaryDirectory() as work:
        start(options.model.resolve(), options.rounds, Path(work))
        crowd(options.model.resolve(), options.visitors, options.seconds, Path(work))


def start(model: Path, rounds: int, work: Path) -> None:
    """From the process's start to listening, beside Gradio with a page that shows what it gets."""
    starts = {"the page": [APP], "Gradio alone": ["-c", GRADIO_ALONE]}
    measured: dict[str, list] = {name: [] for name in starts}
    for turn in range(rounds + 1):
        for name, begun in starts.items():
            with PageServer(model, work, start=begun) as page:
                if turn:  # the first turn brings the files into memory
                    found = page.seconds, page.processor_seconds(), page.memory("VmHWM")
                    measured[name].append(found)
    print("From the start to listening: seconds, seconds of the processors, peak MB")
    medians = {}
    for name, found in measured.items():
        medians[name] = [statistics.median(column) for column in zip(*found, strict=True)]
        print(f"  {name}: " + ", ".join(f"{value:.2f}" for value in medians[name]))
    ours, alone = medians.values()
    print(
        f"  ratio {ours[0] / alone[0]:.2f}, of the processors {ours[1] / alone[1]:.2f}; "
        f"{ours[2] - alone[2]:.0f} MB more",
        flush=True,
    )


def crowd(model: Path, visitors: int, seconds: float, work: Path) -> None:
    """Visitors who come back as soon as they are served, beside the page without its networks."""
    (work / "a").mkdir()
    (work / "b").mkdir()
    waits: dict[str, list[float]] = {"with networks": [], "without": []}
    failures, turns = [], 4
    with (
        PageServer(model, work / "a") as ours,
        PageServer(model, work / "b", start=["-c", WITHOUT_NETWORKS]) as floor,
    ):
        for _ in range(turns):
            for name, page in zip(waits, (ours, floor), strict=True):
                waits[name] += besiege(page, visitors, seconds / turns, failures)
        memory = ours.memory("VmHWM")
    print(f"{visitors} visitors at once, {seconds:g} s")
    for name, times in waits.items():
        print(
            f"  {name}: {len(times) / seconds:.1f} pictures a second, "
            f"wait {statistics.median(times):.2f} s in the middle, {max(times):.2f} s at most"
        )
    ratio = len(waits["with networks"]) / len(waits["without"])
    print(f"  ratio {ratio:.2f}, {len(failures)} failures, peak memory {memory:.0f} MB")
    for failure in failures[:5]:
        print(f"  {failure}")


def besiege(page: PageServer, visitors: int, seconds: float, failures: list) -> list[float]:
    """Let visitors come for some seconds and return how long each visit took.

    A visit is an upload, a call and the download of its three pictures.
    """
    end, waits = time.perf_counter() + seconds, []

    def visit():
        visitor = page.visitor()
        while time.perf_counter() < end:
            began = time.perf_counter()
            try:
                visitor.call("denoise", PICTURE, 0.1, 0)
                waits.append(time.perf_counter() - began)
            except Exception as error:  # whatever it is, it is counted
                failures.append(repr(error))

    crowd = [threading.Thread(target=visit) for _ in range(visitors)]
    for visitor in crowd:
        visitor.start()
    for visitor in crowd:
        visitor.join()
    return waits


if __name__ == "__main__":
    main()
