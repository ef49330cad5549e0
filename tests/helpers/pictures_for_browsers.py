"""Pictures of many kinds as files, each a mistake that a page could make; some odd, all sound."""

from __future__ import annotations

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from static_space import ROOT

# It says "blue" to red: any conversion of colours shows.
SWAPPED = Image.open(ROOT / "space/browser/src/worker/probe.jpg").info["icc_profile"]
GAMMA = 0.55


def noisy_scene(width, height, channels):
    """Draw a smooth scene with noise, 8 bits."""
    rng = np.random.default_rng([width, height, channels])
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / (7 + c)) * np.cos(y / (9 + 2 * c)) for c in range(channels)]
    noisy = 0.5 + 0.3 * np.stack(waves, -1) + 0.08 * rng.standard_normal((height, width, channels))
    return np.rint(np.clip(noisy, 0, 1) * 255).astype(np.uint8)


def with_alpha(pixels):
    """Add transparency of every degree."""
    alpha = np.add.outer(np.arange(pixels.shape[0]), np.arange(pixels.shape[1])).astype(np.uint8)
    return np.dstack([pixels, alpha])


def tinted(width, height):
    """Draw an old print: the same noise in all channels, in brown."""
    gray = noisy_scene(width, height, 1).astype(float)
    return np.rint(np.clip(gray * [0.78, 0.7, 0.6] + [40, 25, 10], 0, 255)).astype(np.uint8)


def quiet(width, height):
    """Draw a gray scene with hardly any noise."""
    y, x = np.mgrid[:height, :width]
    return np.rint(128 + 40 * np.sin(x / 7 + y / 9) + (x * y) % 2).astype(np.uint8)


def noisy_where_hidden(width, height):
    """Draw noise of its own in each channel, beside the same noise in all where it is hidden."""
    pixels = np.dstack([noisy_scene(width, height, 3), np.full((height, width), 255, np.uint8)])
    pixels[:, 40:] = np.dstack([tinted(width, height), np.zeros((height, width), np.uint8)])[:, 40:]
    return pixels


def save(path, picture, **options):
    """Save a picture or an array as a file, and return its path."""
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture.squeeze())
    image.save(path, **options)
    return path


def write(path, content):
    """Write a file, and return its path."""
    path.write_bytes(content)
    return path


def turned(orientation):
    """Return EXIF data that says so."""
    exif = Image.Exif()
    exif[274] = orientation
    return exif


def framed(picture, above, below, left, right):
    """Add black bars above and below, and white margins."""
    picture = np.pad(picture, ((0, 0), (left, right), (0, 0)), constant_values=255)
    return np.pad(picture, ((above, below), (0, 0), (0, 0)))


def deep(width, height):
    """Draw a gray scene of 16 bits, all of which are used."""
    values = noisy_scene(width, height, 1)[..., 0].astype(int) * 257 + np.arange(width)
    return Image.fromarray(np.minimum(values, 65535).astype(np.uint16))


def odd_chunks():
    """Return a text without an end, over which the decoder stumbles, and a gamma to keep."""
    chunks = PngInfo()
    chunks.add(b"tEXt", b"no end")
    chunks.add(b"gAMA", int(100_000 * GAMMA).to_bytes(4, "big"))
    return chunks


# What is restored as by `Denoiser`: file name, picture, and the mistake that the row catches.
PICTURES = {
    "print.png": lambda: tinted(530, 61),  # three channels by the gray network, and tiles' margins
    "page.png": lambda: framed(noisy_scene(560, 90, 3), 30, 8, 21, 70),  # bars restored, or seen
    "columns.png": lambda: framed(noisy_scene(90, 64, 1), 0, 0, 32, 32),  # bars taken for quiet
    "quiet_la.png": lambda: with_alpha(quiet(90, 70)),  # gray and alpha as three equal channels
    "hidden.png": lambda: noisy_where_hidden(150, 70),  # hidden pixels are seen by the network
    "deep.png": lambda: deep(100, 80),  # 16 bits cut to 8
    "plain.png": lambda: Image.new("RGB", (50, 40), (9, 200, 3)),  # nothing to estimate on
    "line.png": lambda: noisy_scene(1, 4000, 1),  # a side that cannot be mirrored
}

# What is decoded as by Pillow: file name, picture, options.
FILES = {
    "palette.png": (lambda: Image.fromarray(noisy_scene(64, 64, 3)).quantize(32), {}),
    "clear8.png": (
        lambda: Image.fromarray(noisy_scene(64, 64, 3)).quantize(32),
        {"transparency": 5},
    ),
    "two.png": (lambda: Image.fromarray(noisy_scene(75, 75, 1)[..., 0]).convert("1"), {}),
    "clear.png": (lambda: noisy_scene(60, 50, 3) // 32 * 32, {"transparency": (128, 128, 128)}),
    "odd.png": (lambda: noisy_scene(60, 50, 3), {"pnginfo": odd_chunks()}),
    "mirrored.png": (lambda: noisy_scene(120, 80, 3), {"exif": turned(5)}),
    "turned.jpg": (lambda: noisy_scene(120, 80, 3), {"exif": turned(6), "subsampling": 0}),
    "gray.jpg": (lambda: noisy_scene(120, 80, 1), {"quality": 95}),
    "lossless.webp": (lambda: noisy_scene(90, 70, 3), {"lossless": True}),
    "clear.webp": (lambda: with_alpha(noisy_scene(50, 40, 3)), {"lossless": True}),
    "packed.tif": (lambda: noisy_scene(200, 100, 3), {"compression": "tiff_lzw"}),
    "deep16.tif": (lambda: deep(100, 80), {}),
}

# Whose gray view is compared with Python's.
VIEWS = {
    "view_large.jpg": lambda: noisy_scene(1203, 911, 3),  # not the middle, or aliased
    "view_tall.png": lambda: noisy_scene(65, 64 * 60, 1),  # the other side in the middle
    "view_deep.png": lambda: deep(300, 200),  # 16 bits as if they were 8
    "view_alpha.png": lambda: with_alpha(noisy_scene(90, 70, 3)),  # transparency on black
}
