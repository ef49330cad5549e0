"""Picture files that cameras, scanners and other programs write, made byte by byte.

content = gray_tiff(values, bits=12)
content = jpeg_with_exif(pixels, exif_block([(0x0112, 3, 6), (0x0128, 2, b"inch")]))
"""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image


def gray_tiff(
    values: np.ndarray,
    bits: int,
    order: str = "<",
    white: int = 1,
    subfile: int = 0,
    planes: int = 1,
) -> bytes:
    """A TIFF of `bits` a sample, each row packed to whole bytes.

    Args:
        values: whole numbers H×W below 2^bits.
        bits: of a sample.
        order: of the header's bytes, "<" or ">".
        white: 0 where zero is white.
        subfile: 1 for a small picture of another, as in raw photographs.
    """
    height, width = values.shape
    shifts = np.arange(bits - 1, -1, -1)
    rows = ((values[..., None] >> shifts) & 1).astype(np.uint8).reshape(height, -1)
    data = np.packbits(rows, axis=1).tobytes()
    if bits == 16:
        data = values.astype(f"{order}u2").tobytes()
    entries = [
        (254, 4, subfile), (256, 4, width), (257, 4, height), (258, 3, bits), (259, 3, 1),
        (262, 3, white), (273, 4, 8), (277, 3, 1), (278, 4, height), (279, 4, len(data)),
    ]  # fmt: skip
    data += bytes(-len(data) % 2)
    directory = struct.pack(f"{order}H", len(entries))
    for tag, kind, value in entries:
        content = struct.pack(f"{order}{'H' if kind == 3 else 'I'}", value).ljust(4, b"\0")
        directory += struct.pack(f"{order}HHI", tag, kind, 1) + content
    start = b"II*\0" if order == "<" else b"MM\0*"
    return start + struct.pack(f"{order}I", 8 + len(data)) + data + directory + bytes(4)


def big_tiff(pixels: np.ndarray, orientation: int) -> bytes:
    """A BigTIFF of one strip, as scanners and libvips write it.

    Args:
        pixels: uint8 or uint16 H×W×3.
        orientation: as EXIF counts it.
    """
    height, width, _ = pixels.shape
    bits = 8 * pixels.dtype.itemsize
    data = pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()
    entries = [
        (256, 3, 1, width), (257, 3, 1, height), (258, 3, 3, bits * (1 + 2**16 + 2**32)),
        (259, 3, 1, 1), (262, 3, 1, 2), (273, 16, 1, None), (274, 3, 1, orientation),
        (277, 3, 1, 3), (278, 3, 1, height), (279, 16, 1, len(data)), (284, 3, 1, 1),
    ]  # fmt: skip
    start = 16 + 8 + 20 * len(entries) + 8
    body = struct.pack("<Q", len(entries))
    for tag, kind, count, value in entries:
        body += struct.pack("<HHQQ", tag, kind, count, start if value is None else value)
    return b"II+\0" + struct.pack("<HHQ", 8, 0, 16) + body + struct.pack("<Q", 0) + data


def with_small_picture(block: bytes, small: bytes) -> bytes:
    """An EXIF block of `exif_block` with a small JPEG in a second directory, as cameras put it."""
    (count,) = struct.unpack_from("<H", block, 8)
    place = 10 + 12 * count
    entries = [(259, 3, 6), (513, 4, len(block) + 2 + 3 * 12 + 4), (514, 4, len(small))]
    second = struct.pack("<H", 3)
    for tag, kind, value in entries:
        second += struct.pack("<HHII", tag, kind, 1, value)
    block = block[:place] + struct.pack("<I", len(block)) + block[place + 4 :]
    return block + second + bytes(4) + small


def exif_block(entries, order: str = "<") -> bytes:
    """An EXIF block of (tag, type, value), a value of more than 4 bytes put after the directory."""
    block = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    block += struct.pack(f"{order}H", len(entries))
    after, place = b"", 8 + 2 + 12 * len(entries) + 4
    for tag, kind, value in entries:
        if isinstance(value, bytes):
            count, content = len(value), value
        else:
            count, content = 1, struct.pack(f"{order}{'H' if kind == 3 else 'I'}", value)
        if len(content) > 4:
            after, content = after + content, struct.pack(f"{order}I", place + len(after))
        block += struct.pack(f"{order}HHI", tag, kind, count) + content.ljust(4, b"\0")
    return block + bytes(4) + after


def jpeg_with_exif(image: Image.Image, block: bytes, **options) -> bytes:
    """A JPEG with any bytes as its EXIF block."""
    plain = encoded(image, "JPEG", quality=100, subsampling=0, **options)
    segment = b"Exif\0\0" + block
    return plain[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2) + segment + plain[2:]


def png_with_chunks(content: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG with more chunks behind its header."""
    added = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )
    return content[:33] + added + content[33:]


def png_of_bits(values: np.ndarray, bits: int) -> bytes:
    """A gray PNG of 1, 2 or 4 bits a pixel."""
    height, width = values.shape
    shifts = np.arange(bits - 1, -1, -1)
    rows = ((values[..., None] >> shifts) & 1).astype(np.uint8).reshape(height, -1)
    packed = np.packbits(rows, axis=1)
    data = np.concatenate([np.zeros((height, 1), np.uint8), packed], axis=1).tobytes()
    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + bytes(25)
    content = png_with_chunks(start, (b"IDAT", zlib.compress(data)), (b"IEND", b""))
    chunk = struct.pack(">I", 13) + b"IHDR" + header
    return content[:8] + chunk + struct.pack(">I", zlib.crc32(b"IHDR" + header)) + content[33:]


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    """The bytes of an image in a format."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def gamma_profile(exponent: float, space: str = "RGB") -> bytes:
    """An ICC profile of sRGB's primaries, or of gray, with a plain power as its curve."""
    from olivetti_denoiser.images.colour_profile import SRGB_CHROMATICITIES, _curve_profile

    return _curve_profile((exponent,), SRGB_CHROMATICITIES if space == "RGB" else None)


def cmyk_profile() -> bytes:
    """An ICC profile of CMYK: a table with two steps an ink, in which black is a third of it."""
    lab = []
    for inks in np.ndindex(2, 2, 2, 2):
        cyan, magenta, yellow, black = inks
        light = 100 - 20 * (cyan + magenta + yellow) - 35 * black
        lab += [max(light, 0) * 2.55, 128 - 40 * cyan + 40 * magenta, 128 + 50 * yellow - 30 * cyan]
    identity = bytes(range(256))
    table = b"mft1" + bytes(4) + struct.pack(">BBBB", 4, 3, 2, 0)
    table += struct.pack(">9i", *(65536 * n for n in (1, 0, 0, 0, 1, 0, 0, 0, 1)))
    table += identity * 4 + bytes(int(v) for v in np.clip(lab, 0, 255)) + identity * 3
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    tags = {b"A2B0": table, b"wtpt": white, b"desc": b"desc" + bytes(4) + struct.pack(">I", 2) + b"x\0" + bytes(80), b"cprt": b"text" + bytes(4) + b"none\0"}  # noqa: E501  # fmt: skip
    offset, directory, data = 132 + 12 * len(tags), b"", b""
    for name, content in tags.items():
        content += bytes(-len(content) % 4)
        directory += struct.pack(">4sII", name, offset + len(data), len(content))
        data += content
    header = struct.pack(
        ">I4sI4s4s4s12s4s", offset + len(data), bytes(4), 0x02400000, b"prtr", b"CMYK", b"Lab ",
        struct.pack(">6H", 2000, 1, 1, 0, 0, 0), b"acsp",
    )  # fmt: skip
    header += bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + directory + data
