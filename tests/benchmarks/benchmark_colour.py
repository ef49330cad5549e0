"""How long a picture takes: a denoiser on 512×512 and on 12 megapixels, and its peak memory.

    python tests/benchmarks/benchmark_colour.py model_card/colour

Prints one row a picture: seconds of the fastest call after one that compiles, of the estimate
alone, and the largest memory of the process so far.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np

SIZES = {"512×512": (512, 512), "1 megapixel": (1024, 1024), "12 megapixels": (3000, 4000)}
ROUNDS = 3


def fastest(call, rounds: int) -> float:
    """Returns the seconds of the fastest call."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return min(times)


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="model folder, or OWNER/NAME on the Hub")
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    options = parser.parse_args()

    from olivetti_denoiser.denoiser import Denoiser

    denoiser = Denoiser.from_pretrained(options.model)
    print("| picture | seconds | of them the estimate | peak memory |\n|---|---|---|---|")
    rng = np.random.default_rng(0)
    for size in options.sizes:
        height, width = SIZES[size]
        coarse = rng.integers(60, 190, (-(-height // 16), -(-width // 16), 3), np.uint8)
        clean = coarse.repeat(16, axis=0).repeat(16, axis=1)[:height, :width]
        picture = clean + rng.integers(-25, 26, clean.shape, np.int8).astype(np.uint8)
        denoiser(np.ascontiguousarray(picture[:512, :512]))
        rounds = ROUNDS if height * width < 4e6 else 1
        seconds = fastest(lambda image=picture: denoiser(image), rounds)
        estimate = fastest(lambda image=picture: denoiser.estimate_sigma(image), rounds)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(f"| {size} | {seconds:.2f} | {estimate:.2f} | {memory:.2f} GB |", flush=True)


if __name__ == "__main__":
    main()
