"""`denoiser restore` from an installed wheel: seconds, peak memory, and the packages on disk.

    python tests/benchmarks/benchmark_restore.py

Builds the wheel, installs it without extras into an empty environment, and restores a gray picture
of 64×64 pixels and a colour picture of 12 megapixels with it. The time of the large one is told as
a multiple of its tiles run alone. Exits with 1 where a goal is missed, times aside.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.append(str(Path(__file__).resolve().parents[1] / "helpers"))
from checkout import copy_checkout
from empty_environment import UV, EmptyEnvironment, noisy_picture

SMALL_GOAL, LARGE_GOAL, DISK_GOAL = 110.0, 700.0, 220.0  # MB
SMALL_SECONDS, RATIO_GOAL = 0.8, 1.2

TILES = """
import time
import numpy as np
from PIL import Image
from olivetti_denoiser.bundled import bundled
from olivetti_denoiser.inference.network import Network
from olivetti_denoiser.inference.tiles import MARGINS, TILE_SIDE, padded, tile_places
network = Network.load(bundled("model_card") / "colour" / "onnx")
pixels = np.asarray(Image.open("large.jpg"))
sigma, spent, used = np.full(1, 0.04, np.float32), 0.0, 0.0
for number, (top, left) in enumerate(tile_places(pixels.shape[:2], MARGINS[3])):
    cut = pixels[top : top + TILE_SIDE, left : left + TILE_SIDE]
    tile = padded(np.moveaxis(cut, -1, 0)[None] / np.float32(255), network.stride)
    if number == 0:
        network.restore(tile, sigma)
    began, before = time.perf_counter(), time.process_time()
    network.restore(tile, sigma)
    if network.mirror:
        network.restore(tile[..., ::-1], sigma)
    spent += time.perf_counter() - began
    used += time.process_time() - before
print(spent, used)
"""


# A process starts with the peak of the one that starts it, so that one has to be small.
LAUNCH = """
import resource, subprocess, sys, time
began = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
"""


def main() -> int:
    """Measure and print; return the exit code."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=5, help="runs of the small picture")
    options = options.parse_args()
    with tempfile.TemporaryDirectory() as work:
        environment = installed(Path(work))
        disk = size_on_disk(environment)
        noisy_picture(environment.work / "small.png")
        photograph(environment.work / "large.jpg")
        restore(environment, "small.png")  # the files are in memory from here on
        runs = [restore(environment, "small.png") for _ in range(options.rounds)]
        small = max(peak for _, _, peak in runs)
        wall, used = (statistics.median(column) for column in list(zip(*runs, strict=True))[:2])
        wall_large, used_large, large = restore(environment, "large.jpg", "--network=colour")
        tiles, used_tiles = map(float, environment.run("python", "-c", TILES).split())
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    print(f"packages on disk: {disk:.0f} MB (goal {DISK_GOAL:.0f})")
    print(
        f"64×64: {wall:.2f} s, of the processors {used:.2f} s (goal {SMALL_SECONDS} s), "
        f"peak {small:.0f} MB (goal {SMALL_GOAL:.0f})"
    )
    print(
        f"12 megapixels: {wall_large:.1f} s, its tiles alone {tiles:.1f} s, ratio "
        f"{wall_large / tiles:.2f} (goal {RATIO_GOAL}), of the processors "
        f"{used_large / used_tiles:.2f}, peak {large:.0f} MB (goal {LARGE_GOAL:.0f})"
    )
    return int(disk > DISK_GOAL or small > SMALL_GOAL or large > LARGE_GOAL)


def installed(folder: Path) -> EmptyEnvironment:
    """Build the wheel and install it without extras."""
    source = copy_checkout(folder / "source")
    build = [UV, "build", "--no-build-isolation", "--wheel", "--python", sys.executable]
    subprocess.run([*build, "--out-dir", folder / "dist", source], check=True, capture_output=True)
    (wheel,) = (folder / "dist").glob("*.whl")
    (folder / "place").mkdir()
    environment = EmptyEnvironment(folder / "place")
    environment.install("--compile-bytecode", wheel)
    return environment


def size_on_disk(environment: EmptyEnvironment) -> float:
    """Return the MB of an environment's packages, as `du` counts them."""
    (packages,) = environment.bin.parent.glob("lib/*/site-packages")
    done = subprocess.run(["du", "-sk", packages], check=True, capture_output=True, text=True)
    return int(done.stdout.split()[0]) / 1024


def restore(environment: EmptyEnvironment, name: str, *options: str) -> tuple[float, ...]:
    """Restore a picture; return seconds, seconds of the processors, and peak memory in MB."""
    command = [environment.bin / "denoiser", "restore", *options, name, f"restored_{name}"]
    (environment.work / f"restored_{name}").unlink(missing_ok=True)
    return tuple(map(float, environment.run("python", "-c", LAUNCH, *command).split()))


def photograph(path: Path) -> None:
    """Write a colour picture of 12 megapixels with noise of its own in each channel."""
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(40, 216, (30, 40, 3), dtype=np.uint8))
    scene = np.asarray(coarse.resize((4000, 3000), Image.Resampling.BICUBIC))
    noisy = np.empty_like(scene)
    for row, values in enumerate(scene):
        drawn = values + rng.normal(0, 10, values.shape)
        noisy[row] = np.clip(np.rint(drawn), 0, 255)
    Image.fromarray(noisy).save(path, quality=90)


if __name__ == "__main__":
    sys.exit(main())
