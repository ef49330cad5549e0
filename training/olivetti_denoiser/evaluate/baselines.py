"""The classical denoisers of OpenCV and scikit-image that the network is compared with.

    >>> restored = BASELINES["Non-local means"](noisy, 0.1)      # one gray H×W picture
    >>> restored = restore_all(BASELINES["Total variation"], noisy_batch, 0.1)

Each knows the noise level and has one strength that depends on it, chosen for the best mean PSNR
on the 80 training faces, so the comparison is with each method at its best. To redo the choice:

    python -m olivetti_denoiser.evaluate.baselines          # two minutes
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from olivetti_denoiser.noise import from_uint8, noisy_uint8, to_uint8

Restore = Callable[[np.ndarray, float], np.ndarray]

# Strengths at these noise levels, chosen by `python -m olivetti_denoiser.evaluate.baselines`;
# between two levels they are interpolated, beyond the ends they are held.
LEVELS = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5)
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

# What the choice is made from.
CANDIDATES = {
    "Gaussian filter": tuple(step / 20 for step in range(5, 51)),
    "Median filter": (3, 5, 7, 9, 11),
    "Non-local means": tuple(step / 20 for step in range(1, 23)),
    "Total variation": tuple(step / 20 for step in range(6, 37)),
}


def gaussian_filter(noisy: np.ndarray, strength: float, sigma: float) -> np.ndarray:
    """OpenCV's Gaussian filter of `strength` pixels standard deviation, reflected edges."""
    import cv2

    return cv2.GaussianBlur(noisy, (0, 0), strength, borderType=cv2.BORDER_REFLECT_101)


def median_filter(noisy: np.ndarray, strength: float, sigma: float) -> np.ndarray:
    """OpenCV's median over a square of about `strength` pixels, an odd number."""
    import cv2

    side = 2 * round((strength - 1) / 2) + 1
    if side <= 5:
        return cv2.medianBlur(noisy, side)
    return from_uint8(cv2.medianBlur(to_uint8(noisy), side))  # larger windows take 8 bits only


def non_local_means(noisy: np.ndarray, strength: float, sigma: float) -> np.ndarray:
    """scikit-image's non-local means, patches sought up to 6 pixels away."""
    from skimage.restoration import denoise_nl_means

    side = 5 if sigma < 0.075 else 7  # on the training faces each is 0.1 dB better on its side
    restored = denoise_nl_means(
        noisy, patch_size=side, patch_distance=6, h=strength * sigma, sigma=sigma, fast_mode=True
    )
    return restored.reshape(noisy.shape)  # scikit-image drops sides of one pixel


def total_variation(noisy: np.ndarray, strength: float, sigma: float) -> np.ndarray:
    """scikit-image's total variation denoising by Chambolle's projections.

    It stops where scikit-image stops by default: going on costs time and up to 0.2 dB.
    """
    from skimage.restoration import denoise_tv_chambolle

    return denoise_tv_chambolle(noisy, weight=strength * sigma)


_METHODS = {
    "Gaussian filter": gaussian_filter,
    "Median filter": median_filter,
    "Non-local means": non_local_means,
    "Total variation": total_variation,
}


def strength_at(name: str, sigma: float) -> float:
    """Returns the strength of the named method at a noise level, in the method's own unit."""
    return float(np.interp(sigma, LEVELS, STRENGTHS[name]))


def _baseline(name: str) -> Restore:
    def restore(noisy: np.ndarray, sigma: float) -> np.ndarray:
        return _apply(name, noisy, sigma, strength_at(name, sigma))

    restore.__name__ = _METHODS[name].__name__
    restore.__doc__ = f"""{name} at its best strength for the noise level.

    Args:
        noisy: float array H×W in [0, 1], of any size from 1×1 on.
        sigma: noise level as a fraction of the range; at 0 the picture comes back as it is.

    Returns:
        float32 array H×W in [0, 1].

    Raises:
        ValueError: `noisy` is not one gray picture, or sigma is negative or not finite.
    """
    return restore


