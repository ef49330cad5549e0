"""Pictures to patches: the same part always, a reading that goes on, broken files left out."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image

from odd_pictures import encoded
from olivetti_denoiser.data import patches as module
from olivetti_denoiser.data.cut import cut, cut_row, part_of
from olivetti_denoiser.data.patch_notes import PARTS
from olivetti_denoiser.data.patches import prepare
from olivetti_denoiser.errors import FacesUnavailableError, TrainingStoppedError


@pytest.fixture
def folder(tmp_path):
    """Writes a folder of noise pictures, some of them broken."""

    def write(count, broken=0, name="photos", size=(64, 64)):
        for number in range(count):
            file = tmp_path / name / f"{number % 3}" / f"{number:05}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.random.default_rng(number).integers(0, 256, size, np.uint8)
            spoiled = broken and number % (count // broken) == 0
            file.write_bytes(b"not a picture" if spoiled else encoded(Image.fromarray(pixels)))
        return tmp_path / name

    return write


def made(dataset, folder, wanted=100_000, validation=4, report=lambda line: None, **options):
    return prepare(dataset, folder, wanted=wanted, validation=validation, report=report, **options)


def contents(folder):
    """The patches of each part, in order."""
    return {part: np.fromfile(folder / f"{part}.u8", "V4096").tolist() for part in PARTS}


def test_a_picture_becomes_the_tiles_of_a_centred_grid():
    gray = np.arange(130 * 200, dtype=np.uint32).reshape(130, 200).astype(np.uint8)
    tiles = cut(gray, 99, seed=5)
    assert (tiles.shape, tiles.dtype) == ((6, 64, 64), np.uint8)
    grid = {gray[y : y + 64, x : x + 64].tobytes() for y in (1, 65) for x in (4, 68, 132)}
    assert {tile.tobytes() for tile in tiles} == grid
    np.testing.assert_array_equal(cut(gray, 2, seed=5), tiles[:2])
    assert not np.array_equal(cut(gray, 6, seed=6), tiles)
    small = gray[:28, :28]  # padded by reflection
    np.testing.assert_array_equal(cut(small, 16, seed=0)[0, 18:46, 18:46], small)
    assert cut(gray[:1, :1], 16, seed=0).shape == (1, 64, 64)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("gone.png", None, "missing, protected or empty"),
        (None, None, "missing, protected or empty"),  # a row without a picture
        ("text.jpg", b"not a picture at all", "not a"),
    ],
)
def test_a_broken_picture_is_named_with_the_reason(name, content, reason):
    picture = cut_row({"image": name and {"path": name, "bytes": content}})
    assert (picture.name, picture.patches) == (name, None)
    assert reason in picture.reason and "Received" not in picture.reason


def test_the_part_depends_on_the_files_bytes_alone(folder, tmp_path):
    """Wherever it lies, whatever it is called and however often: in every part its own pictures."""
    photos = folder(300)
    first = made(photos, tmp_path / "first")
    for number, path in enumerate(sorted(photos.rglob("*.png"))):
        path.rename(photos / f"{number * 7 % 300}.png")
    shutil.copy(photos / "0.png", photos / "twice.png")
    made(photos, tmp_path / "second")
    parts, others = (
        {part: set(patches) for part, patches in contents(tmp_path / name).items()}
        for name in ("first", "second")
    )
    assert (parts["train"], parts["test"]) == (others["train"], others["test"])
    assert sum(map(len, parts.values())) == len(set.union(*parts.values()))
    assert len(first.held_out.clean) == 4  # as many as asked for
    shares = [part_of(bytes([0] * 7 + [number])) for number in range(20)]
    assert [shares.count(part) for part in PARTS] == [18, 1, 1]


def test_a_dataset_too_small_for_its_hashes_gives_the_pictures_of_the_lowest(folder, tmp_path):
    prepared = made(folder(5, size=(64, 128)), tmp_path / "out")
    assert len(prepared.held_out.clean) == len(prepared.test.clean) == 1
    assert len(prepared.learned.clean) == 6
    assert len(set().union(*contents(tmp_path / "out").values())) == 8  # none in two parts
    with pytest.raises(ValueError, match=r"too few pictures.*none for train and.*with 1"):
        made(folder(1, name="one"), tmp_path / "none")


def test_no_more_is_read_than_the_run_looks_at_and_from_everywhere(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LEAST_PATCHES", 64)
    monkeypatch.setattr(module, "BLOCK", 4)
    prepared = made(folder(900), tmp_path / "out", wanted=60, validation=2)
    assert 60 <= len(prepared.learned.clean) < 200
    assert prepared.summary["read"] < 200


def test_a_killed_reading_goes_on_and_ends_with_the_same_bytes(folder, tmp_path, monkeypatch):
    photos = folder(300, broken=2, size=(100, 140))
    whole = made(photos, tmp_path / "whole")
    calls = iter(range(170))  # pictures until the plug is pulled

    def pull(*arguments, take=module._Reading._take):
        if next(calls, None) is None:
            raise KeyboardInterrupt
        take(*arguments)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(module._Reading, "_take", pull)
        made(photos, tmp_path / "halves")
    lines = []
    assert made(photos, tmp_path / "halves", report=lines.append).summary == whole.summary
    assert lines[0].startswith("Going on after")
    assert contents(tmp_path / "halves") == contents(tmp_path / "whole")


def test_complete_patches_need_no_dataset_and_a_begun_run_takes_no_others(folder, tmp_path):
    photos = folder(30)
    prepared = made(photos, tmp_path / "out")
    photos.rename(tmp_path / "elsewhere")
    again = made(photos, tmp_path / "out", fixed=True)
    assert again.summary == prepared.summary
    np.testing.assert_array_equal(again.test.noisy, prepared.test.noisy)
    other = folder(3, name="other")
    for run, there in {"out": "photos", "new": "faces"}.items():
        with pytest.raises(ValueError, match=rf"a training on .*{there}.*--overwrite.*Received"):
            made(other, tmp_path / run, fixed=True)
    assert made(other, tmp_path / "out").summary["dataset"] == "other"


def test_missing_faces_are_said_before_a_picture_is_read(folder, tmp_path):
    def missing():
        raise FacesUnavailableError("no faces")

    with pytest.raises(FacesUnavailableError):
        made(folder(4), tmp_path / "out", check=missing)
    assert not (tmp_path / "out").exists()


def test_one_percent_of_broken_pictures_is_named_and_more_stops(folder, tmp_path, monkeypatch):
    summary = made(folder(400, broken=4), tmp_path / "out").summary
    assert (summary["broken"], len(summary["broken_names"])) == (4, 4)
    assert (tmp_path / "photos" / summary["broken_names"][0].split(" (")[0]).is_file()
    bad = folder(400, broken=20, name="bad")
    with pytest.raises(TrainingStoppedError, match=r"1%.* 20 of 400 .*and 17 more.*Received"):
        made(bad, tmp_path / "stopped")
    monkeypatch.setattr(module, "BROKEN_BY_CHANCE", 5)  # stops before all are read
    with pytest.raises(TrainingStoppedError, match=r" of (?!400)\d+ pictures"):
        made(bad, tmp_path / "early")


def test_patches_in_colour_are_larger_and_keep_their_colours(tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (130, 300, 3), np.uint8)
    for number in range(6):
        Image.fromarray(picture ^ number).save(tmp_path / f"{number}.png")
    prepared = made(tmp_path, tmp_path / "out", channels=3)
    assert prepared.test.noisy.shape == prepared.held_out.clean.shape == (1, 128, 128, 3)
    known = {tile.tobytes() for number in range(6) for tile in cut(picture ^ number, 9, 0, 128)}
    patch = prepared.learned.clean[0]
    assert patch.dtype == np.float32
    assert np.rint(patch * 255).astype(np.uint8).tobytes() in known
