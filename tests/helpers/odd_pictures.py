"""Picture files that cameras, scanners and other programs write, made of Pillow's own.

content = jpeg_with_exif(pixels, exif_block([(0x0112, 3, 6), (0x0128, 2, "inch")]))
"""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image, ImageCms
from PIL.TiffImagePlugin import ImageFileDirectory_v2


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    """The bytes of an image in a format."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def exif_block(entries) -> bytes:
    """An EXIF block of (tag, type, value), each of any type."""
    directory = ImageFileDirectory_v2()
    for tag, kind, value in entries:
        directory.tagtype[tag] = kind
        directory[tag] = value
    return b"II*\0\x08\0\0\0" + directory.tobytes(8)


def jpeg_with_exif(image: Image.Image, block: bytes, **options) -> bytes:
    """A JPEG with any bytes as its EXIF block."""
    plain = encoded(image, "JPEG", quality=100, subsampling=0, **options)
    segment = b"Exif\0\0" + block
    return plain[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + plain[2:]


def png_with_chunks(content: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG with more chunks behind its header."""
    return content[:33] + b"".join(_chunk(*chunk) for chunk in chunks) + content[33:]


def png_with_header(content: bytes, bits: int, colour: int) -> bytes:
    """A PNG whose pixels are called of another kind that takes as many bytes."""
    header = content[16:24] + bytes([bits, colour]) + content[26:29]
    return content[:8] + _chunk(b"IHDR", header) + content[33:]


def linear_profile(space: str = "RGB") -> bytes:
    """An ICC profile of linear light, otherwise of sRGB; or of gray."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    curve = profile.index(b"para") + 8  # its kind: 3 is sRGB's, 0 a power; then the exponent
    linear = struct.pack(">HHi", 0, 0, 65536)
    profile = profile[:curve] + linear + profile[curve + len(linear) :]
    if space == "GRAY":
        profile = profile[:16] + b"GRAY" + profile[20:].replace(b"rTRC", b"kTRC")
    return profile


def _chunk(name, data):
    size, checksum = (struct.pack(">I", value) for value in (len(data), zlib.crc32(name + data)))
    return size + name + data + checksum
