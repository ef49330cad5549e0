"""What the page computes: noise and its removal, a noisy picture cleaned up, methods compared.

>>> trial = Trial.run(denoiser, view, sigma=0.1, seed=0)
>>> trial.noisy, trial.restored              # uint8 like the view
>>> trial.figures["gain_db"]
>>> clean_up(denoiser, picture, level_factor=1.5).image
>>> best = compare_methods(denoiser, view, sigma=0.1, seed=0)[0]
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from olivetti_denoiser.denoiser import MAX_LEVEL_FACTOR, Denoiser, Restored
from olivetti_denoiser.evaluate.baselines import BASELINES
from olivetti_denoiser.metrics import mse, psnr, ssim
from olivetti_denoiser.noise import from_uint8, noisy_uint8, to_uint8

MAX_SIGMA = 0.3
MAX_SEED = 2**32 - 1
MAX_CLEAN_PIXELS = 12_600_000  # a 12-megapixel photograph, 4096×3072 at most
MAX_SECONDS = 300.0
NETWORK = "Residual U-Net"

Restore = Callable[[np.ndarray], np.ndarray]  # from a uint8 H×W picture to another


@dataclass(frozen=True)
class Trial:
    """A clean picture, the same with noise, and what the network makes of it: uint8 H×W each."""

    original: np.ndarray
    noisy: np.ndarray
    restored: np.ndarray
    sigma: float
    seed: int

    @classmethod
    def run(cls, denoiser: Restore, original: np.ndarray, sigma: float, seed: int) -> Trial:
        """Adds noise, rounds to the 8 bits of a PNG, and restores those.

        Args:
            denoiser: a `Denoiser`, or any function from a uint8 H×W array to another. It is not
                told the noise level.
            original: uint8 H×W.
            sigma: noise level, 0 to 0.3.
            seed: of the noise, 0 to 2³² − 1.

        Raises:
            ValueError: sigma or seed is out of range; one sentence.
        """
        noisy = noisy_picture(original, sigma, seed)
        return cls(original, noisy, denoiser(noisy), float(sigma), int(seed))

    @property
    def figures(self) -> dict:
        """MSE, PSNR and SSIM of both against the original, and the gain in dB."""
        before, after = figures(self.original, self.noisy), figures(self.original, self.restored)
        return {
            "sigma": self.sigma,
            "seed": self.seed,
            "noisy": before,
            "reconstructed": after,
            "gain_db": round(after["psnr"] - before["psnr"], 2),
        }


def noisy_picture(original: np.ndarray, sigma: float, seed: int) -> np.ndarray:
    """Returns the 8-bit picture with noise of a level and a seed.

    Raises:
        ValueError: sigma or seed is out of range; one sentence.
    """
    sigma = _within("noise level", sigma, 0.0, MAX_SIGMA)
    if not isinstance(seed, (int, float)) or seed != seed // 1 or not 0 <= seed <= MAX_SEED:
        raise ValueError(
            f"The seed must be a whole number from 0 to {MAX_SEED}, not {_shown(seed)}."
        )
    rng = np.random.default_rng(int(seed))
    return noisy_uint8(original, sigma, rng)


def figures(clean: np.ndarray, other: np.ndarray) -> dict[str, float]:
    """Returns rounded MSE, PSNR in dB and SSIM of one 8-bit picture against the clean one."""
    clean, other = from_uint8(clean)[None], from_uint8(other)[None]
    return {
        "mse": round(float(mse(clean, other)[0]), 6),
        "psnr": round(float(psnr(clean, other)[0]), 2),
        "ssim": round(float(ssim(clean, other)[0]), 4),
    }


def clean_up(
    denoiser: Denoiser,
    image: Image.Image,
    strength: float = 1.0,
    level_factor: float = 1.0,
    progress: Callable[[int, int], None] | None = None,
) -> Restored:
    """Restores a picture that is noisy already, in its own size and colours.

    Args:
        denoiser: a `Denoiser`.
        image: any picture.
        strength: from 0 (untouched) to 1 (full).
        level_factor: from 0 to 4; the noise is removed as if it were so many times the estimate.
        progress: called with (passes done, passes in all).

    Returns:
        The restored picture, the noise level and the network, as `Denoiser.restore` gives them.

    Raises:
        ValueError: a number is out of range, or the pixels are not numbers in a known range.
        TimeoutError: it takes longer than `MAX_SECONDS`.
    """
    strength = _within("strength", strength, 0.0, 1.0)
    level_factor = _within("factor of the noise level", level_factor, 0.0, MAX_LEVEL_FACTOR)
    end = time.monotonic() + MAX_SECONDS

    def report(done, total):
        if time.monotonic() > end:
            raise TimeoutError(
                f"The picture takes longer than {MAX_SECONDS / 60:g} minutes; a smaller one works."
            )
        if progress is not None:
            progress(done, total)

    return denoiser.restore(image, strength=strength, level_factor=level_factor, progress=report)


@dataclass(frozen=True)
class MethodResult:
    """What one method makes of the noisy picture, its figures, and its time if it took any."""

    name: str
    restored: np.ndarray
    figures: dict[str, float]
    milliseconds: float | None

    @property
    def caption(self) -> str:
        """The method, its PSNR and its time in a few words."""
        took = f" · {self.took}" if self.took else ""
        return f"{self.name} · {self.figures['psnr']:.2f} dB{took}"

    @property
    def took(self) -> str:
        """The time in words, empty where nothing was done."""
        if self.milliseconds is None:
            return ""
        return f"{self.milliseconds:.1f} ms" if self.milliseconds >= 0.1 else "under 0.1 ms"

    @property
    def row(self) -> dict:
        """The method's name and figures, for a table."""
        return {"method": self.name, **self.figures, "milliseconds": self.milliseconds}


def compare_methods(
    denoiser: Restore, original: np.ndarray, sigma: float, seed: int
) -> list[MethodResult]:
    """Restores the same noisy picture with the network and with every classical method.

    The classical methods are told the noise level, the network is not. The time is the fastest
    of three runs, since the first one may have to load the method's library.

    Args:
        denoiser: from a uint8 H×W picture to another.
        original: uint8 H×W.
        sigma, seed: as for `noisy_picture`.

    Returns:
        Best PSNR first; the noisy picture itself is among them.

    Raises:
        ValueError: sigma or seed is out of range; one sentence.
    """
    noisy = noisy_picture(original, sigma, seed)
    values = from_uint8(noisy)

    def told(restore):
        return lambda: to_uint8(restore(values, float(sigma)))

    methods: dict[str, Callable[[], np.ndarray]] = {NETWORK: lambda: denoiser(noisy)}
    methods |= {name: told(restore) for name, restore in BASELINES.items()}
    results = [MethodResult("Noisy", noisy, figures(original, noisy), None)]
    for name, restore in methods.items():
        times = []
        for _ in range(3):
            started = time.perf_counter()
            restored = restore()
            times.append(1000.0 * (time.perf_counter() - started))
        results.append(
            MethodResult(name, restored, figures(original, restored), round(min(times), 2))
        )
    return sorted(results, key=lambda result: -result.figures["psnr"])


def _within(name, value, low, high):
    """The number as a float, or the one sentence for another."""
    if not isinstance(value, (int, float)) or not low <= value <= high:
        raise ValueError(
            f"The {name} must be a number from {low:g} to {high:g}, not {_shown(value)}."
        )
    return float(value)


def _shown(value):
    """A wrong value as it may stand in a sentence, however long it is."""
    return "nothing" if value is None else repr(value)[:40]
