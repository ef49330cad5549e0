"""How fast the page is: start, one picture, a crowd. Figures are medians of one run.

    python tests/benchmarks/benchmark_page.py                        # about four minutes
    python tests/benchmarks/benchmark_page.py --seconds 10 --rounds 1

Compare ratios: both sides of each were measured in turn, while absolute times drift with whatever
else the machine does. Everything stays on 127.0.0.1.
"""

from __future__ import annotations

import argparse
import json
import os
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
ON_OPENVINO = {**os.environ, "KERAS_BACKEND": "openvino"}

IMPORTS = """
import time
import gradio
import keras
print(time.process_time())
"""

PARTS = """
import json, sys, time
marks = [("", time.perf_counter())]
def mark(name): marks.append((name, time.perf_counter()))
import gradio; mark("import gradio")
import keras; mark("import keras")
import runpy; app = runpy.run_path("space/app.py", run_name="app"); mark("import the page")
models = app["load_models"]({}, sys.argv[1]); mark("load the models")
page = app["build"](models); mark("build the page, three tabs' first results included")
page.launch(prevent_thread_lock=True, quiet=True, mcp_server=True); mark("launch")
print(json.dumps([(name, at - before) for (_, before), (name, at) in zip(marks, marks[1:])]))
"""

ONE_PICTURE = """
import statistics, sys, time
import numpy as np
from olivetti_denoiser.denoiser import Denoiser
from olivetti_denoiser.inference import compile_pass
denoiser = Denoiser.from_pretrained(sys.argv[1])
bare = compile_pass(denoiser.model, 64, batch=1)
picture = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
values = (picture / np.float32(255))[None, :, :, None]
times = {"bare": [], "denoiser": []}
for turn in range(int(sys.argv[2])):
    for name, call in (("bare", lambda: bare(values)), ("denoiser", lambda: denoiser(picture))):
        start = time.perf_counter()
        call()
        times[name].append(1000 * (time.perf_counter() - start))
for summary in (statistics.median, min):
    print(*(summary(times[name][5:]) for name in times))
"""

IDENTITY = """
import sys, keras
noisy = keras.Input((None, None, 1))
keras.Model(noisy, keras.layers.Rescaling(1.0)(noisy)).save(sys.argv[1], zipped=False)
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
        one_picture(options.model.resolve())
        crowd(options.model.resolve(), options.visitors, options.seconds, Path(work))


def start(model: Path, rounds: int, work: Path) -> None:
    """From the process's start to its first answer, beside the bare imports."""
    imports, answers, parts, memory, work_done = [], [], [], [], []
    run("-c", IMPORTS)  # the files are in memory from here on
    for _ in range(rounds):
        began = time.perf_counter()
        import_work = float(run("-c", IMPORTS))
        imports.append(time.perf_counter() - began)
        began = time.perf_counter()
        with PageServer(model, work) as page:
            page.visitor().call("denoise", PICTURE)
            answers.append(time.perf_counter() - began)
            memory.append(page.memory("VmHWM"))
            work_done.append((page.processor_seconds(), import_work))
        parts.append(json.loads(run("-c", PARTS, model).splitlines()[-1]))
    print("From the start to the first answer, seconds")
    for number, (name, _) in enumerate(parts[0]):
        print(f"  {name}: {statistics.median(part[number][1] for part in parts):.2f}")
    ratios = [answer / bare for answer, bare in zip(answers, imports, strict=True)]
    print(
        f"  first answer after {statistics.median(answers):.2f}, "
        f"the imports alone {statistics.median(imports):.2f}, ratio {statistics.median(ratios):.2f}"
    )
    ours, bare = (statistics.median(one) for one in zip(*work_done, strict=True))
    print(f"  of the processors {ours:.2f}, the imports alone {bare:.2f}, ratio {ours / bare:.2f}")
    print(f"  peak memory {max(memory):.0f} MB", flush=True)


def one_picture(model: Path) -> None:
    """One 64×64 picture through `Denoiser` and through the compiled graph alone."""
    print("One 64×64 picture, milliseconds")
    lines = run("-c", ONE_PICTURE, model, 400).splitlines()
    for name, line in zip(("median", "fastest"), lines, strict=True):
        bare, whole = map(float, line.split())
        print(
            f"  {name}: bare {bare:.2f}, Denoiser {whole:.2f}, ratio {whole / bare:.2f}", flush=True
        )


def crowd(model: Path, visitors: int, seconds: float, work: Path) -> None:
    """Visitors who come back as soon as they are served, beside a page that returns its input."""
    run("-c", IDENTITY, work / "identity")
    (work / "a").mkdir()
    (work / "b").mkdir()
    waits = {"model": [], "identity": []}
    failures, turns = [], 4
    with (
        PageServer(model, work / "a") as ours,
        PageServer(work / "identity", work / "b") as floor,
    ):
        for _ in range(turns):
            for name, page in (("model", ours), ("identity", floor)):
                waits[name] += besiege(page, visitors, seconds / turns, failures)
        memory = ours.memory("VmHWM")
    print(f"{visitors} visitors at once, {seconds:g} s")
    for name, times in waits.items():
        print(
            f"  {name}: {len(times) / seconds:.1f} pictures a second, "
            f"wait {statistics.median(times):.2f} s in the middle, {max(times):.2f} s at most"
        )
    print(f"  ratio {len(waits['model']) / len(waits['identity']):.2f}, {len(failures)} failures")
    print(f"  peak memory {memory:.0f} MB")
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
    """Runs Python in the repository on the page's backend and returns what it prints."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *map(str, arguments)],
        cwd=ROOT,
        env=ON_OPENVINO,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=300,
    )
    return done.stdout


if __name__ == "__main__":
    main()
