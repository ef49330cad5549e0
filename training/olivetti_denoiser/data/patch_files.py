"""Pictures in flat files: an array of any length that takes no memory.

>>> pictures = PatchFile(Path("model.run/pool/learned.u8"), (128, 128, 3))
>>> len(pictures), pictures[7].shape                      # (12000, (128, 128, 3))
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from olivetti_denoiser.noise import from_uint8


class PatchFile:
    """Pictures in a file of uint8, one after another, each read when asked for.

    Not mapped: the pages of a map that have been touched count as the process's own memory.

    Args:
        path: The file.
        shape: Of one picture, H×W×C.
    """

    def __init__(self, path: Path, shape: tuple[int, int, int]):
        self.path, self.shape = path, shape
        self.bytes_each = math.prod(shape)
        self.count = path.stat().st_size // self.bytes_each

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, row: int) -> np.ndarray:
        """Return one picture, float32 of the file's shape, in [0, 1]."""
        flat = np.fromfile(self.path, np.uint8, self.bytes_each, offset=row * self.bytes_each)
        return from_uint8(flat).reshape(self.shape)


class Patches(NamedTuple):
    """Pictures as `train.fit.fit` takes them: under `clean`, as in `data.faces.Faces`."""

    clean: PatchFile | np.ndarray


def open_to_append(path: Path, count: int, shape: tuple[int, int, int]) -> BinaryIO:
    """Open a flat file, new or not, to append to its first `count` pictures of this shape."""
    path.touch()
    os.truncate(path, count * math.prod(shape))
    return path.open("ab")
