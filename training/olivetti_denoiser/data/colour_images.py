"""Colour test sets: folders of photographs, noisy and clean pairs, and a set that is always there.

>>> standing = standing_set()                # the colour pictures that scikit-image brings
>>> standing.images[0].shape                 # uint8 H×W×3
(256, 256, 3)

photographs = read_colour_set("CBSD68", crop=256, every=4)
pairs = read_pairs("PolyU", "*_real.*", "*_mean.*")
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from olivetti_denoiser.images.colour_profile import to_srgb
from olivetti_denoiser.images.formats import ENDINGS
from olivetti_denoiser.images.read import read_picture
from olivetti_denoiser.noise import noisy_uint8
from olivetti_denoiser.release import STANDING_SET

STANDING = ("astronaut", "chelsea", "coffee", "hubble_deep_field", "retina", "rocket")
CROP = 256  # pixels: the middle square that figures are of


class ColourSet(NamedTuple):
    """Clean colour pictures.

    Attributes:
        name: what the set is called in tables.
        images: uint8 H×W×3 each, of one size or of several.
        crop: side of the middle squares that they are; None for whole pictures.
    """

    name: str
    images: list[np.ndarray]
    crop: int | None = None

    @property
    def checksum(self) -> str:
        """SHA-256 of the pictures' sizes and bytes."""
        digest = hashlib.sha256()
        for image in self.images:
            digest.update(repr(image.shape).encode())
            digest.update(np.ascontiguousarray(image).tobytes())
        return digest.hexdigest()


class Pairs(NamedTuple):
    """Noisy pictures beside clean ones of the same scene.

    Attributes:
        name: what the set is called in tables.
        names: of the noisy files.
        noisy, clean: uint8 H×W×3 each; those of a pair have one size.
        crop: as of `ColourSet`.
    """

    name: str
    names: list[str]
    noisy: list[np.ndarray]
    clean: list[np.ndarray]
    crop: int | None = None


def standing_set(crop: int | None = CROP) -> ColourSet:
    """Returns the colour photographs that come with scikit-image, which any machine has.

    Args:
        crop: side of the middle square to take; None takes whole pictures.
    """
    from skimage import data

    images = [np.ascontiguousarray(getattr(data, name)()[..., :3]) for name in STANDING]
    return ColourSet(STANDING_SET, [middle_square(image, crop) for image in images], crop)


def read_colour_set(folder: str | Path, crop: int | None = None, every: int = 1) -> ColourSet:
    """Reads a folder of photographs, in the order of their names.

    Args:
        folder: picture files; gray ones become colour ones of three equal planes.
        crop: side of the middle square to take; None takes whole pictures.
        every: 4 takes the first of each four.

    Raises:
        ValueError: there is no such folder, no picture in it, or a picture cannot be read or is
            smaller than the crop.
    """
    folder = Path(folder)
    paths = _pictures_in(folder, "*")[::every]
    images = [_read_square(path, crop) for path in paths]
    return ColourSet(folder.resolve().name, images, crop)


def read_pairs(
    folder: str | Path, noisy: str = "*_real.*", clean: str = "*_mean.*", crop: int | None = None
) -> Pairs:
    """Reads noisy pictures and the clean ones that belong to them.

    Args:
        folder: the picture files.
        noisy, clean: patterns of their names, with one `*` each; what it stands for is the same in
            both names of a pair.
        crop: side of the middle square to take; None takes whole pictures.

    Raises:
        ValueError: a pattern is none, there are no pairs, a picture lacks its partner or has two,
            the two of a pair differ in size, or a picture is smaller than the crop.
    """
    folder = Path(folder)
    sides = []
    for pattern in (noisy, clean):
        if pattern.count("*") < 1:
            raise ValueError(f"a pattern of names needs a *. Received: {pattern!r}")
        before = pattern.partition("*")[0]
        after = pattern.partition("*")[2].partition("*")[0].removesuffix(".")
        side: dict[str, Path] = {}
        for path in _pictures_in(folder, pattern):
            name = _between(path.name, before, after)
            if name in side:
                raise ValueError(
                    f"two pictures have one place in the pair {name!r}; leave one of them. "
                    f"Received: {side[name].name} and {path.name}"
                )
            side[name] = path
        sides.append(side)
    if alone := sorted(sides[0].keys() ^ sides[1].keys()):
        raise ValueError(
            f"every noisy picture needs a clean one of the same name; {alone[0]!r} and "
            f"{len(alone) - 1} more have none. Received: {folder}"
        )
    names = sorted(sides[0])
    seen, wanted = ([_read_square(side[name], crop) for name in names] for side in sides)
    for name, first, second in zip(names, seen, wanted, strict=True):
        if first.shape != second.shape:
            raise ValueError(
                f"the pictures of a pair must have one size. "
                f"Received: {name} of {first.shape[:2]} and {second.shape[:2]}"
            )
    return Pairs(folder.resolve().name, [sides[0][name].name for name in names], seen, wanted, crop)


def read_rgb(path: str | Path) -> np.ndarray:
    """Returns a picture file as uint8 H×W×3, upright; transparency is left out.

    Raises:
        ValueError: it cannot be read.
    """
    return np.asarray(to_srgb(read_picture(path).image).convert("RGB"))


def middle_square(image: np.ndarray, side: int | None) -> np.ndarray:
    """Returns the middle square of H×W×3, or all of it where no side is given.

    Raises:
        ValueError: the picture is smaller.
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


def noisy_versions(images: Sequence[np.ndarray], sigma: float, seed: int = 900) -> list[np.ndarray]:
    """Adds white noise to pictures and rounds to 8 bits.

    Args:
        images: uint8 H×W×3 each.
        sigma: standard deviation, a fraction of the range.
        seed: picture number i has the noise of `numpy.random.default_rng(seed + i)`.

    Returns:
        uint8, each shaped like its picture.
    """
    return [
        noisy_uint8(image, sigma, np.random.default_rng(seed + index))
        for index, image in enumerate(images)
    ]


def _pictures_in(folder, pattern):
    if not folder.is_dir():
        raise ValueError(f"there is no such folder of pictures. Received: {folder}")
    paths = [path for path in sorted(folder.glob(pattern)) if path.suffix.lower() in ENDINGS]
    if not paths:
        raise ValueError(f"the folder holds no pictures named {pattern}. Received: {folder}")
    return paths


def _read_square(path, crop):
    image = read_rgb(path)
    try:
        return middle_square(image, crop)
    except ValueError as error:
        raise ValueError(f"{error} in {path.name}") from error


def _between(name, before, after):
    return name.removeprefix(before).partition(after)[0] if after else name.removeprefix(before)
