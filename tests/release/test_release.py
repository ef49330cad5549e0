"""The model folder: atomic, complete, its card true of its figures, opened without our code."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.network.saving import OLDEST_KERAS

ROOT = Path(__file__).resolve().parents[2]
RELEASED = ROOT / "model_card"
HISTORY = [
    {
        "epoch": epoch, "loss": 0.01 / epoch, "restored_loss": 0.009 / epoch,
        "estimate_loss": 0.001, "val_loss": 0.011 / epoch, "val_restored_loss": 0.01 / epoch,
        "val_estimate_loss": 0.001, "val_psnr": 20.0 + epoch, "learning_rate": 1e-3,
        "seconds": 1.0,
    }
    for epoch in (1, 2, 3)
]  # fmt: skip


@pytest.fixture(scope="module")
def metrics():
    return json.loads((RELEASED / "metrics.json").read_text())


@pytest.fixture
def release(tmp_path, metrics):
    """Writes a release of a tiny network with the released model's figures."""
    from olivetti_denoiser.network.unet import residual_unet
    from olivetti_denoiser.publish.write import write_model_folder
    from olivetti_denoiser.train.run import Trained

    run_folder = tmp_path / "run"
    run_folder.mkdir()
    (run_folder / "history.csv").write_text("epoch,loss\n1,0.01\n")
    rng = np.random.default_rng(0)
    pictures = {name: rng.random((20, 64, 64, 1)) for name in ("clean", "noisy", "restored")}
    pictures["face_id"] = np.arange(20)

    def write(folder):
        trained = Trained(
            residual_unet((4, 8), (1, 1)),
            TrainingConfig(channels=(4, 8), blocks=(1, 1)),
            HISTORY,
            {name: metrics[name] for name in metrics if name != "ablation"},
            pictures,
            run_folder,
        )
        return write_model_folder(folder, trained)

    return write


def test_the_card_says_what_is_preserved_and_what_is_blurred(release, metrics, tmp_path):
    card = (release(tmp_path / "model") / "README.md").read_text(encoding="utf-8")
    table = card[card.index("| details of ") :].split("\n\n")[0].splitlines()[2:]
    kept = [f"{100 * row['kept']:.0f} %" for row in metrics["details"]]
    assert [line.split("|")[2].strip() for line in table] == kept
    assert table[-1].startswith("| less than 2 ")
    assert "comes back and the rest is blurred" in card


def test_a_release_is_complete_and_replaces_only_what_it_made(release, tmp_path):
    folder = tmp_path / "model"
    release(folder)
    (folder / "notes.md").write_text("kept")
    release(folder)
    assert (folder / "notes.md").read_text() == "kept"
    names = {path.name for path in folder.iterdir()}
    assert {
        "README.md", "config.json", "metadata.json", "model.weights.h5", "metrics.json",
        "history.csv", "training_config.json", "comparison.png", "loss_curves.png",
        "psnr_vs_sigma.png", "error_map.png", "onnx", "best_model.h5",
    } <= names  # fmt: skip
    (folder / "README.md").write_text("old")
    release(folder)
    assert (folder / "README.md").read_text().startswith("---")
    assert {path.name for path in tmp_path.iterdir()} == {"model", "run"}


def test_a_failure_on_the_way_leaves_the_earlier_release_whole(release, tmp_path, monkeypatch):
    import olivetti_denoiser.publish.write as module

    folder = release(tmp_path / "model")
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}

    def fail(*arguments):
        raise OSError("disk full")

    monkeypatch.setattr(module, "draw_plots", fail)
    with pytest.raises(OSError, match="disk full"):
        release(folder)
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    assert {path.name for path in tmp_path.iterdir()} == {"model", "run"}


def test_nothing_but_a_release_is_written_over(release, tmp_path):
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "letter.txt").write_text("dear")
    with pytest.raises(ValueError, match=r"earlier model folder\. Received"):
        release(tmp_path / "letters")
    assert (tmp_path / "letters" / "letter.txt").read_text() == "dear"


@pytest.mark.parametrize("repo_id", ["OWNER/olivetti-denoiser", "ada/faces"])
def test_every_figure_on_the_card_is_in_the_metrics(metrics, repo_id):
    check_figures(RELEASED, metrics, repo_id)


