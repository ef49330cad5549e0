"""Colour profiles: what a picture's numbers mean, and the same colours in sRGB.

    >>> shown = to_srgb(image)                   # doctest: +SKIP
    >>> profile_of(image)                        # doctest: +SKIP

A PNG may say the same with gamma and chromaticities (chunks gAMA and cHRM,
https://www.w3.org/TR/png-3/#11gAMA), and PNG, AVIF and HEIC with two numbers (cICP and nclx); they
become a profile too, so that all is done in one way.
"""

from __future__ import annotations

import io
import struct
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

SRGB_GAMMA = 1 / 2.2
SRGB_CHROMATICITIES = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)  # white, red, green, blue
SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
# The numbers of ITU-T H.273; 2 is "not said", and 1, 6, 14 and 15 are films' curves, which picture
# programs take for that of sRGB, 13.
UNSAID = 2
PRIMARIES = {
    1: SRGB_CHROMATICITIES,
    UNSAID: SRGB_CHROMATICITIES,
    5: (0.3127, 0.329, 0.64, 0.33, 0.29, 0.6, 0.15, 0.06),
    6: (0.3127, 0.329, 0.63, 0.34, 0.31, 0.595, 0.155, 0.07),
    9: (0.3127, 0.329, 0.708, 0.292, 0.17, 0.797, 0.131, 0.046),  # BT.2020
    12: (0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),  # Display P3
}
CURVES = dict.fromkeys((1, UNSAID, 6, 13, 14, 15), SRGB_CURVE) | {4: (2.2,), 5: (2.8,), 8: (1.0,)}
D50 = (0.9642, 1.0, 0.8249)
BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
SPACES = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK", "LAB": "Lab"}
KEYS = ("icc_profile", "gamma", "chromaticity", "srgb")  # of `Image.info`


def profile_of(image: Image.Image) -> bytes | None:
    """Return a picture's ICC profile, of its own or made of its gamma; None where it has none.

    Args:
        image: any picture; without a profile it is taken for sRGB.
    """
    profile = image.info.get("icc_profile")
    if isinstance(profile, bytes) and profile:
        return profile
    gamma, chromaticities = image.info.get("gamma"), image.info.get("chromaticity")
    if "srgb" in image.info or not (gamma or chromaticities):
        return None
    gamma = gamma or SRGB_GAMMA
    chromaticities = chromaticities or SRGB_CHROMATICITIES
    close = np.allclose(chromaticities, SRGB_CHROMATICITIES, atol=0.002)
    if close and abs(gamma - SRGB_GAMMA) < 0.005:
        return None
    if not 0.1 < gamma < 10 or min(chromaticities[1::2]) <= 0:
        return None
    gray = image.mode in ("1", "L", "LA", "I", "I;16")
    return _curve_profile((1 / gamma,), None if gray else tuple(chromaticities))


def coded_profile(primaries: int, transfer: int) -> bytes | None:
    """Return the ICC profile that two numbers stand for; None where they mean sRGB.

    Args:
        primaries, transfer: as ITU-T H.273 counts them, 12 and 13 for Display P3.

    Raises:
        ValueError: they stand for no colours of a plain screen, such as HDR's PQ and HLG.
    """
    if primaries not in PRIMARIES or transfer not in CURVES:
        raise ValueError(f"not colours of a plain screen. Received: {primaries}, {transfer}")
    chromaticities, curve = PRIMARIES[primaries], CURVES[transfer]
    if (chromaticities, curve) == (SRGB_CHROMATICITIES, SRGB_CURVE):
        return None
    return _curve_profile(curve, chromaticities)


def to_srgb(image: Image.Image) -> Image.Image:
    """Return a picture with the same colours in sRGB, and with no profile.

    Args:
        image: any mode that `upright` returns. CMYK and Lab become RGB; without a profile CMYK is
            converted as Pillow does.

    Returns:
        The picture, the same object where nothing has to be done. A profile that cannot be used
        is left out.
    """
    profile = profile_of(image)
    if image.mode in ("CMYK", "LAB", "YCbCr"):
        turn = _transform(profile, image.mode)
        plain = turn.apply(image) if turn else image.convert("RGB")
        return _without_profile(plain, image)
    if not any(key in image.info for key in KEYS):
        return image
    inner = {"LA": "L", "RGBA": "RGB", "I;16": "L", "F": "L"}.get(image.mode, image.mode)
    turn = _transform(profile, inner) if profile else None
    if turn is None:
        return _without_profile(image.copy(), image)
    if image.mode in ("I;16", "F"):
        return _without_profile(_through_a_ramp(image, turn), image)
    colours = image if inner == image.mode else image.convert(inner)
    shown = turn.apply(colours).convert(inner)
    if inner != image.mode:
        shown.putalpha(image.getchannel("A"))
    return _without_profile(shown, image)


