"""How fast the page is beside Gradio alone: start, memory, a crowd. Figures are medians of one run.

    python tests/benchmarks/benchmark_page.py                        # about four minutes
    python tests/benchmarks/benchmark_page.py --seconds 10 --rounds 1

Compare ratios: both sides of each were measured in turn, while absolute times drift with whatever
else the machine does. Everything stays on 127.0.0.1.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "helpers"))
from page_server import ROOT, PageServer

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
Network.restore = lambda self, pictures, sigmas: pictures
runpy.run_path({str(ROOT / "space" / "app.py")!r}, run_name="__main__")
"""

PARTS = """
import json, os, sys, tempfile, time
os.environ["GRADIO_TEMP_DIR"] = tempfile.mkdtemp()
marks = [("", time.perf_counter())]
def mark(name): marks.append((name, time.perf_counter()))
import gradio; mark("import gradio")
sys.path[:0] = ["space", "training"]
from page import build, serving; mark("import the page")
served = serving.load_networks({}, sys.argv[1], 0); mark("load the networks")
page = build.build(served); mark("build the page")
page.launch(prevent_thread_lock=True, quiet=True, mcp_server=True); mark("launch")
print(json.dumps([(name, at - before) for (_, before), (name, at) in zip(marks, marks[1:])]))
"""


def main() -> None:
    """Measures everything and prints it."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--model", type=Path, default=ROOT / "model_card")
    options.add_argument("--rounds", type=int, default=3, help="starts of the page")
    options.add_argument("--visitors", type=int, default=100)
    options.add_argument("--seconds", type=float, default=60, help="of the crowd, each side")
    options = options.parse_args()
    with tempfile.TemporaryDirectory() as work:
        start(options.model.resolve(), options.rounds, Path(work))
        crowd(options.model.resolve(), options.visitors, options.seconds, Path(work))


def start(model: Path, rounds: int, work: Path) -> None:
    """From the process's start to listening, beside Gradio with a page that shows what it gets."""
    starts = {
        "the page": ([ROOT / "space" / "app.py"], []),
        "Gradio alone": (["-c", GRADIO_ALONE], []),
    }
    parts = []
    for turn in range(rounds + 1):
        for begun, measured in starts.values():
            with PageServer(model, work, start=begun) as page:
                if turn:  # the first turn brings the files into memory
                    figures = page.seconds, page.processor_seconds(), page.memory("VmHWM")
                    measured.append(figures)
        parts.append(json.loads(run("-c", PARTS, model).splitlines()[-1]))
    print("From the start to listening: seconds, seconds of the processors, peak MB")
    for number, (name, _) in enumerate(parts[0]):
        print(f"  {name}: {statistics.median(part[number][1] for part in parts):.2f}")
    ours, alone = (
        [statistics.median(column) for column in zip(*measured, strict=True)]
        for _, measured in starts.values()
    )
    for name, figures in zip(starts, (ours, alone), strict=True):
        print(f"  {name}: " + ", ".join(f"{figure:.2f}" for figure in figures))
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
    work_done = dict.fromkeys(waits, 0.0)
    failures, turns = [], 4
    with (
        PageServer(model, work / "a") as ours,
        PageServer(model, work / "b", start=["-c", WITHOUT_NETWORKS]) as floor,
    ):
        for _ in range(turns):
            for name, page in zip(waits, (ours, floor), strict=True):
                before = page.processor_seconds()
                waits[name] += besiege(page, visitors, seconds / turns, failures)
                work_done[name] += page.processor_seconds() - before
        memory = ours.memory("VmHWM")
    print(f"{visitors} visitors at once, {seconds:g} s")
    for name, times in waits.items():
        print(
            f"  {name}: {len(times) / seconds:.1f} pictures a second, "
            f"wait {statistics.median(times):.2f} s in the middle, {max(times):.2f} s at most, "
            f"{1000 * work_done[name] / len(times):.0f} ms of the processors each"
        )
    counts = [len(times) for times in waits.values()]
    each = [work_done[name] / len(times) for name, times in waits.items()]
    print(f"  ratio {counts[0] / counts[1]:.2f}, by the processors' time {each[1] / each[0]:.2f}")
    print(f"  {len(failures)} failures, peak memory {memory:.0f} MB")
    for failure in failures[:5]:
        print(f"  {failure}")


def besiege(page: PageServer, visitors: int, seconds: float, failures: list) -> list[float]:
    """Lets visitors come for some seconds and returns how long each visit took.

    A visit is an upload, a call and the download of its three pictures.
    """
    end, waits = time.perf_counter() + seconds, []

    def visit():
        visitor = page.visitor()
        while time.perf_counter() < end:
            began = time.perf_counter()
            try:
                visitor.call("denoise", PICTURE)
                waits.append(time.perf_counter() - began)
            except Exception as error:  # whatever it is, it is counted
                failures.append(repr(error))

    crowd = [threading.Thread(target=visit) for _ in range(visitors)]
    for visitor in crowd:
        visitor.start()
    for visitor in crowd:
        visitor.join()
    return waits


def run(*arguments) -> str:
    """Runs Python in the repository and returns what it prints."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *map(str, arguments)],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=300,
    )
    return done.stdout


if __name__ == "__main__":
    main()
