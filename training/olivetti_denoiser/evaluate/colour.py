"""Measure a denoiser on colour photographs with white noise, and on real noisy pictures.

    denoiser evaluate model_card/colour --pictures CBSD68 --crop 256 --every 4
    denoiser evaluate model_card/colour --pairs PolyU --peers peers

Every figure is computed from 8-bit pictures, over all three planes, restored pictures rounded to 8
bits, averaged over pictures in decibels.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from olivetti_denoiser.data.colour_images import ColourSet, Pairs, noisy_versions

COLOUR_SIGMAS = (0.0, 10 / 255, 25 / 255, 50 / 255)
GATE_SIGMA = 25 / 255  # the level that a release is judged by

ColourMethod = Callable[[np.ndarray, "float | None"], np.ndarray]


def measure_colour(
    methods: Mapping[str, ColourMethod],
    pictures: ColourSet,
    sigmas: Sequence[float] = COLOUR_SIGMAS,
    say: Callable[[str], None] = lambda line: None,
) -> dict:
    """Measures methods on photographs with white noise.

    Args:
        methods: name → function of a uint8 H×W×3 picture and the noise's level, a fraction of the
            range, to the restored uint8 picture.
        pictures: the clean photographs.
        sigmas: levels of the noise.
        say: receives a line of progress for each level.

    Returns:
        `count`, `psnr` (method → level in 255ths → mean PSNR in dB) and `seconds` (method → time a
        megapixel).
    """
    table: dict[str, dict[str, float]] = {"noisy": {}} | {name: {} for name in methods}
    seconds = dict.fromkeys(methods, 0.0)
    pixels = 0
    for sigma in sigmas:
        key = f"{255 * sigma:g}"
        say(f"Measuring {pictures.name} ({len(pictures.images)}) at σ = {key}/255")
        noisy = noisy_versions(pictures.images, sigma)
        pixels += sum(image.shape[0] * image.shape[1] for image in noisy)
        table["noisy"][key] = mean_psnr(pictures.images, noisy)
        for name, restore in methods.items():
            started = time.perf_counter()
            restored = [restore(image, sigma) for image in noisy]
            seconds[name] += time.perf_counter() - started
            table[name][key] = mean_psnr(pictures.images, restored)
    megapixels = pixels / 1e6
    return {
        "count": len(pictures.images),
        "psnr": table,
        "seconds": {name: took / megapixels for name, took in seconds.items()},
    }


def measure_pairs(
    methods: Mapping[str, ColourMethod],
    pairs: Pairs,
    say: Callable[[str], None] = lambda line: None,
) -> dict:
    """Measures methods on real noisy pictures, whose level nobody knows.

    Args:
        methods: as for `measure_colour`; they are told no level, None.
        pairs: noisy pictures and the clean ones.
        say: receives a line of progress.

    Returns:
        `count`, `noisy` (mean PSNR in dB) and `psnr` (method → mean PSNR in dB).
    """
    say(f"Measuring {pairs.name} ({len(pairs.noisy)} pairs)")
    return {
        "count": len(pairs.noisy),
        "noisy": mean_psnr(pairs.clean, pairs.noisy),
        "psnr": {
            name: mean_psnr(pairs.clean, [restore(image, None) for image in pairs.noisy])
            for name, restore in methods.items()
        },
    }


def mean_psnr(clean: Sequence[np.ndarray], restored: Sequence[np.ndarray]) -> float:
    """Returns the mean PSNR in dB of uint8 H×W×3 pictures, at most `metrics.PSNR_LIMIT` each.

    Args:
        clean, restored: pictures of one size, one by one.
    """
    from olivetti_denoiser.metrics import psnr
    from olivetti_denoiser.noise import from_uint8

    def in_a_row(image):
        return from_uint8(image).reshape(1, image.shape[0], -1)

    return float(
        np.mean(
            [
                psnr(in_a_row(one), in_a_row(other))[0]
                for one, other in zip(clean, restored, strict=True)
            ]
        )
    )


def model_methods(denoiser: Callable) -> dict[str, ColourMethod]:
    """Returns the two ways to use a `Denoiser` on colour: with its own estimate, and told."""
    return {
        "model": lambda noisy, sigma: denoiser(noisy),
        "model, sigma given": lambda noisy, sigma: denoiser(noisy, sigma=sigma),
    }
