"""Notes beside the patches of a dataset: how far its reading has come, and what was left out.

>>> notes = read_notes(Path("model.run/pictures"))
>>> notes.read, notes.broken_names, notes.summary()
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

NOTES = "pictures.json"
PARTS = ("train", "validation", "test")
NAMED = 20  # broken pictures that are named


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
        lowest: The lowest hashes of the pictures that are learned from.
        moved: The part of each picture that fills a part which no hash chose, by the picture's
            hash.
        share: The number of the share to read next; None when all are read.
    """

    asked: dict
    source: dict
    patches: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PARTS, 0))
    pictures: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PARTS, 0))
    read: int = 0
    padded: int = 0
    broken: int = 0
    broken_names: list[str] = field(default_factory=list)
    lowest: list[str] = field(default_factory=list)
    moved: dict[str, str] = field(default_factory=dict)
    share: int | None = 0

    def summary(self) -> dict:
        """Return the entry of `metrics.json` about the pictures."""
        names = ("pictures", "patches", "read", "padded", "broken", "broken_names")
        return self.source | {name: getattr(self, name) for name in names}


def read_notes(folder: Path) -> Notes | None:
    """Return the notes in a folder; None without notes or with an earlier version's."""
    path = folder / NOTES
    if not path.is_file():
        return None
    found = json.loads(path.read_text(encoding="utf-8"))
    known = {attribute.name for attribute in fields(Notes)}
    return Notes(**found) if found.keys() == known else None


def what_was_left_out(summary: Mapping, most: int = NAMED) -> str:
    """Return which pictures could not be read, given `Notes.summary`; at most so many by name."""
    broken, read, names = summary["broken"], summary["read"], summary["broken_names"][:most]
    if not broken:
        return f"Every one of the {read:,} pictures could be read."
    more = f" and {broken - len(names):,} more" if broken > len(names) else ""
    return f"Left out {broken:,} of {read:,} pictures, which are broken: {', '.join(names)}{more}."
