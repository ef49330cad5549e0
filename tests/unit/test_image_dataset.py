"""Folders as datasets of pictures: which files, which split, which column, errors that help."""

from __future__ import annotations

import pytest
from PIL import Image

from olivetti_denoiser.data import image_dataset as module
from olivetti_denoiser.data.image_dataset import open_pictures


@pytest.fixture
def photos(tmp_path):
    """Makes files of a folder: PNG pictures, whatever their names."""

    def write(*names, folder="photos"):
        for name in names:
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (64, 64), len(name)).save(path, "PNG")
        return tmp_path / folder

    return write


def names(stream):
    return sorted(row["image"]["path"].split("photos/")[1] for row in stream)


def test_a_folder_gives_every_picture_once_and_nothing_else(photos):
    wanted = ["test_1.png", "cats/b.JPG", "cats/train-3.webp", "dogs/old/c.tif"]
    folder = photos(*wanted, ".hidden.png", ".cache/d.png")
    pictures = open_pictures(folder)
    assert (pictures.source["dataset"], pictures.source["on_hub"]) == ("photos", False)
    assert pictures.source["splits"] == {"train": "train"}
    assert names(pictures.parts["train"]) == sorted(wanted)
    assert open_pictures(photos("more.png")).source["revision"] != pictures.source["revision"]


def test_a_folders_subfolders_are_splits_where_one_is_train_or_asked_for(photos):
    folder = photos("train/a.png", "Valid/b.png", "TEST/c.png", "other/d.png")
    pictures = open_pictures(folder)
    assert pictures.source["splits"] == {"train": "train", "validation": "Valid", "test": "TEST"}
    assert names(pictures.parts["validation"]) == ["Valid/b.png"]
    assert open_pictures(folder, split="Other").source["splits"]["train"] == "other"
    with pytest.raises(ValueError, match=r"no split 'x'; it has TEST, Valid, other, train\. Rec"):
        open_pictures(folder, split="x")


def test_a_folder_of_parquet_is_read_and_its_columns_are_named(tmp_path):
    from datasets import Dataset

    (tmp_path / "photos").mkdir()
    rows = {side: [Image.new("L", (64, 64), 7)] * 3 for side in ("front", "back")}
    rows |= {"id": [1, 2, 3], "raw": [b"\x89PNG"] * 3}
    Dataset.from_dict(rows).to_parquet(tmp_path / "photos" / "a.parquet")
    for column in ("back", "raw"):
        stream = open_pictures(tmp_path / "photos", column=column).parts["train"]
        assert [list(row) for row in stream] == [[column]] * 3
    hint = r"front, back, id, raw; --image-column reads front or back or raw as pictures\. Rec"
    with pytest.raises(ValueError, match=rf"several columns of pictures; .*{hint}"):
        open_pictures(tmp_path / "photos")
    with pytest.raises(ValueError, match=rf"no pictures in a column 'id'; .*{hint}"):
        open_pictures(tmp_path / "photos", column="id")


def test_a_folder_without_pictures_and_a_name_that_is_none_are_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"holds no pictures: JPEG.*Received: .*empty"):
        open_pictures(tmp_path / "empty")
    (tmp_path / "empty" / "a.parquet").write_text("no table")
    with pytest.raises(ValueError, match=r"holds no pictures: it holds 1 \.parquet; JPEG"):
        open_pictures(tmp_path / "empty")
    with pytest.raises(ValueError, match=r"a folder that exists, or OWNER/NAME.*Received: .*gone'"):
        open_pictures(tmp_path / "gone")


def test_where_the_hub_does_not_answer_only_a_cached_reference_split_can_be_meant(monkeypatch):
    """So that a published split that was downloaded once still serves without a network."""

    def fail(dataset, revision):
        raise ConnectionError("the Hub does not answer")

    monkeypatch.setattr(module, "_on_hub", fail)
    assert open_pictures("alice/faces") is None