def _without_profile(shown, image):
    shown.info = {key: value for key, value in image.info.items() if key not in KEYS}
    return shown


def _through_a_ramp(image, turn):
    """More than 8 bits of gray, by what becomes of 256 levels of it."""
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    levels = np.asarray(turn.apply(ramp).convert("L"), np.float64)[0] / 255
    top = 1.0 if image.mode == "F" else 65535.0
    values = np.interp(np.asarray(image) / top, np.linspace(0, 1, 256), levels) * top
    if image.mode == "F":
        return Image.fromarray(values.astype(np.float32))
    return Image.fromarray(np.rint(values).astype(np.uint16))


@lru_cache(maxsize=16)
def _transform(profile, mode):
    """From pixels of a mode to sRGB, None where they are so already or the profile is unusable."""
    if mode == "LAB":
        source = ImageCms.createProfile("LAB")
    elif profile is None or mode not in SPACES:
        return None
    else:
        try:
            source = ImageCms.getOpenProfile(io.BytesIO(profile))
            if source.profile.xcolor_space.strip() != SPACES[mode]:
                return None
        except (OSError, ImageCms.PyCMSError):
            return None
    try:
        turn = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    except ImageCms.PyCMSError:
        return None
    if mode in ("L", "RGB"):
        steps = np.arange(0, 256, 15, dtype=np.uint8)
        if mode == "RGB":
            steps = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(1, -1, 3)
        probe = Image.fromarray(
            steps.reshape(1, *steps.shape[-2:]) if mode == "RGB" else steps[None]
        )
        shown = np.asarray(turn.apply(probe)).astype(int)
        if np.abs(shown - np.asarray(probe.convert("RGB"))).max() <= 1:
            return None
    return turn


def _curve_profile(numbers, chromaticities):
    """An ICC profile of one curve, and of primaries where it is of colour (ICC.1:2022, 7 to 10).

    The curve is an exponent, or the five numbers of ICC's third kind, as sRGB's is.
    """
    kind = {1: 0, 5: 3}[len(numbers)]
    fixed = (round(number * 65536) for number in numbers)
    curve = b"para" + bytes(4) + struct.pack(f">HH{len(numbers)}i", kind, 0, *fixed)
    tags = {b"wtpt": _xyz(D50)}
    if chromaticities is None:
        tags[b"kTRC"] = curve
    else:
        for name, column in zip(b"rgb", _primaries(chromaticities).T, strict=True):
            tags[bytes([name]) + b"XYZ"] = _xyz(column)
            tags[bytes([name]) + b"TRC"] = curve
    for name in (b"desc", b"cprt"):
        text = "gamma".encode("utf-16-be")
        tags[name] = (
            b"mluc" + bytes(4) + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(text), 28) + text
        )
    offset, table, data = 132 + 12 * len(tags), b"", b""
    for name, content in tags.items():
        content += bytes(-len(content) % 4)
        table += struct.pack(">4sII", name, offset + len(data), len(content))
        data += content
    kind = b"GRAY" if chromaticities is None else b"RGB "
    header = struct.pack(
        ">I4sI4s4s4s12s4s", offset + len(data), bytes(4), 0x04000000, b"mntr", kind, b"XYZ ",
        struct.pack(">6H", 2000, 1, 1, 0, 0, 0), b"acsp",
    )  # fmt: skip
    header += bytes(28) + struct.pack(">3i", *(round(value * 65536) for value in D50))
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + data


def _xyz(values):
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(float(v) * 65536) for v in values))


def _primaries(chromaticities):
    """XYZ of red, green and blue as columns, adapted to D50 after Bradford."""
    white, *colours = (
        np.array([x / y, 1.0, (1 - x - y) / y])
        for x, y in zip(chromaticities[::2], chromaticities[1::2], strict=True)
    )
    matrix = np.stack(colours, axis=1)
    matrix = matrix * np.linalg.solve(matrix, white)
    cones = np.diag((BRADFORD @ D50) / (BRADFORD @ white))
    return np.linalg.solve(BRADFORD, cones @ BRADFORD) @ matrix
