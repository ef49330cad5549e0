"""More than 8 bits a colour, which Pillow would cut to 8, and gray of 10, 12 and 14 bits.

    >>> pixels = read_deep(content)              # doctest: +SKIP

OpenCV decodes them; it comes with the extras `space` and `train`.
"""

from __future__ import annotations

import io
import re
import struct
import zlib

import numpy as np
from PIL import TiffImagePlugin

PNG = b"\x89PNG\r\n\x1a\n"
TIFF = (b"II*\0", b"MM\0*")
WIDTH, LENGTH, BITS, PHOTOMETRIC, ORIENTATION, PLANES = 256, 257, 258, 262, 274, 284
EXTRA, FORMAT = 338, 339
COMPRESSION, OFFSET, SAMPLES, ROWS, BYTES = 259, 273, 277, 278, 279
ACROSS, DOWN, UNIT, PROFILE = 282, 283, 296, 34675
WHITE_IS_ZERO = 0
PPM = (b"P6",)
# Width, height and the largest value, comments between them (https://netpbm.sourceforge.net/doc).
GAP = rb"(?:\s+|\s*#[^\n]*\n\s*)+"
PPM_HEADER = re.compile(
    rb"P6" + GAP + rb"(?P<width>\d+)" + GAP + rb"(?P<height>\d+)" + GAP + rb"(?P<top>\d+)\s"
)
JP2, J2K = b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"
ODD_BITS = (10, 12, 14)  # of gray; 16 are Pillow's own mode


class NoDecoderError(ValueError):
    """OpenCV is not installed, or cannot decode this picture."""


def deep_bits(content: bytes) -> int | None:
    """Returns the bits a sample where `read_deep` has to read a file, else None."""
    if content.startswith(PNG):
        deep = content[24:25] == b"\x10" and (
            content[25] in (2, 4, 6) or _chunk(content, b"tRNS") is not None
        )
        return 16 if deep else None
    if content.startswith(PPM):
        header = PPM_HEADER.match(content)
        return 16 if header and int(header["top"]) > 255 else None
    if content.startswith((JP2, J2K)):
        return _bits_of_jpeg2000(content)
    tags = tiff_tags(content)
    bits = tags.get(BITS)
    if not bits or max(tags.get(FORMAT, (1,))) != 1 or len(set(bits)) != 1:
        return None
    deep = bits[0] == 16 and len(bits) in (2, 3, 4) and tags.get(PHOTOMETRIC) in (1, 2)
    return bits[0] if deep or (len(bits) == 1 and bits[0] in ODD_BITS) else None


def tiff_tags(content: bytes) -> dict:
    """Returns the tags of a TIFF's first page, as far as they can be read; none of another file."""
    if not content.startswith(TIFF):
        return {}
    try:
        directory = TiffImagePlugin.ImageFileDirectory_v2(content[:8])
        file = io.BytesIO(content)
        file.seek(directory.next)
        directory.load(file)
        return {
            tag: directory[tag]
            for tag in (WIDTH, LENGTH, BITS, PHOTOMETRIC, ORIENTATION, PLANES, EXTRA, FORMAT)
            if tag in directory
        }
    except Exception:  # Pillow raises many types for odd tags
        return {}


def read_deep(content: bytes) -> np.ndarray:
    """Decodes a file for which `deep_bits` is not None.

    Args:
        content: the file.

    Returns:
        uint16 H×W of gray, or H×W×C of gray and alpha, RGB or RGBA; in the range of 16 bits.

    Raises:
        NoDecoderError: OpenCV is not installed, or cannot decode it.
    """
    if content.startswith(PPM):
        return _read_ppm(content)
    try:
        import cv2
    except ImportError:
        raise NoDecoderError(
            "pictures of 10 to 16 bits a colour need OpenCV: pip install opencv-python-headless"
        ) from None
    tags, bits = tiff_tags(content), deep_bits(content)
    if tags.get(EXTRA, (2,))[0] == 1 or tags.get(PLANES) == 2:  # which it reads as something else
        raise NoDecoderError("OpenCV cannot decode this kind")
    try:
        encoded = np.frombuffer(content, np.uint8)
        pixels: np.ndarray | None = cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED)
    except cv2.error:
        pixels = None
    if pixels is None or pixels.dtype != np.uint16:
        raise NoDecoderError("OpenCV cannot decode this kind")
    if content.startswith((JP2, J2K)):  # of which it leaves the values as they are
        pixels = np.rint(pixels * (65535 / (2**bits - 1))).astype(np.uint16)
    elif bits != 16:  # OpenCV leaves them at the upper end
        pixels = pixels >> (16 - bits)
        pixels = np.rint(pixels * (65535 / (2**bits - 1))).astype(np.uint16)
    if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO:
        pixels = 65535 - pixels
    if pixels.ndim == 3:
        pixels = pixels[..., [2, 1, 0, 3][: pixels.shape[-1]]]
        gray = content.startswith(PNG) and not content[25] & 2
        if gray or len(tags.get(BITS, (1, 1, 1))) == 2:
            pixels = pixels[..., [0, 3][: pixels.shape[-1] - 2]]
    if content.startswith(PNG):
        pixels = _with_transparent_colour(pixels, content)
    return np.ascontiguousarray(pixels)


