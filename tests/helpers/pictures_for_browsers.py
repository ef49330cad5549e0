"""Pictures of many kinds as files, each a mistake that a page could make; some odd, all sound."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from PIL import Image

from static_space import ROOT

# It says "blue" to red: any conversion of colours shows.
SWAPPED = Image.open(ROOT / "space/browser/src/worker/probe.jpg").info["icc_profile"]


def noisy_scene(width, height, channels):
    """A smooth scene with noise, 8 bits."""
    rng = np.random.default_rng([width, height, channels])
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / (7 + c)) * np.cos(y / (9 + 2 * c)) for c in range(channels)]
    noisy = 0.5 + 0.3 * np.stack(waves, -1) + 0.08 * rng.standard_normal((height, width, channels))
    return np.rint(np.clip(noisy, 0, 1) * 255).astype(np.uint8)


def with_alpha(pixels):
    """The same with transparency of every degree."""
    alpha = np.add.outer(np.arange(pixels.shape[0]), np.arange(pixels.shape[1])).astype(np.uint8)
    return np.dstack([pixels, alpha])


def tinted(width, height):
    """An old print: the same noise in all channels, in brown."""
    gray = noisy_scene(width, height, 1).astype(float)
    return np.rint(np.clip(gray * [0.78, 0.7, 0.6] + [40, 25, 10], 0, 255)).astype(np.uint8)


def quiet(width, height):
    """A gray scene with hardly any noise."""
    y, x = np.mgrid[:height, :width]
    return np.rint(128 + 40 * np.sin(x / 7 + y / 9) + (x * y) % 2).astype(np.uint8)


def noisy_where_hidden(width, height):
    """Noise of its own in each channel, beside the same noise in all where nobody sees it."""
    pixels = np.dstack([noisy_scene(width, height, 3), np.full((height, width), 255, np.uint8)])
    pixels[:, 40:] = np.dstack([tinted(width, height), np.zeros((height, width), np.uint8)])[:, 40:]
    return pixels


def save(path, picture, **options):
    """Saves a picture or an array as a file, and returns its path."""
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture.squeeze())
    image.save(path, **options)
    return path


def write(path, content):
    """Writes a file, and returns its path."""
    path.write_bytes(content)
    return path


def turned(orientation):
    """EXIF data that says so."""
    exif = Image.Exif()
    exif[274] = orientation
    return exif


def framed(picture, above, below, left, right):
    """A picture with black bars above and below, and white margins."""
    picture = np.pad(picture, ((0, 0), (left, right), (0, 0)), constant_values=255)
    return np.pad(picture, ((above, below), (0, 0), (0, 0)))


def deep(width, height):
    """A gray scene of 16 bits, all of which are used."""
    values = noisy_scene(width, height, 1)[..., 0].astype(int) * 257 + np.arange(width)
    return Image.fromarray(np.minimum(values, 65535).astype(np.uint16))


def with_chunks(png, *chunks):
    """A PNG with more chunks behind its head: (name, content)."""
    return png[:33] + b"".join(_chunk(*chunk) for chunk in chunks) + png[33:]


def _chunk(name, content):
    return (
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(name + content))
    )


def png_of(width, height, depth, kind, rows, *chunks, interlaced=0):
    """A PNG of packed rows."""
    head = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlaced)
    data = zlib.compress(b"".join(b"\0" + bytes(row) for row in rows))
    body = b"".join(_chunk(*c) for c in ((b"IHDR", head), *chunks, (b"IDAT", data), (b"IEND", b"")))
    return b"\x89PNG\r\n\x1a\n" + body


def interlaced_bits(bits):
    """A PNG of one bit a pixel whose rows come in Adam7's seven passes."""
    steps = (
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    )
    passes = [bits[y::down, x::across] for x, y, across, down in steps]
    rows = [np.packbits(row) for part in passes if part.size for row in part]
    return png_of(*bits.shape[::-1], 1, 0, rows, interlaced=1)


def os2_bmp(pixels):
    """A BMP with the short header of OS/2."""
    height, width = pixels.shape[:2]
    rows = np.pad(pixels[::-1, :, ::-1].reshape(height, -1), ((0, 0), (0, -3 * width % 4)))
    head = struct.pack("<2sIHHI", b"BM", 26 + rows.size, 0, 0, 26)
    return head + struct.pack("<IHHHH", 12, width, height, 1, 24) + rows.tobytes()


def bmp_with_alpha(pixels):
    """A BMP of 32 bits whose header (version 5) has a mask for transparency."""
    height, width = pixels.shape[:2]
    rows = pixels[::-1][..., [2, 1, 0, 3]].tobytes()
    info = struct.pack("<IiiHHIIiiII", 124, width, height, 1, 32, 3, len(rows), 2835, 2835, 0, 0)
    masks = struct.pack("<IIII4s", 0xFF0000, 0xFF00, 0xFF, 0xFF000000, b"BGRs")
    head = struct.pack("<2sIHHI", b"BM", 138 + len(rows), 0, 0, 138)
    return head + (info + masks).ljust(124, b"\0") + rows


def _see_through(p):
    """Gray of four bits of which one value is transparent."""
    values = noisy_scene(80, 60, 1)[..., 0] >> 4
    rows = values[:, ::2] << 4 | values[:, 1::2]
    return write(p / "clear4.png", png_of(80, 60, 4, 0, rows, (b"tRNS", b"\0\x07")))


