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
from PIL import Image, ImageDraw

from olivetti_denoiser.data.test_sets import (
    middle_square,
    read_colour_set,
    read_pairs,
    standing_set,
)
from olivetti_denoiser.denoiser import Denoiser
from olivetti_denoiser.evaluate.measure import mean_psnr
from olivetti_denoiser.inference.choose_network import choose_network
from olivetti_denoiser.noise import from_uint8, to_uint8
from olivetti_denoiser.synthesis.camera_noise import camera_noise, patterned_noise

SIDE, MOST, SEED = 128, 40.0, 700
TINTS = {"sepia": ((40, 22, 8), (255, 240, 205)), "blue": ((10, 25, 60), (225, 240, 250))}


def noisy(clean, sigma, rng, shared=1.0, quality=None):
    """White noise of sigma / 255, of which the channels share a part; through a JPEG file."""
    both = rng.standard_normal((*clean.shape[:2], 1)), rng.standard_normal(clean.shape)
    noise = shared**0.5 * both[0] + (1 - shared) ** 0.5 * both[1]
    image = np.clip(np.rint(clean + sigma * noise), 0, 255).astype(np.uint8)
    return jpeg(image, quality) if quality else image


def gray(image):
    """All channels as the brightness."""
    return np.asarray(Image.fromarray(image).convert("L").convert("RGB"))


def tinted(image, tint):
    """A gray picture printed in one ink."""
    dark, bright = np.array(TINTS[tint], float)
    return np.rint(dark + (bright - dark) * image[..., :1] / 255).astype(np.uint8)


def jpeg(image, quality):
    """The picture as it comes back from a JPEG file, its colour at half resolution."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file).convert("RGB"))


def photograph_cases(clean, rng):
    """Yield (case, clean, noisy) of one photograph."""
    plain = gray(clean)
    for kind, target, shared in (
        ("equal noise", clean, 1.0),
        ("gray picture", plain, 1.0),
        ("noise of its own", clean, 0.0),
    ):
        for sigma in (5, 10, 15, 25, 50):
            yield f"{kind}, {sigma}", target, noisy(target, sigma, rng, shared)
        for quality in (75, 90):
            case = f"{kind}, 25, JPEG {quality}"
            yield case, target, noisy(target, 25, rng, shared, quality)
    for shared in (0.3, 0.6):
        yield f"channels correlate by {shared}, 25", clean, noisy(clean, 25, rng, shared)
    for tint, sigma in (("sepia", 10), ("blue", 25)):
        yield f"{tint} print, {sigma}", tinted(plain, tint), tinted(noisy(plain, sigma, rng), tint)
    for name, make in (("camera", camera_noise), ("blotches", blotches)):
        target, taken = (to_uint8(image) for image in make(from_uint8(clean), rng))
        yield f"{name}, colour", target, taken
        yield f"{name}, made gray", gray(target), gray(taken)
    yield "clean, colour", clean, clean
    yield "clean, gray", plain, plain
    yield "clean, sepia", tinted(plain, "sepia"), tinted(plain, "sepia")
    framed = np.pad(clean[32:96], ((32, 32), (0, 0), (0, 0)))
    bars = np.pad(noisy(clean, 25, rng)[32:96], ((32, 32), (0, 0), (0, 0)))
    yield "bars, equal noise, 25", framed, bars
    sky, bright = noisy(clean, 25, rng, 0), clean.copy()
    sky[:64], bright[:64] = 255, 255
    yield "clipped sky, noise of its own, 25", bright, sky
    for kind, shared in (("equal noise", 1.0), ("noise of its own", 0.0)):
        dark = (clean * 0.15).astype(np.uint8)
        yield f"night, {kind}, 10", dark, noisy(dark, 10, rng, shared)
        for side in (64, 32, 16):
            small = middle_square(clean, side)
            yield f"{side}×{side}, {kind}, 25", small, noisy(small, 25, rng, shared)


def drawn_cases(clean, rng):
    """Yield (case, clean, noisy) of one page or chart."""
    yield "drawn, clean", clean, clean
    yield "drawn, clean, JPEG 75", clean, jpeg(clean, 75)
    for sigma in (10, 25):
        yield f"drawn, equal noise, {sigma}", clean, noisy(clean, sigma, rng)
        yield f"drawn, noise of its own, {sigma}", clean, noisy(clean, sigma, rng, 0)


def drawn():
    """Return a page of text and a chart."""
    page, chart = (Image.new("RGB", (SIDE, SIDE), colour) for colour in ("white", "linen"))
    for y in range(4, SIDE, 14):
        ImageDraw.Draw(page).text((4, y), "the quick brown fox", (20, 20, 20))
    for k, colour in enumerate(("navy", "teal", "firebrick", "goldenrod")):
        ImageDraw.Draw(chart).rectangle((14 + 28 * k, 20 + 17 * k, 34 + 28 * k, 115), colour)
    return [np.asarray(image) for image in (page, chart)]


def blotches(clean, rng):
    """Noise as cameras that smooth leave it."""
    return patterned_noise(clean, float(np.exp(rng.uniform(*np.log((0.01, 0.06))))), rng)


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
    photographs = (
        read_colour_set(options.photographs, SIDE) if options.photographs else standing_set(SIDE)
    ).clean
    photographs = photographs[:: max(1, len(photographs) // options.pictures)][: options.pictures]
    cases = []
    for make, pictures in ((photograph_cases, photographs), (drawn_cases, drawn())):
        for image in pictures:
            cases += make(image, np.random.default_rng(SEED))
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
