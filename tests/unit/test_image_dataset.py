"""Folders of pictures, also as datasets: which files, split and column, errors that help."""

from __future__ import annotations

import os
import sys

import pytest
from PIL import Image

from olivetti_denoiser.data import image_dataset as module
from olivetti_denoiser.data.image_dataset import open_pictures
from olivetti_denoiser.data.picture_folder import in_words, list_folder


@pytest.fixture
def photos(tmp_path):
    """A function that makes empty files below a folder, which it returns."""

    def make(*names, folder="photos"):
        for name in names:
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return tmp_path / folder

    return make


def listed(*arguments):
    return [path.as_posix() for path in list_folder(*arguments).pictures]


def test_pictures_are_listed_in_order_and_other_files_counted(photos):
    read = ["a.HIF", "b.webp", "sub/f.pnm"]
    others = ["notes.txt", "sub/a.CR2", "sub/b.cr2", "README"]
    folder = photos(*read, *others, ".hidden.png", ".git/h.png", "empty/.png")
    assert listed(folder) == read
    assert list_folder(folder).others == {".cr2": 2, ".txt": 1, "without an ending": 1}
    assert in_words(list_folder(folder).others).startswith("2 .cr2, 1 ")
    assert listed(folder, False) == listed(folder, True, folder / "sub") == read[:2]


def test_linked_folders_are_followed_once_and_loops_end(photos):
    folder = photos("own/a.png")
    elsewhere = photos("deep/b.png", folder="elsewhere")
    for link in (folder / "linked", folder / "linked_again", elsewhere / "back"):
        link.symlink_to(elsewhere)
    (folder / "own" / "loop").symlink_to(folder)
    (folder / "file.png").symlink_to(elsewhere / "deep" / "b.png")
    assert listed(folder) == ["file.png", "linked/deep/b.png", "own/a.png"]
    (folder.parent / "alias").symlink_to(folder)
    assert listed(folder.parent / "alias") == listed(folder)


def names(stream):
    return sorted(row["image"]["path"].split("photos/")[1] for row in stream)


def test_a_folder_gives_every_picture_once_and_nothing_else(photos):
    wanted = ["test_1.png", "cats/b.JPG", "cats/train-3.webp", "dogs/old/c.tif"]
    pictures = open_pictures(photos(*wanted, "notes.txt"))
    assert (pictures.source["dataset"], pictures.source["on_hub"]) == ("photos", False)
    assert (pictures.source["splits"], pictures.others) == ({"train": "train"}, {".txt": 1})
    assert names(pictures.parts["train"]) == sorted(wanted)
    assert open_pictures(photos("more.png")).source["revision"] != pictures.source["revision"]


def test_a_folders_subfolders_are_splits_where_one_is_train_or_asked_for(photos):
    folder = photos("train/a.png", "Valid/b.png", "TEST/c.png", "other/d.png")
    pictures = open_pictures(folder)
    assert pictures.source["splits"] == {"train": "train", "validation": "Valid", "test": "TEST"}
    assert names(pictures.parts["validation"]) == ["Valid/b.png"]
    assert pictures.others == {"in no split": 1}
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
    if sys.platform == "linux":
        (tmp_path / os.fsdecode(b"latin-\xe9.png")).touch()
        with pytest.raises(ValueError, match=r"a file's name must be text.*latin-"):
            open_pictures(str(tmp_path))
    with pytest.raises(ValueError, match=r"a folder that exists, or OWNER/NAME.*Received: .*gone'"):
        open_pictures(tmp_path / "gone")


def test_where_the_hub_does_not_answer_only_a_cached_reference_split_can_be_meant(monkeypatch):
    """So that a published split that was downloaded once still serves without a network."""

    def fail(dataset, revision):
        raise ConnectionError("the Hub does not answer")

    monkeypatch.setattr(module, "_on_hub", fail)
    assert open_pictures("alice/faces") is None
