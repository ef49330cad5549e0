"""The classical denoisers of OpenCV and scikit-image that the network is compared with.

    >>> restored = BASELINES["Non-local means"](noisy, 0.1)             # N×H×W×1 in [0, 1]
    >>> restored = COLOUR_BASELINES["Non-local means"](noisy, 0.1)      # N×H×W×3

Each is given the noise level and has one strength that depends on it. The strengths of the gray
methods have the best mean PSNR on the 80 training faces, so the comparison is with each method at
its best.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from olivetti_denoiser.noise import from_uint8, to_uint8

# From noisy pictures N×H×W×C in [0, 1] and their noise level to restored ones.
Method = Callable[[np.ndarray, float], np.ndarray]

# Strengths at these noise levels; between two levels they are interpolated, beyond the ends they
# are held.
SIGMAS = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5)
STRENGTHS = {
    # standard deviation of the filter in pixels
    "Gaussian filter": (0.5, 0.7, 1.0, 1.25, 1.5, 1.8, 2.25),
    # side of the window in pixels; always at least 3, since 1 would be no filter
    "Median filter": (3, 3, 5, 5, 7, 7, 11),
    # h of Buades, Coll and Morel 2005 as a multiple of sigma
    "Non-local means": (0.95, 0.7, 0.6, 0.5, 0.4, 0.05, 0.05),
    # weight of Chambolle 2004 as a multiple of sigma
    "Total variation": (0.55, 0.7, 0.8, 1.2, 1.15, 1.5, 1.25),
}

# h of OpenCV's method for colour, of brightness and of colour, as a multiple of sigma: the best
# mean PSNR over σ = 10, 25 and 50 of 255 on six photographs of BSDS500 that no test set here holds.
COLOUR_STRENGTH = 0.6


def gaussian_filter(noisy: np.ndarray, strength: float, sigma: float) -> np.ndarray:
    """Apply OpenCV's Gaussian filter of `strength` pixels standard deviation, edges reflected."""
    import cv2

    return cv2.GaussianBlur(noisy, (0, 0), strength, borderType=cv2.BORDER_REFLECT_101)


def median_filter(noisy: np.ndarray, strength: float, sigma: float) -> np.ndarray:
    """Apply OpenCV's median filter over a square of about `strength` pixels, an odd number."""
    import cv2

    side = 2 * round((strength - 1) / 2) + 1
    if side <= 5:
        return cv2.medianBlur(noisy, side)
    return from_uint8(cv2.medianBlur(to_uint8(noisy), side))  # larger windows take 8 bits only


def non_local_means(noisy: np.ndarray, strength: float, sigma: float) -> np.ndarray:
    """Apply scikit-image's non-local means, which seeks patches up to 6 pixels away."""
    from skimage.restoration import denoise_nl_means

    side = 5 if sigma < 0.075 else 7  # on the training faces each is 0.1 dB better on its side
    restored = denoise_nl_means(
        noisy, patch_size=side, patch_distance=6, h=strength * sigma, sigma=sigma, fast_mode=True
    )
    return restored.reshape(noisy.shape)  # scikit-image drops sides of one pixel


def total_variation(noisy: np.ndarray, strength: float, sigma: float) -> np.ndarray:
    """Apply scikit-image's total variation denoising by Chambolle's projections.

    It stops where scikit-image stops by default: further steps cost time and up to 0.2 dB.
    """
    from skimage.restoration import denoise_tv_chambolle

    return denoise_tv_chambolle(noisy, weight=strength * sigma)


def non_local_means_colour(noisy: np.ndarray, strength: float, sigma: float) -> np.ndarray:
    """Apply OpenCV's non-local means for colour (Buades, Coll and Morel 2005), on 8 bits."""
    import cv2

    h = strength * 255 * sigma
    return from_uint8(cv2.fastNlMeansDenoisingColored(to_uint8(noisy), None, h, h))


GRAY_METHODS = {
    "Gaussian filter": gaussian_filter,
    "Median filter": median_filter,
    "Non-local means": non_local_means,
    "Total variation": total_variation,
}


def _of_each(restore_one, strengths) -> Method:
    """Make a method for batches from a function of one picture, with its strengths by sigma."""

    def restore(noisy: np.ndarray, sigma: float) -> np.ndarray:
        noisy = np.ascontiguousarray(noisy, np.float32)
        if sigma == 0:
            return noisy
        pictures = noisy[..., 0] if noisy.shape[-1] == 1 else noisy
        strength = float(np.interp(sigma, SIGMAS, strengths))
        restored = [restore_one(picture, strength, sigma) for picture in pictures]
        return np.clip(np.stack(restored), 0.0, 1.0).astype(np.float32).reshape(noisy.shape)

    return restore


BASELINES: dict[str, Method] = {
    name: _of_each(restore_one, STRENGTHS[name]) for name, restore_one in GRAY_METHODS.items()
}
COLOUR_BASELINES: dict[str, Method] = {
    "Non-local means": _of_each(non_local_means_colour, [COLOUR_STRENGTH] * len(SIGMAS))
}
