"""The one place that opens picture files: for the command line, the page and training folders.

    >>> picture = read_picture("photo.jpg")      # doctest: +SKIP
    >>> picture.image                            # a PIL image, upright, in a common mode
    >>> picture.deep                             # its 16 bits a colour, or None
    >>> picture.notes                            # what was left out, in sentences

Only the formats of `FORMATS` are read, whatever a file is called. No decoder among them starts
another program, as Pillow's own list does for PostScript.
"""

from __future__ import annotations

import io
import struct
import warnings
from dataclasses import dataclass, field
from functools import cache
from os import PathLike
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from olivetti_denoiser import deep_pictures
from olivetti_denoiser.exif import (
    descriptive_block,
    orientation_of,
    upright_array,
    upright_pixels,
)
from olivetti_denoiser.pillow_modes import common_mode, eight_bits

# Pillow's names; JPEG includes MPO, PPM the whole family of PGM, PBM and PFM.
FORMATS = ("AVIF", "BMP", "GIF", "HEIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
IN_WORDS = "JPEG, PNG, WebP, GIF, TIFF, AVIF, HEIC, JPEG 2000, PPM or BMP"
ENDINGS = {
    ".avif": "AVIF",
    ".bmp": "BMP",
    ".gif": "GIF",
    ".heic": "HEIF",
    ".heif": "HEIF",
    ".hif": "HEIF",
    ".j2k": "JPEG2000",
    ".jfif": "JPEG",
    ".jp2": "JPEG2000",
    ".jpe": "JPEG",
    ".jpeg": "JPEG",
    ".jpg": "JPEG",
    ".pbm": "PPM",
    ".pfm": "PPM",
    ".pgm": "PPM",
    ".png": "PNG",
    ".pnm": "PPM",
    ".ppm": "PPM",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
}
# Further names of what is read; nothing is written under them.
READ_ENDINGS = frozenset(ENDINGS) | frozenset(
    (".apng", ".avifs", ".dib", ".heics", ".heifs", ".j2c", ".jpc", ".jpf", ".jpx", ".mpo")
)
AVIF_BRANDS = (b"avif", b"avis")
HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
NO_PICTURES = (
    (b"%!PS", "PostScript is a program that draws"),
    (b"\xc5\xd0\xd3\xc6", "PostScript is a program that draws"),
    (b"%PDF", "a PDF is a document"),
    (b"version https://git-lfs", "this is a pointer of git-lfs (`git lfs pull` fetches the file)"),
)
FRAMES_OF = ("AVIF", "GIF", "HEIF", "PNG", "TIFF", "WEBP")  # MPO holds a photograph's depth


@dataclass(frozen=True)
class PictureFile:
    """A picture file, decoded.

    Attributes:
        image: the first frame, upright, in a mode of `pillow_modes`; its `info` has what came
            with it.
        deep: uint16 H×W×C, upright, where the file has more than 8 bits a colour; C is gray and
            alpha, RGB or RGBA. `image` then has the upper 8 of them.
        format: Pillow's name of the file's format.
        frames: frames or pages in the file.
        quantization: the tables of a JPEG, see `Image.quantization`.
        notes: what is left out of the file's picture, sentences for whoever gave it.
    """

    image: Image.Image
    deep: np.ndarray | None
    format: str
    frames: int = 1
    quantization: dict = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def whole(self) -> Image.Image | np.ndarray:
        """The picture with all of its bits."""
        return self.image if self.deep is None else self.deep

    @property
    def frames_note(self) -> list[str]:
        """One sentence where the file holds more than one frame or page, else none."""
        if self.frames == 1:
            return []
        kind = "page" if self.format == "TIFF" else "frame"
        return [f"Only the first of {self.frames} {kind}s is used."]


def read_picture(path: str | PathLike, max_pixels: int | None = None) -> PictureFile:
    """Reads a picture file, first frame.

    Args:
        path: the file; its name's ending does not matter.
        max_pixels: the largest picture to decode; None leaves it to Pillow.

    Raises:
        ValueError: no such file, not a picture, damaged, or too large; it ends with the path.
    """
    try:
        content = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"the picture cannot be read: {reason}. Received: {path}") from None
    return decode_picture(content, path, max_pixels)


