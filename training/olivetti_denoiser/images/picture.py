"""A picture of any kind as channels in [0, 1] and back, apart from any network.

    >>> picture = Picture.of("photo.png")        # or a PIL image, or an array
    >>> picture.channels.shape                   # (C, H, W): gray 1, RGB 3
    >>> picture.rebuild(picture.channels)        # the same kind, dtype, range and size

Transparency is kept apart and comes back untouched; EXIF orientation is applied.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from os import PathLike
from typing import Protocol

import numpy as np
from PIL import Image

from olivetti_denoiser.images.pillow_modes import upright
from olivetti_denoiser.images.read import read_picture

ImageLike = str | PathLike[str] | Image.Image | np.ndarray


class ImageRows(Protocol):
    """Pictures by number: a list, an array N×H×W×C, or a file that is read picture by picture."""

    def __len__(self) -> int: ...

    def __getitem__(self, row: int, /) -> np.ndarray: ...


KINDS = "a path, a PIL image, or an array H×W, H×W×C or N×H×W×C of uint8, uint16 or float in [0, 1]"
EIGHT_OF_16 = "Of 16 bits a colour 8 are used; `denoiser restore` keeps 16."


@dataclass(frozen=True)
class Picture:
    """One picture, taken apart.

    Attributes:
        channels: float32 C×H×W in [0, 1]: every channel but alpha.
        alpha: The untouched transparency in the input's dtype, H×W; None where there is none.
        shape: Shape of the input array.
        dtype: Dtype of the input array.
        mode: Mode of the PIL image to return; None for an array.
        profile: The ICC profile of that image, which says what its colours are; None for sRGB.
    """

    channels: np.ndarray
    alpha: np.ndarray | None
    shape: tuple[int, ...]
    dtype: np.dtype
    mode: str | None
    profile: bytes | None = None

    @classmethod
    def of(cls, image: ImageLike) -> Picture:
        """Take a picture apart.

        Args:
            image: A path, a PIL image, or an array H×W or H×W×C.

        Raises:
            ValueError: The picture is of no supported kind, or it cannot be read; the message ends
                with what was received.
        """
        mode = profile = None
        name = ""
        if isinstance(image, (str, PathLike)):
            name = f" in {image}"
            image = _read(image)
        if isinstance(image, Image.Image):
            image = upright(image)
            mode, profile, array = image.mode, image.info.get("icc_profile"), np.asarray(image)
        elif isinstance(image, np.ndarray):
            array = np.asarray(image)  # np.matrix has two dimensions at all times, and crashes
        else:
            raise ValueError(f"image must be {KINDS}. Received: {type(image).__name__}")
        _check_array(array, name)
        alpha, colours = None, array if array.ndim == 3 else array[..., None]
        if colours.shape[-1] in (2, 4):
            colours, alpha = colours[..., :-1], colours[..., -1]
        channels = np.moveaxis(colours, -1, 0).astype(np.float32, order="C")
        if array.dtype.kind != "f":
            channels /= np.float32(np.iinfo(array.dtype).max)
        return cls(channels, alpha, array.shape, array.dtype, mode, profile)

    @property
    def visible(self) -> np.ndarray | None:
        """Return which pixels are visible, bool H×W; None where all are."""
        if self.alpha is None or (self.alpha > 0).all():
            return None
        return self.alpha > 0

    def eight_bits(self) -> np.ndarray:
        """Return the picture without alpha: uint8 H×W of one channel, else H×W×C."""
        pixels = np.empty((*self.channels.shape[1:], len(self.channels)), np.uint8)
        for number, channel in enumerate(self.channels):
            pixels[..., number] = np.rint(channel * np.float32(255.0))
        return pixels[..., 0] if len(self.channels) == 1 else pixels

    def rebuild(self, channels: np.ndarray) -> Image.Image | np.ndarray:
        """Put processed channels back together.

        Args:
            channels: float C×H×W like `self.channels`; clipped to [0, 1].

        Returns:
            For a PIL image or a path, a PIL image with the input's profile; else an array
            of the input's shape and dtype. 8 and 16 bits are rounded to the nearest value.
        """
        array = np.empty(self.shape, self.dtype)
        values = array if array.ndim == 3 else array[..., None]
        for number, channel in enumerate(channels):
            clipped = np.clip(channel, 0.0, 1.0)
            if self.dtype.kind != "f":
                clipped = np.rint(clipped * np.float32(np.iinfo(self.dtype).max))
            values[..., number] = clipped
        if self.alpha is not None:
            values[..., -1] = self.alpha
        if self.mode is None:
            return array
        image = Image.fromarray(array)
        if self.profile:
            image.info["icc_profile"] = self.profile
        return image


def _read(path):
    """Return a picture file as Pillow holds it, and warn of what is left out of it."""
    picture = read_picture(path)
    bits = [] if picture.pixels16 is None else [EIGHT_OF_16]
    for note in (*picture.notes, *bits):
        warnings.warn(f"{note} Received: {path}", stacklevel=4)
    return picture.image


def _check_array(array, name):
    """Make sure of shape, dtype and range; `name` says of which file, if any."""
    channels_fit = array.ndim == 2 or (array.ndim == 3 and array.shape[-1] in (1, 2, 3, 4))
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
        raise ValueError(
            f"the picture holds values that are not numbers. Received: NaN or infinity{name}"
        )
    low, high = float(array.min()), float(array.max())
    if low < 0.0 or high > 1.0:
        raise ValueError(
            f"floats must lie in [0, 1]; divide 8-bit values by 255. "
            f"Received: {low:g} to {high:g}{name}"
        )
