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
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from olivetti_denoiser import hub

if TYPE_CHECKING:
    from datasets import IterableDataset

REFERENCE_COLUMNS = {"clean", "noisy", "subject", "face_id"}
OWN_PARTS = {"validation": ("validation", "valid", "val"), "test": ("test",)}
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
    """

    dataset: str
    on_hub: bool
    revision: str
    column: str
    parts: dict[str, IterableDataset]
    splits: dict[str, str]
    above: str = ""

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
    folder = Path(dataset)
    if folder.is_dir():
        streams, revision = _in_folder(folder, split)
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
    return Pictures(name, False, revision, column, parts, splits, above)


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
    """The splits of a folder as streams: its subfolders where one is `train`, or is asked for."""
    from datasets import Features, Image, IterableDataset, load_dataset
    from datasets.data_files import EmptyDatasetError
    from datasets.exceptions import DatasetsError

    below = sorted(path.name for path in folder.iterdir() if path.is_dir())
    names = below if split is not None or "train" in below else []
    folders = {name: folder / name for name in names} or {"train": folder}
    listed = {name: _listed(str(path)) for name, path in folders.items()}
    if not any(listed.values()):
        try:  # no picture files; perhaps files with pictures in them, such as Parquet
            names = sorted(map(str, folder.rglob("*")))
            return load_dataset(str(folder), streaming=True), _digest(names)
        except (EmptyDatasetError, DatasetsError, ValueError, RuntimeError):
            raise ValueError(
                f"the folder holds no pictures, such as .png or .jpg. Received: {folder}"
            ) from None
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
    return streams, _digest(f"{name}/{path}" for name in listed for path in listed[name])


def _digest(names):
    """A checksum of a folder's listing, which is as much as a look at a million files can cost."""
    digest = hashlib.sha256()
    for name in names:
        digest.update(f"{name}\0".encode(errors="surrogateescape"))
    return digest.hexdigest()


def _files_of(folder: str, shares: list[int]) -> Iterator[dict]:
    for share in shares:
        for path in _listed(folder)[share::SHARES]:
            yield {COLUMN: {"path": f"{folder}{os.sep}{path}", "bytes": None}}


@lru_cache(maxsize=8)
def _listed(folder: str) -> tuple[str, ...]:
    """The picture files below a folder, in the order of their names.

    `load_dataset("imagefolder")` does the same, but takes 11 seconds and 216 MB for 100,000 files,
    and reads only the file called test.png where there is one.
    """
    from datasets.packaged_modules.imagefolder.imagefolder import ImageFolder

    endings = set(ImageFolder.EXTENSIONS)
    found, above = [], len(folder) + 1
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        prefix = f"{root}{os.sep}"[above:]
        found += [
            f"{prefix}{name}"
            for name in sorted(names)
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in endings  # noqa: PTH122
        ]
    return tuple(found)


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
    raise ValueError(
        f"the dataset has {what}; its columns are {', '.join(features)}. Received: {dataset}"
    )


def _holds_bytes(feature):
    """Whether a column may be read as pictures though it is not declared as such."""
    if isinstance(feature, dict):
        return "bytes" in feature
    return getattr(feature, "dtype", "") in ("binary", "large_binary")


def _splits(names, asked, dataset):
    """What the parts are called in the dataset."""
    train = asked or ("train" if "train" in names else names[0] if len(names) == 1 else None)
    if train not in names:
        wish = f"split {asked!r}" if asked else "split 'train'; --split picks another"
        raise ValueError(
            f"the dataset has no {wish}; it has {', '.join(names)}. Received: {dataset}"
        )
    own = {
        part: next((name for name in known if name in names and name != train), None)
        for part, known in OWN_PARTS.items()
    }
    return {"train": train} | {part: name for part, name in own.items() if name}


def _undecoded(stream, column):
    from datasets import Image

    return stream.select_columns([column]).cast_column(column, Image(decode=False))