def check_figures(folder, metrics, repo_id):
    """Every figure on a folder's card, the header's too, is one of the metrics."""
    from huggingface_hub import ModelCard

    from olivetti_denoiser.publish.card import render_card

    card = ModelCard(render_card(folder, repo_id))
    values = {result.metric_type: result.metric_value for result in card.data.eval_results}
    test = metrics["parts"]["test"]["methods"]["model"]
    assert values == {
        "psnr": round(test["psnr"]["mean"], 2),
        "ssim": round(test["ssim"]["mean"], 3),
        "mse": round(test["mse"]["mean"], 6),
    }
    if (folder / "colour").is_dir():  # which the card has a section on
        metrics = metrics | {"beside": json.loads((folder / "colour/metrics.json").read_text())}
    known = {f"{number:.{digits}f}" for number in _numbers(metrics) for digits in (2, 3, 4, 6)}
    known |= {f"{1000 * number:.2f}" for number in _numbers(metrics["seconds"])}
    train, test = (metrics["parts"][part]["methods"] for part in ("train", "test"))
    for method in ("model", "noisy"):
        gap = train[method]["psnr"]["mean"] - test[method]["psnr"]["mean"]
        known.add(f"{gap:.2f}")
    if scores := [run["psnr"] for run in metrics.get("seeds", ())]:
        known |= {f"{sum(scores) / len(scores):.2f}", f"{max(scores) - min(scores):.2f}"}
    for run in metrics.get("other_splits", {}).values():
        there, here = (tree["parts"]["test"]["methods"] for tree in (run, metrics))
        if "FFDNet" in there and "FFDNet" in here:
            ours = here["model"]["psnr"]["mean"] - here["FFDNet"]["psnr"]["mean"]
            known |= {f"{there['model'] - there['FFDNet']:.2f}", f"{ours:.2f}"}
    if {"default", "mse"} <= metrics.get("ablation", {}).get("rows", {}).keys():
        rows = metrics["ablation"]["rows"]
        for measure, digits in (("psnr", 2), ("ssim", 4)):
            change = rows["default"][measure]["mean"] - rows["mse"][measure]["mean"]
            known.add(f"{abs(change):.{digits}f}")
    prose = card.text.split("Reference split checksum")[0]
    figures = set(re.findall(r"(?<![\w.])\d+\.\d{2,6}(?![\w.])", prose))
    assert figures
    assert figures <= known | {"0.02", "0.05", "0.15", OLDEST_KERAS}
    assert repo_id in card.text
    for picture in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", card.text):
        assert (folder / picture).is_file()


@pytest.fixture
def more(metrics):
    """The released figures as an evaluation of everything returns them."""
    more = json.loads(json.dumps(metrics))
    del more["training"]
    more.pop("ablation", None)  # it comes with a picture of its own, which these releases lack
    more["published"] = ["FFDNet", "BM3D"]
    test = more["parts"]["test"]["methods"]
    for place, name in enumerate(more["published"]):
        test[name] = {
            measure: {part: value + 0.123 + place for part, value in row.items()}
            for measure, row in test["model"].items()
        }
        curves = more["sigmas"]["methods"]
        curves[name] = dict.fromkeys(curves["model"], 20.0 + place)
        more["seconds"]["methods"][name] = 0.0123 + place
    photographs = json.loads(json.dumps(more["parts"]["test"]))
    more["parts"]["photographs"] = photographs | {"name": "BSD68", "count": 68}
    return more


def test_figures_of_a_later_evaluation_take_their_place_in_the_folder(release, more, tmp_path):
    from olivetti_denoiser.publish.update import update_release

    folder = release(tmp_path / "model")
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    training = json.loads(before["metrics.json"])["training"]
    assert update_release(folder, more) == folder
    after = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed == {"metrics.json", "README.md", "psnr_vs_sigma.png"}
    kept = json.loads(after["metrics.json"])
    assert kept == more | {"training": training}
    check_figures(folder, kept, "OWNER/olivetti-denoiser")
    card = after["README.md"].decode()
    assert re.search(r"^\| BM3D +\| .* \| +– \| +– \| +1012\.30 \|$", card, re.M)
    assert "The 68 photographs of BSD68" in card
    assert len(re.findall(r"^\| FFDNet +\|", card, re.M)) == 3

    plain = {name: value for name, value in more.items() if name != "published"}
    update_release(folder, plain)  # an evaluation without them leaves none of theirs behind
    assert json.loads((folder / "metrics.json").read_text()) == plain | {"training": training}
    assert {path.name for path in tmp_path.iterdir()} == {"model", "run"}


