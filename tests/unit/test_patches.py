"""Pictures to patches: the same part always, a stream that goes on, broken files left out."""

from __future__ import annotations

import io
import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from olivetti_denoiser.data import patches as module
from olivetti_denoiser.data.cut import cut, cut_row, part_of
from olivetti_denoiser.data.patch_files import load
from olivetti_denoiser.data.patches import prepare, too_many_broken


def png(seed, size=(64, 64), mode="L"):
    """The bytes of a small smooth picture, another one for each seed."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).convert(mode).save(file, "PNG")
    return file.getvalue()


BROKEN = {
    "zero.png": b"",
    "cut.png": png(0, (200, 200))[:-60],
    "text.jpg": b"not a picture at all",
    "header.png": png(0)[:30],
}


@pytest.fixture
def folder(tmp_path):
    """Writes a folder of pictures, some of them broken."""

    def write(count, broken=0, name="photos", **options):
        path = tmp_path / name
        for number in range(count):
            file = path / f"{number % 3}" / f"{number:05}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            spoiled = broken and number % (count // broken) == 0
            kinds = list(BROKEN.values())
            file.write_bytes(kinds[number % 4] if spoiled else png(number, **options))
        return path

    return write


def made(dataset, folder, wanted=100_000, validation=4, say=lambda line: None, **options):
    return prepare(dataset, folder, wanted=wanted, validation=validation, say=say, **options)


def contents(folder):
    return [(folder / f"{part}.u8").read_bytes() for part in module.PARTS]


def test_a_picture_becomes_the_tiles_of_a_centred_grid():
    gray = np.arange(130 * 200, dtype=np.uint32).reshape(130, 200).astype(np.uint8)
    tiles = cut(gray, 99, seed=5)
    assert (tiles.shape, tiles.dtype) == ((6, 64, 64), np.uint8)
    grid = {gray[y : y + 64, x : x + 64].tobytes() for y in (1, 65) for x in (4, 68, 132)}
    assert {tile.tobytes() for tile in tiles} == grid
    np.testing.assert_array_equal(cut(gray, 2, seed=5), tiles[:2])
    assert not np.array_equal(cut(gray, 6, seed=6), tiles)
    np.testing.assert_array_equal(cut(gray[:64, :64], 16, seed=1), gray[None, :64, :64])


def test_reading_in_threads_hides_no_warning_of_others(folder, tmp_path, monkeypatch):
    """Filters are the process's: one that ignores everything would outlive the reading at times."""
    seen = []

    def look(*arguments, **options):
        seen.append(list(warnings.filters))
        return cut_row(*arguments, **options)

    monkeypatch.setattr(module, "cut_row", look)
    made(folder(3), tmp_path / "run")
    assert seen and ("ignore", None, Warning, None, 0) not in seen[0]


