"""The reading of a folder of pictures, measured: pictures a second, and memory that does not grow.

    python tests/benchmarks/benchmark_stream.py [COUNT …]            # 1000 and 100000

For each count it writes a folder of small colour pictures and reads them all in a process of its
own, as `denoiser train --dataset FOLDER` does before the first step.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from PIL import Image

from olivetti_denoiser.data.patches import prepare

SIDE = 96


def write_picture(folder: Path, number: int) -> None:
    """Write a smooth colour picture as JPEG, a thousand a folder."""
    coarse = np.random.default_rng(number).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    path = folder / f"{number // 1000:04}" / f"{number:07}.jpg"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(path)


def read(work: Path, count: int) -> tuple[float, float]:
    """Read all pictures; return the seconds and the peak of this process's memory in MB."""
    started = time.perf_counter()
    prepare(work / "pictures", work / "patches", wanted=count, validation=8)
    seconds = time.perf_counter() - started
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(counts: list[int]) -> None:
    """Measure and print a line for each count."""
    for count in counts:
        with tempfile.TemporaryDirectory(prefix="stream-") as work:
            with ThreadPoolExecutor() as threads:
                list(threads.map(partial(write_picture, Path(work) / "pictures"), range(count)))
            with ProcessPoolExecutor(1, get_context("spawn")) as process:
                seconds, peak = process.submit(read, Path(work), count).result()
        print(f"{count:>9,} pictures, {count / seconds:,.0f} a second; peak {peak:,.0f} MB")


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]] or [1_000, 100_000])
