"""Measuring: one loop over methods, on faces, on colour photographs and on real noisy pictures."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from olivetti_denoiser.bundled import bundled
from olivetti_denoiser.data.faces import Faces, as_arrays, split_checksum, split_name
from olivetti_denoiser.data.test_sets import PictureSet, noisy_versions, standing_set
from olivetti_denoiser.denoiser import Denoiser
from olivetti_denoiser.evaluate.colour_comparison import AS_THEY_ARE, cut, draw_photographs
from olivetti_denoiser.evaluate.measure import (
    evaluate,
    measure,
    noisy_faces,
    warning,
)
from olivetti_denoiser.evaluate.measure_colour import evaluate_colour, mean_psnr
from olivetti_denoiser.evaluate.tables import table
from olivetti_denoiser.release import gate_score, read_metrics, rows


class Darker:
    """A denoiser that takes something off every pixel; with the mirror image, twice that."""

    def __init__(self, channels):
        self.networks = {"it": SimpleNamespace(channels=channels, mirror=True, parameters=7)}

    def __call__(self, noisy, sigma=0.01, mirror=True):
        return noisy - np.float32(sigma * (1 + mirror))

    def estimate_sigma(self, picture):
        return 0.1


def half(noisy, sigma):
    """A published denoiser that answers in gray."""
    return np.full_like(noisy, 0.5)


@pytest.fixture(scope="module")
def few(some_faces):
    """A few faces of each part, so that the whole evaluation takes a second."""
    from datasets import DatasetDict

    return DatasetDict({name: part.select(range(4)) for name, part in some_faces.items()})


@pytest.fixture(scope="module")
def metrics(few):
    outside = Faces(*(np.zeros((3, 64, 64, 1), np.float32),) * 2, np.arange(3), np.arange(3))
    photographs = PictureSet("BSD2", *(part[:2] for part in outside[:2]))
    return evaluate(Darker(1), few, outside, published={"half": half}, photographs=photographs)


def test_every_method_and_variant_is_measured_on_every_part(metrics, few):
    parts = metrics["parts"]
    assert [part["count"] for part in parts.values()] == [4, 4, 3, 2]
    methods = ["noisy", "model", "Gaussian filter", "Median filter", "Non-local means",
               "Total variation"]  # fmt: skip
    for name, part in parts.items():
        published = ["half"] if name in ("test", "photographs") else []
        assert list(part["methods"]) == methods + published
        assert list(part["variants"]) == ["sigma given", "without mirror"]
    assert parts["photographs"]["name"] == "BSD2" and metrics["published"] == ["half"]
    at_zero = {name: row["0"] for name, row in rows(metrics["sigmas"]).items()}
    assert at_zero["noisy"] == at_zero["Total variation"] == at_zero["model, sigma given"] == 100
    assert at_zero["model"] < at_zero["model, without mirror"] < 100
    by_sigma = metrics["sigmas"]["methods"]
    assert by_sigma["Total variation"]["0.1"] > by_sigma["noisy"]["0.1"] + 5
    test = parts["test"]["methods"]["model"]["psnr"]["mean"]
    assert by_sigma["model"]["0.1"] == pytest.approx(test)
    assert np.mean([face["psnr"] for face in metrics["faces"]]) == pytest.approx(test)
    strength = np.std(noisy_faces(as_arrays(few["test"]), 0.05) - as_arrays(few["test"]).clean)
    assert strength == pytest.approx(0.05, rel=0.05)
    assert metrics["split_checksum"] == split_checksum(few)
    assert {"python", "onnxruntime", "numpy"} <= metrics["versions"].keys()
    json.dumps(metrics)


def test_the_tables_show_every_method_its_time_and_every_part(metrics):
    text = table(metrics)
    assert "Photographs of BSD2 (2), 64×64, sigma 0.1" in text and "∞" in text
    first = [line.split("|")[1:-1] for line in text.split("\n\n")[1].splitlines()]
    times = {cells[0].strip(): cells[-1].strip() for cells in first[2:]}
    assert times.pop("noisy") == "–"
    taken = rows(metrics["seconds"])
    assert times == {name: f"{1000 * took:.2f}" for name, took in taken.items()}


def test_the_released_networks_score_what_their_metrics_say(test_faces):
    folder = bundled("model_card")
    denoiser = Denoiser.from_pretrained(folder)
    stands = read_metrics(folder)["parts"]["test"]["methods"]
    restored = denoiser(test_faces.noisy, network="gray")
    for name, pictures in (("noisy", test_faces.noisy), ("model", restored)):
        for measured, interval in measure(test_faces.clean, pictures).items():
            assert interval == pytest.approx(stands[name][measured], rel=2e-4), name
    standing = standing_set()
    noisy = noisy_versions(standing.clean, 25 / 255)
    restored = [denoiser(picture) for picture in noisy]  # by the network that it chooses
    gate = gate_score(read_metrics(folder / "colour"))
    assert mean_psnr(standing.clean, noisy) == pytest.approx(gate.noisy, abs=0.005)
    assert mean_psnr(standing.clean, restored) == pytest.approx(gate.psnr, abs=0.005)


def test_colour_is_measured_at_every_sigma_and_on_pairs():
    y, x = np.mgrid[:40, :40] / 40
    scene = np.rint(127 + 90 * np.stack([np.sin(3 * x), np.cos(2 * y), x * y], -1))
    images = [scene.astype(np.uint8), scene[:24].astype(np.uint8)]
    waves, pairs = PictureSet("waves", images), PictureSet("real", images, images, crop=None)
    found = evaluate_colour(Darker(3), [waves, pairs], published={"half": half})
    metrics = found["colour"]["waves"]
    assert (metrics["count"], metrics["checksum"]) == (2, waves.checksum)
    assert waves.checksum != waves._replace(clean=images[::-1]).checksum
    levels = metrics["psnr"]["methods"]
    assert list(levels) == ["noisy", "model", "Non-local means", "half"]
    assert list(levels["noisy"]) == ["0", "10", "25", "50"]
    assert levels["noisy"]["0"] == 100 and 19 < levels["noisy"]["25"] < 22
    assert levels["Non-local means"]["25"] > levels["noisy"]["25"] + 3
    assert metrics["psnr"]["variants"]["sigma given"]["0"] == 100
    assert all(seconds > 0 for seconds in rows(metrics["seconds"]).values())
    scores = found["pairs"]["real"]["psnr"]["methods"]
    assert scores["noisy"] == 100 and scores["model"] == pytest.approx(34, abs=0.3)
    assert "half (σ = 15/255)" in scores
    assert "| half (σ = 5/255)" in table(found)


def test_a_model_of_another_split_is_warned_of(some_faces, tmp_path):
    assert warning(tmp_path, some_faces) == ""  # nothing is known of it
    known = split_name(split_checksum(some_faces))  # of drawn faces None
    for name, warned in ((known, False), ("other", True)):
        (tmp_path / "metrics.json").write_text(json.dumps({"split": name, "parts": {}}))
        line = "Mind that the model was trained on the other split and may know these test faces.\n"
        assert warning(tmp_path, some_faces) == (line if warned else "")


def test_photographs_are_shown_pixel_for_pixel_before_and_after(tmp_path):
    class Negative(Darker):
        def __call__(self, picture):
            return 255 - picture

    draw_photographs(Negative(3), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"comparison.png", "real_photographs.png"}
    with Image.open(tmp_path / "real_photographs.png") as image:
        drawn = np.asarray(image.convert("RGB")).astype(int)
    stars = cut(AS_THEY_ARE)[0].astype(int)
    for top, expected in ((62, stars), (272, 255 - stars)):
        shown = drawn[top : top + 176, 178 : 178 + 176]
        assert np.abs(shown - expected).mean() < 6  # of 256 colours that the file keeps
