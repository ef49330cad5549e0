"""Coloured pictures made of gray faces: dead leaves with colours and textures of their own.

    >>> leaves(faces.clean, np.random.default_rng(0)).shape               # (128, 128, 3)

As in `dead_leaves.collage`, shapes of all sizes lie over one another (Lee, Mumford & Huang 2001).
A leaf shows a piece of a face, at a scale of its own, or a texture: stripes, a grain with
the power spectrum of natural pictures, or letters; few things are quite smooth, so a weak
grain lies over many. Two colours of the picture's palette take the place of dark and bright, and
light falls off across it, as Achddou, Gousseau & Ladjal (2021) draw leaves to train denoisers for
photographs. Some leaves run from one colour to another. A few pictures are like charts, screens
and neon instead: plain leaves and smooth ramps in vivid colours, without which a network may fail
on them. No photograph is involved.
"""

from __future__ import annotations

import cv2
import numpy as np

from olivetti_denoiser.images.picture import ImageRows
from olivetti_denoiser.synthesis.dead_leaves import SMALLEST, ZOOM, leaf, piece, radius

SIDE = 128  # pixels of a picture; training cuts its patches out of it
LEAVES = (8, 250)  # how many lie on a picture
SHARES = (0.45, 0.05, 0.1, 0.3, 0.1)  # of leaves with faces, nothing, stripes, grain, letters
ROUGH = 0.4  # share of the leaves with a weak grain over their texture
ROUGHNESS = (0.004, 0.08)  # standard deviation of that grain, drawn evenly in its logarithm
GRAINS = 3  # grains of a picture, of which the weak grains are cut out
GRAIN_SIGMA = 0.2  # standard deviation of a leaf's grain before it gets its contrast
RAMPS = 0.12  # share of the leaves that run from one colour to another, half of them smoothly
GRAPHICS = 0.15  # share of the pictures that are like charts and screens, in vivid colours
GRAPHICS_RAMPS = 0.5  # of the leaves of such a picture
GRAPHICS_PLAIN = 0.6  # of the leaves of such a picture, which have no texture
PALETTE = 5  # colours of one picture
ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789&%?!"


def leaves(
    pictures: ImageRows,
    rng: np.random.Generator,
    side: int = SIDE,
) -> np.ndarray:
    """Render one coloured picture.

    Args:
        pictures: Gray faces, anything with a length whose items are H×W×1 in [0, 1].
        rng: Generator of everything in it.
        side: Of the picture, in pixels.

    Returns:
        float32 side×side×3 in [0, 1].
    """
    length = ZOOM * side
    graphics = rng.random() < GRAPHICS
    palette = draw_vivid_palette(rng) if graphics else draw_palette(rng)
    largest = rng.uniform(0.3, 1.0) * length
    smallest = min(np.exp(rng.uniform(*np.log(SMALLEST))), largest)
    # With a grain of its own for each leaf a picture takes nearly three times as long.
    grains = [_grain(pictures, length, length, rng) for _ in range(GRAINS)]

    def painted(mask):
        ramp = rng.random() < (GRAPHICS_RAMPS if graphics else RAMPS)
        if rng.random() < (GRAPHICS_PLAIN if graphics else 0.5 * ramp):
            return _plain(mask.shape, palette, ramp, rng)
        texture = _texture(pictures, mask, rng)
        if rng.random() < ROUGH:
            texture = texture + _window(grains[rng.integers(GRAINS)], mask.shape, rng)
        return _coloured(pictures, texture, palette, ramp, rng)

    canvas = painted(np.full((length, length), 255, np.uint8))
    for _ in range(int(np.exp(rng.uniform(*np.log(LEAVES))))):
        box, mask = leaf(length, length, radius(smallest, largest, rng), rng)
        cv2.copyTo(painted(mask), mask, canvas[box])
    if rng.random() < 0.3:
        _draw_lines(canvas, palette, rng)
    shrunk = cv2.resize(canvas, (side, side), interpolation=cv2.INTER_AREA)
    if rng.random() < 0.3:  # out of focus, or a lens and a sensor finer than each other
        shrunk = cv2.GaussianBlur(shrunk, (0, 0), np.exp(rng.uniform(*np.log((0.4, 2.5)))))
    return np.clip(shrunk, 0, 1).astype(np.float32)