def non_local_means_colour(noisy: np.ndarray, sigma: float) -> np.ndarray:
    """OpenCV's non-local means for colour (Buades, Coll and Morel 2005), which takes 8 bits.

    Args:
        noisy: N×H×W×3 in [0, 1].
        sigma: noise level as a fraction of the range; at 0 the pictures come back as they are.

    Returns:
        float32 pictures in [0, 1], shaped like `noisy`.

    Raises:
        ValueError: `noisy` is no batch of colour pictures.
    """
    import cv2

    noisy = np.asarray(noisy, np.float32)
    if noisy.ndim != 4 or noisy.shape[-1] != 3:
        raise ValueError(
            f"this method takes colour pictures, N×H×W×3. Received: shape={noisy.shape}"
        )
    if sigma == 0:
        return np.clip(noisy, 0.0, 1.0)
    strength = COLOUR_STRENGTH * 255 * float(sigma)
    return np.stack(
        [
            from_uint8(cv2.fastNlMeansDenoisingColored(to_uint8(one), None, strength, strength))
            for one in noisy
        ]
    )


BASELINES: dict[str, Restore] = {name: _baseline(name) for name in _METHODS}


def restore_all(restore: Restore, noisy: np.ndarray, sigma: float) -> np.ndarray:
    """Restores a batch picture by picture.

    Args:
        restore: one of `BASELINES`.
        noisy: float array N×H×W or N×H×W×1 in [0, 1].
        sigma: noise level of them all, as a fraction of the range.

    Returns:
        float32 array shaped like `noisy`.
    """
    pictures = noisy[..., 0] if noisy.ndim == 4 else noisy
    return np.stack([restore(picture, sigma) for picture in pictures]).reshape(noisy.shape)


def choose_strengths(
    clean: np.ndarray,
    levels: Sequence[float] = LEVELS,
    candidates: dict | None = None,
    seed: int = 0,
) -> dict[str, list[dict[float, float]]]:
    """Scores every candidate strength of every method at every level.

    Args:
        clean: training faces, float N×H×W×1 in [0, 1].
        levels: noise levels to choose at; each is drawn anew, clipped and rounded to 8 bits.
        candidates: {method: strengths}; `CANDIDATES` when None.
        seed: seed of the noise.

    Returns:
        {method: one dict a level from strength to mean PSNR in dB}. The best strength is the
        one with the largest value.
    """
    from olivetti_denoiser.metrics import psnr

    pictures = clean[..., 0]
    scores: dict[str, list[dict[float, float]]] = {}
    for name, strengths in (candidates or CANDIDATES).items():
        scores[name] = []
        for level in levels:
            rng = np.random.default_rng((seed, round(level * 1000)))
            noisy = from_uint8(noisy_uint8(pictures, level, rng))
            restored = {
                strength: np.stack([_apply(name, one, level, strength) for one in noisy])
                for strength in strengths
            }
            scores[name].append(
                {strength: float(psnr(pictures, r).mean()) for strength, r in restored.items()}
            )
    return scores


def _apply(name, noisy, sigma, strength):
    noisy = np.ascontiguousarray(noisy, np.float32)
    if noisy.ndim != 2 or noisy.size == 0:
        raise ValueError(f"a baseline takes one gray picture, H×W. Received: shape={noisy.shape}")
    if not np.isfinite(sigma) or sigma < 0:
        raise ValueError(f"sigma must be a finite number of at least 0. Received: sigma={sigma}")
    if sigma == 0:
        return np.clip(noisy, 0.0, 1.0)
    restored = _METHODS[name](noisy, strength, float(sigma))
    return np.clip(restored, 0.0, 1.0).astype(np.float32, copy=False)


def main() -> None:
    """Prints the choice on the 80 training faces, and the constants that follow from it."""
    from olivetti_denoiser.data.faces import as_arrays, reference_split
    from olivetti_denoiser.errors import FacesUnavailableError

    try:
        faces = as_arrays(reference_split()["train"])
    except FacesUnavailableError as error:
        raise SystemExit(str(error)) from None
    scores = choose_strengths(faces.clean)
    chosen: dict[str, list[float]] = {}
    for name, per_level in scores.items():
        print(f"{name}: mean PSNR in dB on the training faces")
        for level, figures in zip(LEVELS, per_level, strict=True):
            best = max(figures, key=figures.get)
            chosen.setdefault(name, []).append(best)
            nearby = sorted(figures, key=figures.get, reverse=True)[:5]
            row = "  ".join(f"{strength:g}: {figures[strength]:.3f}" for strength in sorted(nearby))
            print(f"  sigma {level:<5g} best {best:<5g} of  {row}")
    print("\nSTRENGTHS = {")
    for name, strengths in chosen.items():
        stands = "as it stands" if tuple(strengths) == STRENGTHS[name] else "CHANGED"
        print(f'    "{name}": {tuple(strengths)},  # {stands}')
    print("}")


if __name__ == "__main__":
    main()
