"""Patches kept in flat files, and the notes beside them: an array of any length without memory.

>>> prepared = load("model.run/pictures")
>>> len(prepared.learned.clean), prepared.learned.clean[7].shape    # (40000, (64, 64, 1))
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from olivetti_denoiser.data.cut import SHAPES
from olivetti_denoiser.data.faces import SEED, SIGMA, Faces
from olivetti_denoiser.noise import from_uint8, noisy_uint8

NOTES, PATCHES = "pictures.json", ".u8"  # of uint8, one patch after another
PARTS = ("train", "validation", "test")
NAMED = 20  # broken pictures that are named


@dataclass
class Notes:
    """What has been read so far, kept beside the patches: with it the reading goes on.

    Attributes:
        asked: the dataset as it was given, and what was wanted of it.
        source: what it was found to be, see `Pictures.source`.
        patches: how many patches each part's file holds.
        pictures: how many pictures each part's patches are from.
        read, padded, broken: pictures read, those of them smaller than a patch, and those left
            out.
        broken_names: the first `NAMED` of these, with the reason.
        others: how many files were not read, by their kind.
        lowest: hash and rows of the training pictures with the lowest hashes.
        left_out: rows of the training file that are not learned from.
        part, share, in_share, state: where the reading stands; no part when all is read.
    """

    asked: dict
    source: dict
    patches: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PARTS, 0))
    pictures: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PARTS, 0))
    read: int = 0
    padded: int = 0
    broken: int = 0
    broken_names: list[str] = field(default_factory=list)
    others: dict[str, int] = field(default_factory=dict)
    lowest: list[dict] = field(default_factory=list)
    left_out: list[int] = field(default_factory=list)
    part: str | None = "train"
    share: int = 0
    in_share: int = 0
    state: dict | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of a patch."""
        return SHAPES[self.asked.get("planes", 1)]

    def summary(self) -> dict:
        """Returns what `metrics.json` says about the pictures."""
        names = ("pictures", "patches", "read", "padded", "broken", "broken_names", "others")
        found = asdict(self)
        return self.source | {name: found[name] for name in names}


class PatchFile:
    """The patches of a flat file, one read from disk each time: an array that takes no memory.

    Not mapped: the pages of a map that have been touched count as the process's own memory.
    """

    def __init__(
        self,
        path: Path,
        left_out: Sequence[int] = (),
        shape: tuple[int, int, int] = SHAPES[1],
    ):
        self.path, self.shape = path, shape
        self.bytes_each = math.prod(shape)
        count = path.stat().st_size // self.bytes_each
        self.rows = np.delete(np.arange(count), left_out) if len(left_out) else range(count)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, row: int) -> np.ndarray:
        """Returns one patch, float32 of the file's shape, in [0, 1]."""
        start = int(self.rows[row]) * self.bytes_each
        flat = np.fromfile(self.path, np.uint8, self.bytes_each, offset=start)
        return from_uint8(flat).reshape(self.shape)


class Patches(NamedTuple):
    """Patches where `train.fit` looks for them, as it does in `Faces`."""

    clean: PatchFile | np.ndarray


class Prepared(NamedTuple):
    """Patches of a dataset, ready for training.

    Attributes:
        learned: the patches to learn from.
        held_out: patches to validate on, one a picture.
        test: patches to measure on, one a picture, with the reference noise; in colour N×128×128×3.
        summary: where they are from and how many there are, for `metrics.json`.
    """

    learned: Patches
    held_out: Patches
    test: Faces
    summary: dict


def load(folder: str | Path) -> Prepared:
    """Opens patches that `prepare` has kept; needs neither the dataset nor a network.

    Raises:
        ValueError: the folder holds none.
    """
    folder = Path(folder)
    notes = read_notes(folder)
    if notes is None:
        raise ValueError(f"the folder holds no patches. Received: {folder}")
    shape = notes.shape
    held_out, clean = (
        from_uint8(np.fromfile(folder / f"{part}{PATCHES}", np.uint8)).reshape(-1, *shape)
        for part in ("validation", "test")
    )
    noise = np.random.RandomState(SEED + 2)  # of its own, beside the reference split's
    noisy = from_uint8(noisy_uint8(clean, SIGMA, noise))
    rows, nobody = np.arange(len(clean)), np.full(len(clean), -1)
    return Prepared(
        Patches(PatchFile(folder / f"train{PATCHES}", notes.left_out, shape)),
        Patches(held_out),
        Faces(clean, noisy, nobody, rows),
        notes.summary(),
    )


def read_notes(folder: Path, asked: dict | None = None, fixed: bool = False) -> Notes | None:
    """Returns the notes in a folder, or None where there are none.

    Args:
        folder: where the patches are kept.
        asked: what is wanted; notes of other pictures count as none.
        fixed: whether notes of other pictures are an error instead.

    Raises:
        ValueError: with `fixed`, the notes are of other pictures than those asked for.
    """
    path = folder / NOTES
    if not path.is_file():
        return None
    notes = Notes(**json.loads(path.read_text(encoding="utf-8")))
    if asked is None or notes.asked == asked:
        return notes
    if fixed:
        differences = (
            f"{name}: {there} there, {asked[name]} here"
            for name, there in notes.asked.items()
            if there != asked[name]
        )
        raise ValueError(
            f"the run folder belongs to other pictures ({'; '.join(differences)}); use those, "
            f"another --output, or --overwrite to start anew. Received: {folder}"
        )
    return None
