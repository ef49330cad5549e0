"""What Demo and Compare compute: noise and its removal, by one method or by several.

>>> noisy, restored, metrics = add_and_remove_noise(denoiser, view, sigma=0.1, seed=0)
>>> metrics["gain_db"]
>>> best = compare_methods(denoiser, view, sigma=0.1, seed=0)[0]
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from olivetti_denoiser.evaluate.baselines import BASELINES
from olivetti_denoiser.metrics import mse, psnr, ssim
from olivetti_denoiser.noise import from_uint8, noisy_uint8, to_uint8

MAX_SIGMA = 0.3
MAX_SEED = 2**32 - 1
NETWORK = "Residual U-Net"

Restore = Callable[[np.ndarray], np.ndarray]  # from a uint8 H×W picture to another


def add_and_remove_noise(
    restore: Restore, clean: np.ndarray, sigma: float, seed: int
) -> tuple[np.ndarray, np.ndarray, dict]:
    """Add noise, round to the 8 bits of a PNG, and restore those.

    Args:
        restore: A `Denoiser`, or any function from a uint8 H×W array to another. It is not given
            the noise level.
        clean: uint8 H×W.
        sigma: Noise level, 0 to 0.3.
        seed: Of the noise, 0 to 2³² − 1.

    Returns:
        The noisy and the restored picture; and MSE, PSNR and SSIM of both against the clean one,
        with the gain in dB.

    Raises:
        ValueError: Sigma or seed is out of range; one sentence.
    """
    noisy = noisy_picture(clean, sigma, seed)
    restored = restore(noisy)
    before, after = metrics_of(clean, noisy), metrics_of(clean, restored)
    gain = round(after["psnr"] - before["psnr"], 2)
    metrics = {"sigma": float(sigma), "seed": int(seed), "noisy": before, "reconstructed": after}
    return noisy, restored, {**metrics, "gain_db": gain}


def noisy_picture(clean: np.ndarray, sigma: float, seed: int) -> np.ndarray:
    """Return the 8-bit picture with noise of a level and a seed.

    Raises:
        ValueError: Sigma or seed is out of range; one sentence.
    """
    for name, value, kind, high in (
        ("noise level", sigma, "a number", MAX_SIGMA),
        ("seed", seed, "a whole number", MAX_SEED),
    ):
        is_number = isinstance(value, (int, float)) and 0 <= value <= high
        if not is_number or (kind == "a whole number" and value % 1):
            shown = "nothing" if value is None else repr(value)[:40]
            raise ValueError(f"The {name} must be {kind} from 0 to {high}, not {shown}.")
    return noisy_uint8(clean, sigma, np.random.default_rng(int(seed)))


def metrics_of(clean: np.ndarray, other: np.ndarray) -> dict[str, float]:
    """Return rounded MSE, PSNR in dB and SSIM of one 8-bit picture against the clean one."""
    clean, other = from_uint8(clean)[None], from_uint8(other)[None]
    return {
        "mse": round(float(mse(clean, other)[0]), 6),
        "psnr": round(float(psnr(clean, other)[0]), 2),
        "ssim": round(float(ssim(clean, other)[0]), 4),
    }


class MethodResult(NamedTuple):
    """What one method makes of the noisy picture, its metrics, and its time if it took any."""

    name: str
    restored: np.ndarray
    metrics: dict[str, float]
    milliseconds: float | None


def compare_methods(
    restore: Restore, clean: np.ndarray, sigma: float, seed: int
) -> list[MethodResult]:
    """Restore the same noisy picture with the network and with every classical method.

    The classical methods are given the noise level, the network is not. The time is the fastest
    of three runs, since the first one may have to load the method's library.

    Args:
        restore, clean, sigma, seed: As for `add_and_remove_noise`.

    Returns:
        Best PSNR first; the noisy picture itself is among them.

    Raises:
        ValueError: Sigma or seed is out of range; one sentence.
    """
    noisy = noisy_picture(clean, sigma, seed)
    values = from_uint8(noisy)[None, ..., None]
    results = [MethodResult("Noisy", noisy, metrics_of(clean, noisy), None)]
    for name in (NETWORK, *BASELINES):
        times = []
        for _ in range(3):
            started = time.perf_counter()
            if name == NETWORK:
                restored = restore(noisy)
            else:
                restored = to_uint8(BASELINES[name](values, float(sigma))[0, ..., 0])
            times.append(1000.0 * (time.perf_counter() - started))
        fastest = round(min(times), 2)
        results.append(MethodResult(name, restored, metrics_of(clean, restored), fastest))
    return sorted(results, key=lambda result: -result.metrics["psnr"])
