"""Pictures from anywhere: any image dataset of the Hub or a folder, streamed through `datasets`.

    >>> pictures = open_pictures("OWNER/NAME")         # or a folder of pictures
    >>> next(iter(pictures.parts["train"]))            # a row with the file's bytes or its address

Nothing is downloaded as a whole and nothing is decoded here.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from olivetti_denoiser import hub
from olivetti_denoiser.data.faces import Faces
from olivetti_denoiser.data.picture_folder import in_words, list_folder
from olivetti_denoiser.images.formats import IN_WORDS

if TYPE_CHECKING:
    from datasets import IterableDataset

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
SHARDS = 16  # of a folder


class Pictures(NamedTuple):
    """A dataset of pictures, opened but not read.

    Attributes:
        source: Where the pictures are from, for the notes and for `metrics.json`: `dataset`, that
            is OWNER/NAME, OWNER/NAME:SUBSET or the name of the folder; `on_hub`; `revision`, the
            commit on the Hub or the checksum of the folder's listing; `column`, that of the
            pictures; and `splits`, the dataset's own name of each part.
        parts: Streams of rows with that column alone, not decoded: `train`, and `validation` and
            `test` where the dataset has them.
        others: How many files of a folder are not read, by their kind.
    """

    source: dict
    parts: dict[str, IterableDataset]
    others: Counter[str]


def open_pictures(
    dataset: str | Path,
    *,
    column: str | None = None,
    split: str | None = None,
    revision: str | None = None,
) -> Pictures | None:
    """Open a dataset of pictures.

    Args:
        dataset: A folder; or OWNER/NAME on the Hub, OWNER/NAME:SUBSET where it has several.
        column: The column of pictures; None takes the only one.
        split: The split to train on; None takes `train`, or the only one.
        revision: Tag, branch or commit on the Hub; its default branch when None.

    Returns:
        The pictures; None where the dataset is a copy of the reference split, or where the Hub
        does not answer: then only such a copy can be in the cache.

    Raises:
        ValueError: No such dataset, split or column, or no pictures; the message names what
            there is.
        PermissionError, OSError: See `hub.explained`.
    """
    from datasets import Image

    on_hub = not Path(dataset).is_dir()
    if on_hub:
        try:
            streams, revision = _on_hub(str(dataset), revision)
            others = Counter[str]()
        except ConnectionError:
            return None
    else:
        streams, revision, others = _in_folder(Path(dataset), split)
    first = next(iter(streams.values()))
    columns = first.features or first._resolve_features().features
    if columns.keys() >= set(Faces._fields) and column is None:
        return None
    column = _picture_column(columns, column, dataset)
    splits = _splits(list(streams), split, dataset)
    parts = {
        part: streams[name].select_columns([column]).cast_column(column, Image(decode=False))
        for part, name in splits.items()
    }
    source = {
        "dataset": str(dataset) if on_hub else Path(dataset).resolve().name,
        "on_hub": on_hub,
        "revision": revision,
        "column": column,
        "splits": splits,
    }
    return Pictures(source, parts, others)


def _on_hub(dataset, revision):
    """Return the splits of a dataset on the Hub as streams, all at one commit, and that commit."""
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
        return load_dataset(name, subset or None, revision=info.sha, streaming=True), info.sha
    except (EmptyDatasetError, DatasetsError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"datasets cannot open it: {hub.first_line(error)}; where there are several subsets, "
            f"--dataset OWNER/NAME:SUBSET picks one. Received: {dataset!r}"
        ) from error
    except Exception as error:
        raise hub.explained(error, name, "dataset", revision) from error


def _in_folder(folder, split):
    """The splits of a folder as streams: its subfolders where one is `train`, or is asked for.

    With them a checksum of the files' names, which is as much as a look at a million files can
    cost, and how many files are not read. A folder without picture files may hold them in other
    files, such as Parquet.
    """
    from datasets import Dataset, Features, Image, load_dataset

    pictures, others, _ = list_folder(folder)
    below = {}
    for path in pictures:
        if str(path).encode(errors="ignore") != os.fsencode(path):  # `datasets` holds text alone
            raise ValueError(f"a file's name must be text; rename it. Received: {str(path)!r}")
        if len(path.parts) > 1:
            below.setdefault(path.parts[0], []).append(path)
    with_splits = split is not None or _named(below, KNOWN_SPLITS["train"])
    listed = (with_splits and below) or {"train": pictures}
    streams = {
        name: Dataset.from_dict(
            {"image": [str(folder / path) for path in paths]},
            features=Features({"image": Image(decode=False)}),
        ).to_iterable_dataset(min(SHARDS, len(paths)))
        for name, paths in listed.items()
        if paths
    }
    if not pictures and CONTAINERS & others.keys():
        with contextlib.suppress(Exception):  # `datasets` may raise anything
            streams, others = load_dataset(str(folder), streaming=True), Counter()
    if not streams:
        there = f"it holds {in_words(others)}; " if others else ""
        raise ValueError(
            f"the folder holds no pictures: {there}{IN_WORDS} work. Received: {folder}"
        )
    read = _splits(list(streams), split, folder).values()
    unread = len(pictures) - sum(len(listed.get(name, ())) for name in read)
    names = "\0".join(sorted(map(str, pictures or folder.rglob("*"))))
    revision = hashlib.sha256(names.encode(errors="surrogateescape")).hexdigest()
    return streams, revision, others + Counter({"in no split": unread})


def _picture_column(features, asked, dataset):
    """The column asked for, which may hold undeclared files, or the only column of pictures."""
    from datasets import Image

    images = [name for name, feature in features.items() if isinstance(feature, Image)]
    readable = images + [name for name, feature in features.items() if _holds_bytes(feature)]
    if asked in readable:
        return asked
    if asked is None and len(images) == 1:
        return images[0]
    there = f"; --image-column reads {' or '.join(readable)} as pictures" if readable else ""
    wish = "several columns" if images else "no column"
    wish = f"{wish} of pictures" if asked is None else f"no pictures in a column {asked!r}"
    raise ValueError(
        f"the dataset has {wish}; its columns are {', '.join(features)}{there}. Received: {dataset}"
    )


def _holds_bytes(feature):
    """Return whether a column may be read as pictures though it is not declared as such."""
    if isinstance(feature, dict):
        return "bytes" in feature
    return getattr(feature, "dtype", "") in ("binary", "large_binary")


def _splits(names, asked, dataset):
    """Return the dataset's own name of each part."""
    train = _named(names, (asked,) if asked else KNOWN_SPLITS["train"])
    if train is None and asked is None and len(names) == 1:
        train = names[0]
    if train is None:
        wish = f"split {asked!r}" if asked else "split 'train'; --split picks another"
        raise ValueError(
            f"the dataset has no {wish}; it has {', '.join(names)}. Received: {dataset}"
        )
    left = [name for name in names if name != train]
    own = {part: _named(left, KNOWN_SPLITS[part]) for part in ("validation", "test")}
    return {part: name for part, name in {"train": train, **own}.items() if name}


def _named(names, wishes):
    """Return the first of the wishes that is a name, in any capitals."""
    found = {name.lower(): name for name in names}
    return next((found[wish.lower()] for wish in wishes if wish.lower() in found), None)