@pytest.mark.parametrize("shape", [(28, 28), (1, 64), (63, 200), (1, 1)])
def test_a_smaller_picture_is_padded_by_reflection(shape):
    gray = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    tiles = cut(gray, 16, seed=0)
    assert tiles.shape == (max(1, shape[1] // 64), 64, 64)
    assert set(np.unique(tiles)) <= set(np.unique(gray))
    if shape == (28, 28):
        np.testing.assert_array_equal(tiles[0, 18:46, 18:46], gray)


def test_kinds_of_pictures_are_seen_as_the_page_sees_them():
    clear = io.BytesIO()
    Image.new("RGBA", (64, 64), (0, 0, 0, 0)).save(clear, "PNG")
    assert (cut_row({"image": {"bytes": clear.getvalue(), "path": None}}, "1").patches == 255).all()
    deep = io.BytesIO()
    Image.fromarray(np.full((64, 64), 32896, np.uint16)).save(deep, "PNG")
    assert (cut_row({"image": {"bytes": deep.getvalue(), "path": None}}, "1").patches == 128).all()
    turned = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    left_white = np.repeat(np.uint8([[255] * 32 + [0] * 32]), 64, axis=0)
    Image.fromarray(left_white).save(turned, "PNG", exif=exif)
    patch = cut_row({"image": {"bytes": turned.getvalue(), "path": None}}, "1").patches[0]
    assert (patch[:32] == 255).all()
    assert (patch[32:] == 0).all()


@pytest.mark.parametrize("name", [*BROKEN, "none", "gone"])
def test_what_cannot_be_read_is_named_with_the_reason(name):
    value = {"path": name, "bytes": BROKEN.get(name)}
    if name == "none":
        value = None
    picture = cut_row({"image": value}, "train, number 3")
    assert len(picture.patches) == 0
    assert picture.name == ("train, number 3" if name == "none" else name)
    said = {"zero.png": "empty", "none": "no picture", "gone": "No such file", "text.jpg": "not a"}
    assert said.get(name, "") in picture.reason
    assert "Received" not in picture.reason


def test_a_bomb_is_broken_and_not_decoded(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    picture = cut_row({"image": {"bytes": png(1), "path": "bomb.png"}}, "1")
    assert "too large" in picture.reason


def test_the_part_depends_on_the_files_bytes_alone(folder, tmp_path):
    """Wherever it lies, whatever it is called and however often: in every part its own pictures."""
    first = made(folder(300), tmp_path / "first")
    again = folder(300, name="again")
    for path in sorted(again.rglob("*.png")):
        path.rename(path.with_name(f"x{path.name[::-1]}.png"))
    (again / "twice.png").write_bytes((folder(1) / "0" / "00000.png").read_bytes())
    second = made(again, tmp_path / "second")
    parts = [_sets(tmp_path / name) for name in ("first", "second")]
    assert parts[0]["train"] == parts[1]["train"]
    assert parts[0]["test"] == parts[1]["test"]
    assert not parts[0]["train"] & (parts[0]["test"] | parts[0]["validation"])
    assert not parts[0]["test"] & parts[0]["validation"]
    assert len(first.held_out.clean) == len(second.held_out.clean) == 4  # as many as asked for
    assert 5 <= len(first.test.clean) <= 30  # about a twentieth
    assert part_of(bytes(8)) == "test"
    shares = [part_of(bytes([0] * 7 + [number])) for number in range(20)]
    assert [shares.count(part) for part in module.PARTS] == [18, 1, 1]


def test_a_dataset_too_small_for_its_hashes_gives_what_it_has(folder, tmp_path):
    """The pictures of the lowest hashes, and their patches are not learned from."""
    prepared = made(folder(5, size=(128, 64)), tmp_path / "out")
    assert len(prepared.held_out.clean) == len(prepared.test.clean) == 1
    assert len(prepared.learned.clean) == 2 * prepared.summary["pictures"]["train"] == 6
    learned = {patch.tobytes() for patch in map(prepared.learned.clean.__getitem__, range(6))}
    for part in (prepared.held_out, prepared.test):
        assert part.clean[0].tobytes() not in learned
    with pytest.raises(ValueError, match=r"too few pictures.*none for train and.*with 1"):
        made(folder(1, name="one"), tmp_path / "none")


def test_patches_come_back_as_they_were_cut_and_only_as_many_as_are_wanted(folder, tmp_path):
    photos = folder(40, size=(640, 640))
    prepared = made(photos, tmp_path / "out")
    patches = prepared.learned.clean
    assert (patches[0].shape, patches[0].dtype) == ((64, 64, 1), np.float32)
    assert len(patches) == 16 * prepared.summary["pictures"]["train"]
    whole = {
        tile.tobytes()
        for path in photos.rglob("*.png")
        for tile in cut(np.asarray(Image.open(path)), 100, 0)
    }
    eight_bits = np.rint(patches[7] * 255).astype(np.uint8)
    assert eight_bits.tobytes() in whole
    noise = (prepared.test.noisy - prepared.test.clean)[abs(prepared.test.clean - 0.5) < 0.1]
    assert noise.std() == pytest.approx(0.1, rel=0.1)


def test_no_more_is_read_than_the_run_looks_at_and_from_everywhere(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LEAST_PICTURES", 64)
    monkeypatch.setattr(module, "BLOCK", 4)
    prepared = made(folder(900), tmp_path / "out", wanted=60, validation=2)
    assert 60 <= len(prepared.learned.clean) < 200
    assert prepared.summary["read"] < 200


def test_own_splits_are_used_and_never_mixed(folder, tmp_path):
    photos = tmp_path / "data"
    for split, seeds in {"train": range(50), "val": range(50, 60), "test": range(60, 75)}.items():
        (photos / split).mkdir(parents=True)
        for seed in seeds:
            (photos / split / f"{seed}.png").write_bytes(png(seed))
    prepared = made(photos, tmp_path / "out", validation=8)
    assert prepared.summary["splits"] == {"train": "train", "validation": "val", "test": "test"}
    assert prepared.summary["pictures"] == {"train": 50, "validation": 8, "test": 15}
    only = made(photos, tmp_path / "only", split="val")
    assert only.summary["splits"] == {"train": "val", "test": "test"}


@pytest.mark.parametrize("parquet", [False, True])
def test_a_killed_reading_goes_on_and_ends_with_the_same_bytes(
    parquet, folder, tmp_path, monkeypatch
):
    monkeypatch.setattr(module, "BLOCK", 4)
    monkeypatch.setattr(module, "SAVED_EVERY", 8)
    photos = folder(300, broken=2, size=(100, 140))
    if parquet:
        photos = _as_parquet(photos, tmp_path / "parquet")
    whole = made(photos, tmp_path / "whole")

    calls = iter(range(37))  # blocks until the plug is pulled

    def pull(self, *arguments, judge=module._Reading._judge, **options):
        if next(calls, None) is None:
            raise KeyboardInterrupt
        judge(self, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(module._Reading, "_judge", pull)
        made(photos, tmp_path / "halves")
    lines = []
    halves = made(photos, tmp_path / "halves", say=lines.append)
    assert lines[0].startswith("Going on after")
    assert contents(tmp_path / "halves") == contents(tmp_path / "whole")
    assert halves.summary == whole.summary
    assert whole.summary["broken"] == 2


def test_what_is_complete_needs_no_dataset_any_more(folder, tmp_path):
    photos = folder(30)
    prepared = made(photos, tmp_path / "out")
    photos.rename(tmp_path / "elsewhere")
    again = made(photos, tmp_path / "out")
    assert again.summary == prepared.summary == load(tmp_path / "out").summary
    with pytest.raises(ValueError, match=r"wanted: 100000 there, 7 here.*--overwrite.*Received"):
        made(photos, tmp_path / "out", wanted=7, fixed=True)
    photos = (tmp_path / "elsewhere").rename(photos)
    assert len(made(photos, tmp_path / "out", validation=1).held_out.clean) == 1
    with pytest.raises(ValueError, match=r"training on the reference faces.*--overwrite.*Received"):
        made(photos, tmp_path / "new", fixed=True)
    assert not (tmp_path / "new").exists()


def test_one_percent_of_broken_pictures_is_named_and_more_stops(folder, tmp_path):
    from olivetti_denoiser.errors import TrainingStoppedError

    prepared = made(folder(400, broken=4), tmp_path / "out")
    assert prepared.summary["broken"] == 4
    assert len(prepared.summary["broken_names"]) == 4
    for name in prepared.summary["broken_names"]:
        assert (tmp_path / "photos" / name.split(" (")[0]).is_file()
    with pytest.raises(TrainingStoppedError, match=r"20 of the first 400 .*1%.*and 17 more.*Recei"):
        made(folder(400, broken=20, name="bad"), tmp_path / "stopped")
    assert too_many_broken(1, 10, finished=True)
    assert not too_many_broken(1, 10, finished=False)  # the first of ten may be the only one
    assert not too_many_broken(20, 1000, finished=False)
    assert too_many_broken(50, 1000, finished=False)  # not after hours
    assert not too_many_broken(1000, 100_000, finished=True)


def test_names_are_as_many_as_can_be_read(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "NAMED", 2)
    prepared = made(folder(400, broken=4), tmp_path / "out")
    assert len(prepared.summary["broken_names"]) == 2
    assert prepared.summary["broken"] == 4
    assert module.named_in_words(["a", "b"], 4) == "a, b and 2 more"
    assert json.loads((tmp_path / "out" / module.NOTES).read_text())["part"] is None


def _as_parquet(photos, folder):
    """The same pictures in two files of several row groups."""
    from datasets import Dataset, Features
    from datasets import Image as ImageColumn

    folder.mkdir()
    for number, paths in enumerate(np.array_split(sorted(photos.rglob("*.png")), 2)):
        pictures = [{"path": path.name, "bytes": path.read_bytes()} for path in paths]
        rows = Dataset.from_dict({"image": pictures}, features=Features({"image": ImageColumn()}))
        rows.to_parquet(folder / f"{number}.parquet", batch_size=30)
    return folder


def _sets(folder: Path):
    return {
        part: {
            bytes(patch) for patch in np.fromfile(folder / f"{part}.u8", np.uint8).reshape(-1, 4096)
        }
        for part in module.PARTS
    }


def test_patches_in_colour_are_larger_and_keep_their_colours(tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (130, 300, 3), np.uint8) for _ in range(6)]
    for number, picture in enumerate(pictures):
        Image.fromarray(picture).save(photos / f"{number}.png")
    prepared = made(photos, tmp_path / "out", planes=3)
    patches = prepared.learned.clean
    assert (patches[0].shape, patches[0].dtype) == ((128, 128, 3), np.float32)
    assert prepared.test.clean.shape == prepared.test.noisy.shape == (1, 128, 128, 3)
    assert len(prepared.held_out.clean) == 1
    known = {tile.tobytes() for picture in pictures for tile in cut(picture, 9, 0, side=128)}
    for index in range(len(patches)):
        assert np.rint(patches[index] * 255).astype(np.uint8).tobytes() in known
    again = load(tmp_path / "out")
    np.testing.assert_array_equal(again.learned.clean[1], patches[1])


def test_a_picture_of_any_mode_has_a_view_in_colour():
    from olivetti_denoiser.images.gray_view import colour_pixels

    gray = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8))
    assert (colour_pixels(gray) == np.asarray(gray)[..., None]).all()
    clear = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    assert (colour_pixels(clear) == 255).all()
    red = Image.new("RGB", (8, 8), (200, 10, 20))
    assert (colour_pixels(red) == (200, 10, 20)).all()
    assert np.abs(colour_pixels(red.convert("CMYK")).astype(int) - (200, 10, 20)).max() <= 2
    deep = Image.fromarray(np.full((8, 8), 128 * 257, np.uint16))
    assert (colour_pixels(deep) == 128).all()