def decode_picture(
    content: bytes, name: str | PathLike, max_pixels: int | None = None
) -> PictureFile:
    """Decodes the bytes of a picture file, first frame.

    Args:
        content: the whole file.
        name: what to call the picture in a complaint.
        max_pixels: as for `read_picture`.

    Raises:
        ValueError: not a picture, damaged, or too large.
    """
    try:
        return _decoded(content, max_pixels)
    except PictureError as error:
        raise type(error)(f"{error}. Received: {name}") from None


class PictureError(ValueError):
    """A file is no picture that can be read; the base of the three below."""


class NoPictureError(PictureError):
    """The file is of another kind."""


class DamagedPictureError(PictureError):
    """The file is cut short or wrong inside."""


class TooLargeError(PictureError):
    """The picture has more pixels than are decoded."""


def _decoded(content, max_pixels):
    _refuse_other_kinds(content)
    _register_heif()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about odd metadata, of which nothing is needed
            header = _opened(content)
            width, height = header.size if header else _size_of(content)
            if max_pixels and width * height > max_pixels:
                raise TooLargeError(f"the picture is too large: {width:,}×{height:,} pixels")
            return _loaded(header, content)
    except Image.DecompressionBombError as error:
        raise TooLargeError(f"the picture is too large: {error}") from None
    except PictureError:
        raise
    except Exception as error:  # a decoder may raise anything when it is given anything
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise DamagedPictureError(f"the picture cannot be read: {reason}") from None


def _opened(content):
    """Opens a file with Pillow, without its metadata where that is what Pillow fails at."""
    for bare in (content, _without_metadata(content)):
        try:
            image = Image.open(io.BytesIO(bare), formats=FORMATS)
        except UnidentifiedImageError:
            continue
        if image.format == "TIFF":  # it would stop at odd EXIF once the pixels are there
            image.load_end = lambda: None
        return image
    if content[4:8] == b"ftyp" and _brands(content) & {*HEIC_BRANDS, *AVIF_BRANDS}:
        raise DamagedPictureError("the picture is damaged or cut short")
    if deep_pictures.deep_bits(content):  # Pillow knows no gray of 10 or 14 bits
        return None
    if deep_pictures.tiff_tags(content):
        raise NoPictureError(
            "this TIFF holds values of a kind that is not read; whole numbers of 8 or 16 bits, or "
            "gray as 32-bit floats, work"
        )
    raise NoPictureError(f"this is not a picture in a format that is read; {IN_WORDS} work")


def _loaded(header, content):
    """Decodes what `_opened` has opened, with all of its bits."""
    frames, notes = _frames(header), []
    bits = deep_pictures.deep_bits(content)
    deep = None
    if bits:
        try:
            deep = deep_pictures.read_deep(content)
        except deep_pictures.NoDecoderError as error:
            if header is None:
                raise NoPictureError(str(error)) from None
            notes.append(f"Of {bits} bits a colour 8 are used: {error}.")
    if deep is not None:
        image = Image.fromarray(deep if deep.ndim == 2 else eight_bits(deep))
        image.info = dict(header.info) if header else {}
        image.info.pop("transparency", None)  # a channel by now
        deep = None if deep.ndim == 2 else deep
    else:
        header.load()
        image = header._new(header.im)  # of a plain class, which opens no file any more
        if bits in deep_pictures.ODD_BITS:
            values = np.rint(np.asarray(image) * (65535 / (2**bits - 1)))
            image, notes = Image.fromarray(values.astype(np.uint16)), []
            image.info = dict(header.info)
        _scale_transparency(image, content)
    depth = image.info.get("bit_depth") or _bits_of_avif(content)  # the former pillow-heif's
    if depth in (10, 12):
        notes.append(f"Of {depth} bits a colour 8 are used.")
    if header and header.format != "TIFF":
        orientation = orientation_of(header)
    else:
        orientation = deep_pictures.tiff_tags(content).get(deep_pictures.ORIENTATION, 1)
        if header and (block := descriptive_block(header)):
            image.info["exif"] = block
    return PictureFile(
        common_mode(upright_pixels(image, orientation)),
        None if deep is None else upright_array(deep, orientation),
        header.format if header else "TIFF",
        frames,
        getattr(header, "quantization", None) or {},
        tuple(notes),
    )


