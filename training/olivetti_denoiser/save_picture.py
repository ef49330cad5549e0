"""The one place that writes a restored picture: what its format cannot hold is said beforehand.

    >>> notes = check_output(picture, "restored.jpg")        # doctest: +SKIP
    >>> save_picture(restored, "restored.jpg", picture)

A format is chosen by the file's ending. Profile, resolution and EXIF come along.
"""

from __future__ import annotations

import io
import math
from functools import cache
from os import PathLike
from pathlib import Path

import numpy as np
from PIL import Image

from olivetti_denoiser import deep_pictures
from olivetti_denoiser.atomic import whole_file
from olivetti_denoiser.colour_profile import profile_of, to_srgb
from olivetti_denoiser.exif import START, block_of, without_orientation
from olivetti_denoiser.picture_files import ENDINGS, PictureFile
from olivetti_denoiser.pillow_modes import eight_bits

DEEP = {2: "LA;16", 3: "RGB;16", 4: "RGBA;16"}  # as we call them; Pillow has no such modes
# The modes that each format holds, best first where a picture may become one of several.
HOLDS = {
    "PNG": ("L", "LA", "RGB", "RGBA", "I;16", *DEEP.values()),
    "TIFF": ("L", "LA", "RGB", "RGBA", "I;16", "CMYK", "F", "RGB;16", "RGBA;16"),
    "WEBP": ("RGB", "RGBA"),
    "AVIF": ("RGB", "RGBA"),
    "HEIF": ("L", "RGB", "RGBA"),
    "JPEG2000": ("L", "LA", "RGB", "RGBA", "I;16"),
    "JPEG": ("L", "RGB", "CMYK"),
    "BMP": ("L", "RGB"),
    "PPM": ("L", "RGB", "I;16"),
    ".pgm": ("L", "I;16"),
    "GIF": ("L",),
}
NOT_WRITTEN = (".pbm", ".pfm")  # one bit a pixel, and floats that few programs read
KEEPS_PROFILE = ("PNG", "JPEG", "TIFF", "WEBP", "AVIF", "HEIF")
LONGEST = {"WEBP": 16383, "JPEG": 65535, "GIF": 65535, "HEIF": 65535, "AVIF": 65535}
# What a mode may become, nearest first, and what to say where that is less than it was.
BECOMES = {
    "RGBA;16": (("RGBA", "16 bits a colour become 8"), ("RGB;16", "")),
    "LA;16": (
        ("RGBA;16", ""),
        ("LA", "16 bits of gray become 8"),
        ("RGBA", "16 bits of gray become 8"),
    ),
    "RGB;16": (("RGB", "16 bits a colour become 8"),),
    "F": (("I;16", "floats become 16 bits"), ("L", "floats become 8 bits")),
    "I;16": (("L", "16 bits of gray become 8"), ("RGB", "16 bits of gray become 8")),
    "CMYK": (("RGB", "CMYK becomes RGB"),),
    "YCbCr": (("RGB", ""),),
    "L": (("RGB", ""),),
    "LA": (("RGBA", ""),),
}  # fmt: skip
QUALITY = 95  # at 75 a restored JPEG loses 1.1 dB


def check_output(picture: PictureFile, output: str | PathLike) -> list[str]:
    """Makes sure, before any work, that a picture can be written to a file.

    Args:
        picture: what is to be restored; the result has its mode and size.
        output: the file to write, or only its name.

    Returns:
        What the file will hold differently, sentences; empty where nothing.

    Raises:
        ValueError: the ending names no format, or one that cannot hold the picture; the message
            names an ending that works.
    """
    _, notes = _plan(picture, output)
    return notes


def check_ending(output: str | PathLike) -> str:
    """Returns Pillow's name of the format that a file's ending stands for.

    Raises:
        ValueError: none that is written.
    """
    suffix = Path(output).suffix.lower()
    if suffix not in ENDINGS or suffix in NOT_WRITTEN:
        known = ", ".join(ending for ending in ENDINGS if ending not in NOT_WRITTEN)
        raise ValueError(f"pictures are written as {known}. Received: {output}")
    if suffix in (".heic", ".heif", ".hif"):
        _heif_or_refuse(output)
    return ENDINGS[suffix]


