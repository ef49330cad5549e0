"""The metrics table: figures from the bytes, intervals, levels, and the table as text."""

from __future__ import annotations

import numpy as np
import pytest

from olivetti_denoiser.data.faces import Faces


@pytest.fixture(scope="module")
def few(faces):
    """A few faces of each part, so that the whole evaluation takes seconds."""
    from datasets import DatasetDict

    return DatasetDict({name: part.select(range(4)) for name, part in faces.items()})


@pytest.fixture(scope="module")
def metrics(few):
    from olivetti_denoiser.data.test_images import Photographs
    from olivetti_denoiser.denoiser import Denoiser
    from olivetti_denoiser.evaluate.measure import evaluate
    from olivetti_denoiser.network.export import to_network
    from olivetti_denoiser.network.unet import residual_unet

    outside = Faces(*(np.zeros((3, 64, 64, 1), np.float32),) * 2, np.arange(3), np.arange(3))
    published = {"half": lambda noisy, sigma: np.full_like(noisy, 0.5)}
    denoiser = Denoiser(to_network(residual_unet((4, 8), (1, 1))))
    photographs = Photographs("BSD2", *(part[:2] for part in outside[:2]))
    return evaluate(denoiser, few, outside, published=published, photographs=photographs)


def test_an_untrained_network_scores_as_its_input_does(metrics):
    for part in ("train", "test"):
        noisy = metrics["parts"][part]["methods"]["noisy"]
        assert metrics["parts"][part]["methods"]["model"] == noisy
        assert metrics["parts"][part]["variants"]["sigma given"] == noisy
    curves = metrics["sigmas"]["methods"]
    assert curves["model"] == curves["noisy"]


def test_the_noisy_row_on_the_whole_test_part(test_faces):
    from olivetti_denoiser.evaluate.measure import measure

    row = measure(test_faces.clean, test_faces.noisy)
    assert round(row["mse"]["mean"], 4) == 0.0099
    assert round(row["psnr"]["mean"], 2) == 20.03
    assert round(row["ssim"]["mean"], 3) == 0.472


def test_published_denoisers_are_measured_on_the_test_part_and_the_photographs_alone(metrics):
    measured = {name for name, part in metrics["parts"].items() if "half" in part["methods"]}
    assert measured == {"test", "photographs"}
    assert metrics["published"] == ["half"]
    assert metrics["seconds"]["methods"]["half"] > 0
    assert len(metrics["sigmas"]["methods"]["half"]) == 7


def test_intervals_hold_their_mean_and_narrow_with_more_pictures():
    from olivetti_denoiser.evaluate.measure import measure

    rng = np.random.default_rng(0)
    clean = rng.random((64, 16, 16, 1))
    other = np.clip(
        clean + rng.uniform(0.02, 0.2, (64, 1, 1, 1)) * rng.standard_normal(clean.shape), 0, 1
    )
    many, few = measure(clean, other), measure(clean[:8], other[:8])
    for rows in (many, few):
        for row in rows.values():
            assert row["low"] < row["mean"] < row["high"]
    assert many["psnr"]["high"] - many["psnr"]["low"] < few["psnr"]["high"] - few["psnr"]["low"]


def test_classical_methods_beat_the_input_and_keep_it_at_sigma_zero(metrics):
    for method in ("Gaussian filter", "Non-local means", "Total variation"):
        curves = metrics["sigmas"]["methods"]
        assert curves[method]["0.1"] > curves["noisy"]["0.1"] + 5
        assert curves[method]["0"] > 99


def test_levels_of_noise_are_what_they_say(test_faces):
    from olivetti_denoiser.evaluate.measure import noisy_faces

    for sigma in (0.02, 0.05):
        noisy = noisy_faces(test_faces, sigma)
        assert (noisy - test_faces.clean).std() == pytest.approx(sigma, rel=0.05)
        np.testing.assert_array_equal(noisy, noisy_faces(test_faces, sigma))
    np.testing.assert_array_equal(noisy_faces(test_faces, 0.1), test_faces.noisy)


def test_the_record_says_what_it_was_made_with(metrics, few):
    from olivetti_denoiser.data.faces import split_checksum

    assert metrics["split_checksum"] == split_checksum(few)
    assert {"python", "keras", "numpy"} <= metrics["versions"].keys()
    assert len(metrics["faces"]) == 4
    assert metrics["parameters"] > 0


def test_photographs_are_a_part_with_the_name_of_their_folder(metrics):
    part = metrics["parts"]["photographs"]
    assert (part["name"], part["count"]) == ("BSD2", 2)
    assert part["methods"].keys() >= {"noisy", "model", "Total variation"}


def test_the_table_shows_the_time_of_every_method_but_the_input(metrics):
    from olivetti_denoiser.evaluate.tables import table
    from olivetti_denoiser.release import rows

    text = table(metrics)
    assert "Photographs of BSD2 (2), 64×64, sigma 0.1" in text
    first = text.split("\n\n")[1].splitlines()
    times = {line.split("|")[1].strip(): line.split("|")[-2].strip() for line in first[2:]}
    assert times.pop("noisy") == "–"
    taken = rows(metrics["seconds"])
    assert times == {name: f"{1000 * took:.2f}" for name, took in taken.items()}


def test_a_methods_time_is_the_best_of_three_and_a_long_one_is_run_once():
    import time

    from olivetti_denoiser.evaluate.measure import fastest

    for pauses in ([0.1, 0.02, 0.1], [1.1]):
        own = []

        def restore(noisy, sigma, own=own, pauses=pauses):
            started = time.perf_counter()
            time.sleep(pauses[len(own)])
            own.append(time.perf_counter() - started)

        took = fastest(restore, np.zeros((1, 8, 8, 1)))
        assert len(own) == len(pauses)
        assert min(own) <= took < sorted(own)[len(own) // 2] + 0.01


def test_a_model_of_another_split_is_warned_of(faces, tmp_path):
    import json

    from olivetti_denoiser.data.faces import load_split
    from olivetti_denoiser.evaluate.measure import warning

    by_people = load_split("subjects")
    known = len(set(by_people["test"]["face_id"]) & set(faces["train"]["face_id"]))
    assert warning(tmp_path, by_people) == ""  # nothing is known of it
    for name, split, count in (
        ("reference", by_people, known), ("reference", faces, None),
        ("subjects", by_people, None), (None, faces, None),
    ):  # fmt: skip
        (tmp_path / "metrics.json").write_text(json.dumps({"split": name, "parts": {}}))
        line = warning(tmp_path, split)
        assert (f"with {count} of these 20 test faces" in line) if count else line == ""


def test_the_table_shows_every_method(metrics):
    from olivetti_denoiser.evaluate.tables import table

    text = " ".join(table(metrics).split())
    for method in ("noisy", "model", "Total variation", "half"):
        assert f"| {method} | " in text
    assert "∞" in text
