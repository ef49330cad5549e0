"""Patches to learn from: pictures streamed once, cut, split by a fixed hash, kept in flat files.

    >>> prepared = prepare("OWNER/NAME", "model.run/pictures", wanted=40_000, validation=8)
    >>> len(prepared.learned.clean), prepared.learned.clean[7].shape    # (40000, (64, 64, 1))

Patches are gray for a gray network and coloured for a colour network. Coloured patches are larger,
as each training step cuts a smaller patch out of them.

A stream has one order and a batch needs any patch of it, at any step, on any machine, after any
interruption. So the stream is read once, ahead of training, and every patch becomes a few bytes
of a file: then a batch stays a function of (seed, step), as it is for the faces. The full-size
pictures are never stored, no more is read than the run will look at, and memory holds a few
pictures at a time, however many there are. The dataset is read in shares, and an interrupted
reading goes on with the first share that it has not finished.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from olivetti_denoiser import hub
from olivetti_denoiser.atomic import atomic_write
from olivetti_denoiser.data.cut import SHAPES, Cut, cut_row, part_of
from olivetti_denoiser.data.faces import SEED, SIGMA, Faces
from olivetti_denoiser.data.image_dataset import Pictures, open_pictures
from olivetti_denoiser.data.patch_files import Patches, PatchFile, open_to_append
from olivetti_denoiser.data.patch_notes import (
    NAMED,
    NOTES,
    PARTS,
    Notes,
    read_notes,
    what_was_left_out,
)
from olivetti_denoiser.data.picture_folder import in_words
from olivetti_denoiser.errors import TrainingStoppedError
from olivetti_denoiser.noise import from_uint8, noisy_uint8

ENDING = ".u8"

TEST_PICTURES = 256
LEAST_PATCHES = 16_000  # kept even where the run needs fewer, so that enough pictures validate
SHARES = 16  # places of the dataset at which reading starts, so that an order by class does no harm

BROKEN_SHARE = 0.01
BROKEN_BY_CHANCE = 50  # pictures; so many more may be broken before all are read

THREADS = 8
BLOCK = 32  # pictures in memory at a time
REPORT_EVERY = 2000  # pictures


class Prepared(NamedTuple):
    """Patches of a dataset, ready for training.

    Attributes:
        learned: The patches to learn from.
        held_out: Patches to validate on, one a picture.
        test: Patches to measure on, one a picture, with the reference noise; in colour N×128×128×3.
        summary: Where they are from and how many there are, for `metrics.json`.
    """

    learned: Patches
    held_out: Patches
    test: Faces
    summary: dict


def prepare(
    dataset: str | Path,
    folder: str | Path,
    *,
    column: str | None = None,
    split: str | None = None,
    wanted: int,
    validation: int,
    channels: int = 1,
    fixed: bool = False,
    check: Callable[[], object] = lambda: None,
    report: Callable[[str], None] = print,
) -> Prepared | None:
    """Stream, cut and keep the patches that a run will look at, or go on where that stopped.

    Processes that share the folder wait for the first process. A complete folder is opened
    without a look at the dataset, and an incomplete one goes on with the same commit of it.

    Args:
        dataset, column, split: See `data.image_dataset.open_pictures`.
        folder: Where the patches are kept; created where missing.
        wanted: Patches to learn from; fewer where the dataset has fewer.
        validation: Pictures to validate on, at most.
        channels: Of a patch, 1 for gray and 3 for colour.
        fixed: Whether a run has begun with the folder's patches: with it another
            dataset is refused, without it the patches of another dataset are replaced.
        check: Called before the pictures are read; may raise to end the reading.
        report: Receives lines of progress.

    Returns:
        The patches; None where the dataset is a copy of the reference split.

    Raises:
        TrainingStoppedError: More than 1 % of the pictures are broken.
        ValueError: See `open_pictures`; or there are too few pictures, or a run has begun with
            another dataset.
        OSError: The Hub does not answer, or refuses.
    """
    from filelock import FileLock

    folder = Path(folder)
    asked: dict[str, Any] = {
        "dataset": str(dataset),
        "image_column": column,
        "split": split,
        "channels": channels,
    }
    goals = (max(wanted, LEAST_PATCHES), validation, TEST_PICTURES)
    asked["patches"] = dict(zip(PARTS, goals, strict=True))
    notes = read_notes(folder)
    same = notes is not None and notes.asked == asked
    if same and notes.share is None:
        return _opened(folder, notes)
    revision = notes.source["revision"] if same and notes.source["on_hub"] else None
    pictures = open_pictures(dataset, column=column, split=split, revision=revision)
    if pictures is None:
        return None
    if fixed:
        there = notes.asked["dataset"] if notes else "faces, or was begun by an earlier version"
        raise ValueError(
            f"the run folder belongs to a training on {there}; use the same --dataset, "
            "--image-column and --split, another --output, or --overwrite to start anew. "
            f"Received: {folder.parent}"
        )
    check()
    if pictures.others:
        report(f"Not read in {dataset}: {in_words(pictures.others)}")
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "lock"):
        notes = read_notes(folder)
        if notes is None or (notes.asked, notes.source) != (asked, pictures.source):
            notes = Notes(asked, pictures.source)
        if notes.share is not None:
            _Reading(pictures, folder, notes, report).run()
    return _opened(folder, read_notes(folder))


def _opened(folder, notes) -> Prepared:
    shape = SHAPES[notes.asked["channels"]]
    held_out, clean = (
        from_uint8(np.fromfile(folder / f"{part}{ENDING}", np.uint8)).reshape(-1, *shape)
        for part in ("validation", "test")
    )
    noise = np.random.RandomState(SEED + 2)  # of its own, beside the reference split's
    noisy = from_uint8(noisy_uint8(clean, SIGMA, noise))
    rows, nobody = np.arange(len(clean)), np.full(len(clean), -1)
    return Prepared(
        Patches(PatchFile(folder / f"train{ENDING}", shape)),
        Patches(held_out),
        Faces(clean, noisy, nobody, rows),
        notes.summary(),
    )


class _Reading:
    """One sitting of `prepare`."""

    def __init__(self, pictures: Pictures, folder: Path, notes: Notes, report):
        self.pictures, self.folder, self.notes, self.report = pictures, folder, notes, report
        self.dataset, self.goals = notes.source["dataset"], notes.asked["patches"]
        self.shape = SHAPES[notes.asked["channels"]]
        self.files: dict[str, BinaryIO] = {}

    def run(self) -> None:
        notes = self.notes
        if notes.read:
            self.report(f"Going on after {notes.read:,} pictures of {self.dataset}")
        with ThreadPoolExecutor(THREADS) as self.threads, ExitStack() as stack:
            for part, count in notes.patches.items():
                file = open_to_append(self.folder / f"{part}{ENDING}", count, self.shape)
                self.files[part] = stack.enter_context(file)
            for part, share, rows in self._shares()[notes.share :]:
                self._read_share(part, share, rows)
                notes.share += 1
                self._check_broken(BROKEN_BY_CHANCE)
                self._save()
            self._check_broken(0)
            empty = [part for part in PARTS if not notes.patches[part]]
            if not empty:
                notes.share = None
                self._save()
        if empty:
            self._read_again(empty)
        else:
            self._report_progress()

    def _shares(self):
        """Return each share: its part, how much of the part is read after it, and its rows."""
        shares = []
        for part, stream in self.pictures.parts.items():
            if stream.num_shards < SHARES:
                stream = stream.reshard()
            count = min(SHARES, stream.num_shards)
            shares += [
                (part, (index + 1) / count, stream.shard(num_shards=count, index=index))
                for index in range(count)
            ]
        return shares

    def _read_share(self, part, share, rows):
        """Read until so many patches of the part are there as belong to the shares up to this."""
        notes, rows = self.notes, iter(rows)
        while notes.patches[part] < share * self.goals[part] and (block := self._block(rows)):
            for picture in block:
                self._take(picture, part)
            if notes.read % REPORT_EVERY < len(block):
                self._report_progress()

    def _block(self, rows: Iterator[dict]) -> list[Cut]:
        """Return the next pictures of a stream, cut in threads; errors of the Hub get our words."""
        try:
            cut_one = partial(cut_row, channels=self.shape[-1])
            return list(self.threads.map(cut_one, islice(rows, BLOCK)))
        except Exception as error:
            if not self.notes.source["on_hub"]:
                raise
            repo_id = self.dataset.partition(":")[0]
            raise hub.explained(error, repo_id, "dataset") from error

    def _take(self, picture, part):
        notes = self.notes
        notes.read += 1
        if picture.reason is not None:
            notes.broken += 1
            if len(notes.broken_names) < NAMED:
                folder = f"{Path(notes.asked['dataset'])}{os.sep}"
                name = (picture.name or f"number {notes.read:,}").removeprefix(folder)
                notes.broken_names.append(f"{name} ({picture.reason})")
            return
        patches, digest = picture.patches, picture.digest.hex()
        by_hash = notes.moved.get(digest) or part_of(picture.digest)
        if part == "train" and by_hash not in self.pictures.parts:
            part = by_hash
        if part == "train":
            notes.lowest = sorted({*notes.lowest, digest})[:2]
        elif notes.patches[part] < self.goals[part]:
            patches = patches[:1]
        else:
            return
        self.files[part].write(patches.tobytes())
        notes.patches[part] += len(patches)
        notes.pictures[part] += 1
        notes.padded += picture.padded

    def _read_again(self, empty):
        """Read a dataset that is too small for its hashes, the lowest ones in the empty parts."""
        notes = self.notes
        if notes.moved or "train" in empty:
            where = " and ".join(notes.source["splits"].get(part, part) for part in empty)
            raise ValueError(
                f"there are too few pictures that can be read: none for {where}, and one each is "
                f"needed to learn from, to validate and to test on. "
                f"Received: {self.dataset} with {notes.read - notes.broken}"
            )
        moved = dict(zip(notes.lowest, empty, strict=False))
        again = Notes(notes.asked, notes.source, moved=moved)
        _Reading(self.pictures, self.folder, again, self.report).run()

    def _check_broken(self, by_chance):
        notes = self.notes
        if notes.broken > BROKEN_SHARE * notes.read + by_chance:
            raise TrainingStoppedError(
                f"more than {BROKEN_SHARE:.0%} of the pictures are broken; repair or remove them. "
                f"{what_was_left_out(notes.summary(), 3)} Received: {self.dataset}"
            )

    def _report_progress(self):
        notes = self.notes
        self.report(
            f"Read {notes.read:,} pictures: {notes.patches['train']:,} patches to learn from; "
            f"{notes.broken:,} broken, {notes.padded:,} padded"
        )

    def _save(self):
        for file in self.files.values():
            file.flush()
            os.fsync(file.fileno())
        atomic_write(self.folder / NOTES, json.dumps(asdict(self.notes), indent=1) + "\n")