def _scale_transparency(image, content):
    """Gray of 2 and 4 bits has become 8, but its transparent value has not."""
    value = image.info.get("transparency")
    depth = content[24] if content.startswith(deep_pictures.PNG) else 8
    if image.mode == "L" and isinstance(value, int) and depth in (2, 4):
        image.info["transparency"] = value * 255 // (2**depth - 1)


def _frames(header):
    try:
        return header.n_frames if header.format in FRAMES_OF else 1
    except Exception:  # there is one, or what follows the first is damaged
        return 1


def _size_of(content):
    tags = deep_pictures.tiff_tags(content)
    return tags.get(deep_pictures.WIDTH, 0), tags.get(deep_pictures.LENGTH, 0)


def _refuse_other_kinds(content):
    if not content:
        raise NoPictureError("the file is empty")
    start = content[:1024].lstrip()
    for beginning, what in NO_PICTURES:
        if start.startswith(beginning):
            raise NoPictureError(f"{what}, no picture; {IN_WORDS} work")
    if b"<svg" in start.lower():
        raise NoPictureError("an SVG is a drawing and has no pixels; saved as PNG it works")
    if is_heic(content) and not _register_heif():
        raise NoPictureError("HEIC needs pillow-heif: pip install pillow-heif")


def is_heic(content: bytes) -> bool:
    """Tells whether a file is of the HEIF family and not an AVIF."""
    if content[4:8] != b"ftyp":
        return False
    brands = _brands(content)
    return not brands & set(AVIF_BRANDS) and bool(brands & set(HEIC_BRANDS))


def _brands(content):
    length = min(struct.unpack(">I", content[:4])[0], 256)
    return {content[8:12], *(content[n : n + 4] for n in range(16, length, 4))}


def _bits_of_avif(content):
    """The bits a colour that an AVIF's first picture has; 8 where it does not say.

    https://aomediacodec.github.io/av1-isobmff/#av1codecconfigurationbox-syntax
    """
    place = content.find(b"av1C", 0, 4096)
    flags = content[place + 6] if 0 < place < len(content) - 6 else 0
    return (12 if flags & 0x20 else 10) if flags & 0x40 else 8


@cache
def _register_heif():
    """Teaches Pillow HEIC where pillow-heif is installed."""
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.register_heif_opener()
    return True


def _without_metadata(content):
    """A JPEG without EXIF, XMP and comments, a PNG without EXIF; another file as it is."""
    if content.startswith(b"\xff\xd8"):
        kept, place = [b"\xff\xd8"], 2
        while content[place : place + 1] == b"\xff" and place + 4 <= len(content):
            marker = content[place + 1]
            if marker == 0xDA:
                break
            length = 2 + int.from_bytes(content[place + 2 : place + 4], "big")
            segment = content[place : place + length]
            icc = segment[4:16] == b"ICC_PROFILE\0"
            if icc or not (0xE1 <= marker <= 0xED or marker == 0xFE):
                kept.append(segment)
            place += length
        return b"".join(kept) + content[place:]
    if content.startswith(deep_pictures.PNG):
        kept, place = [content[:8]], 8
        while place + 8 <= len(content):
            length, kind = struct.unpack_from(">I4s", content, place)
            if kind not in (b"eXIf", b"tEXt", b"zTXt", b"iTXt"):
                kept.append(content[place : place + length + 12])
            place += length + 12
        return b"".join(kept)
    return content
