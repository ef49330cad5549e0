"""Cut pictures into patches, and put each picture into a part by a hash of its file.

>>> cut(np.zeros((480, 640), np.uint8), 16, seed=0).shape
(16, 64, 64)
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy as np

from olivetti_denoiser.data.image_dataset import read_row
from olivetti_denoiser.images.gray_view import colour_pixels, gray_pixels
from olivetti_denoiser.images.read import decode_picture

SIDE = 64
SHAPES = {1: (SIDE, SIDE, 1), 3: (2 * SIDE, 2 * SIDE, 3)}  # by the planes of the network
PER_PICTURE = 16  # patches of one picture that are learned from; one of a picture judges
PARTS_OF_TWENTY = {0: "test", 1: "validation"}  # by hash; the other eighteen are learned from


class Cut(NamedTuple):
    """One picture, cut.

    Attributes:
        name: what the dataset calls it.
        digest: SHA-256 of its file.
        patches: uint8 N×64×64, or N×128×128×3; empty where it is broken.
        padded: whether it was smaller than a patch.
        reason: why it is broken, or None.
    """

    name: str
    digest: bytes
    patches: np.ndarray
    padded: bool = False
    reason: str | None = None


def cut(pixels: np.ndarray, most: int, seed: int, side: int = SIDE) -> np.ndarray:
    """Cuts a picture into patches: tiles of a centred grid, in an order of its own.

    Args:
        pixels: uint8 H×W or H×W×C; a side shorter than a patch's is padded by reflection.
        most: how many patches at most.
        seed: what the order depends on.
        side: of a patch, in pixels.

    Returns:
        uint8 N×side×side, or N×side×side×C.
    """
    short = [max(0, side - length) for length in pixels.shape[:2]]
    if any(short):
        around = [(gap // 2, gap - gap // 2) for gap in short] + [(0, 0)] * (pixels.ndim - 2)
        pixels = np.pad(pixels, around, mode="reflect")
    down, across = (length // side for length in pixels.shape[:2])
    top, left = ((length % side) // 2 for length in pixels.shape[:2])
    tiles = pixels[top : top + down * side, left : left + across * side]
    tiles = tiles.reshape(down, side, across, side, *pixels.shape[2:]).swapaxes(1, 2)
    places = np.random.default_rng(seed).permutation(down * across)[:most]
    return tiles[places // across, places % across]


def part_of(digest: bytes) -> str:
    """Returns the part that a picture belongs to, by the SHA-256 of its file and nothing else."""
    return PARTS_OF_TWENTY.get(int.from_bytes(digest[:8], "big") % 20, "train")


def cut_row(row: dict, number: str, planes: int = 1) -> Cut:
    """Reads, decodes and cuts one picture of a stream; what is broken comes back with the reason.

    Args:
        row: what a stream of `Pictures.parts` yields.
        number: what to call the picture where it has no name.
        planes: of a patch, 1 for gray and 3 for colour.
    """
    name, digest = (next(iter(row.values())) or {}).get("path") or number, b""
    try:
        content = read_row(row)
    except ValueError as error:
        return _broken(name, error)
    try:
        if not content:
            raise ValueError("the file is empty")
        digest = hashlib.sha256(content).digest()
        image = decode_picture(content, name).image
        pixels = gray_pixels(image) if planes == 1 else colour_pixels(image)
        side = SHAPES[planes][0]
        patches = cut(pixels, PER_PICTURE, int.from_bytes(digest[8:16], "big"), side)
    except Exception as error:  # a decoder may raise anything when it is given anything
        return _broken(name, error)
    return Cut(name, digest, patches, min(pixels.shape[:2]) < side)


def _broken(name, error):
    reason = str(error).split(" Received: ")[0].rstrip(".") or type(error).__name__
    return Cut(name, b"", np.empty((0, SIDE, SIDE), np.uint8), reason=reason)
