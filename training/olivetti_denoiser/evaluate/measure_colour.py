"""Measure a denoiser beside other methods in colour: on photographs and real noisy pictures.

    denoiser evaluate model_card/colour --pictures CBSD68 --crop 256 --every 4
    denoiser evaluate model_card/colour --pairs PolyU --peers peers
    >>> metrics = evaluate_colour(denoiser, [standing_set()])
    >>> metrics["colour"]["scikit-image"]["psnr"]["methods"]["model"]["25"]   # dB at σ = 25/255

Restored pictures are rounded to 8 bits, PSNR is over all three channels, and everything is averaged
over pictures.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np

from olivetti_denoiser.data.test_sets import Pictures, PictureSet, noisy_versions
from olivetti_denoiser.denoiser import Denoiser
from olivetti_denoiser.evaluate.baselines import COLOUR_BASELINES, Method
from olivetti_denoiser.evaluate.measure import model_methods, of_each, with_more
from olivetti_denoiser.evaluate.published import CLIPPED
from olivetti_denoiser.metrics import psnr
from olivetti_denoiser.noise import from_uint8, to_uint8
from olivetti_denoiser.release import NOISY, Methods

COLOUR_SIGMAS = (0.0, 10 / 255, 25 / 255, 50 / 255)
# Nobody knows the sigma of a real picture: methods that need it are given each of these.
PAIR_SIGMAS = (5 / 255, 10 / 255, 15 / 255)
# CBM3D takes half a minute a picture of 512×512, and a camera's weak noise is hardly clipped.
NOT_ON_PAIRS = ("CBM3D", CLIPPED)


def evaluate_colour(
    denoiser: Denoiser,
    sets: Iterable[PictureSet],
    *,
    published: Mapping[str, Method] | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Measure a denoiser in colour, and OpenCV's non-local means beside it.

    Args:
        denoiser: The model; its gray network restores each channel as a gray picture.
        sets: Clean photographs, to which white noise is added, and real noisy pictures with clean
            ones.
        published: Published denoisers by name, `(N×H×W×3, sigma) -> N×H×W×3`.
        report: Receives a line of progress for each set.

    Returns:
        `colour` and `pairs` of `release.Metrics`.
    """
    model, given = model_methods(denoiser), {**COLOUR_BASELINES, **(published or {})}
    blind = {
        f"{name} (σ = {255 * sigma:g}/255)": lambda noisy, _, m=method, s=sigma: m(noisy, s)
        for name, method in given.items()
        if name not in NOT_ON_PAIRS
        for sigma in PAIR_SIGMAS
    }
    blind_methods: Methods[Method] = {"methods": model["methods"] | blind, "variants": {}}
    metrics: dict[str, Any] = {"colour": {}, "pairs": {}}
    for pictures in sets:
        report(f"Measuring {pictures.name} ({len(pictures.clean)} pictures)")
        found: dict[str, Any] = {"count": len(pictures.clean), "crop": pictures.crop}
        if pictures.noisy is None:
            results = of_each(with_more(model, given), partial(_white_noise, pictures=pictures))
            found["checksum"] = pictures.checksum
            found["psnr"] = of_each(results, lambda result: result[0])
            found["seconds"] = of_each(results, lambda result: result[1])
            del found["seconds"]["methods"][NOISY]
            metrics["colour"][pictures.name] = found
        else:
            found["psnr"] = of_each(blind_methods, partial(_real_noise, pictures=pictures))
            metrics["pairs"][pictures.name] = found
    return metrics


def mean_psnr(clean: Pictures, restored: Pictures) -> float:
    """Return the mean PSNR in dB of uint8 H×W×3 pictures, at most `metrics.PSNR_LIMIT` each."""
    both = zip(clean, restored, strict=True)
    return float(np.mean([psnr(from_uint8(a)[None], from_uint8(b)[None])[0] for a, b in both]))


def in_8_bits(restore: Method, noisy: Pictures, sigma: float) -> list[np.ndarray]:
    """Return uint8 H×W×3 pictures, of any sizes, restored one by one."""
    return [to_uint8(restore(from_uint8(image)[None], sigma)[0]) for image in noisy]


def _real_noise(restore: Method, pictures: PictureSet) -> float:
    """Return the PSNR on real pictures, whose sigma nobody knows."""
    return mean_psnr(pictures.clean, in_8_bits(restore, pictures.noisy, 0.0))


def _white_noise(restore: Method, pictures: PictureSet) -> tuple[dict[str, float], float]:
    """Return PSNR by sigma in 255ths of the range, and seconds a megapixel."""
    found, seconds = {}, 0.0
    for sigma in COLOUR_SIGMAS:
        noisy = noisy_versions(pictures.clean, sigma)
        started = time.perf_counter()
        restored = in_8_bits(restore, noisy, sigma)
        seconds += time.perf_counter() - started
        found[f"{255 * sigma:g}"] = mean_psnr(pictures.clean, restored)
    pixels = sum(image[..., 0].size for image in pictures.clean)
    return found, seconds / (len(COLOUR_SIGMAS) * pixels / 1e6)
