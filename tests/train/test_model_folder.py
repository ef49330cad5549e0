"""A model folder: written whole or not at all, over nothing else, and later figures put into it."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest
from huggingface_hub import ModelCard

import olivetti_denoiser.publish.write as writing
from checkout import ROOT
from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.network.unet import residual_unet
from olivetti_denoiser.publish.card import render_card
from olivetti_denoiser.publish.write import update_release
from olivetti_denoiser.release import METRICS, read_metrics
from olivetti_denoiser.train.run import Trained

RELEASED = ROOT / "model_card"
FILES = {
    "README.md", "config.json", "metadata.json", "model.weights.h5", "best_model.h5", "onnx",
    "metrics.json", "history.csv", "training_config.json",
    "comparison.png", "loss_curves.png", "psnr_vs_sigma.png", "error_map.png",
}  # fmt: skip
HISTORY = [
    {
        "epoch": epoch,
        "restored_loss": 0.009 / epoch,
        "val_restored_loss": 0.01 / epoch,
        "val_psnr": 20.0 + epoch,
    }
    for epoch in (1, 2, 3)
]


def edit(folder, name, **changed):
    """Change some fields of a JSON file."""
    path = folder / name
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A tiny network with the released model's figures, as training returns it."""
    run_folder = tmp_path_factory.mktemp("run")
    (run_folder / "history.csv").write_text("epoch,loss\n1,0.01\n")
    rng = np.random.default_rng(0)
    pictures = {name: rng.random((20, 64, 64, 1)) for name in ("clean", "noisy", "restored")}
    pictures["face_id"] = np.arange(20)
    metrics = {name: value for name, value in read_metrics(RELEASED).items() if name != "ablation"}
    config = TrainingConfig(channels=(4, 8), blocks=(1, 1))
    return Trained(residual_unet((4, 8), (1, 1)), config, HISTORY, metrics, pictures, run_folder)


@pytest.fixture(scope="module")
def written(trained, tmp_path_factory):
    return writing.write_model_folder(tmp_path_factory.mktemp("written") / "model", trained)


@pytest.fixture
def folder(written, tmp_path):
    """A copy of the written folder, to be changed."""
    return shutil.copytree(written, tmp_path / "model")


@pytest.mark.smoke
def test_it_is_complete_and_replaces_only_what_it_made(trained, folder, tmp_path):
    """The network for colour inside it stays, and its figures stand on the card."""
    ignored = shutil.ignore_patterns("runs", "onnx")
    colour = shutil.copytree(RELEASED / "colour", folder / "colour", ignore=ignored)
    before = {path: path.read_bytes() for path in colour.rglob("*") if path.is_file()}
    (folder / "notes.md").write_text("kept")
    (folder / "README.md").write_text("old")
    writing.write_model_folder(folder, trained)
    assert {path.name for path in folder.iterdir()} == FILES | {"notes.md", "colour"}
    assert {path: path.read_bytes() for path in before} == before
    card = (folder / "README.md").read_text(encoding="utf-8")
    figures = read_metrics(colour)["colour"]["scikit-image"]
    assert f"into {figures['psnr']['methods']['model']['25']:.2f} dB" in card
    figures["psnr"]["methods"]["model"]["25"] = 33.33
    update_release(colour, {"colour": {"scikit-image": figures}})
    assert "into 33.33 dB" in (folder / "README.md").read_text(encoding="utf-8")
    assert {path.name for path in tmp_path.iterdir()} == {"model"}


def test_a_failure_on_the_way_leaves_everything_as_it_was(trained, folder, tmp_path, monkeypatch):
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}

    def fail(*arguments):
        raise OSError("disk full")

    monkeypatch.setattr(writing, "draw_plots", fail)
    with pytest.raises(OSError, match="disk full"):
        writing.write_model_folder(folder, trained)
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert {path.name for path in tmp_path.iterdir()} == {"model"}


