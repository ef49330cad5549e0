"""A release: its metrics have the declared form, and the gate finds its own score."""

from __future__ import annotations

import copy
import shutil

import pytest

from checkout import ROOT
from olivetti_denoiser.release import (
    STANDING_SET,
    Metrics,
    gate_score,
    networks_of,
    read_metrics,
    rows,
    write_metrics,
)

RELEASED = ROOT / "model_card"


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
    write_metrics(tmp_path, read_metrics(RELEASED))
    assert (tmp_path / "metrics.json").read_bytes() == (RELEASED / "metrics.json").read_bytes()


@pytest.mark.parametrize("text", [None, "{", '{"splits": {}}'])
def test_what_is_no_metrics_is_refused(tmp_path, text):
    if text is not None:
        (tmp_path / "metrics.json").write_text(text)
    with pytest.raises(ValueError, match=r"no metrics can be read: .*Received: .*metrics\.json"):
        read_metrics(tmp_path)


def test_two_networks_for_colour_are_no_release(tmp_path):
    for folder in (tmp_path, tmp_path / "colour"):
        folder.mkdir(exist_ok=True)
        shutil.copy(RELEASED / "colour" / "metrics.json", folder)
    with pytest.raises(ValueError, match="a colour and a colour one"):
        networks_of(tmp_path)


def test_each_network_is_judged_by_the_pictures_that_every_machine_has():
    metrics, in_colour = read_metrics(RELEASED), read_metrics(RELEASED / "colour")
    gray, colour = gate_score(metrics), gate_score(in_colour)
    assert gray.psnr == metrics["parts"]["test"]["methods"]["model"]["psnr"]["mean"]
    assert (gray.pictures, gray.checksum) == ("the test faces", metrics["split_checksum"])
    measured = in_colour["colour"][STANDING_SET]
    assert colour.psnr == measured["psnr"]["methods"]["model"]["25"]
    assert STANDING_SET in colour.pictures and "25/255" in colour.pictures
    assert gate_score({"planes": 3, "parts": {}}) is gate_score({"parts": {}}) is None
    assert not colour.compares_with(gray)
    for checksum, compares in (("b" * 64, False), (None, True)):
        other = copy.deepcopy(in_colour)
        other["colour"][STANDING_SET]["checksum"] = checksum
        assert colour.compares_with(gate_score(other)) == compares
