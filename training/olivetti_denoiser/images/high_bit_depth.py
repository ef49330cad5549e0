"""More than 8 bits a colour, which Pillow would cut to 8: read by OpenCV, written as PNG and TIFF.

    >>> if bits_of(header, content) > 8:         # doctest: +SKIP
    ...     pixels = read_deep(header, content)

OpenCV comes with the extra `images`.
"""

from __future__ import annotations

import io
import struct
import zlib
from typing import cast

import numpy as np
from PIL import ExifTags, Image, TiffImagePlugin
from PIL.TiffImagePlugin import TiffImageFile

from olivetti_denoiser.images.exif import START
from olivetti_denoiser.images.formats import INSTALL

PNG = b"\x89PNG\r\n\x1a\n"
J2K = b"\xff\x4f\xff\x51"
WIDTH, LENGTH, BITS, PHOTOMETRIC, PLANES, EXTRA = 256, 257, 258, 262, 284, 338
COMPRESSION, OFFSET, SAMPLES, ROWS, BYTES = 259, 273, 277, 278, 279
ACROSS, DOWN, UNIT, PROFILE = 282, 283, 296, 34675
MULTIPLIED, SEPARATE = 1, 2  # alpha that the colours are multiplied by; a plane for each colour


class NoDecoderError(ValueError):
    """OpenCV is not installed, or cannot decode this picture."""


def bits_of(header: Image.Image, content: bytes) -> int:
    """Return the bits of each colour in a file, 8 where it does not say.

    Args:
        header: the file as Pillow opened it, not yet decoded.
        content: the file.
    """
    if header.format == "PNG":
        return max(content[24], 8)
    if header.format == "TIFF":
        return max(cast(TiffImageFile, header).tag_v2.get(BITS, (8,)))
    if header.format == "PPM":
        return _top(header).bit_length()
    if header.format == "JPEG2000":  # segment SIZ of its codestream (ISO/IEC 15444-1, A.5.1)
        place = content.find(J2K)
        depth = content[place + 42] if 0 <= place < len(content) - 42 else 7
        return (depth & 0x7F) + 1
    if header.format == "AVIF":  # aomediacodec.github.io/av1-isobmff/#av1codecconfigurationbox
        place = content.find(b"av1C", 0, 4096)
        flags = content[place + 6] if 0 < place < len(content) - 6 else 0
        return (12 if flags & 0x20 else 10) if flags & 0x40 else 8
    return header.info.get("bit_depth", 8)  # of a HEIC


def read_deep(header: Image.Image, content: bytes) -> np.ndarray:
    """Decode colours of more than 8 bits.

    Args:
        header, content: as for `bits_of`.

    Returns:
        uint16 H×W×C of gray and alpha, RGB or RGBA, in the range of 16 bits; of a TIFF upright.

    Raises:
        NoDecoderError: OpenCV is not installed, or cannot decode it.
    """
    none = NoDecoderError("no more are read of this kind of file")
    tags = getattr(header, "tag_v2", {})
    if header.format not in ("PNG", "TIFF", "PPM", "JPEG2000") or header.mode == "CMYK":
        raise none
    if tags.get(EXTRA, (2,))[0] == MULTIPLIED:
        raise none  # which OpenCV reads as if it were not
    try:
        import cv2
    except ImportError:
        raise NoDecoderError(f"all of them need {INSTALL}") from None
    try:
        encoded = np.frombuffer(content, np.uint8)
        pixels: np.ndarray | None = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED)
    except cv2.error:
        pixels = None
    if pixels is None or pixels.dtype != np.uint16:
        raise none
    top = _top(header) if header.format == "PPM" else 2 ** bits_of(header, content) - 1
    if top != 65535:
        pixels = np.rint(np.minimum(pixels, top) * (65535 / top)).astype(np.uint16)
    if pixels.ndim == 3:
        gray = header.format == "PNG" and not content[25] & 2
        channels = [0, 3] if gray else [2, 1, 0, 3][: len(header.getbands())]
        pixels = pixels[..., channels]
    if "transparency" in header.info:  # one value or colour
        values = pixels if pixels.ndim == 3 else pixels[..., None]
        hidden = (values == np.array(header.info["transparency"])).all(axis=-1)
        pixels = np.dstack([values, np.where(hidden, 0, 65535).astype(np.uint16)])
    return np.ascontiguousarray(pixels)


def encode_png16(
    pixels: np.ndarray,
    profile: bytes | None = None,
    dpi: tuple[float, float] | None = None,
    exif: bytes | None = None,
) -> bytes:
    """Encode 16 bits a sample as PNG, which Pillow does not.

    Args:
        pixels: uint16 H×W×2, H×W×3 or H×W×4.
        profile: ICC profile, or None.
        dpi: (across, down) in pixels per inch, or None.
        exif: a block, or None.
    """
    height, width, channels = pixels.shape
    kind = {2: 4, 3: 2, 4: 6}[channels]
    rows = np.ascontiguousarray(pixels, ">u2").view(np.uint8).reshape(height, -1)
    filtered = np.zeros((height, rows.shape[1] + 1), np.uint8)
    filtered[:, 0], filtered[:, 1:] = 2, rows  # each row as its difference to the one above
    filtered[1:, 1:] -= rows[:-1]
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0))]
    if profile:
        chunks.append((b"iCCP", b"ICC profile\0\0" + zlib.compress(profile)))
    if dpi:
        per_metre = (round(value / 0.0254) for value in dpi)
        chunks.append((b"pHYs", struct.pack(">IIB", *per_metre, 1)))
    if exif:
        chunks.append((b"eXIf", exif.removeprefix(START)))
    chunks += [(b"IDAT", zlib.compress(filtered.tobytes(), 6)), (b"IEND", b"")]
    return PNG + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


def encode_tiff16(
    pixels: np.ndarray,
    profile: bytes | None = None,
    dpi: tuple[float, float] | None = None,
    exif: Image.Exif | None = None,
) -> bytes:
    """Encode 16 bits a sample as an uncompressed TIFF, which Pillow does not.

    Args:
        pixels: uint16 H×W×3 or H×W×4.
        profile, dpi: as for `encode_png16`.
        exif: descriptive entries, or None.
    """
    height, width, channels = pixels.shape
    data = pixels.astype("<u2").tobytes()
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, value in (exif or {}).items():
        tags[tag] = value
    for directory in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
        if exif is not None and exif.get_ifd(directory):
            tags[directory] = exif.get_ifd(directory)
    tags[WIDTH], tags[LENGTH], tags[BITS], tags[PHOTOMETRIC] = width, height, (16,) * channels, 2
    tags[COMPRESSION], tags[SAMPLES], tags[ROWS], tags[BYTES] = 1, channels, height, len(data)
    tags[OFFSET] = 0  # after the directory, as Pillow counts
    if channels == 4:
        tags[EXTRA] = 2  # alpha that the colours are not multiplied by
    if profile:
        tags[PROFILE] = profile
    if dpi:
        tags[ACROSS], tags[DOWN], tags[UNIT] = *dpi, 2
    file = io.BytesIO()
    tags.save(file)
    return file.getvalue() + data


def _top(header):
    """The largest value of a PPM, which Pillow puts beside the place of its pixels."""
    said = header.tile[0][3] if header.tile else None
    return said[1] if isinstance(said, tuple) and isinstance(said[1], int) else 255
