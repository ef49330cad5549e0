"""Notes beside the patches of a dataset: how far its reading has come, and what was left out.

>>> notes = read_notes(Path("model.run/pictures"))
>>> notes.read, notes.broken_names, notes.summary()
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from olivetti_denoiser.data.cut import SHAPES
from olivetti_denoiser.data.picture_folder import in_words

NOTES = "pictures.json"
PARTS = ("train", "validation", "test")


@dataclass
class Notes:
    """The state of a reading, kept beside the patches: with it an interrupted reading goes on.

    Attributes:
        asked: The dataset as it was given, and how much of it was asked for.
        source: Where the pictures are from, see `Pictures.source`.
        patches: How many patches each part's file holds.
        pictures: How many pictures each part's patches are from.
        read, padded, broken: Pictures read, pictures smaller than a patch, pictures left out.
        broken_names: The first `NAMED` broken pictures, with the reason.
        others: How many files were no pictures, by their kind.
        lowest: The lowest hashes of the pictures that are learned from.
        moved: The part of each picture that fills a part which no hash chose, by the picture's
            hash.
        part, share: The place to read next; no part when all is read.
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
    lowest: list[str] = field(default_factory=list)
    moved: dict[str, str] = field(default_factory=dict)
    part: str | None = "train"
    share: int = 0

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return the shape of a patch."""
        return SHAPES[self.asked.get("planes", 1)]

    def summary(self) -> dict:
        """Return the entry of `metrics.json` about the pictures."""
        names = ("pictures", "patches", "read", "padded", "broken", "broken_names", "others")
        return self.source | {name: getattr(self, name) for name in names}


def read_notes(folder: Path) -> Notes | None:
    """Return the notes in a folder; None without notes or with an earlier version's."""
    path = folder / NOTES
    if not path.is_file():
        return None
    found = json.loads(path.read_text(encoding="utf-8"))
    if found.get("left_out") or (found["part"] and "state" in found):
        return None
    known = {attribute.name for attribute in fields(Notes)}
    return Notes(**{name: value for name, value in found.items() if name in known})


def what_was_left_out(summary: Mapping) -> str:
    """Return which pictures could not be read, given `Notes.summary`."""
    broken, read, others = summary["broken"], summary["read"], summary.get("others")
    beside = f" Not read: {in_words(others)}." if others else ""
    if not broken:
        return f"Every one of the {read:,} pictures could be read.{beside}"
    names = named_in_words(summary["broken_names"], broken)
    return f"Left out {broken:,} of {read:,} pictures, which are broken: {names}.{beside}"


def named_in_words(names: list[str], count: int) -> str:
    """Return the names of broken pictures in a row, and how many more there are."""
    more = f" and {count - len(names):,} more" if count > len(names) else ""
    return ", ".join(names) + more