@pytest.fixture
def measured():
    """The released figures as an evaluation of everything returns them, with further methods."""
    metrics = read_metrics(RELEASED)
    del metrics["training"]
    metrics.pop("ablation", None)  # it comes with a picture of its own
    metrics["published"] = ["FFDNet", "BM3D"]
    test, curves = metrics["parts"]["test"]["methods"], metrics["sigmas"]["methods"]
    for place, name in enumerate(metrics["published"]):
        test[name] = json.loads(json.dumps(test["model"]))
        test[name]["psnr"]["mean"] = 28.5 + place
        curves[name] = dict.fromkeys(curves["model"], 20.0 + place)
        metrics["seconds"]["methods"][name] = 0.0123 + place
    photographs = json.loads(json.dumps(metrics["parts"]["test"]))
    metrics["parts"]["photographs"] = photographs | {"name": "BSD68", "count": 68}
    return metrics


def test_figures_of_a_later_evaluation_take_their_place(folder, measured):
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    training = read_metrics(folder)["training"]
    update_release(folder, measured)
    after = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed == {"metrics.json", "README.md", "psnr_vs_sigma.png"}
    assert read_metrics(folder) == measured | {"training": training}
    card = after["README.md"].decode()
    assert card == render_card(folder)
    assert re.search(r"^\| BM3D +\| .* \| +– \| +– \| +1012\.30 \|$", card, re.M)
    assert "The 68 photographs of BSD68" in card
    del measured["published"]  # an evaluation without them leaves none of theirs behind
    update_release(folder, measured)
    assert "published" not in read_metrics(folder)


def test_figures_of_another_split_are_not_kept(folder, measured, tmp_path):
    measured["split_checksum"] = "0" * 64
    with pytest.raises(ValueError, match=r"own split, reference; give it as --split\. Received"):
        update_release(folder, measured)
    with pytest.raises(ValueError, match=r"whole model folder\. Received"):
        update_release(tmp_path, measured)


def test_the_card_says_what_the_settings_say(folder):
    """Another split, level and loss, a schedule that was cut short."""
    training = read_metrics(folder)["training"] | {"shortened_to": 1234}
    edit(folder, METRICS, split="subjects", training=training)
    (folder / "training_config.json").write_text(
        TrainingConfig(loss="mse", sigma_share=1.0).to_json()
    )
    text = render_card(folder)
    for words in (
        "name: Olivetti faces, subjects split, sigma 0.1", "Subjects split checksum",
        "the remaining ones of the people in the test part", "The test faces show eight others",
        "all of it at 0.1", "; MSE loss",
        "A time limit shortened the run from 40,000 to 1,234 steps",
    ):  # fmt: skip
        assert words in text
        assert words not in render_card(RELEASED)


@pytest.mark.parametrize("on_hub", [True, False], ids=["hub", "folder"])
def test_the_card_of_other_pictures_says_what_was_learned_from(folder, on_hub):
    metrics = read_metrics(folder)
    summary = {
        "dataset": "ada/birds:large" if on_hub else "birds",
        "on_hub": on_hub,
        "revision": "0123456789abcdef",
        "column": "image",
        "splits": {"train": "train", "test": "test"} if on_hub else {"train": "train"},
        "pictures": {"train": 2500, "validation": 8, "test": 256},
        "patches": {"train": 90_001, "validation": 8, "test": 256},
        "read": 2764, "padded": 12, "broken": 3, "broken_names": ["a.png (cut short)"],
    }  # fmt: skip
    parts = metrics["parts"] | {"pictures": metrics["parts"]["outside"] | {"count": 256}}
    training = metrics["training"] | {"learned_faces": 0, "pictures": summary}
    edit(folder, METRICS, training=training, parts=parts)
    card = ModelCard(render_card(folder))
    for said in (
        "90,001 gray patches of 64×64 pixels, cut from", "2,764 pictures were read",
        "2,500 of them", "3 were broken", "12 were small", "On 256 test pictures of that dataset",
        "the split's 80 training faces, which this model has not learned from",
    ):  # fmt: skip
        assert said in card.text
    for untrue in ("trained on 72", "Forty people", "of other faces,"):
        assert untrue not in card.text
    assert "faces" not in card.data.tags
    assert card.data.datasets == (["ada/birds"] if on_hub else None)
    assert ("(https://huggingface.co/datasets/ada/birds) at `0123456`" in card.text) == on_hub
