"""Any Pillow image upright and in one of a few modes, with its transparency as a channel.

>>> upright(Image.new("P", (4, 3))).mode
'RGB'
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from olivetti_denoiser.images.colour_profile import to_srgb
from olivetti_denoiser.images.exif import orientation_of, turn
from olivetti_denoiser.images.formats import PictureError


def upright(image: Image.Image) -> Image.Image:
    """Apply the EXIF orientation and turn rare modes into the nearest common one.

    One colour that stands for transparency (a PNG's tRNS) becomes a channel, and CMYK becomes sRGB.

    Args:
        image: Any picture; its profile comes along.

    Raises:
        ValueError: The mode holds no picture in a known range.
    """
    orientation = orientation_of(image)
    return common_mode(image if orientation == 1 else turn(image, orientation))


def common_mode(image: Image.Image) -> Image.Image:
    """Turn rare modes into the nearest common one, as `upright` does, and nothing else.

    Raises:
        ValueError: The mode holds no picture in a known range.
    """
    if image.mode == "CMYK":
        return to_srgb(image)
    if image.mode in ("F", "I;16"):
        return image
    if image.mode.startswith("I"):  # 32 bits, or another byte order
        return _sixteen_bits(image)
    if image.mode == "LAB":
        raise PictureError(f"mode must be gray, RGB or CMYK. Received: mode={image.mode}")
    colours = "L" if image.mode in ("1", "L", "La", "LA") else "RGB"
    mode = colours + ("A" if image.has_transparency_data else "")
    return image if mode == image.mode else image.convert(mode)


def eight_bits(pixels: np.ndarray) -> np.ndarray:
    """Round 16 bits to the nearest 8."""
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _sixteen_bits(image):
    values = np.asarray(image)
    if values.min() < 0 or values.max() > 65535:
        raise PictureError(
            "whole-number pictures must lie in 0 to 65535. "
            f"Received: {values.min()} to {values.max()}"
        )
    gray = Image.fromarray(values.astype(np.uint16))
    gray.info = dict(image.info)
    return gray
