"""Pictures from anywhere: any image dataset of the Hub or a folder, streamed through `datasets`.

    >>> pictures = open_pictures("OWNER/NAME")         # or a folder; None for the reference split
    >>> pictures.parts["train"]                        # a datasets.IterableDataset
    >>> read_row(next(iter(pictures.parts["train"])))  # the bytes of its file

Nothing is downloaded as a whole and nothing is decoded here.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from olivetti_denoiser import hub
from olivetti_denoiser.data.picture_folder import (
    beside_splits,
    in_words,
    list_folder,
    subfolders,
)
from olivetti_denoiser.images.formats import IN_WORDS

if TYPE_CHECKING:
    from datasets import IterableDataset

REFERENCE_COLUMNS = {"clean", "noisy", "subject", "face_id"}
# Names of splits, in any capitals; those that `datasets` knows of folders.
KNOWN_SPLITS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing", "eval", "evaluation"),
}
# Files that `datasets` may find pictures in.
CONTAINERS = frozenset(
    (".arrow", ".csv", ".gz", ".h5", ".hdf5", ".json", ".jsonl", ".parquet", ".tar", ".zip")
)
SHARES = 16  # shards of a folder, each of every sixteenth picture
COLUMN = "image"


@dataclass(frozen=True)
class Pictures:
    """A dataset of pictures, opened but not read.

    Attributes:
        dataset: OWNER/NAME, OWNER/NAME:SUBSET, or the name of the folder.
        on_hub: whether it is the former.
        revision: the commit on the Hub, or the checksum of the folder's listing.
        column: the column of pictures.
        parts: streams of rows with that column alone, not decoded: `train`, and `validation` and
            `test` where the dataset has them.
        splits: what each part is called in the dataset.
        above: what the names of pictures start with and need not be shown.
        others: how many files of a folder are not read, by their kind.
    """

    dataset: str
    on_hub: bool
    revision: str
    column: str
    parts: dict[str, IterableDataset]
    splits: dict[str, str]
    above: str = ""
    others: dict[str, int] = field(default_factory=dict)

    @property
    def source(self) -> dict:
        """What the dataset is, for the notes and for `metrics.json`."""
        names = ("dataset", "on_hub", "revision", "column", "splits")
        return {name: getattr(self, name) for name in names}


def open_pictures(
    dataset: str | Path,
    *,
    column: str | None = None,
    split: str | None = None,
    revision: str | None = None,
) -> Pictures | None:
    """Opens a dataset of pictures.

    Args:
        dataset: a folder; or OWNER/NAME on the Hub, OWNER/NAME:SUBSET where it has several.
        column: the column of pictures; None takes the only one.
        split: the split to train on; None takes `train`, or the only one.
        revision: tag, branch or commit on the Hub; its default branch when None.

    Returns:
        The pictures; None where the dataset is a copy of the reference split, or where nothing
        but the cache, in which only such a copy can be, may know the dataset.

    Raises:
        ValueError: no such dataset, split or column, or no pictures; the message names what
            there is.
        PermissionError, OSError: see `hub.explained`.
    """
    folder, others = Path(dataset), {}
    if folder.is_dir():
        streams, revision, others = _in_folder(folder, split)
    else:
        try:
            streams, revision = _on_hub(str(dataset), revision)
        except ConnectionError:
            return None
    columns = _features(next(iter(streams.values())))
    if columns.keys() >= REFERENCE_COLUMNS and column is None:
        return None
    column = _picture_column(columns, column, dataset)
    splits = _splits(list(streams), split, dataset)
    parts = {part: _undecoded(streams[name], column) for part, name in splits.items()}
    if not folder.is_dir():
        return Pictures(str(dataset), True, revision, column, parts, splits)
    name, above = folder.resolve().name, f"{folder}{os.sep}"
    return Pictures(name, False, revision, column, parts, splits, above, others)


def read_row(row: dict) -> bytes:
    """Reads one picture of a stream, which may take a request.

    Args:
        row: what a stream of `Pictures.parts` yields.

    Returns:
        The bytes of the picture's file.

    Raises:
        ValueError: there is no such picture, in the row or at the address that it holds.
        OSError: the Hub does not answer.
    """
    from datasets.utils.file_utils import is_local_path, xopen

    picture = next(iter(row.values())) or {}
    name, content = picture.get("path"), picture.get("bytes")
    if content is not None:
        return content
    if name is None:
        raise ValueError("the row holds no picture")
    try:
        if is_local_path(name):
            return Path(name).read_bytes()
    except OSError as error:
        raise ValueError(error.strerror or str(error)) from None
    try:
        with xopen(name, "rb") as file:
            return file.read()
    except FileNotFoundError:
        raise ValueError("there is no such file") from None


def _on_hub(dataset, revision):
    """The splits of a dataset on the Hub as streams, all at one commit, and that commit."""
    from datasets import load_dataset
    from datasets.data_files import EmptyDatasetError
    from datasets.exceptions import DatasetsError
    from huggingface_hub import HfApi

    name, _, subset = dataset.partition(":")
    if not hub.REPO_ID.fullmatch(name):
        raise ValueError(
            f"a dataset is a folder that exists, or OWNER/NAME on the Hub. Received: {dataset!r}"
        )
    try:
        info = hub.patiently(lambda: HfApi().dataset_info(name, revision=revision))
        if info.gated:
            hub.patiently(lambda: HfApi().auth_check(name, repo_type="dataset"))
        streams = load_dataset(name, subset or None, revision=info.sha, streaming=True)
    except (EmptyDatasetError, DatasetsError, ValueError, RuntimeError) as error:
        said = str(error).lower()
        several = "pick one among" in said or "not found. available" in said
        how = "; --dataset OWNER/NAME:SUBSET picks one" if several else ""
        raise ValueError(
            f"datasets cannot open it: {hub.first_line(error)}{how}. Received: {dataset!r}"
        ) from error
    except Exception as error:
        raise hub.explained(error, name, "dataset", revision) from error
    return streams, info.sha


def _in_folder(folder, split):
    """The splits of a folder as streams: its subfolders where one is `train`, or is asked for.

    With them the checksum of the listing, and how many files are not read, by their kind.
    """
    from datasets import Features, Image, IterableDataset

    below = subfolders(folder)
    with_splits = split is not None or _named(below, KNOWN_SPLITS["train"])
    folders = {name: folder / name for name in below if with_splits} or {"train": folder}
    listed = {name: list_folder(str(path)).pictures for name, path in folders.items()}
    if not any(listed.values()):
        return _in_containers(folder)
    features = Features({COLUMN: Image(decode=False)})
    streams = {
        name: IterableDataset.from_generator(
            _files_of,
            gen_kwargs={"folder": str(path), "shares": list(range(SHARES))},
            features=features,
        )
        for name, path in folders.items()
        if listed[name]
    }
    splits = _splits(list(streams), split, folder)
    others = beside_splits(folder, {part: folders[name] for part, name in splits.items()})
    return streams, _digest(f"{name}/{path}" for name in listed for path in listed[name]), others


def _in_containers(folder):
    """The splits of a folder whose pictures lie in other files, such as Parquet."""
    from datasets import load_dataset
    from datasets.data_files import EmptyDatasetError
    from datasets.exceptions import DatasetsError

    others = list_folder(str(folder)).others
    if CONTAINERS & others.keys():
        try:
            names = sorted(map(str, folder.rglob("*")))
            return load_dataset(str(folder), streaming=True), _digest(names), {}
        except (EmptyDatasetError, DatasetsError, ValueError, RuntimeError):
            pass
    there = f"it holds {in_words(others)}; " if others else ""
    raise ValueError(f"the folder holds no pictures: {there}{IN_WORDS} work. Received: {folder}")


def _digest(names):
    """A checksum of a folder's listing, which is as much as a look at a million files can cost."""
    digest = hashlib.sha256()
    for name in names:
        digest.update(f"{name}\0".encode(errors="surrogateescape"))
    return digest.hexdigest()


