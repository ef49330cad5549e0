"""What the choice of the network costs: decibels below the better of the two, by kind of noise.

    python tests/benchmarks/benchmark_choice.py --photographs ../shared/data/photographs/BSD432

Prints one row a case: mean PSNR before and after, how many of its pictures went to the gray
network, and how far below the better of both networks the chosen one was, the mean and the worst
picture. Without a folder the photographs are scikit-image's. PSNR counts up to 40 dB, above which
nobody sees a difference. `--pairs` adds pairs of noisy and clean pictures, in colour and made gray.

The middle 128×128 of each photograph, noise of a fixed seed, without the mirror image.
"""

from __future__ import annotations

import argparse
import io

import numpy as np
from PIL import Image

from olivetti_denoiser.data.test_sets import (
    middle_square,
    read_colour_set,
    read_pairs,
    standing_set,
)
from olivetti_denoiser.denoiser import Denoiser
from olivetti_denoiser.evaluate.measure_colour import mean_psnr
from olivetti_denoiser.inference.choose_network import choose_network
from olivetti_denoiser.noise import from_uint8, to_uint8
from olivetti_denoiser.synthesis.camera_noise import camera_noise, patterned_noise

SIDE, MOST, SEED = 128, 40.0, 700
SEPIA = np.array((40, 22, 8)), np.array((255, 240, 205))  # black and white on an old print


def noisy(clean, sigma, rng, shared):
    """White noise of sigma / 255, the same in all channels or of each channel's own."""
    noise = rng.standard_normal((*clean.shape[:2], 1 if shared else 3))
    return np.clip(np.rint(clean + sigma * noise), 0, 255).astype(np.uint8)


def gray(image):
    """All channels as the brightness."""
    return np.asarray(Image.fromarray(image).convert("L").convert("RGB"))


def sepia(image):
    """A gray picture printed in brown ink."""
    dark, bright = SEPIA
    return np.rint(dark + (bright - dark) * image[..., :1] / 255).astype(np.uint8)


def jpeg(image):
    """The picture as it comes back from a JPEG file, its colour at half resolution."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=75)
    return np.asarray(Image.open(file).convert("RGB"))


def blotches(clean, rng):
    """Noise as cameras that smooth leave it."""
    return patterned_noise(clean, float(np.exp(rng.uniform(*np.log((0.01, 0.06))))), rng)


def cases_of(clean, rng):
    """Yield (case, clean, noisy) of one photograph."""
    plain = gray(clean)
    for kind, target, shared in (
        ("equal noise", clean, True),
        ("gray picture", plain, True),
        ("noise of its own", clean, False),
    ):
        for sigma in (5, 10, 15, 25, 50):
            yield f"{kind}, {sigma}", target, noisy(target, sigma, rng, shared)
        yield f"{kind}, 25, JPEG 75", target, jpeg(noisy(target, 25, rng, shared))
    yield "sepia print, 15", sepia(plain), sepia(noisy(plain, 15, rng, True))
    for name, make in (("camera", camera_noise), ("blotches", blotches)):
        target, taken = (to_uint8(image) for image in make(from_uint8(clean), rng))
        yield f"{name}, colour", target, taken
        yield f"{name}, made gray", gray(target), gray(taken)
    yield "clean, colour", clean, clean
    yield "clean, gray", plain, plain


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="model_card", help="a release of both networks")
    parser.add_argument("--photographs", help="folder; without it those of scikit-image")
    parser.add_argument("--pictures", type=int, default=4, help="photographs, spread evenly")
    parser.add_argument("--pairs", help="folder of *_real.* and *_mean.*, for a last check only")
    options = parser.parse_args()
    both = Denoiser.from_pretrained(options.model)
    networks = {name: both.only(name) for name in ("gray", "colour")}
    found = read_colour_set(options.photographs) if options.photographs else standing_set()
    photographs = [middle_square(image, SIDE) for image in found.clean]
    photographs = photographs[:: max(1, len(photographs) // options.pictures)][: options.pictures]
    cases = [case for image in photographs for case in cases_of(image, np.random.default_rng(SEED))]
    if options.pairs:
        pairs = read_pairs(options.pairs, crop=SIDE)
        for clean, taken in zip(pairs.clean, pairs.noisy, strict=True):
            cases.append(("pairs, colour", clean, taken))
            cases.append(("pairs, made gray", gray(clean), gray(taken)))
    rows: dict[str, list[tuple[bool, float, float, float]]] = {}
    for case, clean, picture in cases:
        scores = {
            name: min(mean_psnr([clean], [denoiser(picture, mirror=False)]), MOST)
            for name, denoiser in networks.items()
        }
        chosen = choose_network(picture)
        loss = max(scores.values()) - scores[chosen]
        before = min(mean_psnr([clean], [picture]), MOST)
        rows.setdefault(case, []).append((chosen == "gray", loss, before, scores[chosen]))
    print("| case | pictures | noisy, dB | restored | to gray | mean loss, dB | worst |")
    print("|---|---|---|---|---|---|---|")
    for case, results in rows.items():
        went, losses, before, after = np.array(results).T
        print(
            f"| {case} | {len(results)} | {before.mean():.2f} | {after.mean():.2f} "
            f"| {100 * went.mean():.0f} % | {losses.mean():.2f} | {losses.max():.2f} |"
        )


if __name__ == "__main__":
    main()
