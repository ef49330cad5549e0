"""Which picture formats are read, and why a file is none of them; `write.py` has those written.

>>> "PNG" in formats()
True
>>> raise reason(content)                    # doctest: +SKIP
"""

from __future__ import annotations

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
HEIC_BRANDS = {b"heic", b"heix", b"hevc", b"hevx", b"mif1", b"msf1"}
NO_PICTURES = {
    b"<svg": "an SVG is a drawing and has no pixels; saved as PNG it works",
    b"%PDF": f"a PDF is a document, no picture; {IN_WORDS} work",
    b"version https://git-lfs": "this is a pointer of git-lfs (`git lfs pull` fetches the file)",
}
OTHER_VALUES = (
    "this TIFF holds values of a kind that is not read; whole numbers of 8 or 16 bits, or gray as "
    "32-bit floats, work"
)


class PictureError(ValueError):
    """A file is no picture that can be read: of another kind, or one of the two below."""


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
    """Return the error that says why a file is no picture that can be read.

    Args:
        content: The whole file.
    """
    if not content:
        return PictureError("the file is empty")
    for mark, sentence in NO_PICTURES.items():
        if mark in content[:1024]:
            return PictureError(sentence)
    if content.startswith((b"II", b"MM")):
        return PictureError(OTHER_VALUES)
    if content[4:8] == b"ftyp" and content[8:12] in HEIC_BRANDS and "HEIF" not in formats():
        return PictureError(f"HEIC needs pillow-heif: {INSTALL}")
    for _, accept in map(Image.OPEN.__getitem__, formats()):
        if accept and accept(content[:16]):
            return DamagedPictureError("the picture is damaged or cut short")
    return PictureError(f"this is not a picture in a format that is read; {IN_WORDS} work")
