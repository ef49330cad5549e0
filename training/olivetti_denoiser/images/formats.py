"""Which picture formats are read here, and why a file is none of them.

>>> "PNG" in formats()
True
>>> raise reason(content)                    # doctest: +SKIP
"""

from __future__ import annotations

import re
import struct
from functools import cache

from PIL import Image

INSTALL = 'pip install "olivetti-denoiser[images]"'
# Pillow's names; JPEG includes MPO, PPM the whole family of PGM, PBM and PFM.
FORMATS = ("AVIF", "BMP", "GIF", "HEIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
IN_WORDS = "JPEG, PNG, WebP, GIF, TIFF, AVIF, HEIC, JPEG 2000, PPM or BMP"
ENDINGS = (
    *(".apng", ".avif", ".avifs", ".bmp", ".dib", ".gif", ".heic", ".heics", ".heif", ".heifs"),
    *(".hif", ".j2c", ".j2k", ".jfif", ".jp2", ".jpc", ".jpe", ".jpeg", ".jpf", ".jpg", ".jpx"),
    *(".mpo", ".pbm", ".pfm", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"),
)
AVIF_BRANDS = {b"avif", b"avis"}
HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
NO_PICTURES = (
    (b"%!PS", "PostScript is a program that draws"),
    (b"\xc5\xd0\xd3\xc6", "PostScript is a program that draws"),
    (b"%PDF", "a PDF is a document"),
    (b"version https://git-lfs", "this is a pointer of git-lfs (`git lfs pull` fetches the file)"),
)
SVG = re.compile(rb"(<\?xml|<!--|<!doctype svg|<svg)(.*<svg)?", re.IGNORECASE | re.DOTALL)


class PictureError(ValueError):
    """A file is no picture that can be read; the base of the three below."""


class NoPictureError(PictureError):
    """The file is of another kind."""


class DamagedPictureError(PictureError):
    """The file is cut short or wrong inside."""


class TooLargeError(PictureError):
    """The picture has more pixels than are decoded."""


@cache
def formats() -> tuple[str, ...]:
    """Return those of `FORMATS` that this Pillow knows, with pillow-heif where it is installed."""
    Image.init()
    try:
        import pillow_heif
    except ImportError:
        pass
    else:
        pillow_heif.register_heif_opener()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def reason(content: bytes) -> PictureError:
    """Return why Pillow knows no picture in a file, as an error.

    Args:
        content: the whole file.
    """
    if not content:
        return NoPictureError("the file is empty")
    start = content[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    for beginning, what in NO_PICTURES:
        if start.startswith(beginning):
            return NoPictureError(f"{what}, no picture; {IN_WORDS} work")
    drawing = SVG.match(start)
    if drawing and b"<svg" in drawing[0].lower():
        return NoPictureError("an SVG is a drawing and has no pixels; saved as PNG it works")
    for name in formats():
        accept = Image.OPEN[name][1]
        said = accept(content[:16]) if accept else None
        if isinstance(said, str):  # a Pillow that was built without this format
            return NoPictureError(f"this Pillow reads no {name}; saved as PNG it works")
    if brands := _brands(content):
        avif = bool(brands & AVIF_BRANDS)
        if avif and "AVIF" not in formats():
            return NoPictureError("AVIF needs Pillow 11.3 or newer: pip install --upgrade pillow")
        if not avif and "HEIF" not in formats():
            return NoPictureError(f"HEIC needs pillow-heif: {INSTALL}")
        return DamagedPictureError("the picture is damaged or cut short")
    if content.startswith(TIFF):
        return NoPictureError(
            "this TIFF holds values of a kind that is not read; whole numbers of 8 or 16 bits, or "
            "gray as 32-bit floats, work"
        )
    return NoPictureError(f"this is not a picture in a format that is read; {IN_WORDS} work")


def _brands(content):
    """Those of AVIF and HEIC that a file says it is of."""
    if content[4:8] != b"ftyp":
        return set()
    length = min(struct.unpack(">I", content[:4])[0], 256)
    said = {content[8:12], *(content[n : n + 4] for n in range(16, length, 4))}
    return said & (AVIF_BRANDS | HEIC_BRANDS)
