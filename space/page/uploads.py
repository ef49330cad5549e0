"""Visitors' files: read them within bounds, and encode what is sent back.

    picture = read_upload("photo.jpg")           # PIL image, first frame, not yet upright
    encode_png(picture)                          # bytes, lossless

Every refusal is a `ValueError` of one sentence that a visitor can act on.
"""

from __future__ import annotations

import io
import warnings
from os import PathLike
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from olivetti_denoiser.images import upright

MAX_BYTES = 20 * 2**20
MAX_PIXELS = 25_000_000  # a large phone photograph; 75 MB once decoded
FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
FORMATS_IN_WORDS = "JPEG, PNG, WebP, GIF, TIFF, AVIF or BMP"
ANIMATED = ("AVIF", "GIF", "PNG", "WEBP")  # MPO holds a photograph's depth, not its motion


def read_upload(path: str | PathLike, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Reads a stranger's picture file: first frame, not yet upright.

    The size is checked before a pixel is decoded.

    Args:
        path: the file; its name's ending does not matter.
        max_pixels: the largest picture to decode.

    Returns:
        The decoded picture; `frames_left_out` tells whether the file holds more.

    Raises:
        ValueError: one sentence that says what is wrong with the file and what would work.
    """
    path = Path(path)
    _refuse_what_is_no_picture(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            # From memory: Pillow forgets the orientation of a TIFF that it maps from a path.
            image = Image.open(io.BytesIO(path.read_bytes()), formats=FORMATS)
        width, height = image.size
        if width * height > max_pixels:
            raise ValueError(_too_large(f"{width:,}×{height:,} pixels", max_pixels))
        image.load()
    except UnidentifiedImageError:
        raise ValueError(
            f"This file is not a picture that can be read here; {FORMATS_IN_WORDS} work."
        ) from None
    except Image.DecompressionBombError:
        raise ValueError(_too_large("too many pixels to open", max_pixels)) from None
    except (OSError, SyntaxError, EOFError, IndexError, OverflowError, TypeError):
        raise ValueError(
            "The file is damaged or cut short; please send it again or save it as a new PNG."
        ) from None
    if image.mode == "F":
        _refuse_what_is_no_brightness(np.asarray(image))
    return image


def frames_left_out(image: Image.Image) -> bool:
    """Tells whether the file of `read_upload` is an animation of which only one frame is used."""
    return image.format in ANIMATED and getattr(image, "is_animated", False)


def for_the_browser(path: str | PathLike) -> Image.Image | None:
    """Converts a picture that browsers cannot show, such as a TIFF.

    Returns:
        The picture to show instead; None where the file can be shown as it is.

    Raises:
        ValueError: the file is no picture, see `read_upload`.
    """
    image = read_upload(path)
    if image.format in ("AVIF", "BMP", "GIF", "JPEG", "PNG", "WEBP"):
        return None
    return upright(image)


def encode_png(image: np.ndarray | Image.Image) -> bytes:
    """Encodes a picture as PNG, the same bytes for the same pixels.

    Args:
        image: uint8 array H×W or H×W×3, or a PIL image; modes that PNG lacks become RGB, and
            floats become 16 bits.
    """
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    if image.mode == "F":
        values = np.rint(np.clip(np.asarray(image), 0.0, 1.0) * 65535.0)
        image = Image.fromarray(values.astype(np.uint16))
    elif image.mode not in ("L", "LA", "RGB", "RGBA", "I;16"):
        image = image.convert("RGB")
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1 if image.width * image.height > 2**20 else 6)
    return buffer.getvalue()


def _refuse_what_is_no_picture(path):
    size = path.stat().st_size
    if size == 0:
        raise ValueError("The file is empty; please choose a picture.")
    if size > MAX_BYTES:
        raise ValueError(
            f"The file is larger than {MAX_BYTES // 2**20} MB; please save it smaller."
        )
    with path.open("rb") as file:
        start = file.read(1024)
    if start[4:8] == b"ftyp" and start[8:12] in (b"heic", b"heix", b"heif", b"mif1", b"msf1"):
        raise ValueError("HEIC pictures cannot be read here; please save it as JPEG or PNG.")
    if b"<svg" in start.lower():
        raise ValueError(
            "An SVG is a drawing and has no pixels; please save it as PNG and send that."
        )


def _refuse_what_is_no_brightness(values):
    if not np.all(np.isfinite(values)):
        raise ValueError(
            "Some of the picture's values are not numbers; fill the gaps, floats from 0 to 1 work."
        )
    low, high = float(values.min()), float(values.max())
    if low < 0.0 or high > 1.0:
        raise ValueError(
            f"The picture's floats run from {low:g} to {high:g}; scale them to 0 to 1, that works."
        )


def _too_large(what, max_pixels):
    return (
        f"The picture is too large ({what}); "
        f"up to {max_pixels / 1e6:g} million pixels work, so please make it smaller."
    )
