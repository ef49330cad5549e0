"""The Olivetti faces and their splits: 80 faces to train, 20 to test, noise included.

    >>> split = reference_split()              # a datasets.DatasetDict, 8-bit gray pictures
    >>> faces = as_arrays(split["test"])       # float32 N×64×64×1 in [0, 1]
    >>> split = load_split("subjects")         # the same, no person in both parts

The reference split is drawn from NumPy's frozen `RandomState` streams, so its bytes never change:
`split_checksum(split)` is `SPLIT_CHECKSUM` on every machine. The noise is added to the 8-bit
face, and every figure of the project is computed from these bytes.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from olivetti_denoiser.data.fetch import fetch_faces
from olivetti_denoiser.errors import FacesUnavailableError
from olivetti_denoiser.noise import from_uint8, noisy_uint8, to_uint8

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

SEED = 42
SIGMA = 0.1
TRAIN_COUNT, TEST_COUNT = 80, 20
TRAIN_PEOPLE, PEOPLE = 32, 40
SPLIT_CHECKSUM = "bea2b578848afac06c5f00fdfc8a701ee569d4e1f162f99df172043c6a67ce1d"
SUBJECTS_CHECKSUM = "957564749f546c121edf1f7495a3d243b5e4e01670a2dc00ccf3aeaf9c179cbe"
REFERENCE, SUBJECTS = SPLITS = ("reference", "subjects")


class Faces(NamedTuple):
    """Pictures of one split, row by row.

    Attributes:
        clean, noisy: float32 N×64×64×1 in [0, 1], each value a multiple of 1/255.
        subject: int N, the person, 0 to 39.
        face_id: int N, the picture's place in the original file, 0 to 399.
    """

    clean: np.ndarray
    noisy: np.ndarray
    subject: np.ndarray
    face_id: np.ndarray

    def take(self, rows: slice | np.ndarray) -> Faces:
        """Return the given rows, an index array or a slice."""
        return Faces(*(column[rows] for column in self))


def reference_split(dataset: str | None = None) -> DatasetDict:
    """Return the reference split with its noise, drawn anew or from a published copy.

    Args:
        dataset: OWNER/NAME of a published copy on the Hub; None draws the split from the
            Olivetti faces.

    Returns:
        A `datasets.DatasetDict` with `train` (80 rows) and `test` (20 rows); columns `clean`
        and `noisy` (64×64 8-bit gray pictures, noise of standard deviation 0.1), `subject`
        and `face_id`.

    Raises:
        FacesUnavailableError: See `fetch_faces`.
        ValueError: There is no such dataset, or it is not this split byte for byte.
        PermissionError, ConnectionError: See `hub.download`.
    """
    return load_split(REFERENCE, dataset)


def load_split(name: str | None = None, dataset: str | None = None) -> DatasetDict:
    """Return a split of the Olivetti faces by its name.

    Args:
        name: One of `SPLITS`; None is the reference split. The split by subjects has 80 faces of
            32 people to train and 20 of the other 8 to test.
        dataset: As for `reference_split`; published copies hold the reference split alone.

    Returns:
        A `datasets.DatasetDict`, see `reference_split`.

    Raises:
        ValueError: There is no such split, or the copy does not hold it; see `reference_split`.
        FacesUnavailableError, PermissionError, ConnectionError: See `reference_split`.
    """
    from datasets import DatasetDict

    name = _checked_name(name)
    if dataset is not None:
        if name != REFERENCE:
            raise ValueError(
                f"a published copy holds the {REFERENCE} split; leave --dataset or --split out. "
                f"Received: split={name!r}, dataset={dataset!r}"
            )
        return _published_split(dataset)
    images, subjects = fetch_faces()
    parts, random = _draw_ids(name, subjects)
    return DatasetDict(
        {
            part: _as_dataset(_noisy_faces(images, subjects, ids, random))
            for part, ids in parts.items()
        }
    )


def split_name(checksum: str) -> str | None:
    """Return the name of the split with this checksum, or None for any other pictures."""
    return {SPLIT_CHECKSUM: REFERENCE, SUBJECTS_CHECKSUM: SUBJECTS}.get(checksum)


def other_faces(name: str | None = None, *, download: bool = True) -> Faces:
    """Return the faces outside a split that are comparable with its test faces, in file order.

    Outside the reference split these are all 300 other faces; outside the split by subjects, the
    60 other faces of the people in its test part. They are never trained on and never used to
    choose anything. Their noise is drawn like the split's, from a `RandomState` of its own.

    Args:
        name: As for `load_split`.
        download: As for `fetch_faces`.

    Raises:
        ValueError: There is no such split.
        FacesUnavailableError: See `fetch_faces`.
    """
    name = _checked_name(name)
    images, subjects = fetch_faces(download=download)
    parts, _ = _draw_ids(name, subjects)
    ids = np.setdiff1d(np.arange(len(images)), np.concatenate([*parts.values()]))
    if name == SUBJECTS:
        ids = ids[np.isin(subjects[ids], subjects[parts["test"]])]
    return _noisy_faces(images, subjects, ids, np.random.RandomState(SEED + 1))


def others_if_there(dataset: str | None, split: str | None = None) -> Faces | None:
    """Return the other faces of a split, or None where only the published split can be had."""
    try:
        return other_faces(split, download=dataset is None)
    except FacesUnavailableError:
        if dataset is None:
            raise
        print("The other faces are not in scikit-learn's cache and are left out of the figures.")
        return None


def as_arrays(split: Dataset) -> Faces:
    """Decode one part of the split.

    Args:
        split: A `datasets.Dataset` with the columns of `reference_split`.

    Returns:
        The rows as `Faces`.
    """
    rows = split.with_format("numpy")[:]
    clean, noisy = (from_uint8(rows[column])[..., None] for column in ("clean", "noisy"))
    return Faces(clean, noisy, rows["subject"], rows["face_id"])


def split_checksum(split: DatasetDict) -> str:
    """Return the SHA-256 of the split's pixels, subjects and face ids, as hexadecimal text."""
    digest = hashlib.sha256()
    for name in ("train", "test"):
        faces = as_arrays(split[name])
        digest.update(f"{name} {len(faces.clean)}\n".encode())
        digest.update(to_uint8(faces.clean).tobytes())
        digest.update(to_uint8(faces.noisy).tobytes())
        digest.update(faces.subject.astype("<i4").tobytes())
        digest.update(faces.face_id.astype("<i4").tobytes())
    return digest.hexdigest()


