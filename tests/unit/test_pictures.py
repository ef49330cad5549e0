"""Datasets of pictures: which column, which split, streamed from the Hub, errors that help."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from PIL import Image

from local_hub import LocalHub
from olivetti_denoiser.data.image_dataset import open_pictures, read_row
from olivetti_denoiser.data.picture_folder import list_folder


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
    (folder / "labels.csv").write_text("file_name\n")
    pictures = open_pictures(folder)
    assert pictures.splits == {"train": "train"}
    assert names(pictures.parts["train"]) == sorted(wanted)
    assert read_row(next(iter(pictures.parts["train"]))).startswith(b"\x89PNG")
    assert (pictures.dataset, pictures.on_hub) == ("photos", False)
    photos("more.png")
    list_folder.cache_clear()  # as a new process would
    assert open_pictures(folder).revision != pictures.revision


def test_a_folders_subfolders_are_splits_where_one_is_train_or_asked_for(photos):
    folder = photos("train/a.png", "valid/b.png", "test/c.png", "other/d.png")
    pictures = open_pictures(folder)
    assert pictures.splits == {"train": "train", "validation": "valid", "test": "test"}
    assert names(pictures.parts["validation"]) == ["valid/b.png"]
    assert open_pictures(folder, split="other").splits["train"] == "other"
    with pytest.raises(ValueError, match=r"no split 'x'; it has other, test, train, valid\. Rec"):
        open_pictures(folder, split="x")


def test_a_folder_of_parquet_is_read_as_well(tmp_path):
    from datasets import Dataset

    (tmp_path / "photos").mkdir()
    rows = {"front": [Image.new("L", (64, 64), 7)] * 3, "back": [Image.new("L", (64, 64), 8)] * 3}
    Dataset.from_dict(rows | {"id": [1, 2, 3]}).to_parquet(tmp_path / "photos" / "a.parquet")
    stream = open_pictures(tmp_path / "photos", column="back").parts["train"]
    assert [list(row) for row in stream] == [["back"]] * 3
    with pytest.raises(ValueError, match=r"several columns.*--image-column.*: front, back\. Rec"):
        open_pictures(tmp_path / "photos")
    with pytest.raises(
        ValueError, match=r"in a column 'id'.*front, back, id; --image-column reads front or back"
    ):
        open_pictures(tmp_path / "photos", column="id")


def test_what_is_no_dataset_is_said(tmp_path, photos):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"holds no pictures.*Received: .*empty"):
        open_pictures(tmp_path / "empty")
    with pytest.raises(
        ValueError, match=r"a folder that exists, or OWNER/NAME.*Received: '.*gone'"
    ):
        open_pictures(tmp_path / "gone")


def test_where_the_hub_does_not_answer_only_a_cached_reference_split_can_be_meant():
    """So that a published split that was downloaded once still serves without a network."""
    code = (
        "from olivetti_denoiser.data.image_dataset import open_pictures\n"
        "print(open_pictures('alice/faces'))"
    )
    environment = os.environ | {"HF_ENDPOINT": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.strip() == "None", done.stderr


PUBLISH = """
import io, sys
import numpy as np
from datasets import Dataset, DatasetDict, Features, Image, Value
from PIL import Image as Pillow
from olivetti_denoiser.data.faces import SPLIT_CHECKSUM
from huggingface_hub import HfApi

def png(number):
    file = io.BytesIO()
    pixels = np.random.default_rng(number).integers(0, 256, (70, 70), dtype=np.uint8)
    Pillow.fromarray(pixels).save(file, "PNG")
    return {"bytes": file.getvalue(), "path": f"{number}.png"}

features = Features({"photo": Image(), "label": Value("int64")})
rows = {"photo": [png(n) for n in range(40)], "label": list(range(40))}
whole = Dataset.from_dict(rows, features=features)
parts = {"train": whole.select(range(30)), "test": whole.select(range(30, 40))}
DatasetDict(parts).push_to_hub("alice/photos")
whole.push_to_hub("alice/several", "old")
whole.push_to_hub("alice/several", "new")
whole.remove_columns("photo").push_to_hub("alice/numbers")
columns = ("clean", "noisy", "subject", "face_id")
Dataset.from_dict({name: [1] for name in columns}).push_to_hub("alice/faces")
HfApi().create_repo("alice/empty", repo_type="dataset")
"""

READ = """
import json, sys
from olivetti_denoiser.data.patches import prepare
from olivetti_denoiser.data.image_dataset import open_pictures

def said(dataset, **options):
    try:
        pictures = open_pictures(dataset, **options)
    except Exception as error:
        return [type(error).__name__, str(error)]
    return pictures and [pictures.column, sorted(pictures.parts)]

folder, *names = sys.argv[1:]
seen = {name: said(name) for name in names}
seen["split"] = said("alice/photos", split="validation")
prepared = prepare("alice/photos", folder, wanted=100, validation=2, say=lambda line: None)
seen["prepared"] = prepared.summary
print(json.dumps(seen))
"""

NAMES = ("photos", "several", "several:new", "numbers", "faces", "empty", "nothing")


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What a stranger sees of alice's datasets on a Hub, before and after she closes one."""
    home, folder = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("out") / "pictures"
    names = [f"alice/{name}" for name in NAMES]
    with LocalHub() as hub:
        alice, bob = hub.user("alice"), hub.user("bob")
        hub.run("-c", PUBLISH, token=alice, home=home)
        photos = hub.repository("alice/photos", "datasets")
        first = hub.run("-c", READ, str(folder), *names, token=bob, home=home)
        photos.gated = True
        del hub.log[:]
        # The patches are complete, so `prepare` asks for nothing.
        second = hub.run("-c", READ, str(folder), "alice/photos", token=bob, home=home)
        unknown = [entry for entry in hub.log if entry[0] == "unknown"]
    before, after = (json.loads(run.stdout.splitlines()[-1]) for run in (first, second))
    return before | {"after": after, "commit": photos.head.oid, "unknown": unknown}


def test_any_image_dataset_of_the_hub_is_opened_and_the_reference_split_is_told_apart(seen):
    assert seen["alice/photos"] == ["photo", ["test", "train"]]
    assert seen["alice/several:new"] == ["photo", ["train"]]
    assert seen["alice/faces"] is None
    assert seen["unknown"] == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("alice/several", ["'new'", "'old'", "--dataset OWNER/NAME:SUBSET"]),
        ("alice/numbers", ["no column of pictures; its columns are label"]),
        ("alice/empty", ["Received: 'alice/empty'"]),
        ("alice/nothing", ["no dataset repository alice/nothing", "does not exist"]),
        ("split", ["no split 'validation'; it has train, test", "Received: alice/photos"]),
    ],
)
def test_what_is_wrong_with_a_dataset_of_the_hub_is_said(seen, name, said):
    kind, text = seen[name]
    assert kind == "ValueError"
    for part in said:
        assert part in text
    assert "\n" not in text


def test_a_gated_dataset_is_refused_and_patches_made_before_remain(seen):
    kind, text = seen["after"]["alice/photos"]
    assert (kind, "refuses access" in text) == ("PermissionError", True)
    assert seen["after"]["prepared"] == seen["prepared"]


def test_a_dataset_of_the_hub_is_streamed_into_patches_at_one_commit(seen):
    summary = seen["prepared"]
    assert (summary["dataset"], summary["revision"]) == ("alice/photos", seen["commit"])
    assert summary["pictures"]["train"] + summary["pictures"]["validation"] <= 30
    assert summary["pictures"]["test"] == 10
    assert (summary["read"], summary["broken"], summary["padded"]) == (40, 0, 0)