def _files_of(folder: str, shares: list[int]) -> Iterator[dict]:
    for share in shares:
        for path in list_folder(folder).pictures[share::SHARES]:
            yield {COLUMN: {"path": f"{folder}{os.sep}{path}", "bytes": None}}


def _features(stream):
    features = stream.features
    return (stream._resolve_features() if features is None else stream).features


def _picture_column(features, asked, dataset):
    from datasets import Image

    images = [name for name, feature in features.items() if isinstance(feature, Image)]
    if asked in images or (asked in features and _holds_bytes(features[asked])):
        return asked
    if asked is None and len(images) == 1:
        return images[0]
    if asked is None and images:
        raise ValueError(
            f"the dataset has several columns of pictures, --image-column picks one: "
            f"{', '.join(images)}. Received: {dataset}"
        )
    what = "no column of pictures" if asked is None else f"no pictures in a column {asked!r}"
    perhaps = images or [name for name in features if _holds_bytes(features[name])]
    hint = f"; --image-column reads {' or '.join(perhaps)} as pictures" if perhaps else ""
    raise ValueError(
        f"the dataset has {what}; its columns are {', '.join(features)}{hint}. Received: {dataset}"
    )


def _holds_bytes(feature):
    """Whether a column may be read as pictures though it is not declared as such."""
    if isinstance(feature, dict):
        return "bytes" in feature
    return getattr(feature, "dtype", "") in ("binary", "large_binary")


def _splits(names, asked, dataset):
    """What the parts are called in the dataset."""
    wanted = (asked,) if asked else KNOWN_SPLITS["train"]
    train = _named(names, wanted) or (names[0] if not asked and len(names) == 1 else None)
    if train is None:
        wish = f"split {asked!r}" if asked else "split 'train'; --split picks another"
        raise ValueError(
            f"the dataset has no {wish}; it has {', '.join(names)}. Received: {dataset}"
        )
    left = [name for name in names if name != train]
    own = {part: _named(left, KNOWN_SPLITS[part]) for part in ("validation", "test")}
    return {"train": train} | {part: name for part, name in own.items() if name}


def _named(names, known):
    """The first of the names that is a known one, as it is spelled or else in other capitals."""
    spelled = (name for wish in known for name in names if name == wish)
    alike = (name for wish in known for name in names if name.lower() == wish.lower())
    return next(spelled, None) or next(alike, None)


def _undecoded(stream, column):
    from datasets import Image

    return stream.select_columns([column]).cast_column(column, Image(decode=False))
