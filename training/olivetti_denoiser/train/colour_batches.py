"""Training batches in colour: patches of synthetic pictures, with white noise or camera noise.

    >>> inputs, targets, weights = ColourBatches(learned.clean, config)[0]
    >>> inputs["noisy"].shape                    # (4, 64, 64, 3)

As in `batches.NoisyFaces`, a batch is a function of (seed, step) alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.inference.transparent_pixels import fill_transparent
from olivetti_denoiser.noise import from_uint8, noisy_uint8, to_uint8
from olivetti_denoiser.synthesis.camera_noise import camera_noise, patterned_noise
from olivetti_denoiser.train.batches import Example, StepBatches

SIDE = 64  # pixels of a patch
CONTEXT = 8  # pixels around it, cut away after the camera, whose steps look at neighbours
SIGMA_POWER = 1.5  # an even draw to this power, times the largest sigma: more weak noise
WEAK = 0.1  # share of white noise that is weak: smooth and drawn pictures show it
WEAK_SIGMA = (0.002, 0.02)  # drawn evenly in its logarithm
SIGMA_OFFSET = 0.02  # the loss is divided by sigma and this, so that weak noise counts
CAMERA = {"gaussian": 0.0, "camera": 1.0, "both": 0.35}  # share of patches with a camera's noise
PATTERNED = 0.5  # share of a camera's pictures that get blotches instead of the whole camera
PATTERNED_SIGMA = (0.004, 0.06)  # drawn evenly in its logarithm
PARTLY = 0.15  # share of patches of which a part has no noise: bars, cut-outs, captions
GIVEN_SPREAD = 0.25  # standard deviation, in its logarithm, of the sigma given for camera noise


class ColourBatches(StepBatches):
    """Batches of colour patches with fresh noise, from pictures with sides of at least 80."""

    def example(self, rows: list[int], rng: np.random.Generator) -> Example:
        """Return a batch of patches of these pictures."""
        patches = [varied(cut(self.clean[row], rng), rng) for row in rows]
        examples = [noisy_patch(patch, self.config, rng) for patch in patches]
        return example_batch(
            [
                partly_noisy(*example, rng) if rng.random() < PARTLY else example
                for example in examples
            ]
        )


def cut(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a patch with its context from anywhere in a picture, turned and flipped."""
    side = SIDE + 2 * CONTEXT
    top, left = (int(rng.integers(0, length - side + 1)) for length in picture.shape[:2])
    patch = picture[top : top + side, left : left + side]
    if rng.random() < 0.5:
        patch = patch.transpose(1, 0, 2)
    return patch[:: rng.choice((-1, 1)), :: rng.choice((-1, 1))]


