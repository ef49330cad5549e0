"""The summary of a retraining: true of its metrics, patient with what is missing."""

from __future__ import annotations

import re

import pytest

from network_folders import make_release
from olivetti_denoiser.publish.summary import summary


def row_of(text, name):
    row = re.search(rf"^\| {re.escape(name)} +\|(.*)\|$", text, re.M)
    return [cell.strip() for cell in row[1].split("|")]


@pytest.mark.parametrize(
    ("psnr", "word", "row"),
    [
        (29.5, "better than", ["29.5", "29", "+0.5"]),
        (28.5, "worse than", ["28.5", "29", "-0.5"]),
        (29.0004, "as good as", ["29", "29", "+0.0004"]),
    ],
)
def test_the_verdict_and_the_difference_follow_the_metrics(tmp_path, psnr, word, row):
    old = make_release(tmp_path / "old", "gray", psnr=29.0)
    text = summary(make_release(tmp_path / "new", "gray", psnr=psnr), [str(old)])
    assert f"It is **{word}** the released model, 29.000 dB (`{old}`)" in text
    assert row_of(text, "Test faces, PSNR") == row
    assert row_of(text, "Test faces, MSE")[2] == "+0"


def test_what_cannot_be_compared_with_is_named_and_the_next_taken(tmp_path):
    new = make_release(tmp_path / "new", "gray", psnr=29.1)
    reasons = {
        tmp_path / "nowhere": "OWNER/NAME",
        make_release(tmp_path / "other", "gray", checksum="1" * 64): "are of other pictures",
        make_release(tmp_path / "colour", "colour"): "it holds no gray network",
    }
    places = [str(place) for place in reasons]
    text = summary(new, [*places, str(make_release(tmp_path / "old", psnr=29.0))])
    for place, reason in reasons.items():
        assert re.search(f"Not compared with `{place}`: .*{reason}", text)
    assert "**better than**" in text
    alone = summary(new, places)
    assert "There is no released model to compare with." in alone
    assert row_of(alone, "Test faces, MSE")[1:] == ["–", "–"]


def test_a_network_for_colour_is_compared_with_the_one_inside_the_release(tmp_path):
    """By its own pictures, whether the release or the network alone is named."""
    release = make_release(tmp_path / "release", psnr=30.0)
    new = make_release(tmp_path / "new", "colour", psnr=30.5)
    for place in (release, release / "colour"):
        text = summary(new, [str(place)])
        assert "**better than** the released model, 30.000 dB" in text
        row = row_of(text, "scikit-image, σ = 25/255, PSNR")
        assert row == ["30.5", "30", "+0.5"]
