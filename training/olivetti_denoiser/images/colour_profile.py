"""Colour profiles: what a picture's numbers mean, and the same colours in sRGB.

>>> shown = to_srgb(image)                   # doctest: +SKIP
"""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np
from PIL import Image, ImageCms

SPACES = {"RGB": "RGB", "RGBA": "RGB", "CMYK": "CMYK"}  # of profiles; all other modes are gray
# What a PNG says of sRGB: its gamma, and the chromaticities of white, red, green and blue.
SRGB: dict[str, Any] = {
    "gamma": 1 / 2.2,
    "chromaticity": (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06),
}
# How PNG, AVIF and HEIC say it in numbers of ITU-T H.273: 2 is "not said", and 1, 6, 14 and 15 are
# films' curves, which picture programs take for that of sRGB, 13.
NUMBERS = re.compile(rb"cICP(.)(.)|colrnclx\0(.)\0(.)", re.DOTALL)
SRGB_PRIMARIES, SRGB_CURVES = b"\1\2", b"\1\2\6\15\16\17"


def to_srgb(image: Image.Image) -> Image.Image:
    """Return a picture with the same colours in sRGB, and with no profile.

    Args:
        image: A picture of a mode that `upright` returns, or in CMYK, which becomes RGB.

    Returns:
        The picture, the same object where nothing has to be done. A profile that cannot be used
        is left out.
    """
    profile = image.info.get("icc_profile")
    if not profile and image.mode != "CMYK":
        return image
    transform = _transform(profile, image.mode) if profile else None
    if transform is None:
        shown = image.convert("RGB") if image.mode == "CMYK" else image.copy()
    else:
        in_colour = image.mode in SPACES
        shown = transform.apply(image) if in_colour else _gray_through(image, transform)
    shown.info = {key: value for key, value in image.info.items() if key != "icc_profile"}
    return shown


def means_other_colours(content: bytes, info: dict) -> bool:
    """Tell whether a file has colours other than sRGB's without an ICC profile that says so.

    Args:
        content: The whole file.
        info: As Pillow reads it.
    """
    if "icc_profile" in info:
        return False
    numbers = NUMBERS.search(content[:65536].partition(b"IDAT")[0])
    if numbers:
        primaries, curve = filter(None, numbers.groups())
        return primaries not in SRGB_PRIMARIES or curve not in SRGB_CURVES
    if content.startswith(b"\0\0\0\x0cjP  ") and b"colr\2" in content:
        return True  # a JPEG 2000's profile, which Pillow leaves out
    return "srgb" not in info and not all(
        np.allclose(info[name], meant, atol=0.005) for name, meant in SRGB.items() if name in info
    )


def _gray_through(image, transform):
    """Convert gray of any depth, by the sRGB values of its 256 levels."""
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    levels = np.asarray(transform.apply(ramp).convert("L"))[0]
    if image.mode not in ("I;16", "F"):
        return image.point([*levels, *range(256)][: 256 * len(image.getbands())])
    top = 1.0 if image.mode == "F" else 65535.0
    values = np.interp(np.asarray(image) / top, np.linspace(0, 1, 256), levels / 255) * top
    exact = values.astype(np.float32) if image.mode == "F" else np.rint(values).astype(np.uint16)
    return Image.fromarray(exact)


def _transform(profile, mode):
    """Return the transform from pixels of a mode to sRGB; None where the profile is unusable."""
    space = SPACES.get(mode, "GRAY")
    try:
        source = ImageCms.getOpenProfile(io.BytesIO(profile))
        if source.profile.xcolor_space.strip() != space:
            return None
        modes = ("L", "RGB") if space == "GRAY" else (mode, mode.replace("CMYK", "RGB"))
        return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), *modes)
    except (OSError, TypeError, ImageCms.PyCMSError):
        return None