def test_runs_of_other_seeds_stand_beside(release, more, tmp_path):
    from olivetti_denoiser.publish.update import update_release

    folder, other = (release(tmp_path / name) for name in ("model", "other"))
    with pytest.raises(ValueError, match=r"a seed of its own\. Received: seeds \[0, 0\]"):
        update_release(folder, more, also=[other])
    config = json.loads((other / "training_config.json").read_text())
    (other / "training_config.json").write_text(json.dumps(config | {"seed": 1, "epochs": 3}))
    with pytest.raises(ValueError, match="differ in seed or split alone"):
        update_release(folder, more, also=[other])
    (other / "training_config.json").write_text(json.dumps(config | {"seed": 1}))
    update_release(folder, more, also=[other])
    kept = json.loads((folder / "metrics.json").read_text())
    assert [run["seed"] for run in kept["seeds"]] == [0, 1]
    check_figures(folder, kept, "OWNER/olivetti-denoiser")
    assert "The same recipe with seeds 0, 1 scores" in (folder / "README.md").read_text()


def test_a_run_on_another_split_stands_beside(release, more, tmp_path):
    from olivetti_denoiser.publish.update import update_release

    folder, other = (release(tmp_path / name) for name in ("model", "other"))
    figures = json.loads((other / "metrics.json").read_text())
    del figures["parts"]["outside"]["methods"]["model"]["ssim"]
    figures["parts"]["test"] = json.loads(json.dumps(more["parts"]["test"]))
    figures["parts"]["test"]["methods"]["FFDNet"]["psnr"]["mean"] = 28.5
    figures |= {"split": "subjects", "split_checksum": "0" * 64}
    (other / "metrics.json").write_text(json.dumps(figures))
    update_release(folder, more, also=[other])
    kept = json.loads((folder / "metrics.json").read_text())
    assert kept["other_splits"]["subjects"]["parts"]["test"]["methods"]["FFDNet"] == 28.5
    check_figures(folder, kept, "OWNER/olivetti-denoiser")
    card = (folder / "README.md").read_text()
    below = more["parts"]["test"]["methods"]["model"]["psnr"]["mean"] - 28.5
    assert f"FFDNet is {below:.2f} dB below ours there (28.50 dB)" in card
    assert "20 of 8 others to test" in card

    left_out = ("published", "other_splits")
    plain = {name: value for name, value in more.items() if name not in left_out}
    update_release(folder, plain)  # what other runs scored stays true
    assert json.loads((folder / "metrics.json").read_text())["other_splits"] == kept["other_splits"]


def test_what_each_choice_is_worth_stands_on_the_card(release, test_faces, tmp_path):
    from olivetti_denoiser.evaluate.plots import losses_grid
    from olivetti_denoiser.publish.update import update_release

    folder = release(tmp_path / "model")
    row = {
        "command": "denoiser train --seed N", "seconds": 60.0, "diverged": 0,
        "levels": {"estimated": {"0.1": 30.0}},
        "ssim": {"mean": 0.8912, "low": 0.8912, "high": 0.8912},
    }  # fmt: skip
    found = {
        "seeds": [0, 1],
        "rows": {
            "default": row | {"psnr": {"mean": 29.95, "low": 29.9, "high": 30.0}},
            "mse": row | {"psnr": {"mean": 30.15, "low": 30.1, "high": 30.2}},
        },
    }
    faces = test_faces.take(slice(3))
    restored = {"mse": faces.clean, "mse+ssim": faces.noisy}

    def draw(stage):
        losses_grid(faces.clean, faces.noisy, restored, stage / "losses.png")

    update_release(folder, {"ablation": found}, draw=draw)
    kept = json.loads((folder / "metrics.json").read_text())
    assert kept["ablation"] == found
    check_figures(folder, kept, "OWNER/olivetti-denoiser")
    card = (folder / "README.md").read_text()
    assert "| default | 60 | 29.95 (29.90 – 30.00) | 0.8912 |" in " ".join(card.split())
    assert "changes PSNR by -0.20 dB" in card and "losses.png" in card
    assert (folder / "losses.png").is_file()


def test_figures_of_another_split_are_not_kept(release, more, tmp_path):
    from olivetti_denoiser.publish.update import update_release

    folder = release(tmp_path / "model")
    with pytest.raises(ValueError, match=r"own split, reference; give it as --split\. Received"):
        update_release(folder, more | {"split_checksum": "0" * 64})
    with pytest.raises(ValueError, match=r"whole model folder\. Received"):
        update_release(tmp_path / "run", more)


