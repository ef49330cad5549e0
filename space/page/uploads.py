"""Visitors' files: read them within bounds, and encode what is sent back.

    picture = read_upload("photo.jpg")           # PIL image, first frame, upright, in sRGB
    encode_png(picture)                          # bytes, lossless

Every refusal is a `ValueError` of one sentence that a visitor can act on.
"""

from __future__ import annotations

import io
from os import PathLike
from pathlib import Path

import numpy as np
from PIL import Image

from olivetti_denoiser.images.colour_profile import to_srgb
from olivetti_denoiser.images.read import (
    DamagedPictureError,
    PictureFile,
    TooLargeError,
    decode_picture,
)

MAX_BYTES = 20 * 2**20
MAX_PIXELS = 25_000_000  # a large phone photograph; 75 MB once decoded
BROWSERS = ("AVIF", "BMP", "GIF", "JPEG", "PNG", "WEBP")  # what browsers show
LEFT_OUT = "left_out"  # of a picture's `info`: sentences


def read_upload(path: str | PathLike, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Reads a stranger's picture file: first frame, upright, in sRGB.

    The size is checked before a pixel is decoded.

    Args:
        path: the file; its name's ending does not matter.
        max_pixels: the largest picture to decode.

    Returns:
        The decoded picture; `left_out` tells what the file holds beside it.

    Raises:
        ValueError: one sentence that says what is wrong with the file and what would work.
    """
    return _in_srgb(_read(path, max_pixels))


def left_out(image: Image.Image) -> str:
    """Returns sentences about what a picture of `read_upload` lacks of its file, or nothing."""
    return " ".join(image.info.get(LEFT_OUT, ()))


def for_the_browser(path: str | PathLike) -> Image.Image | None:
    """Converts a picture that browsers cannot show, such as a TIFF.

    Returns:
        The picture to show instead; None where the file can be shown as it is.

    Raises:
        ValueError: the file is no picture, see `read_upload`.
    """
    picture = _read(path, MAX_PIXELS)
    return None if picture.format in BROWSERS else _in_srgb(picture)


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


def _read(path, max_pixels):
    """A picture file; whatever is wrong with it is said in one sentence."""
    path = Path(path)
    size = path.stat().st_size
    if size == 0:
        raise ValueError("The file is empty; please choose a picture.")
    if size > MAX_BYTES:
        raise ValueError(
            f"The file is larger than {MAX_BYTES // 2**20} MB; please save it smaller."
        )
    try:
        picture = decode_picture(path.read_bytes(), "", max_pixels)
    except TooLargeError as error:
        what = str(error).partition(": ")[2].partition(". Received")[0]
        raise ValueError(
            f"The picture is too large ({what if '×' in what else 'too many pixels to open'}); "
            f"up to {max_pixels / 1e6:g} million pixels work, so please make it smaller."
        ) from None
    except DamagedPictureError:
        raise ValueError(
            "The file is damaged or cut short; please send it again or save it as a new PNG."
        ) from None
    except ValueError as error:
        what = str(error).partition(". Received")[0]
        raise ValueError(f"{what[0].upper()}{what[1:]}.") from None
    if picture.image.mode == "F":
        _refuse_what_is_no_brightness(np.asarray(picture.image))
    return picture


def _in_srgb(picture: PictureFile) -> Image.Image:
    image = to_srgb(picture.image)
    sentences = [*picture.notes, *picture.frames_note]
    if picture.deep is not None:
        sentences.append("Of 16 bits a colour 8 are used.")
    image.info[LEFT_OUT] = tuple(sentences)
    return image


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