def _see_through_colour(p):
    """RGB of 16 bits of which one colour is transparent."""
    values = (noisy_scene(40, 60, 3).astype(int) * 257).astype(">u2")
    values[:9, :9] = (1000, 2000, 3000)
    values[20, 20] = (1000, 2000, 3001)  # nearly that colour, and seen
    rows = [row.tobytes() for row in values]
    clear = struct.pack(">3H", 1000, 2000, 3000)
    return write(p / "clear16.png", png_of(40, 60, 16, 2, rows, (b"tRNS", clear)))


def _stray(path):
    """A JPEG with bytes between its first segments that belong to none."""
    content = path.read_bytes()
    return content[:20] + b"\0\x12\x34" + content[20:]


# What is restored as by `Denoiser`.
PICTURES = {
    "gray": lambda p: save(p / "gray.png", noisy_scene(101, 83, 1)),
    "a print in several tiles": lambda p: save(p / "print.png", tinted(530, 61)),
    "quiet gray in several tiles": lambda p: save(p / "quiet.png", quiet(530, 61)),
    "quiet gray and alpha": lambda p: save(p / "quiet_la.png", with_alpha(quiet(90, 70))),
    "noise where hidden": lambda p: save(p / "hidden.png", noisy_where_hidden(150, 70)),
    "colour in several tiles, bars": lambda p: save(
        p / "page.png", framed(noisy_scene(560, 90, 3), 30, 8, 21, 70)
    ),
    "gray in several tiles": lambda p: save(p / "tiles.png", noisy_scene(570, 40, 1)),
    "gray bars": lambda p: save(p / "columns.png", framed(noisy_scene(90, 64, 1), 0, 0, 32, 32)),
    "alpha": lambda p: save(p / "alpha.png", with_alpha(noisy_scene(90, 70, 3))),
    "gray and alpha": lambda p: save(p / "la.png", with_alpha(noisy_scene(70, 90, 1))),
    "16 bits": lambda p: save(p / "deep.png", deep(100, 80)),
    "plain": lambda p: save(p / "plain.png", Image.new("RGB", (50, 40), (9, 200, 3))),
    "one pixel": lambda p: save(p / "one.png", noisy_scene(1, 1, 3)),
    "a line": lambda p: save(p / "line.png", noisy_scene(1, 4000, 1)),
}

# What is decoded as by Pillow, exactly.
FILES = {
    "palette": lambda p: save(
        p / "palette.png", Image.fromarray(noisy_scene(96, 96, 3)).quantize(64)
    ),
    "two colours": lambda p: save(
        p / "two.png", Image.fromarray(noisy_scene(75, 75, 1)[..., 0]).convert("1")
    ),
    "JPEG, turned": lambda p: save(
        p / "turned.jpg", noisy_scene(120, 80, 3), exif=turned(6), subsampling=0
    ),
    "gray JPEG": lambda p: save(p / "gray.jpg", noisy_scene(120, 80, 1), quality=95),
    "WebP, turned": lambda p: save(
        p / "turned.webp", noisy_scene(130, 70, 3), lossless=True, exif=turned(8)
    ),
    "PNG, mirrored": lambda p: save(p / "mirrored.png", noisy_scene(120, 80, 3), exif=turned(5)),
    "TIFF, turned": lambda p: save(p / "turned.tif", noisy_scene(200, 100, 3), exif=turned(7)),
    "TIFF of 16 bits": lambda p: save(p / "deep16.tif", deep(100, 80)),
    "BMP of OS/2": lambda p: write(p / "os2.bmp", os2_bmp(noisy_scene(61, 40, 3))),
    "interlaced bits": lambda p: write(
        p / "adam.png", interlaced_bits(noisy_scene(45, 33, 1)[..., 0] > 127)
    ),
    "RGB with a palette": lambda p: write(
        p / "suggested.png",
        png_of(50, 40, 8, 2, noisy_scene(50, 40, 3).reshape(40, -1), (b"PLTE", bytes(30))),
    ),
    "odd chunks": lambda p: write(
        p / "odd.png",
        with_chunks(
            save(p / "even.png", noisy_scene(60, 50, 3)).read_bytes(),
            (b"tEXt", b"no end"),
            (b"iCCP", b"odd\0\0no profile"),
        ),
    ),
    "JPEG with stray bytes": lambda p: write(
        p / "stray.jpg", _stray(save(p / "plain.jpg", noisy_scene(80, 60, 3), subsampling=0))
    ),
}


# Whose gray view is compared with Python's.
VIEWS = {
    "large": lambda p: save(p / "view_large.png", noisy_scene(1203, 911, 3)),
    "huge": lambda p: save(p / "view_huge.jpg", noisy_scene(2600, 1700, 3)),
    "tall": lambda p: save(p / "view_tall.png", noisy_scene(65, 64 * 120, 1)),
    "tiny": lambda p: save(p / "view_tiny.png", noisy_scene(20, 33, 3)),
    "deep": lambda p: save(p / "view_deep.png", deep(300, 200)),
    "alpha": lambda p: save(p / "view_alpha.png", with_alpha(noisy_scene(90, 70, 3))),
    "of its size": lambda p: save(p / "view_64.png", noisy_scene(64, 64, 3)),
}

# What transparency is kept, exactly or but for a rounding.
TRANSPARENT = {
    "gray of four bits": _see_through,
    "RGB of 16 bits": _see_through_colour,
    "palette": lambda p: save(
        p / "clear8.png", Image.fromarray(noisy_scene(64, 64, 3)).quantize(32), transparency=5
    ),
    "BMP": lambda p: write(p / "clear.bmp", bmp_with_alpha(with_alpha(noisy_scene(50, 40, 3)))),
    "WebP": lambda p: save(p / "clear.webp", with_alpha(noisy_scene(50, 40, 3)), lossless=True),
}
