"""Folders of pictures: every readable file is read, every other one counted, links followed."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from olivetti_denoiser.data.image_dataset import open_pictures
from olivetti_denoiser.data.patch_notes import what_was_left_out
from olivetti_denoiser.data.patches import prepare
from olivetti_denoiser.data.picture_folder import list_folder

pytest.importorskip("pillow_heif")


def write(path, seed, kind=None):
    """A small picture of one of the formats, another one for each seed."""
    import pillow_heif

    pillow_heif.register_heif_opener()
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (64, 64), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).convert("RGB").save(file, kind or path.suffix[1:].upper())
    path.write_bytes(file.getvalue())


def read(folder, out, **options):
    """The summary and the lines of a reading."""
    lines = []
    list_folder.cache_clear()  # as a new process would
    prepared = prepare(folder, out, wanted=10_000, validation=2, say=lines.append, **options)
    return prepared.summary, lines


def files_of(stream, folder):
    return sorted(row["image"]["path"].removeprefix(f"{folder}/") for row in stream)


KINDS = {
    ".avif": "AVIF", ".heic": "HEIF", ".HIF": "HEIF", ".jp2": "JPEG2000", ".jpf": "JPEG2000",
    ".j2c": "JPEG2000", ".apng": "PNG", ".mpo": "JPEG", ".webp": "WEBP", ".dib": "BMP",
    ".pnm": "PPM", ".Tiff": "TIFF",
}  # fmt: skip


def test_every_format_that_is_read_elsewhere_is_read_and_the_rest_counted(tmp_path):
    folder = tmp_path / "photos"
    for number, (ending, kind) in enumerate(KINDS.items()):
        write(folder / f"sub{number % 3}" / f"{number}{ending}", number, kind)
    for name in ("notes.txt", "sub0/a.CR2", "sub0/b.cr2", "sub1/README", "b.pdf", ".hidden"):
        (folder / name).write_text("no picture")
    summary, lines = read(folder, tmp_path / "out")
    assert (summary["read"], summary["broken"]) == (len(KINDS), 0)
    assert summary["others"] == {".cr2": 2, ".pdf": 1, ".txt": 1, "without an ending": 1}
    end = "not read: 2 .cr2, 1 .pdf, 1 .txt, 1 without an ending"
    assert lines[-1].startswith(f"Read {len(KINDS)} pictures")
    assert lines[-1].endswith(end)
    again, lines = read(folder, tmp_path / "out")  # complete, so nothing is looked at
    assert (again["others"], lines) == (summary["others"], [])

    assert what_was_left_out(summary).endswith(f"{end[0].upper()}{end[1:]}.")


@pytest.mark.parametrize(("ending", "kind"), [(".heic", "HEIF"), (".avif", "AVIF")])
def test_one_format_beside_a_text_is_a_folder_of_pictures(ending, kind, tmp_path):
    for number in range(6):
        write(tmp_path / "photos" / f"{number}{ending}", number, kind)
    (tmp_path / "photos" / "notes.txt").write_text("from my holiday")
    summary, _ = read(tmp_path / "photos", tmp_path / "out")
    assert (summary["read"], summary["broken"], summary["others"]) == (6, 0, {".txt": 1})


@pytest.mark.parametrize("name", ["a.cr2", "a.mov", "README"])
def test_a_folder_without_a_picture_says_what_it_holds(name, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / name).write_bytes(b"\0")
    (folder / "notes.txt").write_text("from my holiday")
    kind = name[1:] if "." in name else "without an ending"
    with pytest.raises(ValueError, match=r"it holds 1 .*, 1 .*; JPEG.* work\. Received") as error:
        open_pictures(folder)
    assert f"1 {kind}" in str(error.value)
    assert "1 .txt" in str(error.value)


def test_linked_folders_are_followed_once_and_loops_end(tmp_path):
    folder = tmp_path / "photos"
    write(folder / "own" / "a.png", 1)
    write(tmp_path / "elsewhere" / "deep" / "b.png", 2)
    write(tmp_path / "single.png", 3)
    (folder / "linked").symlink_to(tmp_path / "elsewhere")
    (folder / "linked_again").symlink_to(tmp_path / "elsewhere")
    (folder / "own" / "loop").symlink_to(folder)
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "elsewhere")
    (folder / "file.png").symlink_to(tmp_path / "single.png")
    pictures = open_pictures(folder)
    found = files_of(pictures.parts["train"], folder)
    assert found == ["file.png", "linked/deep/b.png", "own/a.png"]
    alias = tmp_path / "alias"
    alias.symlink_to(folder)
    assert len(list(open_pictures(alias).parts["train"])) == 3


@pytest.mark.parametrize(
    "splits",
    [
        ("Train", "Val", "Test"),
        ("TRAIN", "VALID", "TEST"),
        ("training", "dev", "Eval"),
        ("Training", "Validation", "Testing"),
    ],
)
def test_splits_are_known_in_any_capitals(splits, tmp_path):
    folder = tmp_path / "photos"
    for number, split in enumerate((*splits, "extra")):
        write(folder / split / "x.png", number)
    (folder / "notes.txt").write_text("of mine")
    pictures = open_pictures(folder)
    assert pictures.source["splits"] == dict(
        zip(("train", "validation", "test"), splits, strict=True)
    )
    assert files_of(pictures.parts["test"], folder) == [f"{splits[2]}/x.png"]
    assert pictures.others == {".txt": 1, "in no split": 1}
    assert open_pictures(folder, split=splits[0].swapcase()).source["splits"]["train"] == splits[0]


def test_linked_splits_are_splits(tmp_path):
    write(tmp_path / "disk" / "a.png", 1)
    write(tmp_path / "photos" / "test" / "b.png", 2)
    (tmp_path / "photos" / "train").symlink_to(tmp_path / "disk")
    assert open_pictures(tmp_path / "photos").source["splits"] == {"train": "train", "test": "test"}


@pytest.mark.parametrize("columns", [["picture"], ["picture", "mask"]])
def test_columns_that_may_hold_pictures_are_hinted_at(columns, tmp_path):
    from datasets import Dataset

    (tmp_path / "photos").mkdir()
    rows = {name: [b"\x89PNG"] * 3 for name in columns} | {"id": [1, 2, 3]}
    Dataset.from_dict(rows).to_parquet(tmp_path / "photos" / "a.parquet")
    with pytest.raises(ValueError, match=rf"--image-column reads {' or '.join(columns)} as pict"):
        open_pictures(tmp_path / "photos")
    assert open_pictures(tmp_path / "photos", column="picture").source["column"] == "picture"
