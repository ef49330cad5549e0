"""Any Pillow image upright and in one of a few modes, with its transparency as a channel.

>>> upright(Image.new("P", (4, 3))).mode
'RGB'
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from olivetti_denoiser.images.colour_profile import to_srgb
from olivetti_denoiser.images.exif import orientation_of, upright_pixels

MODES_AS_THEY_ARE = ("L", "LA", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "F")
MODES_CONVERTED = {"1": "L", "La": "LA", "RGBa": "RGBA", "RGBX": "RGB", "HSV": "RGB"}


def upright(image: Image.Image) -> Image.Image:
    """Applies the EXIF orientation and turns rare modes into the nearest common one.

    One colour that stands for transparency (a PNG's tRNS) becomes a channel. Of 16 bits of gray
    8 are kept then, since Pillow has no mode for 16 bits and alpha.

    Args:
        image: any picture; its `info` comes along.

    Raises:
        ValueError: the mode holds no picture in a known range.
    """
    return common_mode(upright_pixels(image, orientation_of(image)))


def common_mode(image: Image.Image) -> Image.Image:
    """Turns rare modes into the nearest common one, as `upright` does, and nothing else.

    Raises:
        ValueError: the mode holds no picture in a known range.
    """
    if image.mode in ("P", "PA"):
        transparent = image.mode == "PA" or "transparency" in image.info
        return image.convert("RGBA" if transparent else "RGB")
    if image.mode == "LAB":
        return to_srgb(image)
    if image.mode.startswith("I") and image.mode != "I;16":  # 32 bits, or another byte order
        image = _sixteen_bits(image)
    if "transparency" in image.info:
        image = _with_alpha(image)
    if image.mode in MODES_CONVERTED:
        return image.convert(MODES_CONVERTED[image.mode])
    if image.mode in MODES_AS_THEY_ARE:
        return image
    raise ValueError(f"mode must be gray, colour or CMYK. Received: mode={image.mode}")


def eight_bits(gray16: np.ndarray) -> np.ndarray:
    """Rounds 16 bits to the nearest 8."""
    return ((gray16.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _sixteen_bits(image):
    values = np.asarray(image)
    if values.min() < 0 or values.max() > 65535:
        raise ValueError(
            "whole-number pictures must lie in 0 to 65535. "
            f"Received: {values.min()} to {values.max()}"
        )
    deep = Image.fromarray(values.astype(np.uint16))
    deep.info = dict(image.info)
    return deep


def _with_alpha(image):
    """Makes a channel of the one value or colour that is transparent."""
    key = image.info["transparency"]
    whole = isinstance(key, int) or (isinstance(key, tuple) and len(key) == 3)
    if not whole or image.mode not in ("1", "L", "RGB", "I;16"):
        return image
    if image.mode == "1":  # of which 255 is white, whatever the file or this Pillow calls it
        image, key = image.convert("L"), 255 if key else 0
    values = np.asarray(image)
    hidden = values == np.array(key)
    if image.mode == "RGB":
        hidden = hidden.all(axis=-1)
    if image.mode == "I;16":
        values = eight_bits(values)
    alpha = np.where(hidden, 0, 255).astype(np.uint8)
    seen = Image.fromarray(np.dstack([values, alpha]))
    seen.info = {name: value for name, value in image.info.items() if name != "transparency"}
    return seen