def test_a_card_says_which_split_level_and_loss_it_is_about(release, metrics, tmp_path):
    from olivetti_denoiser.publish.card import render_card

    folder = release(tmp_path / "model")
    text = render_card(folder)
    assert "subjects split" not in text and "Reference split checksum" in text
    assert "; MSE+SSIM loss." in text and "10 % of what it saw were collages" in text
    (folder / "metrics.json").write_text(json.dumps(metrics | {"split": "subjects"}))
    config = TrainingConfig(loss="mse", sigma_share=1.0)
    (folder / "training_config.json").write_text(config.to_json())
    text = render_card(folder)
    for words in (
        "name: Olivetti faces, subjects split, sigma 0.1", "test faces of the subjects split",
        "the remaining ones of the people in the test part", "Subjects split checksum",
        "The test faces show eight others",
        "all of it at 0.1", "; MSE loss",
    ):  # fmt: skip
        assert words in text


@pytest.mark.parametrize("card", [".", "colour"])
def test_a_card_says_to_how_many_steps_a_time_limit_shortened_the_run(card, tmp_path):
    from olivetti_denoiser.publish.card import render_card

    assert "A time limit" not in render_card(RELEASED / card)
    metrics = json.loads((RELEASED / card / "metrics.json").read_text())
    metrics["training"]["shortened_to"] = 1234
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    shutil.copy2(RELEASED / card / "training_config.json", tmp_path)
    steps = {".": "40,000", "colour": "50,000"}[card]
    assert f"A time limit shortened the run from {steps} to 1,234 steps" in render_card(tmp_path)


def test_the_cards_tables_are_tables():
    """No blank line between rows: Markdown would show them as text."""
    from olivetti_denoiser.publish.card import render_card

    lines = render_card(RELEASED).splitlines()
    for index, line in enumerate(lines[1:-1], 1):
        if not line and lines[index - 1].startswith("|"):
            assert not lines[index + 1].startswith("|")


@pytest.mark.parametrize("place", ["", "colour"])
def test_the_released_card_is_what_the_template_gives(place):
    from olivetti_denoiser.publish.card import render_card

    assert (RELEASED / place / "README.md").read_text() == render_card(RELEASED / place)


def test_a_training_into_a_release_keeps_the_network_for_colour(release, tmp_path):
    """And the release's card shows its figures still, and anew when they change."""
    from olivetti_denoiser.publish.update import update_release

    folder = release(tmp_path / "model")
    ignored = shutil.ignore_patterns("runs", "onnx")
    colour = shutil.copytree(RELEASED / "colour", folder / "colour", ignore=ignored)
    before = {path: path.read_bytes() for path in colour.rglob("*") if path.is_file()}
    release(folder)
    assert {path: path.read_bytes() for path in before} == before
    figures = json.loads((colour / "metrics.json").read_text())["colour"]["scikit-image"]
    assert f"into {figures['psnr']['methods']['model']['25']:.2f} dB" in (
        folder / "README.md"
    ).read_text(encoding="utf-8")
    figures["psnr"]["methods"]["model"]["25"] = 33.33
    update_release(colour, {"colour": {"scikit-image": figures}})
    assert "into 33.33 dB" in (folder / "README.md").read_text(encoding="utf-8")


@pytest.fixture(params=[True, False], ids=["hub", "folder"])
def card_of_pictures(request, tmp_path, metrics):
    """The card of a model that was trained on a dataset of pictures, and its figures."""
    from olivetti_denoiser.publish.card import render_card

    summary = {
        "dataset": "ada/birds:large" if request.param else "birds",
        "on_hub": request.param,
        "revision": "0123456789abcdef",
        "column": "image",
        "splits": {"train": "train", "test": "test"} if request.param else {"train": "train"},
        "pictures": {"train": 2500, "validation": 8, "test": 256},
        "patches": {"train": 90_001, "validation": 8, "test": 256},
        "read": 2764,
        "padded": 12,
        "broken": 3,
        "broken_names": ["a.png (cut short)"],
    }
    training = metrics["training"] | {"learned_faces": 0, "pictures": summary}
    parts = metrics["parts"] | {"pictures": metrics["parts"]["outside"] | {"count": 256}}
    figures = metrics | {"training": training, "parts": parts}
    (tmp_path / "metrics.json").write_text(json.dumps(figures))
    (tmp_path / "training_config.json").write_text(TrainingConfig().to_json())
    return request.param, render_card(tmp_path), figures


