"""Drawn pictures in colour, such as no set of photographs has: gradients, charts, screens, a night.

>>> gradients = draw_pictures("gradients", 3)
>>> gradients.clean[0].shape, len(gradients.noisy)
((96, 96, 3), 3)

A network may restore every photograph well and still fail on a smooth ramp between two pure
colours, so each training and each release is measured on these pictures too. Picture number i of
a kind depends on the kind, the seed and i alone.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from olivetti_denoiser.data.test_sets import PictureSet
from olivetti_denoiser.noise import from_uint8, noisy_uint8, to_uint8

SIDE = 96  # pixels
SIGMAS = (0.004, 0.01, 0.03)  # of the noise, in turn: the weakest levels are where networks fail


def draw_pictures(kind: str, count: int, seed: int = 0) -> PictureSet:
    """Draw pictures of one kind, with white noise of each of `SIGMAS` in turn.

    Args:
        kind: A key of `KINDS`.
        count: How many pictures.
        seed: Of the pictures and their noise.
    """
    clean, noisy = [], []
    for index in range(count):
        rng = np.random.default_rng((seed, list(KINDS).index(kind), index))
        clean.append(KINDS[kind](rng))
        noisy.append(noisy_uint8(from_uint8(clean[-1]), SIGMAS[index % len(SIGMAS)], rng))
    return PictureSet(kind, clean, noisy)


def _colour(rng):
    """Return a colour in [0, 1]: half of them from anywhere, half from the corners of the cube."""
    colour = rng.random(3)
    return colour.round() if rng.random() < 0.5 else colour


def _pixel(rng):
    return tuple(int(value) for value in to_uint8(_colour(rng)))


def _gradient(rng):
    """Draw a bilinear gradient between the colours of four corners."""
    corners = np.array([_colour(rng) for _ in range(4)]).reshape(2, 2, 3)
    way = np.linspace(0, 1, SIDE)
    across = np.stack([1 - way, way])
    return to_uint8(np.einsum("ay,bx,abc->yxc", across, across, corners))


def _fields(rng):
    """Draw fields of one colour each, from one field to four by four."""
    rows, columns = rng.integers(1, 5, 2)
    colours = np.array([_pixel(rng) for _ in range(rows * columns)], np.uint8)
    image = Image.fromarray(colours.reshape(rows, columns, 3))
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.NEAREST))


def _posterised(rng):
    """Draw soft blobs of colour in few levels a channel, as in a poster or an old GIF."""
    grid = Image.fromarray(rng.integers(0, 256, (4, 4, 3), np.uint8))
    soft = np.asarray(grid.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
    levels = int(rng.integers(1, 6))
    return to_uint8(np.round(soft / 255 * levels) / levels)


def _chart(rng):
    """Draw bars, a line, axes and a caption on a plain ground."""
    dark = rng.random() < 0.3
    ink, paper = ((255,) * 3, (18,) * 3) if dark else ((0,) * 3, (255,) * 3)
    image = Image.new("RGB", (SIDE, SIDE), paper)
    draw = ImageDraw.Draw(image)
    for left in range(14, SIDE - 12, 14):
        draw.rectangle((left, int(rng.integers(24, 80)), left + 9, 82), _pixel(rng))
    points = [(x, int(rng.integers(20, 80))) for x in range(12, SIDE, 10)]
    draw.line(points, _pixel(rng), int(rng.integers(1, 4)))
    draw.line((10, 16, 10, 82, SIDE - 4, 82), ink)
    draw.text((14, 2), "Sales, 2026", ink, ImageFont.load_default(11))
    return np.asarray(image)


def _screenshot(rng):
    """Draw a window with a coloured title, lines of text, and buttons."""
    desk = Image.fromarray(_gradient(rng))
    draw = ImageDraw.Draw(desk)
    left, top = (int(value) for value in rng.integers(0, 24, 2))
    ground = (250,) * 3 if rng.random() < 0.6 else (30, 32, 38)
    ink = tuple(255 - value for value in ground)
    draw.rectangle((left, top, left + 80, top + 70), ground, (128,) * 3)
    draw.rectangle((left, top, left + 80, top + 11), _pixel(rng))
    font = ImageFont.load_default(9)
    for row, words in enumerate(("File  Edit  View", "Open recent …", "Save as PDF", "3 of 20")):
        draw.text((left + 4, top + 13 + 10 * row), words, ink, font)
    for column in range(2):
        box = (left + 4 + 38 * column, top + 55, left + 36 + 38 * column, top + 67)
        draw.rounded_rectangle(box, 4, _pixel(rng))
    return np.asarray(desk)


def _night(rng):
    """Draw a black sky, of which most is clipped, with stars, lights and a glow at the horizon."""
    height = np.linspace(0, 1, SIDE)[:, None, None]
    glow = np.maximum(height - rng.uniform(0.3, 0.9), 0) * rng.uniform(0.2, 1.5)
    sky = Image.fromarray(to_uint8(np.broadcast_to(glow * _colour(rng), (SIDE, SIDE, 3))))
    lights = Image.new("RGB", (SIDE, SIDE))
    draw = ImageDraw.Draw(lights)
    for _ in range(int(rng.integers(5, 40))):
        x, y = (int(value) for value in rng.integers(0, SIDE, 2))
        size = int(rng.integers(0, 3))
        draw.ellipse((x, y, x + size, y + size), _pixel(rng))
    if rng.random() < 0.5:
        lights = lights.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.5, 3))))
    both = np.asarray(sky).astype(np.int16) + np.asarray(lights)
    return np.minimum(both, 255).astype(np.uint8)


KINDS: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "gradients": _gradient,
    "pure colours": _fields,
    "posterised": _posterised,
    "charts": _chart,
    "screenshots": _screenshot,
    "night skies": _night,
}
