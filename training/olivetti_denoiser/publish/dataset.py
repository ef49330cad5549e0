"""The files of the dataset repository: the reference split, and the card that says what it is.

>>> split = split_of(SPLIT_CHECKSUM)
>>> write_dataset(split, {"dataset": "owner/olivetti-denoiser"}, folder)
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from olivetti_denoiser.data.faces import (
    SPLIT_CHECKSUM,
    load_split,
    reference_split,
    split_checksum,
    split_name,
)
from olivetti_denoiser.errors import FacesUnavailableError
from olivetti_denoiser.publish.card import render
from olivetti_denoiser.release import CARD

if TYPE_CHECKING:
    from datasets import DatasetDict


def split_of(checksum: str | None, dataset: str | None = None) -> DatasetDict:
    """Return a model's split, from a published copy where the faces cannot be had.

    Args:
        checksum: Of the split; None where the model's metrics do not tell.
        dataset: OWNER/NAME of the dataset that is published with the model, or None.

    Raises:
        ValueError: There is a dataset, which is the reference split, and the model was measured on
            another, so the cards would not be true.
        FacesUnavailableError: Neither the faces nor a copy can be had.
    """
    name = split_name(checksum or "")
    if dataset is not None and checksum not in (None, SPLIT_CHECKSUM):
        raise ValueError(
            "the dataset that is published is the reference split, and the model was measured on "
            f"another; leave --dataset out. Received: a model of the {name or checksum[:12] + '…'} "
            "split"
        )
    try:
        return load_split(name)
    except FacesUnavailableError:
        if dataset is None:
            raise
        return reference_split(dataset)


def write_dataset(split: DatasetDict, names: Mapping[str, str], folder: Path) -> Path:
    """Write the files of the dataset repository: the card, and a parquet file of each part.

    Args:
        split: The reference split.
        names: OWNER/NAME of each kind of repository.
        folder: Where to write; it does not exist yet.

    Returns:
        The folder.
    """
    (folder / "data").mkdir(parents=True)
    repositories = {"repo_id": names["dataset"], "model_id": names.get("model")}
    card = render("dataset_card.md", checksum=split_checksum(split), **repositories)
    (folder / CARD).write_text(card, encoding="utf-8")
    for name, part in split.items():  # under the names from which `datasets` knows the split
        part.to_parquet(folder / "data" / f"{name}-00000-of-00001.parquet")
    return folder
