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
from os import PathLike
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from olivetti_denoiser.images.colour_profile import KEYS, coded_profile
from olivetti_denoiser.images.exif import (
    descriptive,
    keep_descriptive,
    orientation_of,
    upright_array,
    upright_pixels,
)
from olivetti_denoiser.images.formats import (
    DamagedPictureError,
    NoPictureError,
    PictureError,
    TooLargeError,
    formats,
    reason,
)
from olivetti_denoiser.images.high_bit_depth import (
    BITS,
    PLANES,
    PNG,
    SEPARATE,
    NoDecoderError,
    bits_of,
    read_deep,
)
from olivetti_denoiser.images.pillow_modes import common_mode, eight_bits

FRAMES_OF = ("AVIF", "GIF", "HEIF", "PNG", "TIFF", "WEBP")  # MPO holds a photograph's depth
GRAY = ("1", "L", "I", "I;16", "I;16B", "F")  # of which Pillow keeps all bits
REDUCED, SUBFILE, DNG = 1, 254, 50706  # a raw photograph's first picture is a small one
PHOTOMETRIC, WHITE_IS_ZERO = 262, 0
JP2, ICC = b"\0\0\0\x0cjP  ", 2  # the start of a file, and how its box `colr` names a profile

# Pillow's about odd metadata, of which nothing is needed, and about large pictures, which it
# refuses at twice that size. They are filtered once for the process, as catching them at each
# picture is not for threads; a filter of the program's own comes first.
warnings.filterwarnings("ignore", module=r"PIL\.\w+ImagePlugin", append=True)
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning, append=True)


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
    """Read a picture file, first frame.

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
    """Decode the bytes of a picture file, first frame.

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


def _decoded(content, max_pixels):
    try:
        header = _opened(content)
        width, height = header.size
        if max_pixels and width * height > max_pixels:
            raise TooLargeError(f"the picture is too large: {width:,}×{height:,} pixels")
        return _loaded(header, content)
    except Image.DecompressionBombError as error:
        raise TooLargeError(f"the picture is too large: {error}") from None
    except PictureError:
        raise
    except Exception as error:  # a decoder may raise anything when it is given anything
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise DamagedPictureError(f"the picture cannot be read: {why}") from None


def _opened(content):
    try:
        image = Image.open(io.BytesIO(content), formats=formats())
    except UnidentifiedImageError:
        raise reason(content) from None
    if image.format == "TIFF":
        tags = image.tag_v2
        if tags.get(SUBFILE, 0) & REDUCED or DNG in tags or content[8:10] == b"CR":
            raise NoPictureError(
                "raw photographs are not read; developed and saved as TIFF it works"
            )
        bits = tags.get(BITS, (8,))
        if tags.get(PLANES) == SEPARATE and len(bits) > 1 and max(bits) > 8:  # read as noise
            raise NoPictureError("16 bits in separate planes are not read; saved as PNG it works")
        image.load_end = lambda: None  # it would stop at odd EXIF once the pixels are there
    return image


def _loaded(header, content):
    """Decodes what `_opened` has opened, with all of its bits."""
    frames, bits, notes, deep = _frames(header), bits_of(header, content), [], None
    one_colour = "transparency" in header.info
    if bits > 8 and (header.mode not in GRAY or one_colour):
        try:
            deep = read_deep(header, content)
        except NoDecoderError as error:
            if header.mode == "RGB" and one_colour:  # of 16 bits, which 8 cannot find
                raise NoPictureError(f"one transparent colour of 16 bits: {error}") from None
            notes.append(f"Of {bits} bits a colour 8 are used: {error}.")
    if deep is not None:
        image = Image.fromarray(eight_bits(deep))
        image.info = {key: value for key, value in header.info.items() if key != "transparency"}
    else:
        header.load()
        image = header._new(header.im)  # of a plain class, which opens no file any more
        if header.format == "TIFF" and image.mode == "I;16":
            image = _gray_of_tiff(image, bits, header.tag_v2.get(PHOTOMETRIC))
        _scale_transparency(image, content)
    notes += _colours_by_number(image, content)
    orientation = orientation_of(header)
    keep_descriptive(image, descriptive(header))
    if deep is not None and header.format == "TIFF":
        orientation = 1  # OpenCV has turned it
    return PictureFile(
        common_mode(upright_pixels(image, orientation)),
        None if deep is None else upright_array(deep, orientation),
        header.format,
        frames,
        getattr(header, "quantization", None) or {},
        tuple(notes),
    )


def _gray_of_tiff(image, bits, photometric):
    """Pillow leaves 12 bits at the lower end of 16, and white that is zero as it is."""
    values = np.asarray(image)
    if bits == 12:
        values = np.rint(values * (65535 / 4095)).astype(np.uint16)
    gray = Image.fromarray(65535 - values if photometric == WHITE_IS_ZERO else values)
    gray.info = dict(image.info)
    return gray


def _colours_by_number(image, content):
    """Puts a profile in `info` for colours named by numbers; a sentence where none can say it.

    Pillow leaves out the profile of a JPEG 2000, too.
    """
    if content.startswith(JP2):
        place = content.find(b"colr")
        if place > 4 and content[place + 4] == ICC:
            end = place - 4 + int.from_bytes(content[place - 4 : place], "big")
            image.info["icc_profile"] = content[place + 7 : end]
    if content.startswith(PNG):
        place = content.find(b"cICP", 0, content.find(b"IDAT")) + 4
        numbers = struct.unpack_from(">BB", content, place) if place >= 4 else None
    else:
        place = content.find(b"colrnclx") + 8 if content[4:8] == b"ftyp" else 0
        numbers = struct.unpack_from(">HH", content, place) if place >= 8 else None
        if "icc_profile" in image.info:  # which comes before them, other than in a PNG
            numbers = None
    if numbers is None:
        return []
    try:
        profile = coded_profile(*numbers)
    except ValueError:
        hdr = {16: " (HDR, PQ)", 18: " (HDR, HLG)"}.get(numbers[1], "")
        return [f"What its colours mean{hdr} is not kept: they will look pale or dark."]
    for key in KEYS:
        image.info.pop(key, None)
    if profile:
        image.info["icc_profile"] = profile
    return []


def _scale_transparency(image, content):
    """Gray of 2 and 4 bits has become 8, but its transparent value has not."""
    value = image.info.get("transparency")
    depth = content[24] if content.startswith(PNG) else 8
    if image.mode == "L" and isinstance(value, int) and depth in (2, 4):
        image.info["transparency"] = value * 255 // (2**depth - 1)


def _frames(header):
    try:
        return header.n_frames if header.format in FRAMES_OF else 1
    except Exception:  # there is one, or what follows the first is damaged
        return 1
