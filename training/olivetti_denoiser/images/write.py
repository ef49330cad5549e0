"""The one place that encodes a restored picture: what its format cannot hold is said beforehand.

    >>> notes = check_output(picture, "restored.jpg")        # doctest: +SKIP
    >>> content = encode_picture(restored, "restored.jpg", picture)

A format is chosen by the file's ending. Profile, resolution and what EXIF says of the photograph
come along.
"""

from __future__ import annotations

import io
import math
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from olivetti_denoiser.atomic import check_writable
from olivetti_denoiser.images.colour_profile import to_srgb
from olivetti_denoiser.images.formats import INSTALL, formats
from olivetti_denoiser.images.high_bit_depth import encode_png16, encode_tiff16
from olivetti_denoiser.images.pillow_modes import eight_bits
from olivetti_denoiser.images.read import PictureFile

WRITTEN = {  # endings of the files that are written, and what Pillow calls them
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".avif": "AVIF",
    ".heic": "HEIF",
    ".heif": "HEIF",
}
LONGEST = {"WEBP": 16383, "JPEG": 65500, "AVIF": 32768, "HEIF": 16384}  # what decoders read
ENCODE_16 = {"PNG": encode_png16, "TIFF": encode_tiff16}  # no other format holds 16 bits
HOLD_GRAY = ("PNG", "TIFF", "JPEG")
# How to encode, so that nothing is lost that a person sees: at JPEG's 75 a restored picture loses
# 1.1 dB. WebP keeps colours under full transparency, too.
OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"lossless": True, "exact": True},
    "AVIF": {"quality": 95},
    "HEIF": {"quality": 95},
}


def check_output(picture: PictureFile, output: str | PathLike) -> list[str]:
    """Make sure, before any work, that a picture can be written to a file.

    Args:
        picture: What is to be restored; the result has its mode and size.
        output: The file to write, or only its name.

    Returns:
        Sentences on what the file will not keep of the picture; an empty list where it keeps all.

    Raises:
        ValueError: The ending names no format, or one that cannot hold the picture (the message
            names an ending that works), or no such file can be written.
    """
    kind, suffix, image = check_ending(output), Path(output).suffix.lower(), picture.image
    refusal = None
    if max(image.size) > LONGEST.get(kind, math.inf):
        refusal = f"a side of {max(image.size):,} pixels is more than {suffix} holds; .png or .tif"
    elif kind == "JPEG" and not _is_opaque(image):
        refusal = f"{suffix} holds no transparency, and the picture has some; .png, .webp or .tif"
    elif kind != "TIFF" and image.mode == "F":
        refusal = f"{suffix} holds no floats, of which the picture is; .tif"
    if refusal:
        raise ValueError(f"{refusal} would do. Received: {output}")
    if kind not in ENCODE_16 and (picture.pixels16 is not None or image.mode == "I;16"):
        return [f"16 bits become 8 bits, for {suffix} holds no more."]
    return []


def check_ending(output: str | PathLike) -> str:
    """Return Pillow's name of the format of a file that is to be written.

    Raises:
        ValueError: See `format_of`; or no such file can be written.
    """
    kind = format_of(output)
    try:
        check_writable(Path(output))
    except OSError as error:
        raise ValueError(str(error)) from None
    return kind


def format_of(output: str | PathLike) -> str:
    """Return Pillow's name of the format that a file's ending stands for.

    Raises:
        ValueError: The ending names no format that is written.
    """
    kind = WRITTEN.get(Path(output).suffix.lower())
    if kind is None:
        raise ValueError(f"pictures are written as {', '.join(WRITTEN)}. Received: {output}")
    if kind not in formats() or kind not in Image.SAVE:
        needed = INSTALL if kind == "HEIF" else "a Pillow that was built with it"
        raise ValueError(f"{Path(output).suffix} needs {needed}; .png would do. Received: {output}")
    return kind


def encode_picture(
    restored: Image.Image | np.ndarray, output: str | PathLike, picture: PictureFile
) -> bytes:
    """Return a restored picture as a file that `check_output` has passed.

    Args:
        restored: What the denoiser made of `picture.whole`.
        output: The file's name; the ending says how.
        picture: The picture as it was read, whose profile, resolution and EXIF are kept.

    Raises:
        OSError: The encoder cannot do it.
    """
    kind = WRITTEN[Path(output).suffix.lower()]
    info = picture.image.info
    kept = {name: info[name] for name in ("icc_profile", "dpi", "exif") if info.get(name)}
    if isinstance(restored, np.ndarray) and kind in ENCODE_16:
        return ENCODE_16[kind](restored, **kept)
    image = restored
    if isinstance(image, np.ndarray) or (image.mode == "I;16" and kind not in ENCODE_16):
        image = Image.fromarray(eight_bits(np.asarray(image)))
    if kind == "JPEG":
        image = image.convert(image.mode.removesuffix("A"))
    elif kind not in HOLD_GRAY and image.mode in ("L", "LA"):
        image = image.copy()
        image.info = dict(kept.items())
        kept.pop("icc_profile", None)  # which is of gray
        image = to_srgb(image).convert("RGBA" if image.mode == "LA" else "RGB")
    file = io.BytesIO()
    try:
        image.save(file, kind, **kept, **OPTIONS.get(kind, {}))
    except (RuntimeError, ValueError) as error:  # an encoder's, of sizes that it cannot do
        raise OSError(f"{error}; .png would do. Received: {output}") from None
    return file.getvalue()


def _is_opaque(image):
    return "A" not in image.getbands() or image.getchannel("A").getextrema()[0] == 255
