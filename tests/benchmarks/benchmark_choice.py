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
from PIL import Image, ImageDraw, ImageFont

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


def noisy(clean, sigma, rng, shared=1.0):
    """White noise of sigma / 255, of which the channels share a part."""
    both = rng.standard_normal((*clean.shape[:2], 1)), rng.standard_normal(clean.shape)
    noise = shared**0.5 * both[0] + (1 - shared) ** 0.5 * both[1]
    return np.clip(np.rint(clean + sigma * noise), 0, 255).astype(np.uint8)


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
    """Yields (case, clean, noisy) of one photograph."""
    plain, sepia = gray(clean), tinted(gray(clean), "sepia")
    for sigma in (10, 15, 25, 50):
        yield f"equal noise, {sigma}", clean, noisy(clean, sigma, rng)
    for quality in (75, 90):
        yield f"equal noise, 25, JPEG {quality}", clean, jpeg(noisy(clean, 25, rng), quality)
    for tint, sigma, quality in (("sepia", 10, None), ("blue", 25, None), ("sepia", 25, 75)):
        print_ = tinted(noisy(plain, sigma, rng), tint)
        name = f"{tint} print, {sigma}" + (f", JPEG {quality}" if quality else "")
        yield name, tinted(plain, tint), jpeg(print_, quality) if quality else print_
    for sigma in (5, 10, 25, 50):
        yield f"gray picture, {sigma}", plain, noisy(plain, sigma, rng)
    for quality in (75, 90):
        yield f"gray picture, 25, JPEG {quality}", plain, jpeg(noisy(plain, 25, rng), quality)
    for sigma in (5, 10, 25, 50):
        yield f"noise of its own, {sigma}", clean, noisy(clean, sigma, rng, 0)
    for quality in (75, 90):
        yield (
            f"noise of its own, 25, JPEG {quality}",
            clean,
            jpeg(noisy(clean, 25, rng, 0), quality),
        )
    for shared in (0.3, 0.6):
        yield f"channels correlate by {shared}, 25", clean, noisy(clean, 25, rng, shared)
    for name, make in (("camera", camera_noise), ("blotches", blotches)):
        target, taken = (to_uint8(image) for image in make(from_uint8(clean), rng))
        yield f"{name}, colour", target, taken
        yield f"{name}, made gray", gray(target), gray(taken)
    yield "clean, colour", clean, clean
    yield "clean, gray", plain, plain
    yield "clean, sepia", sepia, sepia
    bars, sky, dark = (
        np.zeros_like(clean),
        noisy(clean, 25, rng, 0),
        (clean * 0.15).astype(np.uint8),
    )
    bars[32:96] = noisy(clean, 25, rng)[32:96]
    yield "bars, equal noise, 25", np.where(bars > 0, clean, 0).astype(np.uint8), bars
    bright = clean.copy()
    bright[:64], sky[:64] = 255, 255
    yield "clipped sky, noise of its own, 25", bright, sky
    yield "night, equal noise, 10", dark, noisy(dark, 10, rng)
    yield "night, noise of its own, 10", dark, noisy(dark, 10, rng, 0)
    for side in (64, 32, 16):
        small = middle_square(clean, side)
        yield f"{side}×{side}, equal noise, 25", small, noisy(small, 25, rng)
        yield f"{side}×{side}, noise of its own, 25", small, noisy(small, 25, rng, 0)


def drawn_cases(clean, rng):
    """Yields (case, clean, noisy) of one page, screenshot, drawing or chart."""
    yield "drawn, clean", clean, clean
    yield "drawn, clean, JPEG 75", clean, jpeg(clean, 75)
    for sigma in (10, 25):
        yield f"drawn, equal noise, {sigma}", clean, noisy(clean, sigma, rng)
        yield f"drawn, noise of its own, {sigma}", clean, noisy(clean, sigma, rng, 0)
    yield "drawn, equal noise, 25, JPEG 75", clean, jpeg(noisy(clean, 25, rng), 75)


def drawn():
    """Returns a page of text, a screenshot and a chart."""
    page, screen, chart = (
        Image.new("RGB", (SIDE, SIDE), colour) for colour in ("white", (225, 230, 235), "white")
    )
    for y in range(4, SIDE, 14):
        ImageDraw.Draw(page).text((4, y), "the quick brown fox", (20, 20, 20), font(12))
        ImageDraw.Draw(screen).text((44, y), "Lorem ipsum dolor", (60, 60, 70), font(11))
    for k, colour in enumerate(("navy", "teal", "firebrick", "goldenrod")):
        ImageDraw.Draw(screen).rectangle((4, 4 + 31 * k, 38, 30 + 31 * k), colour)
        ImageDraw.Draw(chart).rectangle((14 + 28 * k, 20 + 17 * k, 34 + 28 * k, 115), colour)
    ImageDraw.Draw(chart).line((8, 115, 124, 115), "black", 2)
    return [np.asarray(image) for image in (page, screen, chart)]


def font(size):
    """Pillow's own letters."""
    return ImageFont.load_default(size)


def blotches(clean, rng):
    """Noise as cameras that smooth leave it."""
    return patterned_noise(clean, float(np.exp(rng.uniform(*np.log((0.01, 0.06))))), rng)


def paired_cases(pair):
    """Yields (case, clean, noisy) of a pair, in colour and made gray."""
    clean, taken = pair
    yield "pairs, colour", clean, taken
    yield "pairs, made gray", gray(clean), gray(taken)


def main() -> None:
    """Measures and prints a table."""
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
    made = [photograph_cases(image, np.random.default_rng(SEED)) for image in photographs]
    made += [drawn_cases(image, np.random.default_rng(SEED)) for image in drawn()]
    if options.pairs:
        pairs = read_pairs(options.pairs, crop=SIDE)
        made += [paired_cases(pair) for pair in zip(pairs.clean, pairs.noisy, strict=True)]
    rows: dict[str, list[tuple[bool, float, float, float]]] = {}
    for case, clean, picture in (entry for cases in made for entry in cases):
        scores = {
            name: min(mean_psnr(clean[None], denoiser(picture, mirror=False)[None]), MOST)
            for name, denoiser in networks.items()
        }
        chosen = choose_network(picture)
        loss = max(scores.values()) - scores[chosen]
        before = min(mean_psnr(clean[None], picture[None]), MOST)
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