def draw_palette(rng: np.random.Generator) -> np.ndarray:
    """Draw the colours of one picture, most of them pale: PALETTE×3, not clipped.

    Natural colours have a brightness of any kind, and saturations that are small mostly and large
    sometimes; the colours of one picture lean to one side.
    """
    saturation = np.exp(rng.normal(np.log(0.07), 0.8))
    cast = rng.normal(0, 0.5 * saturation, 3)
    brightness = rng.beta(1.1, 1.2, (PALETTE, 1))
    colour = rng.laplace(0, saturation, (PALETTE, 3)) + cast
    return (brightness + colour - colour.mean(axis=1, keepdims=True)).astype(np.float32)


def draw_vivid_palette(rng: np.random.Generator) -> np.ndarray:
    """Draw the colours of a chart, a screen or a stage: PALETTE×3 in [0, 1].

    Half of them lie anywhere in the cube of colours and half at its corners, which are black,
    white, and the purest colours that there are.
    """
    colours = rng.random((PALETTE, 3))
    return np.where(rng.random((PALETTE, 1)) < 0.5, colours.round(), colours).astype(np.float32)


def _texture(pictures, mask, rng):
    """The texture of a leaf in the box of its mask, H×W, around zero in a contrast of its own."""
    draw = _TEXTURES[rng.choice(len(_TEXTURES), p=SHARES)]
    if draw is None:
        return np.zeros(mask.shape, np.float32)
    gray = draw(pictures, *mask.shape, rng)
    gray = gray - cv2.mean(gray, mask)[0]
    contrast = rng.uniform(-0.6, 1.2) if rng.random() < 0.75 else rng.uniform(-0.15, 0.15)
    return gray * np.float32(contrast)


def _window(grain, shape, rng):
    """Return a weak grain of H×W, cut out of a larger grain."""
    top, left = (int(rng.integers(0, a - b + 1)) for a, b in zip(grain.shape, shape, strict=True))
    sigma = np.exp(rng.uniform(*np.log(ROUGHNESS)))
    window = grain[top : top + shape[0], left : left + shape[1]]
    return window * np.float32(sigma / GRAIN_SIGMA)


def _plain(shape, palette, ramp, rng):
    """Return one colour of the palette, or a smooth ramp between two: H×W×3."""
    first, second = palette[rng.integers(len(palette), size=2)]
    return _ramp(shape, first, second, rng) if ramp else np.tile(first, (*shape, 1))


def _coloured(pictures, texture, palette, ramp, rng):
    """Return a texture in two colours of the palette, of which one may turn into a third: H×W×3."""
    height, width = texture.shape
    first, second = palette[rng.integers(len(palette), size=2)]
    if ramp:
        first = _ramp(texture.shape, first, palette[rng.integers(len(palette))], rng)
    # Brightness carries the texture, and the way from one colour to the other some of it.
    image = first + texture[..., None] * (
        1 + rng.uniform(0, 0.8) * (second - second.mean()) * 4
    ).astype(np.float32)
    if rng.random() < 0.3:
        other = piece(pictures, height, width, rng)[..., None] - 0.5
        image = image + other * (second - first) * np.float32(rng.uniform(0, 1))
    if rng.random() < 0.4:
        image = image * _shade(height, width, rng)[..., None]
    return np.ascontiguousarray(image, np.float32)


def _shade(height, width, rng):
    """Light that falls off across a leaf, from one edge to the other."""
    return np.float32(1.0) - np.float32(rng.uniform(0.1, 0.7)) * _way(height, width, rng)


def _ramp(shape, first, second, rng):
    """Return a ramp from one colour to another: H×W×3."""
    way = _way(*shape, rng)
    return first + (way / max(float(way.max()), 1e-6))[..., None] * (second - first)


