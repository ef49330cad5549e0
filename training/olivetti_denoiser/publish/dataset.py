"""The dataset repository: the reference split, and the card that says what it is.

>>> split = split_of(SPLIT_CHECKSUM)
>>> commit, changed = publish_card(repository, split, {"dataset": "owner/olivetti-denoiser"})
>>> commit = publish_pictures(repository, split, commit)
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from olivetti_denoiser import hub
from olivetti_denoiser.bundled import PACKAGE
from olivetti_denoiser.release import CARD

if TYPE_CHECKING:
    from datasets import DatasetDict
    from huggingface_hub import DatasetCard

    from olivetti_denoiser.publish.repository import Repository

TEMPLATE = PACKAGE / "templates" / "dataset_card.md"


def refuse_another_split(checksum: str | None) -> None:
    """Make sure that a model was made with the dataset, as the cards say.

    Args:
        checksum: Of the model's split; None where its figures do not tell.

    Raises:
        ValueError: it was measured on another split than the reference split.
    """
    from olivetti_denoiser.data.faces import SPLIT_CHECKSUM, split_name

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
        FacesUnavailableError: neither can be had.
    """
    from olivetti_denoiser.data.faces import load_split, reference_split, split_name
    from olivetti_denoiser.errors import FacesUnavailableError

    try:
        return load_split(split_name(checksum or ""))
    except FacesUnavailableError:
        if published is None:
            raise
        return reference_split(published)


def dataset_files(split: DatasetDict, names: Mapping[str, str], work: Path) -> dict[str, Path]:
    """Return the dataset repository's files: the card, and the parquet files as they will be.

    Args:
        split: The reference split.
        names: OWNER/NAME of each kind of repository.
        work: Where to write the files.
    """
    (work / "data").mkdir(parents=True)
    (work / CARD).write_text(str(dataset_card(split, names)), encoding="utf-8")
    files = {CARD: work / CARD}
    for name, part in split.items():
        path = f"data/{name}-00000-of-00001.parquet"  # as push_to_hub names a single file
        part.to_parquet(work / path)
        files[path] = work / path
    return files


def dataset_card(
    split: DatasetDict, names: Mapping[str, str], published: Mapping | None = None
) -> DatasetCard:
    """Render the dataset's card.

    Args:
        split: The reference split.
        names: OWNER/NAME of each kind of repository.
        published: Metadata of the card that is already there; `push_to_hub` keeps its
            description of the files in it, and so does the new card.

    Returns:
        A `huggingface_hub.DatasetCard`.
    """
    from huggingface_hub import DatasetCard, DatasetCardData

    from olivetti_denoiser.data.faces import SIGMA, split_checksum

    people = {name: set(part["subject"]) for name, part in split.items()}
    kept = {key: published[key] for key in ("dataset_info", "configs") if key in (published or {})}
    card = DatasetCard.from_template(
        DatasetCardData(
            pretty_name="Olivetti faces with Gaussian noise",
            license="other",
            license_name="att-cambridge-credit",
            license_link="https://cam-orl.co.uk/facedatabase.html",
            size_categories="n<1K",
            task_categories=["image-to-image"],
            tags=["denoising", "faces", "olivetti", "gaussian-noise"],
            **kept,
        ),
        template_path=str(TEMPLATE),
        repo_id=names["dataset"],
        model_id=names.get("model"),
        train_count=len(split["train"]),
        test_count=len(split["test"]),
        sigma=SIGMA,
        checksum=split_checksum(split),
        test_subjects=len(people["test"]),
        shared_subjects=len(people["test"] & people["train"]),
    )
    return DatasetCard(str(card))  # once through the parser, so that writing it again is the same


def publish_card(
    dataset: Repository, split: DatasetDict, names: Mapping[str, str]
) -> tuple[str, bool]:
    """Bring a dataset repository to have its card.

    Args:
        dataset: The repository, which exists.
        split: The reference split.
        names: OWNER/NAME of each kind of repository.

    Returns:
        The commit that holds the card, and whether this call made it.

    Raises:
        ValueError, PublishError, ConnectionError: see `hub` and `Repository.update`.
    """
    from huggingface_hub import DatasetCard

    with tempfile.TemporaryDirectory() as work:

        def stage(head: str) -> Path:
            """Keep push_to_hub's description of the files in the card, if there is one."""
            published = None
            folder = hub.download(dataset.name, CARD, revision=head, kind="dataset")
            if (folder / CARD).is_file():
                card = DatasetCard.load(folder / CARD, ignore_metadata_errors=True)
                published = card.data.to_dict()
            card = str(dataset_card(split, names, published))
            (Path(work) / CARD).write_text(card, encoding="utf-8")
            return Path(work)

        return dataset.update(stage, "Publish the card", keep=lambda path: True)


def publish_pictures(dataset: Repository, split: DatasetDict, commit: str) -> str:
    """Bring a dataset repository to hold the split, and check what it holds then.

    Args:
        dataset: The repository.
        split: The reference split.
        commit: The newest commit; it stays where it holds the split already.

    Returns:
        The commit that holds the split.

    Raises:
        ValueError, ConnectionError: see `hub`.
    """
    from olivetti_denoiser.data.faces import reference_split

    try:
        reference_split(dataset.name, revision=commit)  # raises unless it is the split
    except ValueError:
        dataset.say(f"{dataset}: the pictures will be uploaded")
    else:
        dataset.say(f"{dataset}: the pictures are those")
        return commit
    pushed = hub.patiently(
        lambda: split.push_to_hub(dataset.name, commit_message="Publish the reference split"),
        also=(412,),  # it looks for the newest commit each time
    )
    reference_split(dataset.name, revision=pushed.oid)
    dataset.say(f"{dataset}: pulled back at {pushed.oid[:7]}, the same pictures")
    return pushed.oid
