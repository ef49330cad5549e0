"""The one place that writes a restored picture: what its format cannot hold is said beforehand.

    >>> notes = check_output(picture, "restored.jpg")        # doctest: +SKIP
    >>> save_picture(restored, "restored.jpg", picture)

A format is chosen by the file's ending. Profile, resolution and what EXIF says of the photograph
come along.
"""

from __future__ import annotations

import io
import math
from functools import cache
from os import PathLike
from pathlib import Path

import numpy as np
from PIL import Image

from olivetti_denoiser.atomic import atomic_file, check_writable
from olivetti_denoiser.images.colour_profile import profile_of, to_srgb
from olivetti_denoiser.images.exif import descriptive
from olivetti_denoiser.images.formats import INSTALL, formats
from olivetti_denoiser.images.high_bit_depth import encode_png16, encode_tiff16
from olivetti_denoiser.images.pillow_modes import eight_bits
from olivetti_denoiser.images.read import PictureFile

ENDINGS = {
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
NEEDS = {"AVIF": "Pillow 11.3 or newer (pip install --upgrade pillow)", "HEIF": INSTALL}
DEEP = {2: "LA;16", 3: "RGB;16", 4: "RGBA;16"}  # as we call them; Pillow has no such modes
HOLDS = {
    "PNG": ("L", "LA", "RGB", "RGBA", "I;16", *DEEP.values()),
    "TIFF": ("L", "LA", "RGB", "RGBA", "I;16", "CMYK", "F", "RGB;16", "RGBA;16"),
    "WEBP": ("RGB", "RGBA"),
    "AVIF": ("RGB", "RGBA"),
    "HEIF": ("L", "RGB", "RGBA"),
    "JPEG": ("L", "RGB", "CMYK"),
}
LONGEST = {"WEBP": 16383, "JPEG": 65500, "AVIF": 32768, "HEIF": 16384}  # what decoders read
# What a mode becomes where the format does not hold it, again and again.
BECOMES = {
    "F": "I;16",
    "I;16": "L",
    "L": "RGB",
    "LA": "RGBA",
    "LA;16": "RGBA;16",
    "RGB;16": "RGB",
    "RGBA;16": "RGBA",
    "CMYK": "RGB",
    "YCbCr": "RGB",
}
QUALITY = 95  # at 75 a restored JPEG loses 1.1 dB


def check_output(picture: PictureFile, output: str | PathLike) -> list[str]:
    """Make sure, before any work, that a picture can be written to a file.

    Args:
        picture: what is to be restored; the result has its mode and size.
        output: the file to write, or only its name.

    Returns:
        What the file will hold differently, sentences; empty where nothing.

    Raises:
        ValueError: the ending names no format, or one that cannot hold the picture (the message
            names an ending that works), or no such file can be written.
    """
    _, notes = _plan(picture, output)
    return notes


def check_ending(output: str | PathLike) -> str:
    """Return Pillow's name of the format that a file's ending stands for.

    Raises:
        ValueError: none that is written, or no such file can be written.
    """
    kind = ENDINGS.get(Path(output).suffix.lower())
    if kind is None:
        raise ValueError(f"pictures are written as {', '.join(ENDINGS)}. Received: {output}")
    if kind not in formats() or kind not in Image.SAVE:
        raise ValueError(
            f"{Path(output).suffix} needs {NEEDS[kind]}; .png would do. Received: {output}"
        )
    try:
        check_writable(Path(output))
    except OSError as error:
        raise ValueError(str(error)) from None
    return kind


def save_picture(
    restored: Image.Image | np.ndarray, output: str | PathLike, picture: PictureFile
) -> None:
    """Write a restored picture, whole or not at all.

    Args:
        restored: what the denoiser made of `picture.whole`.
        output: the file to write; the ending says how.
        picture: the picture as it was read, whose profile, resolution and EXIF are kept.

    Raises:
        ValueError: see `check_output`.
        OSError: it cannot be written; what was there stays.
    """
    kind = check_ending(output)
    mode, _ = _plan(picture, output)
    keeps = _colours(mode) == _colours(mode_of(picture))
    profile = profile_of(picture.image) if keeps else None
    pixels = _as_mode(restored, mode, picture, to_be_srgb=not keeps)
    dpi, exif = _dpi(picture.image), picture.image.info.get("exif")
    with atomic_file(Path(output)) as path:
        if mode in DEEP.values() and kind == "PNG":
            path.write_bytes(encode_png16(pixels, profile, dpi, exif))
        elif mode in DEEP.values():
            path.write_bytes(encode_tiff16(pixels, profile, dpi, descriptive(picture.image)))
        else:
            found = {"icc_profile": profile, "exif": exif, "dpi": dpi}
            kept = {name: value for name, value in found.items() if value}
            try:
                pixels.save(path, kind, **kept, **_options(kind, picture))
            except (RuntimeError, ValueError) as error:  # an encoder's, of sizes that it cannot do
                raise OSError(f"{error}; .png would do. Received: {output}") from None


def mode_of(picture: PictureFile) -> str:
    """Return the mode of a picture, of 16 bits a colour as `DEEP` calls it."""
    return picture.image.mode if picture.deep is None else DEEP[picture.deep.shape[-1]]


def _plan(picture, output):
    """The mode to write and what to say about it."""
    kind, suffix = check_ending(output), Path(output).suffix.lower()
    if max(picture.image.size) > LONGEST.get(kind, math.inf):
        raise ValueError(
            f"a side of {max(picture.image.size):,} pixels is more than {suffix} holds; "
            f".png or .tif would do. Received: {output}"
        )
    whole = mode = mode_of(picture)
    if "A" in mode and kind == "JPEG":
        if not _opaque(picture):
            raise ValueError(
                f"{suffix} holds no transparency, and the picture has some; .png, .webp or .tif "
                f"would do. Received: {output}"
            )
        mode = {"LA;16": "I;16"}.get(mode, mode.replace("A", ""))
    while mode not in HOLDS[kind]:
        mode = BECOMES[mode]
    notes = []
    if _depth(mode) != _depth(whole):
        notes.append(f"{_depth(whole)} become {_depth(mode)}, for {suffix} holds no more.")
    if whole == "CMYK" and mode != whole:
        notes.append(f"CMYK becomes RGB, for {suffix} holds no more.")
    return mode, notes


def _opaque(picture):
    if picture.deep is not None:
        return bool((picture.deep[..., -1] == 65535).all())
    return picture.image.getchannel("A").getextrema()[0] == 255


def _depth(mode):
    return "Floats" if mode == "F" else "16 bits" if "16" in mode else "8 bits"


def _colours(mode):
    """Gray, RGB or CMYK, as profiles tell modes apart."""
    return {"L": "L", "I": "L", "F": "L", "R": "RGB", "Y": "RGB", "C": "CMYK"}[mode[0]]


def _as_mode(restored, mode, picture, to_be_srgb):
    """The restored pixels in a mode, in sRGB where the file keeps no profile."""
    if isinstance(restored, np.ndarray):
        if mode in DEEP.values():
            if mode == "RGBA;16" and restored.shape[-1] == 2:  # whose profile is of gray
                gray = Image.fromarray(np.ascontiguousarray(restored[..., 0]))
                gray.info = dict(picture.image.info)
                return np.dstack([np.asarray(to_srgb(gray))] * 3 + [restored[..., 1]])
            return restored[..., : 3 if mode == "RGB;16" else None]
        if mode == "I;16":
            return Image.fromarray(np.ascontiguousarray(restored[..., 0]))
        restored = Image.fromarray(eight_bits(restored))
    elif restored.mode == "F" and mode != "F":
        values = np.rint(np.clip(np.asarray(restored), 0.0, 1.0) * 65535.0).astype(np.uint16)
        restored = Image.fromarray(values)
    if restored.mode == "I;16" and mode != "I;16":
        restored = Image.fromarray(eight_bits(np.asarray(restored)))
    if to_be_srgb:
        restored.info = {**picture.image.info, **restored.info}
        restored = to_srgb(restored)
    return restored if restored.mode == mode else restored.convert(mode)


def _options(kind, picture):
    """How to encode, so that nothing is lost that a person sees."""
    if kind == "JPEG":
        return {"quality": _quality(picture), "subsampling": 0}
    if kind == "WEBP":
        return {"lossless": True, "exact": True}  # colours under full transparency, too
    return {"quality": QUALITY} if kind in ("AVIF", "HEIF") else {}


def _quality(picture):
    """At least 95, or what a JPEG that came in was saved at: no coarser than its own table."""
    table = picture.quantization.get(0)
    if not table:
        return QUALITY
    steps = range(QUALITY, 101)
    return next((step for step in steps if sum(_table(step)) <= sum(table)), 100)


@cache
def _table(quality):
    """The steps that brightness is rounded to at a quality, as libjpeg has them."""
    file = io.BytesIO()
    Image.new("L", (8, 8)).save(file, "JPEG", quality=quality)
    return Image.open(file).quantization[0]


def _dpi(image):
    """The resolution, where it is two numbers that a file can hold."""
    try:
        across, down = (float(value) for value in image.info.get("dpi", ()))
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (across, down) if 1 <= across <= 65535 and 1 <= down <= 65535 else None
