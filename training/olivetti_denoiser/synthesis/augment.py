"""Augmentation of the training faces: warps, flips, shifts, CutMix, contrast and brightness.

>>> varied(faces.clean, 3, TrainingConfig(), np.random.default_rng(0)).shape   # (64, 64, 1)
"""

from __future__ import annotations

import cv2
import numpy as np

from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.images.picture import ImageRows
from olivetti_denoiser.synthesis.dead_leaves import collage

WARP_ANGLE, WARP_SCALE, WARP_SHEAR = np.deg2rad(8), 0.15, 0.08  # largest; logarithms of ratios


def varied(
    clean: ImageRows, row: int, config: TrainingConfig, rng: np.random.Generator
) -> np.ndarray:
    """Return one training picture: a face, warped, moved, mixed and lit anew; or a collage.

    Only some faces are warped: interpolation leaves a face smoother than a real one, and a network
    that learns from many of those smooths too much.

    Args:
        clean: The training pictures, each H×W×1 in [0, 1].
        row: Which picture to vary.
        config: The shares and the sizes of the changes.
        rng: Generator of the changes.

    Returns:
        float32 H×W×1 in [0, 1].
    """
    if rng.random() < config.collage:
        return collage(clean, rng)
    face = moved(clean[row], config, rng)
    if rng.random() < config.mix:
        other = moved(clean[int(rng.integers(len(clean)))], config, rng)
        face = cutmix(other, face, rng)
    contrast = 1 + rng.uniform(-config.contrast, config.contrast)
    brightness = rng.uniform(-config.brightness, config.brightness)
    return np.clip((face - 0.5) * contrast + 0.5 + brightness, 0, 1).astype(np.float32)


def moved(face: np.ndarray, config: TrainingConfig, rng: np.random.Generator) -> np.ndarray:
    """Return a picture H×W×1 warped, flipped and shifted as the settings say."""
    shift = config.shift
    if rng.random() < config.warp:
        face = warped(face, rng)
    if config.flip and rng.random() < 0.5:
        face = face[:, ::-1]
    if shift:
        down, right = rng.integers(0, 2 * shift + 1, 2)
        padded = np.pad(face, ((shift, shift), (shift, shift), (0, 0)), mode="reflect")
        face = padded[down : down + face.shape[0], right : right + face.shape[1]]
    return face


def warped(face: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Turn, scale and shear a picture a little around its middle.

    Args:
        face: H×W×1 in [0, 1].
        rng: Generator of the changes.

    Returns:
        float32 H×W×1 in [0, 1], edges reflected, resampled by the sharpest filter there is.
    """
    height, width = face.shape[:2]
    angle = rng.uniform(-WARP_ANGLE, WARP_ANGLE)
    scale = np.exp(rng.uniform(-WARP_SCALE, WARP_SCALE))
    stretch = np.exp(rng.uniform(-WARP_SHEAR, WARP_SHEAR))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shear = np.array([[1.0, rng.uniform(-WARP_SHEAR, WARP_SHEAR)], [0.0, stretch]])
    matrix = scale * turn @ shear
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    moved = cv2.warpAffine(
        np.ascontiguousarray(face[..., 0], np.float32),
        np.column_stack([matrix, middle - matrix @ middle]),
        (width, height),
        flags=cv2.INTER_LANCZOS4,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return np.clip(moved, 0, 1)[..., None]


def cutmix(other: np.ndarray, face: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Put a rectangle of another picture into a face: CutMix (Yun et al. 2019) without labels.

    The rectangle has a quarter to three quarters of each side.

    Args:
        other, face: H×W×1 of one size.
        rng: Generator of the changes.
    """
    size = [int(rng.integers(side // 4, 3 * side // 4 + 1)) for side in face.shape[:2]]
    top, left = (
        int(rng.integers(0, side - length + 1))
        for side, length in zip(face.shape[:2], size, strict=True)
    )
    rectangle = np.s_[top : top + size[0], left : left + size[1]]
    mixed = face.copy()
    mixed[rectangle] = other[rectangle]
    return mixed
