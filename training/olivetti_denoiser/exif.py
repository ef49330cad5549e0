"""EXIF: how a picture was held, read from blocks that Pillow gives up on too.

    >>> turned = upright_pixels(image, orientation_of(image))    # doctest: +SKIP
    >>> block = without_orientation(block)       # doctest: +SKIP

The pixels of a photograph are sound whatever its camera wrote beside them. So nothing here raises
because of a block: what can be read counts, and the rest is kept as it is.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable

import numpy as np
from PIL import ExifTags, Image

ORIENTATION = 0x0112
START = b"Exif\0\0"
RAW_PROFILE = "Raw profile type exif"  # how ImageMagick keeps it in older PNG files
XMP = ("xmp", "XML:com.adobe.xmp")
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Description, maker, model, software, date, artist and copyright.
DESCRIPTIVE = (270, 271, 272, 305, 306, 315, 33432)
WHOLE_NUMBERS = {1: "B", 3: "H", 4: "I"}  # EXIF types and how `struct` calls them


def orientation_of(image: Image.Image) -> int:
    """Returns the EXIF orientation of a picture, 1 to 8; 1 where none can be read."""
    found = None
    with contextlib.suppress(Exception):  # Pillow raises many types for an odd block
        found = image.getexif().get(ORIENTATION)
    if not isinstance(found, int) or found not in TURNS:
        found, _ = _find_orientation(block_of(image) or b"")
    return found if found in TURNS else 1


def upright_pixels(image: Image.Image, orientation: int) -> Image.Image:
    """Returns the picture as it is to be seen, with a block that says so; others as they are."""
    if orientation not in TURNS:
        return image
    turned = image.transpose(TURNS[orientation])
    block = block_of(image)
    for key in (RAW_PROFILE, "exif"):
        turned.info.pop(key, None)
    for key in XMP:
        if "Orientation" in str(turned.info.get(key)):
            del turned.info[key]
    if block:
        turned.info["exif"] = without_orientation(block)
    return turned


def upright_array(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Returns H×W×… pixels as they are to be seen."""
    turns: dict[int, Callable[[np.ndarray], np.ndarray]] = {
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
        8: np.rot90,
    }
    return np.ascontiguousarray(turns[orientation](pixels)) if orientation in turns else pixels


def descriptive_block(image: Image.Image) -> bytes | None:
    """Returns the EXIF of a TIFF without what describes its own layout; None where unreadable."""
    with contextlib.suppress(Exception):  # Pillow raises many types for odd tags
        there, kept = image.getexif(), Image.Exif()
        for tag in DESCRIPTIVE:
            if tag in there:
                kept[tag] = there[tag]
        for directory in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
            if entries := there.get_ifd(directory):
                kept.get_ifd(directory).update(entries)
        block = kept.tobytes().removeprefix(START)
        return block if len(block) > 16 else None
    return None


def block_of(image: Image.Image) -> bytes | None:
    """Returns the EXIF block that came with a picture, starting with its TIFF header, or None."""
    block = image.info.get("exif")
    if not block and isinstance(image.info.get(RAW_PROFILE), str):
        with contextlib.suppress(ValueError):
            block = bytes.fromhex("".join(image.info[RAW_PROFILE].split("\n")[3:]))
    return block.removeprefix(START) if isinstance(block, bytes) and block else None


def without_orientation(block: bytes) -> bytes:
    """Returns an EXIF block whose orientation is upright; every other byte stays."""
    _, place = _find_orientation(block)
    if place is None:
        return block
    offset, code = place
    return block[:offset] + struct.pack(code, 1) + block[offset + struct.calcsize(code) :]


def _find_orientation(block):
    """The orientation in a block's first directory, and its offset and format there."""
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None or len(block) < 10:
        return 1, None
    (start,) = struct.unpack_from(f"{order}I", block, 4)
    if start + 2 > len(block):
        return 1, None
    (count,) = struct.unpack_from(f"{order}H", block, start)
    for offset in range(start + 2, min(start + 2 + 12 * count, len(block) - 11), 12):
        tag, kind, number = struct.unpack_from(f"{order}HHI", block, offset)
        if tag == ORIENTATION and kind in WHOLE_NUMBERS and number == 1:
            code = f"{order}{WHOLE_NUMBERS[kind]}"
            return struct.unpack_from(code, block, offset + 8)[0], (offset + 8, code)
    return 1, None
