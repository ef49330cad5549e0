"""A release: its metrics have the declared form, and the gate finds its own score."""

from __future__ import annotations

from pathlib import Path

import pytest

from olivetti_denoiser.release import (
    STANDING_SET,
    Metrics,
    gate_score,
    networks_of,
    read_metrics,
    rows,
    write_metrics,
)

RELEASED = Path(__file__).resolve().parents[2] / "model_card"


def in_colour(psnr=30.0, checksum="a" * 64) -> dict:
    """Return metrics of a colour model, as far as a gate looks at them."""
    levels = {"noisy": {"25": 20.5}, "model": {"25": psnr}}
    found = {"count": 6, "checksum": checksum, "psnr": {"methods": levels, "variants": {}}}
    return {"planes": 3, "parts": {}, "colour": {STANDING_SET: found}}


def test_the_released_metrics_have_the_declared_form():
    hints = Metrics.__annotations__
    needed = {name for name, hint in hints.items() if "NotRequired" not in str(hint)}
    networks = networks_of(RELEASED)
    assert list(networks) == ["gray", "colour"]
    for _, metrics in networks.values():
        assert needed <= metrics.keys() <= hints.keys()
    metrics = networks["gray"].metrics
    for result in (metrics["seconds"], metrics["sigmas"], *metrics["parts"].values()):
        assert "model" in result["methods"] and result["variants"].keys() >= {"sigma given"}
    assert list(rows(metrics["parts"]["test"]))[:4] == [
        "noisy", "model", "model, sigma given", "model, without mirror",
    ]  # fmt: skip


def test_what_is_written_is_read(tmp_path):
    metrics = read_metrics(RELEASED)
    write_metrics(tmp_path, metrics)
    assert read_metrics(tmp_path) == metrics
    assert (tmp_path / "metrics.json").read_bytes() == (RELEASED / "metrics.json").read_bytes()


@pytest.mark.parametrize("text", [None, "{", "[]", '{"splits": {}}'])
def test_what_is_no_metrics_is_refused(tmp_path, text):
    if text is not None:
        (tmp_path / "metrics.json").write_text(text)
    with pytest.raises(ValueError, match=r"no metrics can be read: .*Received: .*metrics\.json"):
        read_metrics(tmp_path)


def test_each_network_is_judged_by_the_pictures_that_every_machine_has():
    metrics = read_metrics(RELEASED)
    gray, colour = gate_score(metrics), gate_score(in_colour(30.25))
    assert gray.psnr == metrics["parts"]["test"]["methods"]["model"]["psnr"]["mean"]
    assert (gray.pictures, gray.checksum) == ("the test faces", metrics["split_checksum"])
    assert (colour.psnr, colour.noisy) == (30.25, 20.5)
    assert STANDING_SET in colour.pictures and "25/255" in colour.pictures
    assert gate_score({"planes": 3, "parts": {}}) is gate_score({"parts": {}}) is None


def test_only_scores_on_the_same_pictures_compare():
    gray, colour = gate_score(read_metrics(RELEASED)), gate_score(in_colour())
    assert colour.compares_with(gate_score(in_colour(29.0)))
    assert not colour.compares_with(gray) and not gray.compares_with(colour)
    assert not colour.compares_with(gate_score(in_colour(checksum="b" * 64)))
    assert colour.compares_with(gate_score(in_colour(checksum=None)))
