"""EXIF: how a picture was held, and what may be carried over to another file.

    >>> turned = turn(image, orientation_of(image), kept_exif(image))    # doctest: +SKIP

A damaged EXIF block says nothing about the pixels beside it, so no function here raises an error
because of one.
"""

from __future__ import annotations

import contextlib
import re

from PIL import ExifTags, Image

ORIENTATION = 0x0112
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# The orientation in a block that is cut short, where Pillow stops: of either byte order.
ENTRY = re.compile(
    rb"\x12\x01\x03\0\x01\0\0\0([\x01-\x08])\0|\x01\x12\0\x03\0\0\0\x01\0([\x01-\x08])"
)
# Description, maker, model, software, date, artist, copyright, and Windows's five texts.
DESCRIPTIVE = (270, 271, 272, 305, 306, 315, 33432, *range(0x9C9B, 0x9CA0))
DIRECTORIES = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)
# In the Exif directory: how the pixels were packed, their size, and the maker's own block, whose
# offsets lead nowhere in another file and which may hold a small copy of the noisy picture.
OF_THE_FILE = (37121, 37122, 37500, 40962, 40963)


def orientation_of(image: Image.Image) -> int:
    """Return the EXIF orientation of a picture, 1 to 8; 1 where none can be read."""
    if image.format == "PNG":
        image.load()  # as `getexif` would, where its error would go with those of an odd block
    found = None
    with contextlib.suppress(Exception):  # Pillow raises many types for an odd block
        tags = getattr(image, "tag_v2", None)  # of a TIFF, whose EXIF may be closed by now
        found = (image.getexif() if tags is None else tags).get(ORIENTATION)
    block = image.info.get("exif")
    if found not in TURNS and isinstance(block, bytes) and (entry := ENTRY.search(block)):
        found = (entry[1] or entry[2])[0]
    return found if found in TURNS else 1


def kept_exif(image: Image.Image) -> bytes:
    """Return what a picture's EXIF says of the photograph, and nothing of its file.

    Size, layout, orientation and the small picture inside describe the file that they came in; a
    TIFF would take them for its own. Nothing is returned of a block that cannot be written.
    """
    with contextlib.suppress(Exception):  # Pillow raises many types for an odd block
        there, kept = image.getexif(), Image.Exif()
        kept.update({tag: there[tag] for tag in DESCRIPTIVE if tag in there})
        for directory in DIRECTORIES:
            entries = dict(there.get_ifd(directory))
            if ExifTags.IFD.Interop in entries:  # it says Adobe RGB
                entries[ExifTags.IFD.Interop] = dict(there.get_ifd(ExifTags.IFD.Interop))
            for tag in entries.keys() - set(OF_THE_FILE):
                kept.get_ifd(directory)[tag] = entries[tag]
        if kept or any(map(kept.get_ifd, DIRECTORIES)):
            return kept.tobytes()
    return b""


def turn(image: Image.Image, orientation: int, exif: bytes = b"") -> Image.Image:
    """Return the picture as it is to be seen, with EXIF that does not turn it again.

    Args:
        image: The picture as it was stored; where nothing is to be turned it is returned itself.
        orientation: Of `orientation_of`.
        exif: Of `kept_exif`; none where no file is to be written.
    """
    turned = image.transpose(TURNS[orientation]) if orientation in TURNS else image
    kept = ("icc_profile", "dpi", "transparency")
    turned.info = {key: image.info[key] for key in kept if key in image.info}
    if exif:
        turned.info["exif"] = exif
    return turned
