"""EXIF: how a picture was held, and what may be carried over to another file.

    >>> turned = upright_pixels(image, orientation_of(image))    # doctest: +SKIP
    >>> turned.save("out.tif", exif=descriptive(image))          # doctest: +SKIP

The pixels of a photograph are sound whatever its camera wrote beside them, so nothing here raises
because of a block.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable

import numpy as np
from PIL import ExifTags, Image

ORIENTATION = 0x0112
START = b"Exif\0\0"
# Where Pillow puts EXIF, ImageMagick's in older PNG files, and XMP, which turns pictures too.
KEYS = ("exif", "Raw profile type exif", "xmp", "XML:com.adobe.xmp")
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Description, maker, model, software, date, artist, copyright, and Windows's five texts.
DESCRIPTIVE = (270, 271, 272, 305, 306, 315, 33432, *range(0x9C9B, 0x9CA0))
DIRECTORIES = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)
# In the Exif directory: how the pixels were packed, their size, and the maker's own block, whose
# offsets lead nowhere in another file and which may hold a small copy of the noisy picture.
OF_THE_FILE = (37121, 37122, 37500, 40962, 40963)
WHOLE_NUMBERS = {1: "B", 3: "H", 4: "I"}  # EXIF types and how `struct` calls them


def orientation_of(image: Image.Image) -> int:
    """Return the EXIF orientation of a picture, 1 to 8; 1 where none can be read."""
    found = None
    with contextlib.suppress(Exception):  # Pillow raises many types for an odd block
        tags = getattr(image, "tag_v2", None)  # of a TIFF, whose EXIF may be closed by now
        found = (image.getexif() if tags is None else tags).get(ORIENTATION)
    if found not in TURNS:
        found = _find_orientation(image.info.get("exif"))
    return found if found in TURNS else 1


def upright_pixels(image: Image.Image, orientation: int) -> Image.Image:
    """Return the picture as it is to be seen, with EXIF that does not turn it again."""
    if orientation not in TURNS:
        return image
    turned = image.transpose(TURNS[orientation])
    keep_descriptive(turned, descriptive(image))
    return turned


def upright_array(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Return H×W×… pixels as they are to be seen."""
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


def descriptive(image: Image.Image) -> Image.Exif:
    """Return what a picture's EXIF says of the photograph, and nothing of its file.

    Size, layout, orientation and the small picture inside describe the file that they came in; a
    TIFF would take them for its own. An entry that cannot be written is left out.
    """
    kept = Image.Exif()
    with contextlib.suppress(Exception):  # Pillow raises many types for an odd block
        there = image.getexif()
        _copy({tag: there[tag] for tag in DESCRIPTIVE if tag in there}, kept, None)
        for directory in DIRECTORIES:
            with contextlib.suppress(Exception):
                entries = dict(there.get_ifd(directory))
                if ExifTags.IFD.Interop in entries:  # it says Adobe RGB
                    entries[ExifTags.IFD.Interop] = dict(there.get_ifd(ExifTags.IFD.Interop))
                _copy(entries, kept, directory)
    return kept


def keep_descriptive(image: Image.Image, kept: Image.Exif) -> None:
    """Put `descriptive` EXIF in the place of the EXIF and XMP that a picture's `info` holds."""
    for key in KEYS:
        image.info.pop(key, None)
    if kept or any(kept.get_ifd(directory) for directory in DIRECTORIES):
        image.info["exif"] = kept.tobytes()


def _copy(entries, kept, directory):
    """Copies the entries that Pillow can write, each tried alone."""
    for tag, value in entries.items():
        if directory and tag in OF_THE_FILE:
            continue
        with contextlib.suppress(Exception):
            tried = Image.Exif()
            (tried.get_ifd(directory) if directory else tried)[tag] = value
            tried.tobytes()
            (kept.get_ifd(directory) if directory else kept)[tag] = value


def _find_orientation(block):
    """The orientation in the first directory of a block that is cut short, where Pillow stops."""
    block = block.removeprefix(START) if isinstance(block, bytes) else b""
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None or len(block) < 10:
        return None
    (start,) = struct.unpack_from(f"{order}I", block, 4)
    if start + 2 > len(block):
        return None
    (count,) = struct.unpack_from(f"{order}H", block, start)
    for offset in range(start + 2, min(start + 2 + 12 * count, len(block) - 11), 12):
        tag, kind, number = struct.unpack_from(f"{order}HHI", block, offset)
        if tag == ORIENTATION and kind in WHOLE_NUMBERS and number == 1:
            return struct.unpack_from(f"{order}{WHOLE_NUMBERS[kind]}", block, offset + 8)[0]
    return None
