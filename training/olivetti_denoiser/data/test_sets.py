"""Test sets: folders of photographs, noisy and clean pairs, and a set that is always there.

>>> standing = standing_set()                # the colour pictures that scikit-image brings
>>> standing.clean[0].shape                  # uint8 H×W×3
(256, 256, 3)

small = read_photographs("BSD68")            # each as 64×64 gray, with noise
photographs = read_colour_set("CBSD68", crop=256, every=4)
pairs = read_pairs("PolyU", "*_real.*", "*_mean.*")
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from olivetti_denoiser.data.faces import SEED, SIGMA
from olivetti_denoiser.images.colour_profile import to_srgb
from olivetti_denoiser.images.formats import ENDINGS, IN_WORDS
from olivetti_denoiser.images.gray_view import VIEW_SIDE, gray_view
from olivetti_denoiser.images.read import read_picture
from olivetti_denoiser.noise import from_uint8, noisy_uint8
from olivetti_denoiser.release import STANDING_SET

STANDING = ("astronaut", "chelsea", "coffee", "hubble_deep_field", "retina", "rocket")
CROP = 256  # pixels: side of the middle square that is measured
PAIR_PATTERN = ("*_real.*", "*_mean.*")  # the names of noisy and clean pictures

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


def standing_set(crop: int | None = CROP) -> PictureSet:
    """Return the colour photographs that come with scikit-image, which any machine has.

    Args:
        crop: Side of the middle square to take; None takes whole pictures.
    """
    from skimage import data

    images = [np.ascontiguousarray(getattr(data, name)()[..., :3]) for name in STANDING]
    return PictureSet(STANDING_SET, [middle_square(image, crop) for image in images], crop=crop)


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


def read_pairs(
    folder: str | Path,
    noisy: str = PAIR_PATTERN[0],
    clean: str = PAIR_PATTERN[1],
    crop: int | None = None,
) -> PictureSet:
    """Read noisy pictures and the clean pictures of the same scenes.

    Args:
        folder: The picture files.
        noisy, clean: Patterns of their names; what the first `*` stands for is the same in both
            names of a pair.
        crop: Side of the middle square to take; None takes whole pictures.

    Raises:
        ValueError: A pattern is wrong, there are no pairs, a picture has not one partner, the two
            of a pair differ in size, or a picture is smaller than the crop.
    """
    sides = [_by_scene(folder, pattern) for pattern in (noisy, clean)]
    scenes, partners = ([scene for scene, _ in side] for side in sides)
    names = scenes + partners
    if odd := [name for name in names if scenes.count(name) != 1 or partners.count(name) != 1]:
        raise ValueError(
            f"every noisy picture needs one clean picture of the same name; {odd[0]!r} has not. "
            f"Received: {folder}"
        )
    seen, wanted = ([_read_square(path, crop) for _, path in side] for side in sides)
    for scene, first, second in zip(scenes, seen, wanted, strict=True):
        if first.shape != second.shape:
            raise ValueError(
                f"the pictures of a pair must have one size. "
                f"Received: {scene} of {first.shape[:2]} and {second.shape[:2]}"
            )
    return PictureSet(Path(folder).resolve().name, wanted, seen, crop)


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


def noisy_versions(images: Pictures, sigma: float, seed: int = 900) -> list[np.ndarray]:
    """Add white noise to pictures and round to 8 bits.

    Args:
        images: uint8 H×W×3 each.
        sigma: Standard deviation, a fraction of the range.
        seed: Picture number i has the noise of `numpy.random.default_rng(seed + i)`.

    Returns:
        uint8, each shaped like its picture.
    """
    return [
        noisy_uint8(image, sigma, np.random.default_rng(seed + index))
        for index, image in enumerate(images)
    ]


def _pictures_in(folder, pattern="*"):
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"there is no such folder of pictures. Received: {folder}")
    paths = [path for path in sorted(folder.glob(pattern)) if path.suffix.lower() in ENDINGS]
    if not paths:
        raise ValueError(
            f"the folder holds no pictures named {pattern}; {IN_WORDS} work. Received: {folder}"
        )
    return paths


def _by_scene(folder, pattern):
    """Return the pictures of one pattern, each with what the first `*` stands for, by that."""
    if "*" not in pattern or set("?[/") & set(pattern):
        raise ValueError(f"a pattern of names needs a *, its only wildcard. Received: {pattern!r}")
    parts = re.compile(re.escape(pattern).replace(r"\*", "(.*)"), re.IGNORECASE)
    return sorted((parts.fullmatch(path.name)[1], path) for path in _pictures_in(folder, pattern))


def _read_square(path, crop):
    image = np.asarray(to_srgb(read_picture(path).image).convert("RGB"))
    try:
        return middle_square(image, crop)
    except ValueError as error:
        raise ValueError(f"{error} in {path.name}") from error