def varied(patch: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Change a patch's colours, contrast, brightness and sharpness.

    Args:
        patch: H×W×3 in [0, 1].
        rng: Generator of everything drawn.

    Returns:
        float32 H×W×3 in [0, 1].
    """
    patch = patch[..., rng.permutation(3)]
    gray = patch.mean(axis=2, keepdims=True)
    patch = gray + (patch - gray) * np.float32(
        rng.choice((0.0, 0.5, 1.0, 1.4), p=(0.1, 0.3, 0.5, 0.1))
    )
    if rng.random() < 0.25:
        patch = cv2.GaussianBlur(patch, (0, 0), np.exp(rng.uniform(np.log(0.4), np.log(2.0))))
    contrast, brightness = rng.uniform(0.5, 1.3), rng.uniform(-0.15, 0.15)
    patch = np.clip((patch - 0.5) * contrast + 0.5 + brightness, 0, 1)
    return np.power(patch, np.exp(rng.normal(0, 0.25))).astype(np.float32)


def noisy_patch(
    patch: np.ndarray, config: TrainingConfig, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Add noise to a patch with its context, and cut the context away.

    Args:
        patch: float32 H×W×3 in [0, 1], sides of at least 80.
        config: Its `noise`, `sigma` and `sigma_max`.
        rng: Generator of everything drawn.

    Returns:
        The target and the noisy patch, both float32 64×64×3, the noisy one with 8-bit values; the
        sigma of the noise; and the sigma to give the network. For camera noise the given sigma is
        drawn around the true one, as an estimate is never exact.
    """
    if rng.random() >= CAMERA[config.noise]:
        sigma = white_sigma(config, rng)
        clean = middle(patch)
        noisy = from_uint8(noisy_uint8(clean, sigma, rng))
        return clean, noisy, sigma, sigma
    if rng.random() < PATTERNED:
        clean, noisy = patterned_noise(patch, np.exp(rng.uniform(*np.log(PATTERNED_SIGMA))), rng)
    else:
        clean, noisy = camera_noise(patch, rng)
        if min(clean.shape[:2]) < SIDE:  # a camera that scales
            short = SIDE - min(clean.shape[:2])
            around = ((0, short), (0, short), (0, 0))
            clean, noisy = (np.pad(image, around, mode="reflect") for image in (clean, noisy))
    clean, noisy = middle(clean), middle(noisy)
    sigma = float(np.sqrt(np.square(noisy - clean).mean()))
    return clean, noisy, sigma, sigma * float(np.exp(rng.normal(0, GIVEN_SPREAD)))


def white_sigma(config: TrainingConfig, rng: np.random.Generator) -> float:
    """Draw a sigma of white noise, from 0 to `config.sigma_max`."""
    if rng.random() < config.sigma_share:
        return config.sigma
    if rng.random() < WEAK:
        return min(float(np.exp(rng.uniform(*np.log(WEAK_SIGMA)))), config.sigma_max)
    return config.sigma_max * rng.random() ** SIGMA_POWER


def partly_noisy(
    clean: np.ndarray, noisy: np.ndarray, sigma: float, given: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Remove the noise from a part of a patch, as bars, cut-outs and captions have none.

    Sigma stays that of the noisy rest. A network that has never seen a part without noise beside
    a noisy one may fail around such parts.

    Args:
        clean, noisy, sigma, given: Of `noisy_patch`.
        rng: Generator of the part and of its content: one colour, black or white mostly; the
            colours that `transparent_pixels.fill_transparent` puts there; or the picture.

    Returns:
        The four arguments, with a part that is equal in the target and in the noisy patch.
    """
    free = part(rng)[..., None]
    kind = rng.choice(3, p=(0.5, 0.25, 0.25))
    if kind == 0:
        shown = rng.random(3) if rng.random() < 0.3 else np.full(3, rng.integers(2))
    elif kind == 1:
        filled = fill_transparent(np.moveaxis(noisy, -1, 0), ~free[..., 0])
        shown = np.moveaxis(filled, 0, -1)
    else:
        shown = clean
    shown = from_uint8(to_uint8(np.broadcast_to(shown, clean.shape)))
    return np.where(free, shown, clean), np.where(free, shown, noisy), sigma, given


def part(rng: np.random.Generator) -> np.ndarray:
    """Draw a bar, a rectangle, or the area around one: bool 64×64, neither all nor none of it."""
    spans = []
    for _ in range(2):
        length = int(rng.integers(SIDE // 8, SIDE))
        start = int(rng.integers(0, SIDE - length + 1))
        spans.append(slice(start, start + length))
    if rng.random() < 0.5:
        spans[rng.integers(2)] = slice(None)
    inside = np.zeros((SIDE, SIDE), bool)
    inside[tuple(spans)] = True
    return inside ^ (rng.random() < 0.5)


def middle(image: np.ndarray) -> np.ndarray:
    """Return the 64×64 pixels in the middle."""
    top, left = ((length - SIDE) // 2 for length in image.shape[:2])
    return image[top : top + SIDE, left : left + SIDE]


def example_batch(examples: Sequence[tuple]) -> tuple[dict, dict, dict]:
    """Make a batch of `noisy_patch` results: inputs, targets and sample weights for `fit`."""
    clean, noisy, sigma, given = (
        np.array(column, np.float32) for column in zip(*examples, strict=True)
    )
    inputs = {"noisy": noisy, "sigma": given.reshape(-1, 1, 1, 1)}
    targets = {"restored": clean, "estimate": sigma.reshape(-1, 1, 1, 1)}
    weight = (1.0 / (sigma + SIGMA_OFFSET)).reshape(-1, 1, 1)
    return inputs, targets, {"restored": weight, "estimate": np.ones_like(weight)}
