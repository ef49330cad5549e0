"""Collages of pieces of faces: edges and textures that no face has, made of nothing but faces.

    >>> collage(faces.clean, np.random.default_rng(0)).shape      # (64, 64, 1)

Shapes of all sizes lie over one another, as in the dead leaves model of natural pictures (Lee,
Mumford & Huang 2001), which alone can train a denoiser for photographs (Achddou, Gousseau &
Ladjal 2021). Here each leaf shows a piece of a face in a contrast of its own. A network that sees
some collages keeps more of a photograph.
"""

from __future__ import annotations

import cv2
import numpy as np

from olivetti_denoiser.images.picture import ImageRows

ZOOM = 2  # leaves are rendered at this many times the size and shrunk, as a camera blurs an edge
LEAVES = (15, 200)  # how many lie on a collage
SMALLEST = (3, 24)  # a collage's smallest radius, drawn from this range, in pixels before shrinking
TEXTURED = 0.7  # share of the leaves whose piece of a face keeps its contrast; the rest is flat


def collage(pictures: ImageRows, rng: np.random.Generator) -> np.ndarray:
    """Render one collage of pieces of the given pictures.

    Args:
        pictures: Anything with a length whose items are H×W×1 in [0, 1], all of one size.
        rng: Generator of everything in it.

    Returns:
        float32 H×W×1 in [0, 1].
    """
    height, width = (ZOOM * side for side in pictures[0].shape[:2])
    largest = rng.uniform(0.3, 1.0) * max(height, width)
    smallest = min(np.exp(rng.uniform(*np.log(SMALLEST))), largest)
    canvas = piece(pictures, height, width, rng)
    for _ in range(int(np.exp(rng.uniform(*np.log(LEAVES))))):
        box, mask = leaf(height, width, radius(smallest, largest, rng), rng)
        shown = piece(pictures, mask.shape[0], mask.shape[1], rng)
        contrast = rng.uniform(-1.0, 1.5) if rng.random() < TEXTURED else rng.uniform(-0.2, 0.2)
        brightness = rng.random() - contrast * cv2.mean(shown, mask)[0]
        cv2.copyTo(shown * np.float32(contrast) + np.float32(brightness), mask, canvas[box])
    shrunk = cv2.resize(canvas, (width // ZOOM, height // ZOOM), interpolation=cv2.INTER_AREA)
    lit = rng.uniform(0.2, 0.8) + rng.uniform(0.25, 1.0) * (shrunk - shrunk.mean())
    return np.clip(lit, 0, 1).astype(np.float32)[..., None]


def radius(smallest: float, largest: float, rng: np.random.Generator) -> float:
    """Draw a radius by the power law −3, for which a collage looks alike at every scale."""
    share = rng.random()
    return 1 / np.sqrt(share / smallest**2 + (1 - share) / largest**2)


def leaf(
    height: int, width: int, radius: float, rng: np.random.Generator
) -> tuple[tuple[slice, slice], np.ndarray]:
    """Return an ellipse or a polygon: its box on the canvas, and a mask of the box, 255 inside."""
    centre = rng.uniform((0, 0), (width, height))
    low = np.maximum(centre - 1.3 * radius, 0).astype(int)
    high = np.minimum(centre + 1.3 * radius + 1, (width, height)).astype(int)
    mask = np.zeros((high - low)[::-1], np.uint8)
    middle = centre - low
    if rng.random() < 0.5:
        axes = (2 * radius, 2 * radius * rng.uniform(0.3, 1.0))
        cv2.ellipse(mask, (middle.tolist(), axes, rng.uniform(0, 180)), 255, cv2.FILLED)
    else:
        angles = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 7)))
        reach = radius * rng.uniform(0.6, 1.3, len(angles))
        corners = middle + reach[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        cv2.fillPoly(mask, [corners.astype(np.int32)], 255)
    return np.s_[low[1] : high[1], low[0] : high[0]], mask


def piece(pictures: ImageRows, height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """Return a random piece of a random picture, turned and flipped, float32 height×width."""
    picture = pictures[int(rng.integers(len(pictures)))][..., 0]
    if rng.random() < 0.5:
        picture = picture.T
    picture = picture[:: rng.choice((-1, 1)), :: rng.choice((-1, 1))]
    down, right = (int(rng.integers(0, side + 1)) for side in picture.shape)
    places = (_mirrored(down, height, picture.shape[0]), _mirrored(right, width, picture.shape[1]))
    return np.ascontiguousarray(picture[np.ix_(*places)], dtype=np.float32)


def _mirrored(start, count, side):
    """Return which rows of a picture are seen from `start` on, if mirror images continue it."""
    places = np.arange(start, start + count) % (2 * side)
    return np.minimum(places, 2 * side - 1 - places)
