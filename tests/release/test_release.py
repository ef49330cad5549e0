"""What is released: its cards, its figures, its weights, and the examples of the pages."""

from __future__ import annotations

import dataclasses
import hashlib
import re

import pytest

from checkout import EXAMPLES, MODEL
from olivetti_denoiser import Denoiser
from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.data.faces import SPLIT_CHECKSUM
from olivetti_denoiser.metrics import psnr
from olivetti_denoiser.publish.card import render_card
from olivetti_denoiser.release import read_metrics

WEIGHTS = {
    "": "5b5bf0d8136596bf67d32e1e8dd5ced260f584ca960705821fad0512172c1359",
    "colour": "13ce88eb6dffd89d78816cb28f0ed4b665b8714d206107f211af5ef9c2a9d7ab",
}


@pytest.mark.smoke
@pytest.mark.parametrize("place", ["", "colour"])
def test_the_card_is_what_the_template_gives(place):
    """So every figure on it is one of `metrics.json`. `python -m …publish.card` writes it anew."""
    card = (MODEL / place / "README.md").read_text(encoding="utf-8")
    assert card == render_card(MODEL / place)
    # A blank line between rows: Markdown shows them as text.
    assert not re.search(r"^\|.*\n\n\|", card, re.M)


@pytest.mark.smoke
@pytest.mark.parametrize("place", WEIGHTS)
def test_the_weights_are_those_that_were_measured(place):
    content = (MODEL / place / "model.weights.h5").read_bytes()
    assert hashlib.sha256(content).hexdigest() == WEIGHTS[place]


@pytest.mark.smoke
def test_the_figures_are_those_of_the_weights(test_faces):
    metrics = read_metrics(MODEL)
    restored = Denoiser.from_pretrained(MODEL)(test_faces.noisy)
    measured = psnr(test_faces.clean, restored).mean()
    released = metrics["parts"]["test"]["methods"]["model"]["psnr"]["mean"]
    assert measured == pytest.approx(released, abs=0.01)
    assert measured > 29.16  # FFDNet, which saw thousands of photographs
    assert metrics["split_checksum"] == SPLIT_CHECKSUM


@pytest.mark.parametrize(
    ("name", "network"),
    [("1_photograph", "colour"), ("2_old_print", "gray"), ("3_scan", "gray")],
)
def test_an_example_of_clean_up_loses_its_noise_to_its_network(name, network):
    denoiser = Denoiser.from_pretrained(MODEL)
    result = denoiser.restore(EXAMPLES / f"noisy_{name}.png")
    assert result.network == network
    assert denoiser.restore(result.image, network=network).sigma < result.sigma / 2


def test_it_was_made_with_the_defaults_and_its_events_are_small():
    config = TrainingConfig.from_json(MODEL / "training_config.json")
    assert dataclasses.replace(config, seed=0) == TrainingConfig()
    events = list((MODEL / "runs").rglob("events*"))
    assert 0 < sum(path.stat().st_size for path in events) < 300_000
