"""Cut pictures into patches, and put each picture into a part by a hash of its file.

>>> cut(np.zeros((480, 640), np.uint8), 16, seed=0).shape
(16, 64, 64)
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy as np

from olivetti_denoiser.images.gray_view import colour_pixels, gray_pixels
from olivetti_denoiser.images.read import decode_picture

SIDE = 64
SHAPES = {1: (SIDE, SIDE, 1), 3: (2 * SIDE, 2 * SIDE, 3)}  # by the channels of the network
PER_PICTURE = 16  # patches of a picture that is learned from; other pictures give one patch
PARTS_OF_TWENTY = {0: "test", 1: "validation"}  # by hash; the other eighteen are learned from


class Cut(NamedTuple):
    """One picture, cut.

    Attributes:
        name: Its name in the dataset, if any.
        digest: SHA-256 of its file.
        patches: uint8 N×64×64, or N×128×128×3; None where the picture is broken.
        padded: Whether the picture was smaller than a patch.
        reason: Why it is broken, or None.
    """

    name: str | None
    digest: bytes
    patches: np.ndarray | None = None
    padded: bool = False
    reason: str | None = None


def cut(pixels: np.ndarray, most: int, seed: int, side: int = SIDE) -> np.ndarray:
    """Cut a picture into patches: tiles of a centred grid, in a random order.

    Args:
        pixels: uint8 H×W or H×W×C; a side shorter than a patch's is padded by reflection.
        most: How many patches at most.
        seed: Of the order.
        side: Of a patch, in pixels.

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
    """Return the part that a picture belongs to, by the SHA-256 of its file and nothing else."""
    return PARTS_OF_TWENTY.get(int.from_bytes(digest[:8], "big") % 20, "train")


def cut_row(row: dict, channels: int = 1) -> Cut:
    """Read, decode and cut one picture of a stream; a broken one comes back with the reason.

    Args:
        row: A row of a stream of `Pictures.parts`.
        channels: Of a patch, 1 for gray and 3 for colour.

    Raises:
        OSError: The Hub does not answer.
    """
    picture = next(iter(row.values())) or {}
    name, content = picture.get("path"), _file_of(picture)
    digest = hashlib.sha256(content).digest()
    try:
        if not content:
            raise ValueError("the file is missing, protected or empty")
        image = decode_picture(content, name or "").image
        pixels = gray_pixels(image) if channels == 1 else colour_pixels(image)
        side = SHAPES[channels][0]
        patches = cut(pixels, PER_PICTURE, int.from_bytes(digest[8:16], "big"), side)
    except Exception as error:  # a decoder may raise anything when it is given anything
        reason = str(error).split(" Received: ")[0].rstrip(".") or type(error).__name__
        return Cut(name, digest, reason=reason)
    return Cut(name, digest, patches, min(pixels.shape[:2]) < side)


def _file_of(picture):
    """The bytes of a picture's file, which may take a request; none where there is no such file."""
    from datasets.utils.file_utils import is_local_path, xopen

    name, content = picture.get("path"), picture.get("bytes")
    if content is not None or name is None:
        return content or b""
    try:
        with xopen(name, "rb") as file:
            return file.read()
    except OSError as error:
        if is_local_path(name) or isinstance(error, FileNotFoundError):
            return b""
        raise