def test_the_card_of_other_pictures_says_what_was_learned_from(card_of_pictures):
    from huggingface_hub import ModelCard

    on_hub, text, metrics = card_of_pictures
    card = ModelCard(text)
    config = TrainingConfig()
    steps = metrics["training"]["epochs"] * config.steps_per_epoch
    shown = min(90_001, steps * config.batch_size)  # no more than the steps took
    assert f"{shown:,} gray patches of 64×64 pixels, cut from" in card.text
    for promised in ("2,764 pictures were read", "2,500 of them", "3 were broken", "12 were small"):
        assert promised in card.text
    pictures = metrics["parts"]["pictures"]["methods"]
    before, after = (pictures[method]["psnr"]["mean"] for method in ("noisy", "model"))
    assert "On 256 test pictures of that dataset" in card.text
    assert f"**{before:.2f} dB into {after:.2f} dB**" in card.text
    assert "the split's 80 training faces, which this model has not learned from" in card.text
    for untrue in (
        "trained on 72",
        "Forty people",
        "of other faces,",
        "80 training faces were held",
    ):
        assert untrue not in card.text
    assert "faces" not in card.data.tags
    assert card.data.datasets == (["ada/birds"] if on_hub else None)
    assert ("(https://huggingface.co/datasets/ada/birds)" in card.text) == on_hub
    assert ("at `0123456`" in card.text) == on_hub
    assert ("from its split `test`" in card.text) == on_hub
    rows = [line for line in card.text.splitlines() if line.startswith("| model  ")]
    assert f" {pictures['model']['psnr']['mean']:.2f} |" in rows[0]
    header = next(line for line in card.text.splitlines() if re.match(r"\| method +\| +test", line))
    assert header.count("|") == rows[0].count("|")


def test_the_released_model_was_made_with_the_defaults(metrics):
    import dataclasses

    released = TrainingConfig.from_json(RELEASED / "training_config.json")
    assert dataclasses.replace(released, seed=0) == TrainingConfig()
    assert metrics["split_checksum"] == _checksum()
    assert metrics["training"]["seconds"] < 30 * 60


def test_the_released_figures_are_those_of_the_released_weights(metrics, test_faces):
    from olivetti_denoiser.denoiser import Denoiser
    from olivetti_denoiser.metrics import psnr

    restored = Denoiser.from_pretrained(RELEASED)(test_faces.noisy)
    measured = psnr(test_faces.clean, restored).mean()
    assert measured == pytest.approx(
        metrics["parts"]["test"]["methods"]["model"]["psnr"]["mean"], abs=0.01
    )
    assert measured > 29.16  # FFDNet, which saw thousands of photographs


def test_tensorboard_events_are_small():
    events = list((RELEASED / "runs").rglob("events*"))
    assert events
    assert sum(path.stat().st_size for path in events) < 300_000


LOAD = """
import sys, keras, numpy
model = keras.saving.load_model(sys.argv[1])
noisy = numpy.random.default_rng(0).random((2, 64, 64, model.input_shape[-1]), dtype="float32")
numpy.save(sys.argv[2], model.predict(noisy, verbose=0))
print(keras.backend.backend(), "olivetti_denoiser" in sys.modules)
"""


@pytest.mark.slow
@pytest.mark.parametrize("place", ["", "colour"])
def test_keras_alone_opens_the_folders_on_every_backend_that_trains(tmp_path, place):
    """In an empty folder and in isolated mode, so that none of our code can be imported."""
    predictions = {}
    for backend in ("tensorflow", "jax"):
        path = tmp_path / f"{backend}.npy"
        done = subprocess.run(
            [sys.executable, "-I", "-c", LOAD, str(RELEASED / place), str(path)],
            env=os.environ | {"KERAS_BACKEND": backend},
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.split() == [backend, "False"]
        predictions[backend] = np.load(path)
    assert np.abs(predictions["tensorflow"] - predictions["jax"]).max() < 1e-5


def _numbers(tree):
    if isinstance(tree, dict):
        return [number for value in tree.values() for number in _numbers(value)]
    if isinstance(tree, list):
        return [number for value in tree for number in _numbers(value)]
    return [tree] if isinstance(tree, (int, float)) else []


def _checksum():
    from olivetti_denoiser.data.faces import SPLIT_CHECKSUM

    return SPLIT_CHECKSUM
