"""Test sets: folders of photographs, noisy and clean pairs, and a set that is always there.

>>> standing = standing_set()                # the colour pictures that scikit-image brings
>>> standing.clean[0].shape                  # uint8 H×W×3
(256, 256, 3)

small = read_photographs("BSD68")            # each as 64×64 gray, with noise
photographs = read_colour_set("CBSD68", crop=256, every=4)
pairs = read_pairs("PolyU")                  # a_real.jpg and a_mean.jpg
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from olivetti_denoiser.data.faces import SEED, SIGMA
from olivetti_denoiser.images.formats import ENDINGS, IN_WORDS
from olivetti_denoiser.images.gray_view import VIEW_SIDE, colour_pixels, gray_view
from olivetti_denoiser.images.read import read_picture
from olivetti_denoiser.noise import from_uint8, noisy_uint8
from olivetti_denoiser.release import STANDING_SET

STANDING = ("astronaut", "chelsea", "coffee", "hubble_deep_field", "retina", "rocket")
CROP = 256  # pixels: side of the middle square that is measured
NOISY, CLEAN = "_real", "_mean"  # how the names of a pair's pictures end
NOISE_SEED = 900  # of the first picture; the next one's is one more

Pictures = Sequence[np.ndarray] | np.ndarray


class PictureSet(NamedTuple):
    """Pictures to measure on.

    Attributes:
        name: What the set is called in tables.
        clean: uint8 H×W×3 each, of one size or of several; where they are small gray ones, float32
            N×64×64×1 in [0, 1], each value a multiple of 1/255.
        noisy: The same scenes with noise, likewise; None where white noise is to be added.
        crop: Side of the middle squares that they are; None for whole pictures.
    """

    name: str
    clean: Pictures
    noisy: Pictures | None = None
    crop: int | None = None

    @property
    def checksum(self) -> str:
        """Return the SHA-256 of the clean pictures' sizes and bytes."""
        digest = hashlib.sha256()
        for image in self.clean:
            digest.update(repr(image.shape).encode())
            digest.update(np.ascontiguousarray(image).tobytes())
        return digest.hexdigest()


def standing_set() -> PictureSet:
    """Return middle squares of the colour photographs that come with scikit-image."""
    from skimage import data

    images = [np.ascontiguousarray(getattr(data, name)()[..., :3]) for name in STANDING]
    return PictureSet(STANDING_SET, [middle_square(image, CROP) for image in images], crop=CROP)


def read_photographs(folder: str | Path) -> PictureSet:
    """Read a folder of pictures as 64×64 gray, with noise at the level of the faces' split.

    Args:
        folder: Picture files, gray or colour, of any size. The same files give the same bytes.

    Raises:
        ValueError: There is no such folder, no picture in it, or a picture cannot be read.
    """
    paths = _pictures_in(folder)
    clean = from_uint8(np.stack([shrunk(read_picture(path).image) for path in paths]))[..., None]
    noisy = from_uint8(noisy_uint8(clean, SIGMA, np.random.RandomState(SEED)))
    return PictureSet(Path(folder).resolve().name, clean, noisy)


def read_colour_set(folder: str | Path, crop: int | None = None, every: int = 1) -> PictureSet:
    """Read a folder of photographs in colour, in the order of their names.

    Args:
        folder: Picture files; a gray picture gets three equal channels.
        crop: Side of the middle square to take; None takes whole pictures.
        every: 4 takes the first of each four.

    Raises:
        ValueError: There is no such folder, no picture in it, or a picture cannot be read or is
            smaller than the crop.
    """
    images = [_read_square(path, crop) for path in _pictures_in(folder)[::every]]
    return PictureSet(Path(folder).resolve().name, images, crop=crop)


def read_pairs(folder: str | Path, crop: int | None = None) -> PictureSet:
    """Read noisy pictures, named *_real.*, and the clean ones of the same scenes, *_mean.*.

    Args:
        folder: The picture files.
        crop: Side of the middle square to take; None takes whole pictures.

    Raises:
        ValueError: There are no pairs, a picture has no partner or two, the two of a pair differ
            in size, or a picture is smaller than the crop.
    """
    noisy: dict[str, np.ndarray] = {}
    clean: dict[str, np.ndarray] = {}
    for path in _pictures_in(folder):
        for found, end in ((noisy, NOISY), (clean, CLEAN)):
            if path.stem.endswith(end):
                name = path.stem.removesuffix(end)
                if name in found:
                    raise ValueError(f"there are two pictures {path.stem}. Received: {folder}")
                found[name] = _read_square(path, crop)
    odd = noisy.keys() ^ clean.keys()
    odd |= {name for name in noisy.keys() - odd if noisy[name].shape != clean[name].shape}
    if odd or not noisy:
        raise ValueError(
            f"every picture NAME{NOISY} needs a picture NAME{CLEAN} of the same size, and the "
            f"other way round. Received: {folder} with {min(odd, default='neither')}"
        )
    partners = [clean[name] for name in noisy]
    return PictureSet(Path(folder).resolve().name, partners, list(noisy.values()), crop)


def shrunk(image: Image.Image) -> np.ndarray:
    """Return a picture's middle square as 64×64 gray, each pixel the mean of the area under it.

    The page's view (`gray_view.gray_view`) filters with Lanczos instead, which sharpens; area
    means are what published test sets are usually shrunk by.

    Args:
        image: Any picture.

    Returns:
        uint8 64×64.
    """
    import cv2

    square = gray_view(image, min(image.size))
    return cv2.resize(square, (VIEW_SIDE, VIEW_SIDE), interpolation=cv2.INTER_AREA)


def middle_square(image: np.ndarray, side: int | None) -> np.ndarray:
    """Return the middle square of H×W×3, or all of it where no side is given.

    Raises:
        ValueError: The picture is smaller.
    """
    if side is None:
        return image
    height, width = image.shape[:2]
    if min(height, width) < side:
        raise ValueError(
            f"every picture must hold the square of {side} pixels. Received: {height}×{width}"
        )
    top, left = (height - side) // 2, (width - side) // 2
    return image[top : top + side, left : left + side]


def noisy_versions(images: Pictures, sigma: float) -> list[np.ndarray]:
    """Add white noise to pictures and round to 8 bits; the same noise to the same pictures.

    Args:
        images: uint8 H×W×3 each.
        sigma: Standard deviation, a fraction of the range.

    Returns:
        uint8, each shaped like its picture.
    """
    return [
        noisy_uint8(image, sigma, np.random.default_rng(seed))
        for seed, image in enumerate(images, NOISE_SEED)
    ]


def _pictures_in(folder):
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"there is no such folder of pictures. Received: {folder}")
    paths = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in ENDINGS]
    if not paths:
        raise ValueError(f"the folder holds no pictures; {IN_WORDS} work. Received: {folder}")
    return paths


def _read_square(path, crop):
    try:
        return middle_square(colour_pixels(read_picture(path).image), crop)
    except ValueError as error:
        raise ValueError(f"{error} in {path.name}") from error
