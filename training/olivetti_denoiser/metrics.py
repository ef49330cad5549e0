"""MSE, PSNR and SSIM of restored pictures, one value a picture.

SSIM is scikit-image's with the window of Wang et al. 2004 (Gaussian, standard deviation 1.5,
population covariance), which is what the field's tables report.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

DETAIL_SIZES = (2, 4, 8, 16)  # pixels: where one kind of detail ends and the next begins
PSNR_LIMIT = 100.0  # dB, reported for identical pictures, where the true value is infinite
SSIM_WINDOW = 11  # pixels: the support of the Gaussian window


def mse(clean: np.ndarray, restored: np.ndarray) -> np.ndarray:
    """Return the mean squared error of each picture.

    Args:
        clean, restored: arrays of one shape, N×H×W or N×H×W×C, values in [0, 1].

    Returns:
        float64 array of N errors, in squared units of the range.

    Raises:
        ValueError: The shapes differ or are not those of a batch.
    """
    clean, restored = _batches(clean, restored)
    return np.square(clean - restored).reshape(len(clean), -1).mean(axis=1)


def psnr(clean: np.ndarray, restored: np.ndarray) -> np.ndarray:
    """Return the peak signal-to-noise ratio of each picture in dB, at most `PSNR_LIMIT`.

    Arguments and errors are those of `mse`.
    """
    floor = 10.0 ** (-PSNR_LIMIT / 10.0)
    return -10.0 * np.log10(np.maximum(mse(clean, restored), floor))


def ssim(clean: np.ndarray, restored: np.ndarray) -> np.ndarray:
    """Return the structural similarity of each picture, at most 1.

    Arguments and errors are those of `mse`, for gray pictures. Pictures with a side under 11
    pixels do not hold the window: their similarity is NaN.
    """
    from skimage.metrics import structural_similarity

    clean, restored = _gray(*_batches(clean, restored))
    if min(clean.shape[1:]) < SSIM_WINDOW:
        return np.full(len(clean), np.nan)
    window = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    pairs = zip(clean, restored, strict=True)
    return np.array([structural_similarity(*pair, data_range=1.0, **window) for pair in pairs])


def details(clean: np.ndarray, noisy: np.ndarray, restored: np.ndarray) -> list[dict]:
    """Return what is preserved and what is blurred, by the size of the detail.

    Pictures are taken apart by the discrete cosine transform, whose coefficient (u, v) of an N×N
    picture is a wave of 2N/√(u² + v²) pixels; a detail, bright or dark, is half a wave. The mean of
    each picture is left out. `kept` is the least-squares factor of the clean detail in the restored
    one, as in the transfer function of a lens: 1 where it comes back whole, 0 where it is gone.

    Args:
        clean, noisy, restored: Square pictures of one shape, N×H×H or N×H×H×1, in [0, 1].

    Returns:
        One row a range, coarse to fine: `at_least` and `below` (pixels; 0 and None where there is
        no such end), `kept`, and the error of `noisy` and of `restored` as shares of the detail's
        energy, `noise` and `left`.

    Raises:
        ValueError: The shapes differ or are not those of a batch.
    """
    from scipy.fft import dctn

    clean, noisy = _gray(*_batches(clean, noisy))
    clean, restored = _gray(*_batches(clean, np.reshape(restored, clean.shape)))
    side = clean.shape[1]
    clean, noisy, restored = (
        dctn(pictures, axes=(1, 2), norm="ortho") for pictures in (clean, noisy, restored)
    )
    places = np.hypot(*np.indices((side, side)))
    size = np.divide(side, places, out=np.full_like(places, np.inf), where=places > 0)
    size[0, 0] = np.nan  # the mean is no detail
    rows = []
    ends = (0, *DETAIL_SIZES, np.inf)
    for low, high in reversed(list(pairwise(ends))):
        band = (size >= low) & (size < high)
        true = clean[:, band]
        energy = np.square(true).sum()
        rows.append(
            {
                "at_least": int(low),
                "below": None if np.isinf(high) else int(high),
                "kept": float((true * restored[:, band]).sum() / energy),
                "noise": float(np.square(noisy[:, band] - true).sum() / energy),
                "left": float(np.square(restored[:, band] - true).sum() / energy),
            }
        )
    return rows


def mean_interval(values: np.ndarray) -> dict[str, float]:
    """Return the mean of some values with its 95 % Student interval.

    Args:
        values: One value a picture.

    Returns:
        `mean`, `low` and `high`; all three are the value itself where there is only one.
    """
    from scipy.stats import t

    values = np.asarray(values, np.float64)
    mean, count = float(values.mean()), len(values)
    error = float(values.std(ddof=1)) / count**0.5 if count > 1 else 0.0
    reach = error * float(t.ppf(0.975, count - 1)) if error else 0.0
    return {"mean": mean, "low": mean - reach, "high": mean + reach}


def _batches(clean, restored):
    """Return both arrays as float64."""
    clean, restored = np.asarray(clean, np.float64), np.asarray(restored, np.float64)
    if clean.shape != restored.shape or clean.ndim not in (3, 4):
        raise ValueError(
            "metrics take batches of one shape, N×H×W or N×H×W×C. "
            f"Received: clean.shape={clean.shape}, restored.shape={restored.shape}"
        )
    return clean, restored


def _gray(*batches):
    """Return batches as N×H×W."""
    if batches[0].ndim == 4 and batches[0].shape[-1] != 1:
        raise ValueError(f"this metric takes gray pictures. Received: shape={batches[0].shape}")
    return [batch.reshape(batch.shape[:3]) for batch in batches]
