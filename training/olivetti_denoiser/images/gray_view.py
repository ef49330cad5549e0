"""Any picture in gray, and its middle square as a 64×64 face would be seen.

>>> gray_view(Image.new("RGB", (640, 480))).shape
(64, 64)
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from olivetti_denoiser.images.colour_profile import to_srgb
from olivetti_denoiser.images.picture import Picture
from olivetti_denoiser.images.pillow_modes import upright

VIEW_SIDE = 64  # pixels, the size of the faces


def gray_view(image: Image.Image, side: int = VIEW_SIDE) -> np.ndarray:
    """Show a picture the way the network was trained: square, gray, small.

    Transparency is put on white, and the middle square is shrunk to the view. A gray picture of the
    view's size comes back unchanged.

    Args:
        image: Any PIL image.
        side: Pixels of the view.

    Returns:
        uint8 array side×side.

    Raises:
        ValueError: The pixels are not numbers in a known range.
    """
    gray = _gray_on_white(upright(image))
    width, height = gray.size
    if (width, height) != (side, side):
        edge = min(width, height)
        left, top = (width - edge) // 2, (height - edge) // 2
        smaller = edge > side
        gray = gray.resize(
            (side, side),
            Image.Resampling.LANCZOS if smaller else Image.Resampling.BICUBIC,
            box=(left, top, left + edge, top + edge),
            reducing_gap=4.0 if smaller else None,
        )
    return _eight_bits(gray)


def gray_pixels(image: Image.Image) -> np.ndarray:
    """Show a whole picture in gray, transparency on white, in its own size.

    Args:
        image: Any PIL image.

    Returns:
        uint8 array H×W, upright.

    Raises:
        ValueError: The pixels are not numbers in a known range.
    """
    return _eight_bits(_gray_on_white(upright(image)))


def colour_pixels(image: Image.Image) -> np.ndarray:
    """Show a whole picture in red, green and blue, transparency on white, in its own size.

    Args:
        image: Any PIL image.

    Returns:
        uint8 array H×W×3, upright; of a gray picture, three equal channels.

    Raises:
        ValueError: The pixels are not numbers in a known range.
    """
    image = to_srgb(upright(image))
    if image.mode in ("F", "I;16"):
        image = Image.fromarray(gray_pixels(image))
    return np.asarray(_on_white(image).convert("RGB"))


def _eight_bits(gray):
    if gray.mode == "F":
        return np.rint(np.clip(np.asarray(gray), 0.0, 1.0) * 255.0).astype(np.uint8)
    return np.asarray(gray)


def _gray_on_white(image):
    """Return the picture as mode L, or as mode F in [0, 1] where it has more than 8 bits."""
    image = to_srgb(image)
    if image.mode in ("F", "I;16"):
        return Image.fromarray(Picture.of(image).channels[0])
    return _on_white(image).convert("L")


def _on_white(image):
    """Return the picture without transparency."""
    if image.mode not in ("LA", "RGBA"):
        return image
    image = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
