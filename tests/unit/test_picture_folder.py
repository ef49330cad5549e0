"""Folders of pictures: every readable file is listed, every other one counted, links followed."""

from __future__ import annotations

import pytest

from olivetti_denoiser.data.picture_folder import in_words, list_folder


@pytest.fixture
def files(tmp_path):
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


def test_pictures_are_listed_in_order_and_other_files_counted(files):
    read = ["a.HIF", "b.webp", "sub/f.pnm"]
    folder = files(*read, "notes.txt", "sub/a.CR2", "sub/b.cr2", "README", ".hidden.png")
    files(".git/h.png", "empty/.png")
    assert listed(folder) == read
    others = list_folder(folder).others
    assert others == {".cr2": 2, ".txt": 1, "without an ending": 1}
    assert in_words(others).startswith("2 .cr2, 1 ")
    assert listed(folder, False) == listed(folder, True, folder / "sub") == read[:2]


def test_linked_folders_are_followed_once_and_loops_end(files):
    folder = files("own/a.png")
    elsewhere = files("deep/b.png", folder="elsewhere")
    for link in (folder / "linked", folder / "linked_again", elsewhere / "back"):
        link.symlink_to(elsewhere)
    (folder / "own" / "loop").symlink_to(folder)
    (folder / "file.png").symlink_to(elsewhere / "deep" / "b.png")
    assert listed(folder) == ["file.png", "linked/deep/b.png", "own/a.png"]
    (folder.parent / "alias").symlink_to(folder)
    assert listed(folder.parent / "alias") == listed(folder)
