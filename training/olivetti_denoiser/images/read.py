"""The one place that opens picture files: for the command line, the page and training folders.

    >>> picture = read_picture("photo.jpg")      # doctest: +SKIP
    >>> picture.image                            # a PIL image, upright, in a common mode
    >>> picture.pixels16                         # its 16 bits a colour, or None
    >>> picture.notes                            # what was left out, in sentences

Only the formats in `formats.FORMATS` are read, whatever a file is called. None of their decoders
starts another program, as Pillow does to read PostScript.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from olivetti_denoiser.images.colour_profile import means_other_colours
from olivetti_denoiser.images.exif import kept_exif, orientation_of, turn
from olivetti_denoiser.images.formats import (
    OTHER_VALUES,
    DamagedPictureError,
    PictureError,
    TooLargeError,
    formats,
    reason,
)
from olivetti_denoiser.images.high_bit_depth import PNG, pixels_of, rawmode_of, read_pixels16
from olivetti_denoiser.images.pillow_modes import common_mode, eight_bits

FRAMES_OF = ("AVIF", "GIF", "HEIF", "PNG", "TIFF", "WEBP")  # MPO holds a photograph's depth
SUBFILE, BITS, PHOTOMETRIC, PLANES, DNG = 254, 258, 262, 284, 50706  # tags of a TIFF
REDUCED, WHITE_IS_ZERO, SEPARATE = 1, 0, 2  # a raw photograph's first picture is a small one
COLOURS_OF_16 = ("RGB;16", "RGBA;16")  # as Pillow calls pixels of a file
J2K = b"\xff\x4f\xff\x51"  # segment SIZ of a codestream follows (ISO/IEC 15444-1, A.5.1)

# Pillow's about odd metadata, of which nothing is needed, and about large pictures, which it
# refuses at twice that size. They are filtered once for the process, as catching them at each
# picture is not for threads; a filter of the program's own comes first.
warnings.filterwarnings("ignore", module=r"PIL\.\w+ImagePlugin", append=True)
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning, append=True)


@dataclass(frozen=True)
class PictureFile:
    """A picture file, decoded.

    Attributes:
        image: The first frame, upright, in a mode of `pillow_modes`; its `info` has what may be
            written beside it: `icc_profile`, `dpi` and `exif`.
        pixels16: uint16 H×W×C, upright, where the file has 16 bits a colour; C is RGB or RGBA.
            `image` then has the upper 8 of them.
        format: Pillow's name of the file's format.
        notes: What is left out of the file's picture, sentences for whoever gave it.
    """

    image: Image.Image
    pixels16: np.ndarray | None
    format: str
    notes: tuple[str, ...] = ()

    @property
    def whole(self) -> Image.Image | np.ndarray:
        """Return the picture with all of its bits."""
        return self.image if self.pixels16 is None else self.pixels16


def read_picture(path: str | PathLike) -> PictureFile:
    """Read a picture file, first frame.

    Args:
        path: The file; its name's ending does not matter.

    Raises:
        ValueError: No such file, not a picture, damaged, or too large; it ends with the path.
    """
    try:
        content = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"the picture cannot be read: {reason}. Received: {path}") from None
    return decode_picture(content, path)


def decode_picture(
    content: bytes, name: str | PathLike, max_pixels: int | None = None
) -> PictureFile:
    """Decode the bytes of a picture file, first frame.

    Args:
        content: The whole file.
        name: What to call the picture in a complaint.
        max_pixels: The largest picture to decode; None leaves it to Pillow.

    Raises:
        ValueError: Not a picture, damaged, or too large.
    """
    try:
        return _decoded(content, max_pixels)
    except PictureError as error:
        kind, why = type(error), str(error)
    except Image.DecompressionBombError as error:
        kind, why = TooLargeError, f"the picture is too large: {error}"
    except Exception as error:  # a decoder may raise anything when it is given anything
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        kind, why = DamagedPictureError, f"the picture cannot be read: {why}"
    raise kind(f"{why}. Received: {name}")


def _decoded(content, max_pixels):
    header = _opened(content)
    width, height = header.size
    if max_pixels and width * height > max_pixels:
        raise TooLargeError(f"the picture is too large: {width:,}×{height:,} pixels")
    rawmode, orientation, exif = rawmode_of(header), orientation_of(header), kept_exif(header)
    notes, pixels16 = _notes(header, content, rawmode), None
    if rawmode.startswith(COLOURS_OF_16):
        pixels16 = _turned(read_pixels16(header, _opened(content)), orientation)
        orientation, image = 1, Image.fromarray(eight_bits(pixels16))
    else:
        image = pixels_of(header)
    image.info = header.info | {"dpi": _dpi(header)}
    if content.startswith(PNG) and image.mode in ("1", "L") and "transparency" in image.info:
        # The value counts in the file's own bits, of which Pillow has made 8.
        value = image.info["transparency"] * 255 // (2 ** content[24] - 1)
        image.info["transparency"] = min(value, 255)
    image = common_mode(turn(image, orientation, exif))
    return PictureFile(image, pixels16, header.format, notes)


def _opened(content):
    """Return an undecoded picture; what Pillow would take for another picture is refused."""
    try:
        image = Image.open(io.BytesIO(content), formats=formats())
    except UnidentifiedImageError:
        raise reason(content) from None
    if image.format == "TIFF":
        tags = image.tag_v2
        if tags.get(SUBFILE, 0) & REDUCED or DNG in tags or content[8:10] == b"CR":
            raise PictureError("raw photographs are not read; developed and saved as TIFF it works")
        bits = max(tags.get(BITS, (8,)))
        if bits not in (1, 2, 4, 8, 16, 32) or (
            bits > 8 and tags.get(PHOTOMETRIC) == WHITE_IS_ZERO
        ):
            raise PictureError(OTHER_VALUES)
        if tags.get(PLANES) == SEPARATE and bits > 8 and len(image.getbands()) > 1:
            raise PictureError("16 bits in separate planes are not read; saved as PNG it works")
        image.load_end = lambda: None  # it would stop at odd EXIF once the pixels are there
    elif "16" in rawmode_of(image) and "transparency" in image.info:
        raise PictureError(
            "one transparent value of 16 bits is not read; saved with an alpha channel it works"
        )
    return image


def _notes(header, content, rawmode):
    """Return sentences about what is left out of a file."""
    notes = []
    if _has_more_bits(header, content, rawmode):
        notes.append("Of more than 8 bits a colour 8 are used.")
    if header.mode == "CMYK":
        notes.append("CMYK is converted to RGB.")
    if means_other_colours(content, header.info):
        notes.append("What its colours mean is not kept: they may look pale or dark.")
    try:
        frames = header.n_frames if header.format in FRAMES_OF else 1
    except Exception:  # there is one, or what follows the first is damaged
        frames = 1
    if frames > 1:
        kind = "page" if header.format == "TIFF" else "frame"
        notes.append(f"Only the first of {frames} {kind}s is used.")
    return tuple(notes)


def _has_more_bits(header, content, rawmode):
    """Return whether Pillow leaves out bits that `read_pixels16` does not bring back."""
    if header.mode.startswith(("I", "F")):  # whole numbers of any byte order, and floats
        return False
    if header.format == "PPM":
        scale = header.tile[0].args  # a rawmode alone, or with the largest value
        return isinstance(scale, tuple) and scale[-1] > 255
    if header.format == "JPEG2000":
        place = content.find(J2K) + 42
        return content[place : place + 1] > b"\7"
    if header.format == "AVIF":  # aomediacodec.github.io/av1-isobmff/#av1codecconfigurationbox
        place = content.find(b"av1C", 0, 4096) + 6
        return bool(content[place] & 0x40)
    of_16 = ";16" in rawmode and not rawmode.startswith(COLOURS_OF_16)
    return of_16 or header.info.get("bit_depth", 8) > 8  # the latter of a HEIC


def _turned(pixels, orientation):
    """Return H×W×C pixels as they are to be seen."""
    channels = (Image.fromarray(channel) for channel in np.moveaxis(pixels, -1, 0))
    return np.dstack([np.asarray(turn(channel, orientation)) for channel in channels])


def _dpi(image):
    """Return the resolution, where it is two numbers that a file can hold."""
    try:
        across, down = (float(value) for value in image.info.get("dpi", ()))
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if 1 <= across <= 65535 and 1 <= down <= 65535 else None