def save_picture(
    restored: Image.Image | np.ndarray, output: str | PathLike, picture: PictureFile
) -> None:
    """Writes a restored picture, whole or not at all.

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
    keeps = kind in KEEPS_PROFILE and _colours(mode) == _colours(mode_of(picture))
    profile = profile_of(picture.image) if keeps else None
    pixels = _as_mode(restored, mode, picture, to_be_srgb=not keeps)
    dpi, block = _dpi(picture.image), block_of(picture.image)
    exif = without_orientation(block) if block else None
    with whole_file(Path(output)) as path:
        if mode in DEEP.values():
            _save_deep(pixels, path, kind, profile, dpi, exif)
            return
        options = _options(kind, picture)
        if profile:
            options["icc_profile"] = profile
        if dpi and kind in ("PNG", "JPEG", "TIFF", "BMP"):
            options["dpi"] = dpi
        if exif and kind in KEEPS_PROFILE:
            try:
                pixels.save(path, kind, exif=START + exif, **options)
                return
            except OSError:
                raise
            except Exception:  # an odd block, which the pixels must not suffer from
                path.write_bytes(b"")
        pixels.save(path, kind, **options)


def mode_of(picture: PictureFile) -> str:
    """Returns the mode of a picture, of 16 bits a colour as `DEEP` calls it."""
    return picture.image.mode if picture.deep is None else DEEP[picture.deep.shape[-1]]


def _plan(picture, output):
    """The mode to write and what to say about it."""
    kind, suffix = check_ending(output), Path(output).suffix.lower()
    if max(picture.image.size) > LONGEST.get(kind, math.inf):
        raise ValueError(
            f"a side of {max(picture.image.size):,} pixels is more than {suffix} holds; "
            f".png or .tif would do. Received: {output}"
        )
    holds, mode, notes = HOLDS.get(suffix, HOLDS[kind]), mode_of(picture), []
    if "A" in mode and not any("A" in held for held in holds):
        if not _opaque(picture):
            raise ValueError(
                f"{suffix} holds no transparency, and the picture has some; .png, .webp or .tif "
                f"would do. Received: {output}"
            )
        mode = mode.replace("A", "")
        mode = "I;16" if mode == "L;16" else mode
    while mode not in holds:
        ways = [way for way in BECOMES.get(mode, ()) if way[0] in holds]
        if not ways:  # by way of 8 bits or RGB
            ways = [way for way in BECOMES.get(mode, ()) if way[0] in BECOMES]
        if not ways:
            raise ValueError(
                f"{suffix} cannot hold the picture's colours; .png or .tif would do. "
                f"Received: {output}"
            )
        mode, note = ways[0]
        if note:
            notes.append(f"{note[0].upper()}{note[1:]}, for {suffix} holds no more.")
    return mode, notes


def _opaque(picture):
    if picture.deep is not None:
        return bool((picture.deep[..., -1] == 65535).all())
    return picture.image.getchannel("A").getextrema()[0] == 255


def _colours(mode):
    """Gray, RGB or CMYK, as profiles tell modes apart."""
    return {"L": "L", "I": "L", "F": "L", "R": "RGB", "Y": "RGB", "C": "CMYK"}[mode[0]]


def _as_mode(restored, mode, picture, to_be_srgb):
    """The restored pixels in a mode, in sRGB where the file keeps no profile."""
    if isinstance(restored, np.ndarray):
        if mode in DEEP.values():
            if mode == "RGBA;16" and restored.shape[-1] == 2:
                return restored[..., [0, 0, 0, 1]]
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


def _save_deep(pixels, path, kind, profile, dpi, exif):
    if kind == "PNG":
        path.write_bytes(deep_pictures.encode_png16(pixels, profile, dpi, exif))
    else:
        path.write_bytes(deep_pictures.encode_tiff16(pixels, profile, dpi))


def _heif_or_refuse(output):
    try:
        import pillow_heif
    except ImportError:
        raise ValueError(
            f"HEIC needs pillow-heif (pip install pillow-heif); .avif or .png would do. "
            f"Received: {output}"
        ) from None
    pillow_heif.register_heif_opener()