def encode_png16(
    pixels: np.ndarray,
    profile: bytes | None,
    dpi: tuple[float, float] | None,
    exif: bytes | None,
) -> bytes:
    """Encodes 16 bits a sample as PNG, which Pillow does not.

    Args:
        pixels: uint16 H×W×2, H×W×3 or H×W×4.
        profile: ICC profile, or None.
        dpi: (across, down) in pixels per inch, or None.
        exif: block, or None.
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
        chunks.append((b"eXIf", exif))
    chunks += [(b"IDAT", zlib.compress(filtered.tobytes(), 6)), (b"IEND", b"")]
    return PNG + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


def encode_tiff16(
    pixels: np.ndarray, profile: bytes | None, dpi: tuple[float, float] | None
) -> bytes:
    """Encodes 16 bits a sample as an uncompressed TIFF, which Pillow does not.

    Args:
        pixels: uint16 H×W×3 or H×W×4.
        profile, dpi: as for `encode_png16`.
    """
    height, width, channels = pixels.shape
    data = pixels.astype("<u2").tobytes()
    tags = TiffImagePlugin.ImageFileDirectory_v2()
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


def _read_ppm(content):
    """A PPM of 16 bits a sample, whatever its largest value is."""
    header = PPM_HEADER.match(content)
    width, height, top = (int(header[name]) for name in ("width", "height", "top"))
    count = width * height * 3
    if len(content) < header.end() + 2 * count or top > 65535:
        raise NoDecoderError("it is cut short")
    values = np.frombuffer(content, ">u2", count, header.end()).reshape(height, width, 3)
    return np.rint(np.minimum(values, top) * (65535 / top)).astype(np.uint16)


def _bits_of_jpeg2000(content):
    """The bits a sample of colours or of gray with alpha, where they are more than 8 and alike.

    They stand in the codestream's SIZ segment (ISO/IEC 15444-1, A.5.1).
    """
    place = content.find(J2K)
    if place < 0 or len(content) < place + 42:
        return None
    (count,) = struct.unpack_from(">H", content, place + 40)
    depths = content[place + 42 : place + 42 + 3 * count : 3]
    if count not in (3, 4) or len(set(depths)) != 1 or not 8 <= depths[0] < 16:
        return None
    return depths[0] + 1


def _with_transparent_colour(pixels, png):
    """Makes alpha of the one colour that the PNG calls transparent."""
    key = _chunk(png, b"tRNS")
    if key is None or png[25] not in (0, 2) or pixels.shape[2:] in ((2,), (4,)):
        return pixels
    colour = np.frombuffer(key, ">u2")[: 1 if png[25] == 0 else 3]
    values = pixels[..., None] if pixels.ndim == 2 else pixels
    if len(colour) != values.shape[-1]:
        return pixels
    alpha = np.where((values == colour).all(axis=-1), 0, 65535).astype(np.uint16)
    return np.dstack([values, alpha])


def _chunk(png, name):
    """The content of a PNG's chunk before its pixels, or None."""
    place = len(PNG)
    while place + 8 <= len(png):
        length, kind = struct.unpack_from(">I4s", png, place)
        if kind == name:
            return png[place + 8 : place + 8 + length]
        if kind == b"IDAT":
            return None
        place += length + 12
    return None
