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


def refuse_another_split(checksum: str | None) -> None:
    """Make sure that a model was made with the dataset, as the cards say.

    Args:
        checksum: Of the model's split; None where its metrics do not tell.

    Raises:
        ValueError: It was measured on another split than the reference split.
    """
    if checksum not in (None, SPLIT_CHECKSUM):
        raise ValueError(
            "the dataset that is published is the reference split, and the model was measured on "
            f"another; leave --dataset out. Received: a model of the "
            f"{split_name(checksum) or checksum[:12] + '…'} split"
        )


def split_of(checksum: str | None, published: str | None = None) -> DatasetDict:
    """Return a model's split, from a published copy where the faces cannot be had.

    Args:
        checksum: Of the split.
        published: OWNER/NAME of the copy, if there may be one.

    Raises:
        FacesUnavailableError: Neither can be had.
    """
    try:
        return load_split(split_name(checksum or ""))
    except FacesUnavailableError:
        if published is None:
            raise
        return reference_split(published)


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
