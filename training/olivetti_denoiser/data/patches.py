"""Patches to learn from: pictures streamed once, cut, split by a fixed hash, kept in flat files.

    >>> prepared = prepare("OWNER/NAME", "model.run/pictures", wanted=40_000, validation=8)
    >>> len(prepared.learned.clean), prepared.learned.clean[7].shape    # (40000, (64, 64, 1))

Patches are gray, or in colour where the network is; those are larger, as training cuts its own out
of them.

A stream has one order and a batch needs any patch of it, at any step, on any machine, after any
interruption. So the stream is read once, ahead of training, and every patch becomes a few bytes
of a file: then a batch stays a function of (seed, step), as it is for the faces. The full-size
pictures are never stored, no more is read than the run will look at, and memory holds a few
pictures at a time, however many there are.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from olivetti_denoiser import hub
from olivetti_denoiser.atomic import atomic_write
from olivetti_denoiser.data.cut import Cut, cut_row, part_of
from olivetti_denoiser.data.image_dataset import Pictures, open_pictures
from olivetti_denoiser.data.patch_files import (
    NAMED,
    NOTES,
    PARTS,
    PATCHES,
    Notes,
    PatchFile,
    Prepared,
    load,
    read_notes,
)
from olivetti_denoiser.data.picture_folder import in_words
from olivetti_denoiser.noise import to_uint8

TEST_PICTURES = 256
LEAST_PICTURES = 1000  # read even where the run needs fewer, so that enough of them can judge
SHARES = 16  # places of the dataset at which reading starts

BROKEN_SHARE = 0.01
JUDGED_FROM = 1000  # pictures; earlier, a few broken ones are chance

THREADS = 8
BLOCK = 32  # pictures in memory at a time
SAVED_EVERY = 1000  # pictures
SAID_EVERY = 10.0  # seconds


def prepare(
    dataset: str | Path,
    folder: str | Path,
    *,
    column: str | None = None,
    split: str | None = None,
    wanted: int,
    validation: int,
    planes: int = 1,
    fixed: bool = False,
    check: Callable[[], object] = lambda: None,
    say: Callable[[str], None] = print,
) -> Prepared | None:
    """Streams, cuts and keeps the patches that a run will look at, or goes on where that stopped.

    Processes that share the folder wait for the one that came first. What is complete is opened
    without a look at the dataset, and what is not goes on with the same commit of it.

    Args:
        dataset, column, split: see `data.image_dataset.open_pictures`.
        folder: where the patches are kept; created where missing.
        wanted: patches to learn from; fewer where the dataset has fewer.
        validation: pictures to validate on, at most.
        planes: of a patch, 1 for gray and 3 for colour.
        fixed: whether a run has begun with what the folder holds; others are then refused, where
            else they are replaced.
        check: called before the pictures are read; what it raises ends the reading.
        say: receives lines of progress.

    Returns:
        The patches; None where the dataset is a copy of the reference split.

    Raises:
        TrainingStoppedError: more than 1 % of the pictures are broken.
        ValueError: see `open_pictures`; or there are too few pictures, or a run has begun with
            others.
        OSError: the Hub does not answer, or refuses.
    """
    from filelock import FileLock

    folder = Path(folder)
    asked: dict[str, Any] = {"dataset": str(dataset), "image_column": column, "split": split}
    asked |= {"wanted": wanted, "validation_pictures": validation}
    if planes != 1:
        asked["planes"] = planes
    notes = read_notes(folder, asked, fixed)
    if notes and notes.part is None:
        return load(folder)
    revision = notes.source["revision"] if notes and notes.source["on_hub"] else None
    pictures = open_pictures(dataset, column=column, split=split, revision=revision)
    if pictures is None:
        return None
    if fixed:
        raise ValueError(
            "the run folder belongs to a training on the reference faces; use another --output, "
            f"or --overwrite to start anew. Received: {folder.parent}"
        )
    check()
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "lock"):
        notes = read_notes(folder, asked)
        if notes is None or notes.source != pictures.source:
            notes = Notes(asked, pictures.source)
        notes.others = pictures.others
        if notes.part is not None:
            _Reading(pictures, folder, notes, say).run()
    return load(folder)


def too_many_broken(broken: int, read: int, finished: bool) -> bool:
    """Whether more than 1 % are broken: of all, or, on the way, of many and beyond chance.

    On the way a margin of four standard deviations is left, so that a dataset just below 1 % is
    not stopped by its order, and one with 5 % is stopped at the first look.
    """
    allowed = BROKEN_SHARE * read
    if finished:
        return broken > allowed
    return read >= JUDGED_FROM and broken > allowed + 4 * math.sqrt(allowed)


class _Reading:
    """One sitting of `prepare`."""

    def __init__(self, pictures: Pictures, folder: Path, notes: Notes, say):
        self.pictures, self.folder, self.notes, self.say = pictures, folder, notes, say
        self.hashed = [part for part in PARTS[1:] if part not in pictures.parts]
        wanted = notes.asked["validation_pictures"]
        self.most = {"train": math.inf, "validation": wanted, "test": TEST_PICTURES}
        self.said = self.started = time.monotonic()
        self.saved = self.before = notes.read

    def run(self) -> None:
        if self.notes.read:
            self.say(f"Going on after {self.notes.read:,} pictures of {self.pictures.dataset}")
        with ExitStack() as stack:
            self.pool = stack.enter_context(ThreadPoolExecutor(THREADS))
            self.files = {part: stack.enter_context(self._opened(part)) for part in PARTS}
            parts = list(self.pictures.parts)
            for part in parts[parts.index(self.notes.part) :]:
                self._read_part(part)
            self._judge(finished=True)
            self._fill_empty_parts()
            self.notes.part = None
            self._save()
        others = f"; not read, as no pictures: {in_words(self.notes.others)}"
        self.say(self._progress() + (others if self.notes.others else ""))

    def _opened(self, part):
        """The part's file, without what was written after the notes."""
        path = self.folder / f"{part}{PATCHES}"
        path.touch()
        file = path.open("r+b")
        file.truncate(self.notes.patches[part] * math.prod(self.notes.shape))
        file.seek(0, os.SEEK_END)
        return file

    def _read_part(self, part):
        """Reads a split from several places, so that an order by class or camera does no harm."""
        notes, stream = self.notes, self.pictures.parts[part]
        if notes.part != part:
            notes.part, notes.share, notes.in_share, notes.state = part, 0, 0, None
        if stream.num_shards < SHARES:
            stream = stream.reshard()
        shares = min(SHARES, stream.num_shards)
        while notes.share < shares:
            rows = stream.shard(num_shards=shares, index=notes.share)
            if notes.state is not None:
                rows.load_state_dict(notes.state)
            for pictures in self._blocks(rows):
                for picture in pictures:
                    self._take(picture)
                self._judge()
                if not self._behind((notes.share + 1) / shares):
                    break
                if notes.read - self.saved >= SAVED_EVERY:
                    notes.state = rows.state_dict()
                    self._save()
            notes.share, notes.in_share, notes.state = notes.share + 1, 0, None

    def _blocks(self, rows) -> Iterator[list[Cut]]:
        """Pictures of a stream, cut in threads; what the Hub does wrong is said in our words."""
        notes, rows = self.notes, iter(rows)
        while True:
            where = f"{self.pictures.splits[notes.part]}, share {notes.share + 1}, number "
            try:
                block = list(islice(rows, BLOCK))
                numbers = [f"{where}{notes.in_share + n}" for n in range(1, len(block) + 1)]
                cut_one = partial(cut_row, planes=notes.shape[-1])
                pictures = list(self.pool.map(cut_one, block, numbers))
            except Exception as error:
                if not self.pictures.on_hub:
                    raise
                repo_id = self.pictures.dataset.partition(":")[0]
                raise hub.explained(error, repo_id, "dataset") from error
            if not pictures:
                return
            notes.in_share += len(pictures)
            yield pictures

    def _behind(self, share):
        """Whether this share of the dataset has to give more pictures."""
        notes, validation = self.notes, self.notes.asked["validation_pictures"]
        if notes.part != "train":
            goals = [(notes.pictures[notes.part], self.most[notes.part])]
        else:
            goals = [(notes.patches["train"], notes.asked["wanted"]), (notes.read, LEAST_PICTURES)]
            if "validation" in self.hashed:
                goals.append((notes.pictures["validation"], validation))
        return any(have < goal * share for have, goal in goals)

    def _take(self, picture):
        notes = self.notes
        notes.read += 1
        if picture.reason is not None:
            notes.broken += 1
            if len(notes.broken_names) < NAMED:
                name = picture.name.removeprefix(self.pictures.above)
                notes.broken_names.append(f"{name} ({picture.reason})")
            return
        part = notes.part
        if part == "train" and part_of(picture.digest) in self.hashed:
            part = part_of(picture.digest)
        if notes.pictures[part] >= self.most[part]:
            return
        patches = picture.patches if part == "train" else picture.patches[:1]
        self.files[part].write(patches.tobytes())
        if part == "train":
            self._note_lowest(picture.digest.hex(), len(patches))
        notes.patches[part] += len(patches)
        notes.pictures[part] += 1
        notes.padded += picture.padded

    def _note_lowest(self, digest, count):
        """Remembers the rows of the lowest hashes, of which a small dataset takes what it lacks."""
        lowest, first = self.notes.lowest, self.notes.patches["train"]
        rows = list(range(first, first + count))
        same = next((entry for entry in lowest if entry["digest"] == digest), None)
        if same:
            same["rows"] += rows
            same["pictures"] += 1
        else:
            lowest.append({"digest": digest, "rows": rows, "pictures": 1})
            lowest.sort(key=lambda entry: entry["digest"])
            del lowest[len(self.hashed) :]

    def _fill_empty_parts(self):
        """Gives a part that no picture's hash fell into the picture of the lowest hash."""
        notes = self.notes
        self.files["train"].flush()
        learned = PatchFile(self.folder / f"train{PATCHES}", shape=notes.shape)
        empty = [part for part in self.hashed if not notes.patches[part]]
        for part, entry in zip(empty, notes.lowest, strict=False):
            self.files[part].write(to_uint8(learned[entry["rows"][0]]).tobytes())
            notes.patches[part] = notes.pictures[part] = 1
            notes.left_out += entry["rows"]
            notes.pictures["train"] -= entry["pictures"]
        notes.patches["train"] -= len(notes.left_out)
        if short := [part for part in PARTS if notes.patches[part] <= 0]:
            where = " and ".join(self.pictures.splits.get(part, part) for part in short)
            raise ValueError(
                f"there are too few pictures that can be read: none for {where}, and one each is "
                f"needed to learn from, to validate and to test on. "
                f"Received: {self.pictures.dataset} with {notes.read - notes.broken}"
            )

    def _judge(self, finished=False):
        notes = self.notes
        if too_many_broken(notes.broken, notes.read, finished):
            from olivetti_denoiser.errors import TrainingStoppedError

            raise TrainingStoppedError(
                f"{notes.broken:,} of the first {notes.read:,} pictures are broken, more than "
                f"{BROKEN_SHARE:.0%}: {named_in_words(notes.broken_names[:3], notes.broken)}; "
                f"repair or remove them. Received: {self.pictures.dataset}"
            )
        if time.monotonic() - self.said >= SAID_EVERY:
            self.said = time.monotonic()
            self.say(self._progress())

    def _progress(self):
        notes = self.notes
        rate = (notes.read - self.before) / max(time.monotonic() - self.started, 1e-9)
        return (
            f"Read {notes.read:,} pictures, {rate:,.0f} a second: {notes.patches['train']:,} "
            f"patches to learn from; {notes.broken:,} broken, {notes.padded:,} padded"
        )

    def _save(self):
        for file in self.files.values():
            file.flush()
            os.fsync(file.fileno())
        atomic_write(self.folder / NOTES, json.dumps(asdict(self.notes), indent=1) + "\n")
        self.saved = self.notes.read


def named_in_words(names: list[str], count: int) -> str:
    """Returns the names of broken pictures in a row, and how many more there are."""
    more = f" and {count - len(names):,} more" if count > len(names) else ""
    return ", ".join(names) + more
