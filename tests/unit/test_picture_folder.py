"""Folders of pictures: every readable file is listed, every other one counted, links followed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from olivetti_denoiser.data.picture_folder import in_words, list_folder, subfolders
from olivetti_denoiser.images.write import ENDINGS


@pytest.fixture
def files(tmp_path):
    """A function that makes empty files below a folder, which it returns."""

    def make(*names, folder="photos"):
        for name in names:
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        list_folder.cache_clear()  # as in a new process
        return tmp_path / folder

    return make


def test_pictures_are_listed_in_order_and_other_files_counted(files):
    written = [f"{number}{ending}" for number, ending in enumerate(ENDINGS)]
    read = ["a.HIF", "b.apng", "c.jp2", "d.mpo", "e.Tiff", "sub/f.pnm", "sub/g.dib"]
    folder = files(*written, *read, "notes.txt", "sub/a.CR2", "sub/b.cr2", "README", ".hidden.png")
    files(".git/h.png", "empty/.png")
    listing = list_folder(str(folder))
    assert listing.pictures == (*sorted(written), *read)
    assert listing.others == {".cr2": 2, ".txt": 1, "without an ending": 1}
    assert in_words(listing.others) == "2 .cr2, 1 .txt, 1 without an ending"
    assert list_folder(str(folder), recursive=False).pictures == (*sorted(written), *read[:5])
    assert subfolders(folder) == ["empty", "sub"]
    assert (
        list_folder(str(folder), without=os.path.realpath(folder / "sub")).pictures[-1] == read[4]
    )


def test_linked_folders_are_followed_once_and_loops_end(files, tmp_path):
    folder = files("own/a.png")
    elsewhere = files("deep/b.png", folder="elsewhere")
    (folder / "linked").symlink_to(elsewhere)
    (folder / "linked_again").symlink_to(elsewhere)
    (folder / "own" / "loop").symlink_to(folder)
    (elsewhere / "back").symlink_to(elsewhere)
    (folder / "file.png").symlink_to(elsewhere / "deep" / "b.png")
    found = ("file.png", "linked/deep/b.png", "own/a.png")
    assert list_folder(str(folder)).pictures == found
    (tmp_path / "alias").symlink_to(folder)
    assert list_folder(str(tmp_path / "alias")).pictures == found
    assert subfolders(folder) == ["linked", "linked_again", "own"]


def test_a_folder_that_cannot_be_listed_is_named(files, monkeypatch):
    folder, scandir = files("a.png", "closed/b.png"), os.scandir

    def denied(path):
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", denied)
    assert list_folder(str(folder))[::2] == (("a.png",), (str(folder / "closed"),))
