"""Pictures of many kinds as files, each a mistake that a page could make; some odd, all sound."""

from __future__ import annotations

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from checkout import ROOT

# It says "blue" to red: any conversion of colours shows.
SWAPPED = Image.open(ROOT / "space/browser/src/worker/probe.jpg").info["icc_profile"]


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


def framed(picture, above, below, left, right):
    """Add black bars above and below, and white margins."""
    picture = np.pad(picture, ((0, 0), (left, right), (0, 0)), constant_values=255)
    return np.pad(picture, ((above, below), (0, 0), (0, 0)))


def deep(width, height):
    """Draw a gray scene of 16 bits, all of which are used."""
    values = noisy_scene(width, height, 1)[..., 0].astype(int) * 256 + np.arange(width)
    return values.astype(np.uint16)


def indexed(bits):
    """Draw a scene in a palette of so many bits."""
    return Image.fromarray(SCENE).quantize(2**bits)


def turned(orientation):
    """Return EXIF data that says so."""
    exif = Image.Exif()
    exif[274] = orientation
    return exif


def endless_text():
    """Return a PNG's text without an end, over which the decoder stumbles, and a gamma to keep."""
    chunks = PngInfo()
    chunks.add(b"tEXt", b"no end")
    chunks.add(b"gAMA", (55_000).to_bytes(4, "big"))
    return chunks


def animated(**options):
    """Return options that add two frames."""
    frames = [Image.fromarray(noisy_scene(60, 50 + i, 3)[:50]) for i in (1, 2)]
    return {"save_all": True, "append_images": frames} | options


# What is restored as by `Denoiser`: file name, picture, and the mistake that the row catches.
PICTURES = {
    "print.png": tinted(530, 61),  # three channels by the gray network, and tiles' margins
    "page.png": framed(noisy_scene(560, 90, 3), 30, 8, 21, 70),  # bars are restored, or seen
    "columns.png": framed(noisy_scene(90, 64, 1), 0, 0, 32, 32),  # bars are taken for quiet
    "quiet_la.png": with_alpha(quiet(90, 70)),  # gray and alpha as three equal channels
    "hidden.png": noisy_where_hidden(150, 70),  # hidden pixels are seen by the network
    "deep.png": deep(100, 80),  # 16 bits are cut to 8
    "plain.png": np.full((40, 50, 3), 9, np.uint8),  # nothing to estimate on
    "line.png": noisy_scene(1, 4000, 1),  # a side that cannot be mirrored
}

SCENE = noisy_scene(60, 50, 3)
PROFILE = {"icc_profile": SWAPPED}
LOSSLESS = {"lossless": True}
FIRST = "Only the first frame was used."
ROUNDED = "rounded by the browser"

# What is decoded as by Pillow: file name, picture, options, and what the page has to say.
FILES = {
    "bits.png": (indexed(2), {}, ""),
    "clear_index.png": (indexed(5), {"transparency": 5}, ""),
    "clear_colour.png": (SCENE // 32 * 32, {"transparency": (128, 128, 128)}, ""),
    "text.png": (SCENE, {"pnginfo": endless_text()}, ""),
    "mirrored.png": (SCENE, {"exif": turned(5)}, ""),
    "profile.png": (SCENE, PROFILE, ""),
    "frames.png": (SCENE, animated(), FIRST),
    "turned.jpg": (SCENE, PROFILE | {"exif": turned(6), "subsampling": 0}, ""),
    "gray.jpg": (SCENE[..., 0], {"quality": 95}, ""),
    "profile.webp": (SCENE, LOSSLESS | PROFILE, ""),
    "clear.webp": (with_alpha(SCENE), LOSSLESS, ROUNDED),
    "frames.webp": (SCENE, animated(**LOSSLESS), FIRST),
    "profile.avif": (SCENE, PROFILE, ""),
    "frames.gif": (indexed(8), animated(loop=0), FIRST),
    "packed.tif": (SCENE, PROFILE | {"compression": "tiff_lzw"}, ""),
    "pages.tif": (deep(60, 50), animated(), "Only the first of 3 pages was used."),
}
