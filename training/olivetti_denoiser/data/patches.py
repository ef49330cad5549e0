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

import hashlib
import json
import math
import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from olivetti_denoiser import hub
from olivetti_denoiser.atomic import write_whole
from olivetti_denoiser.data.faces import SEED, SIGMA, Faces
from olivetti_denoiser.data.image_dataset import Pictures, open_pictures, read_row
from olivetti_denoiser.data.picture_folder import in_words
from olivetti_denoiser.gray_view import colour_pixels, gray_pixels
from olivetti_denoiser.noise import from_uint8, noisy_uint8, to_uint8
from olivetti_denoiser.picture_files import decode_picture

NOTES, PATCHES = "pictures.json", ".u8"  # of uint8, one patch after another
PARTS = ("train", "validation", "test")
SIDE = 64
SHAPES = {1: (SIDE, SIDE, 1), 3: (2 * SIDE, 2 * SIDE, 3)}  # by the planes of the network
PER_PICTURE = 16  # patches of one picture that are learned from; one of a picture judges
TEST_PICTURES = 256
LEAST_PICTURES = 1000  # read even where the run needs fewer, so that enough of them can judge
PARTS_OF_TWENTY = {0: "test", 1: "validation"}  # by hash; the other eighteen are learned from
SHARES = 16  # places of the dataset at which reading starts

BROKEN_SHARE = 0.01
JUDGED_FROM = 1000  # pictures; earlier, a few broken ones are chance
NAMED = 20  # broken pictures that are named

THREADS = 8
BLOCK = 32  # pictures in memory at a time
SAVED_EVERY = 1000  # pictures
SAID_EVERY = 10.0  # seconds


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
    notes = _noted(folder, asked, fixed)
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
        notes = _noted(folder, asked)
        if notes is None or notes.source != pictures.source:
            notes = Notes(asked, pictures.source)
        notes.others = pictures.others
        if notes.part is not None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Pillow's, about files that it reads all the same
                _Reading(pictures, folder, notes, say).run()
    return load(folder)


def load(folder: str | Path) -> Prepared:
    """Opens patches that `prepare` has kept; needs neither the dataset nor a network."""
    folder = Path(folder)
    notes = _noted(folder)
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


def too_many_broken(broken: int, read: int, finished: bool) -> bool:
    """Whether more than 1 % are broken: of all, or, on the way, of many and beyond chance.

    On the way a margin of four standard deviations is left, so that a dataset just below 1 % is
    not stopped by its order, and one with 5 % is stopped at the first look.
    """
    allowed = BROKEN_SHARE * read
    if finished:
        return broken > allowed
    return read >= JUDGED_FROM and broken > allowed + 4 * math.sqrt(allowed)


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
        write_whole(self.folder / NOTES, json.dumps(asdict(self.notes), indent=1) + "\n")
        self.saved = self.notes.read


def named_in_words(names: list[str], count: int) -> str:
    """Returns the names of broken pictures in a row, and how many more there are."""
    more = f" and {count - len(names):,} more" if count > len(names) else ""
    return ", ".join(names) + more


def _noted(folder, asked=None, fixed=False):
    """The notes in a folder, None where there are none or others than those asked for."""
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