def _draw_ids(name, subjects) -> tuple[dict[str, np.ndarray], np.random.RandomState]:
    """Draw the faces of each part, as original ids; with them the generator as it stands after."""
    random = np.random.RandomState(SEED)
    if name == REFERENCE:
        order = np.random.RandomState(SEED).permutation(400)  # fetch_olivetti_faces(shuffle=True)
        chosen = random.choice(400, TRAIN_COUNT + TEST_COUNT, replace=False)
        random.shuffle(chosen)
        ids = order[chosen]
        return {"train": ids[:TRAIN_COUNT], "test": ids[TRAIN_COUNT:]}, random
    people = random.permutation(PEOPLE)
    parts = {}
    for part, own in {"train": people[:TRAIN_PEOPLE], "test": people[TRAIN_PEOPLE:]}.items():
        # Person by person, three or two faces of each: the last faces of the training part, which
        # are held out for validation, are then of people whom the rest of it does not show.
        counts = [3] * (len(own) // 2) + [2] * (len(own) // 2)
        faces = [
            random.choice(np.flatnonzero(subjects == person), count, replace=False)
            for person, count in zip(own, counts, strict=True)
        ]
        parts[part] = np.concatenate(faces)
    return parts, random


def _checked_name(name):
    if name is not None and name not in SPLITS:
        raise ValueError(
            f"the splits of the Olivetti faces are {' and '.join(SPLITS)}. Received: split={name!r}"
        )
    return name or REFERENCE


def _noisy_faces(images, subjects, ids, random) -> Faces:
    """Return the faces of these ids, their noise drawn from the generator."""
    noisy = noisy_uint8(images[ids], SIGMA, random)
    clean, noisy = (from_uint8(part)[..., None] for part in (images[ids], noisy))
    return Faces(clean, noisy, subjects[ids], ids)


def _published_split(repo_id: str) -> DatasetDict:
    """Download a published copy, or take it from the cache, and check that it is the split."""
    from datasets import Dataset, DatasetDict

    from olivetti_denoiser import hub

    folder = hub.download(repo_id, "data/*.parquet", kind="dataset")
    try:
        split = DatasetDict(
            {
                part: Dataset.from_parquet(sorted(map(str, folder.glob(f"data/{part}-*.parquet"))))
                for part in ("train", "test")
            }
        )
        checksum = split_checksum(split)
    except (KeyError, TypeError, ValueError):  # other columns, other pictures, or no such files
        checksum = None
    if checksum != SPLIT_CHECKSUM:
        raise ValueError(
            "a published copy holds the reference split in data/train-*.parquet and "
            f"data/test-*.parquet, with the checksum {SPLIT_CHECKSUM[:12]}…. "
            f"Received: dataset={repo_id!r} at {folder.name[:7]}, which holds something else"
        )
    return split


def _as_dataset(faces: Faces) -> Dataset:
    from datasets import Dataset, Features, Image, Value

    pictures = (list(to_uint8(part[..., 0])) for part in (faces.clean, faces.noisy))
    columns = dict(zip(Faces._fields, (*pictures, faces.subject, faces.face_id), strict=True))
    types = (Image(mode="L"), Image(mode="L"), Value("int32"), Value("int32"))
    return Dataset.from_dict(columns, features=Features(zip(columns, types, strict=True)))
