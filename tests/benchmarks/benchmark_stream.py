"""Streams of pictures, measured.

    python tests/benchmarks/benchmark_stream.py [COUNT …]            # 1000 and 100000

For each count it writes a folder of small colour pictures and lets a process of its own read them
all and train the default network on them for some steps, as `denoiser train --dataset FOLDER` does.
Prints how many pictures a second are read and how many the network takes, the memory at its peak,
and by how much that grows from the first count to the last.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 96
STEPS = 100
ROOT = Path(__file__).resolve().parents[2]


def main(counts: list[int]) -> None:
    peaks = []
    for count in counts:
        with tempfile.TemporaryDirectory(prefix="stream-") as work:
            write_pictures(Path(work) / "pictures", count)
            done = subprocess.run(
                [sys.executable, __file__, "--child", work, str(count)],
                env=os.environ
                | {"PYTHONPATH": str(ROOT / "training"), "TF_CPP_MIN_LOG_LEVEL": "3"},
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
        seen = json.loads(done.stdout.splitlines()[-1])
        peaks.append(seen["peak_mb"])
        print(
            f"{seen['read']:>9,} pictures read, {seen['patches']:,} patches: "
            f"{seen['read'] / seen['seconds']:,.0f} a second "
            f"({1e6 * seen['cpu_seconds'] / seen['read']:,.0f} µs of processor each), "
            f"the network takes {seen['trained']:,.0f} a second; "
            f"peak {seen['read_mb']:,.0f} MB while reading, {seen['peak_mb']:,.0f} MB in all",
            flush=True,
        )
    print(f"{peaks[-1] - peaks[0]:+,.0f} MB from {counts[0]:,} to {counts[-1]:,} pictures")


def write_pictures(folder: Path, count: int) -> None:
    """Writes smooth colour pictures as JPEG, a thousand a folder."""

    def write(number):
        coarse = np.random.default_rng(number).integers(0, 256, (6, 6, 3), dtype=np.uint8)
        path = folder / f"{number // 1000:04}" / f"{number:07}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(path)

    with ThreadPoolExecutor() as pool:
        for _ in pool.map(write, range(count)):
            pass


def child(work: Path, count: int) -> dict:
    """Reads all the pictures and trains on them; returns what was measured."""
    from olivetti_denoiser.config import TrainingConfig
    from olivetti_denoiser.data.patches import prepare
    from olivetti_denoiser.train.fit import fit

    started, cpu = time.perf_counter(), time.process_time()
    prepared = prepare(work / "pictures", work / "run" / "pictures", wanted=count, validation=8)
    seen = {
        "read": prepared.summary["read"],
        "patches": len(prepared.learned.clean),
        "seconds": time.perf_counter() - started,
        "cpu_seconds": time.process_time() - cpu,
        "read_mb": peak_mb(),
    }
    config = TrainingConfig(epochs=2, steps_per_epoch=STEPS)
    result = fit(config, prepared.learned, work / "run", held_out=prepared.held_out)
    # The first epoch compiles the network.
    seen["trained"] = STEPS * config.batch_size / result.history[-1]["seconds"]
    return seen | {"peak_mb": peak_mb()}


def peak_mb() -> float:
    """The largest memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(child(Path(sys.argv[2]), int(sys.argv[3]))))
    else:
        main([int(argument) for argument in sys.argv[1:]] or [1_000, 100_000])
