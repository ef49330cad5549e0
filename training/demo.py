"""What the page computes: noise on a clean picture, its restoration, and figures for both.

>>> trial = Trial.run(denoiser, view, sigma=0.1, seed=0)
>>> trial.noisy, trial.restored              # uint8 like the view
>>> trial.figures["gain_db"]
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.metrics import mse, psnr, ssim
from training.noise import add_gaussian_noise, from_uint8, to_uint8

MAX_SIGMA = 0.3
MAX_SEED = 2**32 - 1


@dataclass(frozen=True)
class Trial:
    """A clean picture, the same with noise, and what the network makes of it: uint8 H×W each."""

    original: np.ndarray
    noisy: np.ndarray
    restored: np.ndarray
    sigma: float
    seed: int

    @classmethod
    def run(cls, denoiser, original: np.ndarray, sigma: float, seed: int) -> Trial:
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
    if not isinstance(sigma, (int, float)) or not 0.0 <= sigma <= MAX_SIGMA:
        raise ValueError(f"The noise level must be a number from 0 to {MAX_SIGMA}, not {sigma!r}.")
    if not isinstance(seed, (int, float)) or seed != seed // 1 or not 0 <= seed <= MAX_SEED:
        raise ValueError(f"The seed must be a whole number from 0 to {MAX_SEED}, not {seed!r}.")
    rng = np.random.default_rng(int(seed))
    return to_uint8(add_gaussian_noise(from_uint8(original), float(sigma), rng))


def figures(clean: np.ndarray, other: np.ndarray) -> dict[str, float]:
    """Returns rounded MSE, PSNR in dB and SSIM of one 8-bit picture against the clean one."""
    clean, other = from_uint8(clean)[None], from_uint8(other)[None]
    return {
        "mse": round(float(mse(clean, other)[0]), 6),
        "psnr": round(float(psnr(clean, other)[0]), 2),
        "ssim": round(float(ssim(clean, other)[0]), 4),
    }


def gain_in_words(figures: dict) -> str:
    """Says in a sentence for everybody what the network did to the noise.

    A gain of g dB divides the mean squared error by 10^(g/10).
    """
    gain = figures["gain_db"]
    if figures["noisy"]["mse"] == 0.0:
        return "There was no noise to remove; the difference that you see is the network's own."
    times = 10.0 ** (abs(gain) / 10.0)
    share = 100.0 * (1.0 - 1.0 / times)
    if gain >= 0.05:
        return (
            f"{gain:+.1f} dB: {share:.0f} % of the error that the noise made is gone; "
            f"what is left is {times:.1f} times smaller."
        )
    if gain <= -0.05:
        return (
            f"{gain:+.1f} dB: the restored picture is further from the original than the noisy "
            f"one, its error {times:.1f} times larger."
        )
    return "0.0 dB: the restored picture is as far from the original as the noisy one."
