"""The form of the figures: what is released has it, and the gate finds its own figure."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from olivetti_denoiser.release import (
    STANDING_SET,
    Metrics,
    gate_score,
    read_metrics,
    rows,
    write_metrics,
)

RELEASED = Path(__file__).resolve().parents[2] / "model_card"


def in_colour(psnr=30.0, checksum="a" * 64) -> dict:
    """Figures of a colour model, as far as a gate looks at them."""
    levels = {"noisy": {"25": 20.5}, "model": {"25": psnr}}
    figures = {"count": 6, "checksum": checksum, "psnr": {"methods": levels, "variants": {}}}
    return {"planes": 3, "parts": {}, "colour": {STANDING_SET: figures}}


def test_the_released_figures_have_the_declared_form():
    hints = Metrics.__annotations__
    for folder in (RELEASED / "colour", RELEASED):
        metrics = read_metrics(folder)
        assert metrics.keys() <= hints.keys()
        needed = {name for name, hint in hints.items() if "NotRequired" not in str(hint)}
        assert metrics.keys() >= needed
    results = [metrics["seconds"], metrics["sigmas"], *metrics["parts"].values()]
    for result in results:
        assert "model" in result["methods"] and result["variants"].keys() >= {"sigma given"}
        assert not [name for name in result["methods"] if name.startswith("model,")]
    assert set(metrics["published"]) <= metrics["parts"]["test"]["methods"].keys()
    assert metrics["parts"]["photographs"]["name"] == "BSD68"


def test_tables_name_the_variants_after_the_model():
    released = rows(read_metrics(RELEASED)["parts"]["test"])
    assert list(released)[:4] == [
        "noisy", "model", "model, sigma given", "model, without mirror",
    ]  # fmt: skip


def test_what_is_written_is_read(tmp_path):
    metrics = read_metrics(RELEASED)
    write_metrics(tmp_path, metrics)
    assert read_metrics(tmp_path) == metrics
    assert (tmp_path / "metrics.json").read_bytes() == (RELEASED / "metrics.json").read_bytes()


@pytest.mark.parametrize("text", [None, "", "{", "[]", "{}", '{"splits": {}}'])
def test_what_is_no_figures_is_refused(tmp_path, text):
    if text is not None:
        (tmp_path / "metrics.json").write_text(text)
    with pytest.raises(ValueError, match=r"no figures can be read: .*Received: .*metrics\.json"):
        read_metrics(tmp_path)


def test_a_gray_model_is_judged_by_the_test_faces():
    metrics = read_metrics(RELEASED)
    figure = gate_score(metrics)
    assert figure.psnr == metrics["parts"]["test"]["methods"]["model"]["psnr"]["mean"]
    assert (figure.pictures, figure.checksum) == ("the test faces", metrics["split_checksum"])


def test_a_colour_model_is_judged_by_the_pictures_that_every_machine_has():
    figure = gate_score(in_colour(30.25))
    assert (figure.psnr, figure.noisy) == (30.25, 20.5)
    assert STANDING_SET in figure.pictures and "25/255" in figure.pictures
    assert gate_score(json.loads('{"planes": 3, "parts": {}}')) is None
    assert gate_score({"planes": 1, "parts": {}}) is None


def test_only_figures_of_the_same_pictures_compare():
    gray, colour = gate_score(read_metrics(RELEASED)), gate_score(in_colour())
    assert colour.compares_with(gate_score(in_colour(29.0)))
    assert not colour.compares_with(gray) and not gray.compares_with(colour)
    assert not colour.compares_with(gate_score(in_colour(checksum="b" * 64)))
    assert colour.compares_with(gate_score(in_colour(checksum=None)))
