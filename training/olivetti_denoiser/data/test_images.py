"""Test sets of photographs: a folder of pictures, each seen as a 64×64 gray square with noise.

denoiser evaluate model_card --pictures BSD68
>>> photographs = read_photographs("BSD68")
>>> photographs.noisy.shape                  # (68, 64, 64, 1)
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from olivetti_denoiser.data.faces import SEED, SIGMA
from olivetti_denoiser.images.formats import ENDINGS, IN_WORDS
from olivetti_denoiser.images.gray_view import VIEW_SIDE, gray_view
from olivetti_denoiser.images.read import read_picture
from olivetti_denoiser.noise import from_uint8, noisy_uint8


class Photographs(NamedTuple):
    """The pictures of one folder, in the order of their names.

    Attributes:
        name: the folder's name.
        clean, noisy: float32 N×64×64×1 in [0, 1], each value a multiple of 1/255.
    """

    name: str
    clean: np.ndarray
    noisy: np.ndarray


def read_photographs(folder: str | Path) -> Photographs:
    """Reads a folder of pictures, adds noise at the split's level, and rounds as the split does.

    Args:
        folder: any number of picture files, gray or colour, of any size; other files and folders
            in it are left alone. The same files give the same bytes.

    Returns:
        The photographs.

    Raises:
        ValueError: there is no such folder, no picture in it, or a picture cannot be read.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"there is no such folder of pictures. Received: {folder}")
    paths = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in ENDINGS]
    if not paths:
        raise ValueError(f"the folder holds no pictures; {IN_WORDS} work. Received: {folder}")
    clean = from_uint8(np.stack([shrunk(read_picture(path).image) for path in paths]))[..., None]
    random = np.random.RandomState(SEED)
    noisy = from_uint8(noisy_uint8(clean, SIGMA, random))
    return Photographs(folder.resolve().name, clean, noisy)


def shrunk(image: Image.Image) -> np.ndarray:
    """Returns a picture's middle square as 64×64 gray, each pixel the mean of the area under it.

    The page's view (`gray_view.gray_view`) filters with Lanczos instead, which sharpens; area
    means are what published test sets are usually shrunk by.

    Args:
        image: any picture.

    Returns:
        uint8 64×64.

    Raises:
        ValueError: the pixels are not numbers in a known range.
    """
    import cv2

    square = gray_view(image, min(image.size))
    return cv2.resize(square, (VIEW_SIDE, VIEW_SIDE), interpolation=cv2.INTER_AREA)