def _way(height, width, rng):
    """Return how far each pixel lies across a leaf, in a direction of its own: H×W from 0 on."""
    angle = rng.uniform(0, 2 * np.pi)
    down, across = np.mgrid[0:height, 0:width].astype(np.float32)
    way = np.cos(angle) * across / max(width, 1) + np.sin(angle) * down / max(height, 1)
    return (way - way.min()).astype(np.float32)


def _faces(pictures, height, width, rng):
    """Return a piece of a face, from half of its size to four times."""
    scale = np.exp(rng.uniform(np.log(0.5), np.log(4.0)))
    rows, columns = (max(2, round(length / scale)) for length in (height, width))
    small = piece(pictures, rows, columns, rng)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


def _stripes(pictures, height, width, rng):
    """Waves of one direction, soft or hard, sometimes bent or crossed."""
    down, across = np.mgrid[0:height, 0:width].astype(np.float32)
    wave = np.zeros((height, width), np.float32)
    for _ in range(1 if rng.random() < 0.7 else 2):
        angle = rng.uniform(0, np.pi)
        period = np.exp(rng.uniform(np.log(4.5), np.log(40)))
        way = np.cos(angle) * across + np.sin(angle) * down
        bend = rng.uniform(0, 3) * np.sin(2 * np.pi * (across + down) / rng.uniform(30, 200))
        wave += np.sin(2 * np.pi * (way + bend) / period + rng.uniform(0, 6.3)).astype(np.float32)
    return 0.35 * (np.sign(wave) if rng.random() < 0.4 else wave)


def _grain(pictures, height, width, rng):
    """Noise whose power falls with frequency, as 1/f^p: sand, bark, cloth, clouds."""
    size = tuple(cv2.getOptimalDFTSize(max(length, 2)) for length in (height, width))
    frequency = np.hypot(np.fft.fftfreq(size[0])[:, None], np.fft.rfftfreq(size[1])[None, :])
    falling = np.maximum(frequency, 1 / max(size)) ** -rng.uniform(0.4, 1.8)
    falling[frequency > 0.3] = 0  # the shrinking would only turn it into noise
    spectrum = np.fft.rfft2(rng.standard_normal(size)) * falling
    grain = np.fft.irfft2(spectrum, size)[:height, :width]
    return (GRAIN_SIGMA * grain / max(float(grain.std()), 1e-6)).astype(np.float32)


def _letters(pictures, height, width, rng):
    """Lines of letters, as on a sign or in a book."""
    gray = np.zeros((height, width), np.uint8)
    scale = rng.uniform(0.5, 1.6)
    thickness = int(rng.integers(1, 4))
    for top in range(
        int(rng.uniform(8, 30)), height + 20, max(10, int(scale * rng.uniform(24, 34)))
    ):
        text = "".join(rng.choice(list(ALPHABET + "    "), max(2, width // 10)))
        cv2.putText(
            gray,
            text,
            (int(rng.integers(-10, 4)), top),
            cv2.FONT_HERSHEY_DUPLEX if rng.random() < 0.5 else cv2.FONT_HERSHEY_COMPLEX,
            scale,
            255,
            thickness,
            cv2.LINE_AA,
        )
    return gray.astype(np.float32) / 255


def _draw_lines(canvas, palette, rng):
    """Thin lines over everything: hair, twigs, wires."""
    for _ in range(int(rng.integers(1, 12))):
        points = np.cumsum(rng.normal(0, 25, (8, 2)), axis=0) + rng.uniform(0, len(canvas), 2)
        colour = palette[rng.integers(len(palette))] * rng.uniform(0.3, 1.2)
        thickness = int(rng.integers(1, 4))
        cv2.polylines(
            canvas, [points.astype(np.int32)], False, colour.tolist(), thickness, cv2.LINE_8
        )


_TEXTURES = (_faces, None, _stripes, _grain, _letters)  # None leaves a leaf plain; see `SHARES`
