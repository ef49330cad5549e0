"""Measure a denoiser on colour photographs with white noise, and on real noisy pictures.

    denoiser evaluate model_card/colour --pictures CBSD68 --crop 256 --every 4
    denoiser evaluate model_card/colour --pairs PolyU --peers peers
    >>> figures = evaluate_colour(denoiser, [standing_set()])
    >>> figures["colour"]["scikit-image"]["psnr"]["methods"]["model"]["25"]   # dB at σ = 25/255

Every figure is computed from 8-bit pictures, over all three planes, restored pictures rounded to 8
bits, averaged over pictures in decibels.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from olivetti_denoiser.data.colour_images import ColourSet, Pairs, noisy_versions
from olivetti_denoiser.denoiser import Denoiser
from olivetti_denoiser.evaluate.baselines import non_local_means_colour
from olivetti_denoiser.evaluate.published import CLIPPED
from olivetti_denoiser.metrics import psnr
from olivetti_denoiser.noise import from_uint8, to_uint8
from olivetti_denoiser.release import MODEL, NOISY, ColourSetMetrics, Kind, Methods, PairsMetrics

COLOUR_SIGMAS = (0.0, 10 / 255, 25 / 255, 50 / 255)
# Nobody knows the level of a real picture: methods that have to be told one are told each of these.
PAIR_SIGMAS = (5 / 255, 10 / 255, 15 / 255)
# CBM3D takes half a minute a picture of 512×512, and a camera's weak noise is hardly clipped.
NOT_ON_PAIRS = ("CBM3D", CLIPPED)

ColourMethod = Callable[[np.ndarray, float], np.ndarray]


def evaluate_colour(
    denoiser: Denoiser,
    pictures: Sequence[ColourSet] = (),
    pairs: Sequence[Pairs] = (),
    *,
    published: Mapping[str, ColourMethod] | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Measures a denoiser in colour, and OpenCV's non-local means beside it.

    Args:
        denoiser: the model; its gray network restores each channel as a gray picture.
        pictures: sets of clean photographs.
        pairs: sets of real noisy pictures with clean ones.
        published: published denoisers by name, `(N×H×W×3, sigma) -> N×H×W×3`.
        say: receives lines of progress.

    Returns:
        `colour` and `pairs` of `release.Metrics`.
    """
    told = {"Non-local means": non_local_means_colour, **(published or {})}
    model = {MODEL: lambda noisy, sigma: denoiser(noisy)}
    variants = {"sigma given": lambda noisy, sigma: denoiser(noisy, sigma=sigma)}
    methods = model | {name: one_picture(restore) for name, restore in told.items()}
    untold = model | {
        f"{name} (σ = {255 * level:g}/255)": _told(one_picture(restore), level)
        for name, restore in told.items()
        if name not in NOT_ON_PAIRS
        for level in PAIR_SIGMAS
    }
    sets = {one.name: measure_colour(methods, variants, one, say=say) for one in pictures}
    return {
        "colour": sets,
        "pairs": {one.name: measure_pairs(untold, one, say) for one in pairs},
    }


def measure_colour(
    methods: Mapping[str, ColourMethod],
    variants: Mapping[str, ColourMethod],
    pictures: ColourSet,
    sigmas: Sequence[float] = COLOUR_SIGMAS,
    say: Callable[[str], None] = lambda line: None,
) -> ColourSetMetrics:
    """Measures methods on photographs with white noise.

    Args:
        methods: name → function of a uint8 H×W×3 picture and the noise's level, a fraction of the
            range, to the restored uint8 picture.
        variants: other ways to call the model, likewise.
        pictures: the clean photographs.
        sigmas: levels of the noise.
        say: receives a line of progress for each level.

    Returns:
        The set's figures.
    """
    found: Methods[dict[str, float]] = {
        "methods": {NOISY: {}, **{name: {} for name in methods}},
        "variants": {name: {} for name in variants},
    }
    seconds: Methods[float] = {
        "methods": dict.fromkeys(methods, 0.0),
        "variants": dict.fromkeys(variants, 0.0),
    }
    groups: dict[Kind, Mapping[str, ColourMethod]] = {"methods": methods, "variants": variants}
    megapixels = sum(image[..., 0].size for image in pictures.images) * len(sigmas) / 1e6
    for sigma in sigmas:
        level = f"{255 * sigma:g}"
        say(f"Measuring {pictures.name} ({len(pictures.images)}) at σ = {level}/255")
        noisy = noisy_versions(pictures.images, sigma)
        found["methods"][NOISY][level] = mean_psnr(pictures.images, noisy)
        for kind, group in groups.items():
            for name, restore in group.items():
                started = time.perf_counter()
                restored = [restore(image, sigma) for image in noisy]
                seconds[kind][name] += (time.perf_counter() - started) / megapixels
                found[kind][name][level] = mean_psnr(pictures.images, restored)
    return {
        "count": len(pictures.images),
        "crop": pictures.crop,
        "checksum": pictures.checksum,
        "psnr": found,
        "seconds": seconds,
    }


def measure_pairs(
    methods: Mapping[str, ColourMethod],
    pairs: Pairs,
    say: Callable[[str], None] = lambda line: None,
) -> PairsMetrics:
    """Measures methods on real noisy pictures, whose level nobody knows.

    Args:
        methods: as for `measure_colour`; they are told a level of 0, which none may use.
        pairs: noisy pictures and the clean ones.
        say: receives a line of progress for each method.

    Returns:
        The set's figures.
    """
    scores = {NOISY: mean_psnr(pairs.clean, pairs.noisy)}
    for name, restore in methods.items():
        say(f"Measuring {pairs.name} ({len(pairs.noisy)} pairs): {name}")
        restored = [restore(image, 0.0) for image in pairs.noisy]
        scores[name] = mean_psnr(pairs.clean, restored)
    return {
        "count": len(pairs.noisy),
        "crop": pairs.crop,
        "psnr": {"methods": scores, "variants": {}},
    }


def mean_psnr(clean: Sequence[np.ndarray], restored: Sequence[np.ndarray]) -> float:
    """Returns the mean PSNR in dB of uint8 H×W×3 pictures, at most `metrics.PSNR_LIMIT` each.

    Args:
        clean, restored: pictures of one size, one by one.
    """

    def in_a_row(image):
        return from_uint8(image).reshape(1, image.shape[0], -1)

    both = zip(clean, restored, strict=True)
    return float(np.mean([psnr(in_a_row(one), in_a_row(other))[0] for one, other in both]))


def one_picture(restore: ColourMethod) -> ColourMethod:
    """Turns a method for float batches into one for a uint8 H×W×3 picture."""
    return lambda noisy, sigma: to_uint8(restore(from_uint8(noisy)[None], sigma)[0])


def _told(restore, level):
    """A method that is told this level whatever the level is."""
    return lambda noisy, sigma: restore(noisy, level)
