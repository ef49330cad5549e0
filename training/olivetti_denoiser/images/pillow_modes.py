"""Any Pillow image upright and in one of a few modes, with its transparency as a channel.

>>> upright(Image.new("P", (4, 3))).mode
'RGB'
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from olivetti_denoiser.images.colour_profile import to_srgb
from olivetti_denoiser.images.exif import kept_exif, orientation_of, turn
from olivetti_denoiser.images.formats import NoPictureError

MODES_AS_THEY_ARE = ("L", "LA", "RGB", "RGBA", "I;16", "F")
MODES_CONVERTED = {"1": "L", "La": "LA", "RGBa": "RGBA", "RGBX": "RGB", "HSV": "RGB"}
MODES_CONVERTED |= {"P": "RGB", "PA": "RGBA", "YCbCr": "RGB"}


def upright(image: Image.Image) -> Image.Image:
    """Apply the EXIF orientation and turn rare modes into the nearest common one.

    One colour that stands for transparency (a PNG's tRNS) becomes a channel, and CMYK becomes sRGB.

    Args:
        image: Any picture; profile, resolution and what EXIF says of the photograph come along.

    Raises:
        ValueError: The mode holds no picture in a known range.
    """
    orientation = orientation_of(image)
    if orientation != 1:
        image = turn(image, orientation, kept_exif(image))
    return common_mode(image)


def common_mode(image: Image.Image) -> Image.Image:
    """Turn rare modes into the nearest common one, as `upright` does, and nothing else.

    Raises:
        ValueError: The mode holds no picture in a known range.
    """
    mode = MODES_CONVERTED.get(image.mode, image.mode)
    if image.mode == "CMYK":
        return to_srgb(image)
    if "transparency" in image.info and mode in ("L", "RGB"):
        return image.convert("LA" if mode == "L" else "RGBA")
    if mode.startswith("I") and mode != "I;16":  # 32 bits, or another byte order
        return _sixteen_bits(image)
    if mode not in MODES_AS_THEY_ARE:
        raise NoPictureError(f"mode must be gray, RGB or CMYK. Received: mode={mode}")
    return image if mode == image.mode else image.convert(mode)


def eight_bits(pixels: np.ndarray) -> np.ndarray:
    """Round 16 bits to the nearest 8."""
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _sixteen_bits(image):
    values = np.asarray(image)
    if values.min() < 0 or values.max() > 65535:
        raise NoPictureError(
            "whole-number pictures must lie in 0 to 65535. "
            f"Received: {values.min()} to {values.max()}"
        )
    gray = Image.fromarray(values.astype(np.uint16))
    gray.info = dict(image.info)
    return gray
