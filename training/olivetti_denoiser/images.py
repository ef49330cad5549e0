"""Pictures of every kind to planes in [0, 1] and back, apart from any network.

    >>> picture = Picture.of("photo.png")        # or a PIL image, or an array
    >>> picture.planes.shape                     # (planes, H, W): gray 1, RGB 3, a batch more
    >>> picture.rebuild(picture.planes)          # the same kind, dtype, range and size

Transparency is kept apart and comes back untouched; EXIF orientation is applied.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

KINDS = "a path, a PIL image, or an array H×W, H×W×C or N×H×W×C of uint8, uint16 or float in [0, 1]"
MODES_AS_THEY_ARE = ("L", "LA", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "F")
MODES_CONVERTED = {"1": "L", "La": "LA", "RGBa": "RGBA", "RGBX": "RGB", "LAB": "RGB", "HSV": "RGB"}
VALUES_AT_ONCE = 2**20


@dataclass(frozen=True)
class Picture:
    """One picture, or a batch of equal size, taken apart.

    Attributes:
        planes: float32 P×H×W in [0, 1]: every channel but alpha, of every picture.
        alpha: the untouched transparency in the input's dtype, or None.
        count: number of pictures in the batch.
        shape: shape of the input array.
        dtype: dtype of the input array.
        mode: mode of the PIL image to return, or None for an array.
    """

    planes: np.ndarray
    alpha: np.ndarray | None
    count: int
    shape: tuple[int, ...]
    dtype: np.dtype
    mode: str | None

    @classmethod
    def of(cls, image) -> Picture:
        """Takes a picture apart.

        Raises:
            ValueError: not a picture of a supported kind, or not one that can be read; the
                message ends with what was received.
        """
        mode = None
        if isinstance(image, (str, PathLike)):
            image = read_image(image)
        if isinstance(image, Image.Image):
            image = upright(image)
            mode, array = image.mode, np.asarray(image)
        elif isinstance(image, np.ndarray):
            array = image
        else:
            raise ValueError(f"image must be {KINDS}. Received: {type(image).__name__}")
        _check_array(array)
        batch = _as_batch(array)
        alpha, colours = None, batch
        if _has_alpha(array, mode):
            alpha, colours = batch[..., -1], batch[..., :-1]
        planes = _to_unit_range(np.moveaxis(colours, -1, 1)).reshape(-1, *batch.shape[1:3])
        return cls(planes, alpha, len(batch), array.shape, array.dtype, mode)

    @property
    def planes_each(self) -> int:
        """Planes of one picture: 1 for gray, 3 for RGB."""
        return len(self.planes) // self.count

    @property
    def is_rgb(self) -> bool:
        """Whether the planes of a picture are its red, green and blue."""
        return self.planes_each == 3 and self.mode != "YCbCr"

    def rebuild(self, planes: np.ndarray):
        """Puts processed planes back together.

        Args:
            planes: float P×H×W like `self.planes`; clipped to [0, 1].

        Returns:
            A PIL image where one (or a path) came in, else an array of the input's shape and
            dtype. 8 and 16 bits are rounded to the nearest value.
        """
        height, width = planes.shape[1:]
        batch = planes.reshape(self.count, self.planes_each, height, width)
        values = _from_unit_range(np.moveaxis(batch, 1, -1), self.dtype)
        if self.alpha is not None:
            values = np.concatenate([values, self.alpha[..., None]], axis=-1)
        array = values.reshape(self.shape)
        if self.mode is None:
            return array
        if self.mode in ("L", "F", "I;16"):
            return Image.fromarray(array)
        return Image.frombuffer(
            self.mode,
            (width, height),
            np.ascontiguousarray(array).tobytes(),
            "raw",
            self.mode,
            0,
            1,
        )


def read_image(path: str | PathLike) -> Image.Image:
    """Reads a picture file whole, first frame.

    Raises:
        ValueError: no such file, not a picture, damaged, or too large to decode.
    """
    try:
        content = Path(path).read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"the picture cannot be read: {reason}. Received: {path}") from None
    return decode_image(content, path)


def decode_image(content: bytes, name: str | PathLike) -> Image.Image:
    """Decodes the bytes of a picture file, first frame.

    Args:
        content: the whole file. Pillow forgets the orientation of an uncompressed TIFF that it
            maps from a path, so it is never given one.
        name: what to call the picture in a complaint.

    Raises:
        ValueError: not a picture, damaged, or too large to decode.
    """
    try:
        image = Image.open(io.BytesIO(content))
        image.load()
    except UnidentifiedImageError:
        raise ValueError(f"not a picture in a known format. Received: {name}") from None
    except Image.DecompressionBombError as error:
        raise ValueError(f"the picture is too large: {error}. Received: {name}") from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"the picture cannot be read: {reason}. Received: {name}") from None
    return image


def upright(image: Image.Image) -> Image.Image:
    """Applies the EXIF orientation and turns rare modes into the nearest common one.

    Raises:
        ValueError: the mode holds no picture in a known range.
    """
    image = ImageOps.exif_transpose(image)
    if image.mode in MODES_AS_THEY_ARE:
        return image
    if image.mode in ("P", "PA"):
        transparent = image.mode == "PA" or "transparency" in image.info
        return image.convert("RGBA" if transparent else "RGB")
    if image.mode in MODES_CONVERTED:
        return image.convert(MODES_CONVERTED[image.mode])
    if image.mode.startswith("I"):  # 32-bit integers, and 16 bits in another byte order
        values = np.asarray(image)
        if values.min() >= 0 and values.max() <= 65535:
            return Image.fromarray(values.astype(np.uint16))
        raise ValueError(
            "whole-number pictures must lie in 0 to 65535. "
            f"Received: {values.min()} to {values.max()}"
        )
    raise ValueError(f"mode must be gray, colour or CMYK. Received: mode={image.mode}")


def _has_alpha(array, mode):
    if mode is not None:
        return mode in ("LA", "RGBA")
    return array.ndim >= 3 and array.shape[-1] in (2, 4)


def _as_batch(array):
    """Views H×W, H×W×C or N×H×W×C as N×H×W×C."""
    if array.ndim == 2:
        return array[None, :, :, None]
    return array[None] if array.ndim == 3 else array


def _check_array(array):
    """Makes sure of shape, dtype and range."""
    channels_fit = array.ndim == 2 or (array.ndim in (3, 4) and array.shape[-1] in (1, 2, 3, 4))
    if not channels_fit:
        raise ValueError(
            "an array must be H×W, H×W×C or N×H×W×C with 1 to 4 channels, the last axis. "
            f"Received: shape={array.shape}"
        )
    if array.size == 0:
        raise ValueError(f"the picture has no pixels. Received: shape={array.shape}")
    if array.dtype in (np.uint8, np.uint16):
        return
    if array.dtype.kind != "f":
        raise ValueError(
            f"an array must be uint8, uint16 or float in [0, 1]. Received: dtype={array.dtype}"
        )
    if not np.all(np.isfinite(array)):
        raise ValueError("the picture holds values that are not numbers. Received: NaN or infinity")
    low, high = float(array.min()), float(array.max())
    if low < 0.0 or high > 1.0:
        raise ValueError(
            f"floats must lie in [0, 1]; divide 8-bit values by 255. Received: {low:g} to {high:g}"
        )


def _to_unit_range(array):
    """Returns a checked array as contiguous float32 in [0, 1]."""
    values = np.empty(array.shape, np.float32)
    if array.dtype.kind == "f":
        values[...] = array
    else:
        np.divide(array, np.float32(np.iinfo(array.dtype).max), out=values)
    return values


def _from_unit_range(values, dtype):
    """Returns N×H×W×C values in an array's own dtype, some rows at a time to save memory."""
    whole = np.empty(values.shape, dtype)
    rows = max(1, VALUES_AT_ONCE // (values.shape[2] * values.shape[3]))
    for picture, result in zip(values, whole, strict=True):
        for top in range(0, len(picture), rows):
            clipped = np.clip(picture[top : top + rows], 0.0, 1.0)
            if dtype.kind != "f":
                clipped = np.rint(clipped * np.float64(np.iinfo(dtype).max))
            result[top : top + rows] = clipped
    return whole
