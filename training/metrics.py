"""MSE, PSNR and SSIM of restored pictures, one figure a picture.

PSNR and SSIM come from scikit-image. SSIM is the one of Wang et al. 2004 (Gaussian window,
standard deviation 1.5, population covariance), which is what the field's tables report.
"""

from __future__ import annotations

import numpy as np

PSNR_LIMIT = 100.0  # dB, reported for identical pictures, where the true value is infinite
SSIM_WINDOW = 11  # pixels: the support of the Gaussian window


def mse(clean: np.ndarray, restored: np.ndarray) -> np.ndarray:
    """Returns the mean squared error of each picture.

    Args:
        clean, restored: arrays of one shape, N×H×W or N×H×W×1, values in [0, 1].

    Returns:
        float64 array of N errors, in squared units of the range.

    Raises:
        ValueError: the shapes differ or are not those of a batch.
    """
    clean, restored = _batches(clean, restored)
    return np.square(clean - restored).mean(axis=(1, 2))


def psnr(clean: np.ndarray, restored: np.ndarray) -> np.ndarray:
    """Returns the peak signal-to-noise ratio of each picture in dB, at most `PSNR_LIMIT`.

    Arguments and errors are those of `mse`.
    """
    floor = 10.0 ** (-PSNR_LIMIT / 10.0)
    return -10.0 * np.log10(np.maximum(mse(clean, restored), floor))


def ssim(clean: np.ndarray, restored: np.ndarray) -> np.ndarray:
    """Returns the structural similarity of each picture, at most 1.

    Arguments and errors are those of `mse`. Pictures with a side under 11 pixels do not hold
    the window: their similarity is NaN.
    """
    clean, restored = _batches(clean, restored)
    if min(clean.shape[1:]) < SSIM_WINDOW:
        return np.full(len(clean), np.nan)
    from skimage.metrics import structural_similarity

    return np.array(
        [
            structural_similarity(
                one,
                other,
                data_range=1.0,
                gaussian_weights=True,
                sigma=1.5,
                use_sample_covariance=False,
            )
            for one, other in zip(clean, restored, strict=True)
        ]
    )


def mean_interval(values: np.ndarray) -> dict[str, float]:
    """Returns the mean of some figures with its 95 % Student interval.

    Args:
        values: one figure a picture.

    Returns:
        `mean`, `low` and `high`; all three are the figure itself where there is only one.
    """
    from scipy.stats import t

    values = np.asarray(values, np.float64)
    mean = float(values.mean())
    if len(values) < 2:
        return {"mean": mean, "low": mean, "high": mean}
    half = float(t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
    return {"mean": mean, "low": mean - half, "high": mean + half}


def _batches(clean, restored):
    """Returns both arrays as float64 N×H×W."""
    clean, restored = np.asarray(clean, np.float64), np.asarray(restored, np.float64)
    if clean.shape != restored.shape:
        raise ValueError(
            "clean and restored must have one shape. "
            f"Received: clean.shape={clean.shape}, restored.shape={restored.shape}"
        )
    if clean.ndim == 4 and clean.shape[-1] == 1:
        clean, restored = clean[..., 0], restored[..., 0]
    if clean.ndim != 3:
        raise ValueError(f"metrics take batches, N×H×W or N×H×W×1. Received: shape={clean.shape}")
    return clean, restored
