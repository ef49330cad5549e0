"""Pictures of every kind to planes in [0, 1] and back, apart from any network.

    >>> picture = Picture.of("photo.png")        # or a PIL image, or an array
    >>> picture.planes.shape                     # (planes, H, W): gray 1, RGB 3, a batch more
    >>> picture.rebuild(picture.planes)          # the same kind, dtype, range and size

Transparency is kept apart and comes back untouched; EXIF orientation is applied.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike
from typing import Protocol

import numpy as np
from PIL import Image

from olivetti_denoiser.images.colour_profile import profile_of
from olivetti_denoiser.images.pillow_modes import upright
from olivetti_denoiser.images.read import read_picture

ImageLike = str | PathLike[str] | Image.Image | np.ndarray


class ImageRows(Protocol):
    """Pictures by number: a list, an array N×H×W×C, or a file that is read picture by picture."""

    def __len__(self) -> int: ...

    def __getitem__(self, row: int, /) -> np.ndarray: ...


KINDS = "a path, a PIL image, or an array H×W, H×W×C or N×H×W×C of uint8, uint16 or float in [0, 1]"
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
        profile: the ICC profile of that image, which says what its colours are; None for sRGB.
    """

    planes: np.ndarray
    alpha: np.ndarray | None
    count: int
    shape: tuple[int, ...]
    dtype: np.dtype
    mode: str | None
    profile: bytes | None = None

    @classmethod
    def of(cls, image: ImageLike) -> Picture:
        """Takes a picture apart.

        Raises:
            ValueError: not a picture of a supported kind, or not one that can be read; the
                message ends with what was received.
        """
        mode = profile = None
        if isinstance(image, (str, PathLike)):
            image = _read(image)
        if isinstance(image, Image.Image):
            image = upright(image)
            mode, profile, array = image.mode, profile_of(image), np.asarray(image)
        elif isinstance(image, np.ndarray):
            array = np.asarray(image)  # np.matrix has two dimensions at all times, and crashes
        else:
            raise ValueError(f"image must be {KINDS}. Received: {type(image).__name__}")
        _check_array(array)
        batch = _as_batch(array)
        alpha, colours = None, batch
        if _has_alpha(array, mode):
            alpha, colours = batch[..., -1], batch[..., :-1]
        planes = _to_unit_range(np.moveaxis(colours, -1, 1)).reshape(-1, *batch.shape[1:3])
        return cls(planes, alpha, len(batch), array.shape, array.dtype, mode, profile)

    @property
    def planes_each(self) -> int:
        """Planes of one picture: 1 for gray, 3 for RGB."""
        return len(self.planes) // self.count

    @property
    def is_rgb(self) -> bool:
        """Whether the planes of a picture are its red, green and blue."""
        return self.planes_each == 3 and self.mode != "YCbCr"

    @property
    def visible(self) -> np.ndarray | None:
        """Which pixels of each picture anybody sees, bool N×H×W; None where all are seen."""
        if self.alpha is None or (self.alpha > 0).all():
            return None
        return self.alpha > 0

    def eight_bits(self) -> Iterator[np.ndarray]:
        """Yield each picture without alpha, in 8 bits: uint8 H×W, or H×W×C of several channels."""
        height, width = self.planes.shape[1:]
        for first in range(0, len(self.planes), self.planes_each):
            pixels = np.empty((height, width, self.planes_each), np.uint8)
            for channel in range(self.planes_each):
                pixels[..., channel] = np.rint(self.planes[first + channel] * np.float32(255.0))
            yield pixels[..., 0] if self.planes_each == 1 else pixels

    def rebuild(self, planes: np.ndarray) -> Image.Image | np.ndarray:
        """Puts processed planes back together.

        Args:
            planes: float P×H×W like `self.planes`; clipped to [0, 1].

        Returns:
            A PIL image with the profile of that which came in, itself or as a path; else an array
            of the input's shape and dtype. 8 and 16 bits are rounded to the nearest value.
        """
        height, width = planes.shape[1:]
        batch = planes.reshape(self.count, self.planes_each, height, width)
        values = _from_unit_range(np.moveaxis(batch, 1, -1), self.dtype)
        if self.alpha is not None:
            values = np.concatenate([values, self.alpha[..., None]], axis=-1, dtype=self.dtype)
        array = values.reshape(self.shape)
        if self.mode is None:
            return array
        if self.mode in ("L", "F", "I;16"):
            image = Image.fromarray(array)
        else:
            content = np.ascontiguousarray(array).tobytes()
            image = Image.frombuffer(self.mode, (width, height), content, "raw", self.mode, 0, 1)
        if self.profile:
            image.info["icc_profile"] = self.profile
        return image


def _read(path):
    """A picture file as Pillow holds it; whoever asked for it is warned of what that leaves out."""
    picture = read_picture(path)
    lost = [*picture.notes]
    if picture.deep is not None:
        lost.append("Of 16 bits a colour 8 are used; `denoiser restore` keeps 16.")
    for note in lost:
        warnings.warn(f"{note} Received: {path}", stacklevel=4)
    return picture.image


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
    if array.dtype.kind == "u" and array.dtype.itemsize <= 2:  # of any byte order
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
