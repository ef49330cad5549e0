"""Drawn pictures: the same everywhere, and a network that fails on one of them is seen."""

from __future__ import annotations

import json

import numpy as np

from olivetti_denoiser.cli.main import main
from olivetti_denoiser.data.drawn_pictures import KINDS, SIDE, draw_pictures
from olivetti_denoiser.evaluate.drawn import measure_drawn


def test_a_picture_depends_on_its_kind_the_seed_and_its_number_alone():
    for kind in KINDS:
        few, more, other = (draw_pictures(kind, *of) for of in ((2,), (4,), (2, 1)))
        assert {image.shape for image in more.clean} == {(SIDE, SIDE, 3)}
        np.testing.assert_array_equal(few.noisy, more.noisy[:2])
        assert not np.array_equal(few.clean, other.clean)


def test_failures_are_counted_and_the_worst_of_them_shown():
    def restore(noisy):
        restored = noisy.copy()
        restored[2] = 1 - noisy[2]
        return restored

    found = measure_drawn(restore, count=4)
    for kind in found.values():
        assert (kind["count"], kind["worse"]) == (4, 1)
        assert kind["least_gain"] < -15
        np.testing.assert_allclose(kind["mean_gain"], kind["least_gain"] / 4)


def test_the_command_measures_every_kind(capsys):
    assert main(["evaluate", "--drawn", "3", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["drawn"]
    assert set(found) == set(KINDS) and {kind["count"] for kind in found.values()} == {3}
    assert main(["evaluate", "--drawn", "1"]) == 0
    assert "worse than noisy" in capsys.readouterr().out
