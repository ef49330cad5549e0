"""Colour pictures of 16 bits a channel, of which Pillow's RGB images hold only 8.

    >>> pixels = read_pixels16(header, again)        # doctest: +SKIP
    >>> content = encode_png16(pixels, icc_profile=profile)

Pillow keeps the upper byte of each value and leaves out the lower one. A second reading, with the
byte order reversed, keeps the lower byte; both bytes together are the 16 bits. Gray pictures of
16 bits need none of this: they go through Pillow's own mode I;16.
"""

from __future__ import annotations

import io
import struct
import sys
import zlib
from typing import Any

import numpy as np
from PIL import Image, ImageFile
from PIL.PngImagePlugin import putchunk

PNG = b"\x89PNG\r\n\x1a\n"
OTHER_ORDER = {"B": "L", "L": "B", "N": "B" if sys.byteorder == "little" else "L"}  # N: this one's
WIDTH, BITS = 256, 258  # tags of a TIFF


def rawmode_of(header: ImageFile.ImageFile) -> str:
    """Return Pillow's name of the pixel layout of a file not decoded yet, such as "RGB;16B"."""
    arguments = header.tile[0][3] if header.tile else ""
    return str(arguments if isinstance(arguments, str) else (arguments or [""])[0])


def pixels_of(header: ImageFile.ImageFile) -> Image.Image:
    """Decode an opened file as stored, and return an image that no longer needs the file."""
    header.load()
    return header._new(header.im)


def read_pixels16(header: ImageFile.ImageFile, again: ImageFile.ImageFile) -> np.ndarray:
    """Decode a PNG or TIFF of 16 bits a colour.

    Args:
        header, again: The file, opened twice; the latter is not decoded yet, and its `rawmode_of`
            ends with 16 and a byte order.

    Returns:
        uint16 H×W×C of RGB or RGBA, as stored.
    """
    kind, _, order = rawmode_of(again).partition(";16")
    other = f"{kind};16{OTHER_ORDER[order]}"
    again.tile = [
        tile._replace(args=other if isinstance(tile.args, str) else (other, *tile.args[1:]))
        for tile in again.tile
    ]
    return np.asarray(pixels_of(header)).astype(np.uint16) << 8 | np.asarray(pixels_of(again))


def encode_png16(pixels: np.ndarray, **kept: Any) -> bytes:
    """Encode 16 bits a colour as PNG.

    Args:
        pixels: uint16 H×W×3 or H×W×4.
        **kept: `icc_profile`, `dpi` and `exif`, as Pillow writes them.
    """
    height, width, channels = pixels.shape
    rows = np.ascontiguousarray(pixels, ">u2").view(np.uint8).reshape(height, -1)
    filtered = np.zeros((height, rows.shape[1] + 1), np.uint8)
    filtered[:, 0], filtered[:, 1:] = 2, rows  # each row as its difference to the one above
    filtered[1:, 1:] -= rows[:-1]
    small = io.BytesIO()  # a picture of one pixel with all that is to stand beside ours
    Image.new("RGB", (1, 1)).save(small, "PNG", **kept)
    beside = small.getvalue()[33 : small.getvalue().rindex(b"IDAT") - 4]
    file = io.BytesIO()
    file.write(PNG)
    kind = 2 if channels == 3 else 6
    putchunk(file, b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0))
    file.write(beside)
    putchunk(file, b"IDAT", zlib.compress(filtered.tobytes(), 6))
    putchunk(file, b"IEND")
    return file.getvalue()


def encode_tiff16(pixels: np.ndarray, **kept: Any) -> bytes:
    """Encode 16 bits a colour as an uncompressed TIFF.

    Pillow writes a picture of 8 bits that is twice as wide and has the same bytes; then the width
    and the bits of a colour are set right.

    Args:
        pixels, **kept: As for `encode_png16`.
    """
    height, width, channels = pixels.shape
    mode = "RGB" if channels == 3 else "RGBA"
    wide = Image.frombytes(mode, (2 * width, height), pixels.astype("<u2").tobytes())
    file = io.BytesIO()
    wide.save(file, "TIFF", compression="raw", **kept)
    content = bytearray(file.getvalue())
    (start,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, start)
    for place in range(start + 2, start + 2 + 12 * count, 12):
        tag, _, _, value = struct.unpack_from("<HHII", content, place)
        if tag == WIDTH:
            struct.pack_into("<I", content, place + 8, width)
        elif tag == BITS:
            struct.pack_into(f"<{channels}H", content, value, *[16] * channels)
    return bytes(content)
