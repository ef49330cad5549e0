"""Which networks serve, and how visitors are told: built-in, published, one of each."""

from __future__ import annotations

import json
import re
import shutil
import sys
import time
from pathlib import Path

import pytest

from olivetti_denoiser import hub
from page.serving import load_networks
from page_server import MODEL

COMMIT = "1a2b3c4d5e6f"
GRAY = r"30\.17 dB on the test faces"
COLOUR = r"\d\d\.\d\d dB on the colour pictures of scikit-image at σ = 25/255"
MODEL_ID = {"MODEL_ID": "ada/olivetti"}


@pytest.fixture
def published(tmp_path, monkeypatch):
    """An empty repository, as a folder that is what the Hub delivers."""
    folder = tmp_path / COMMIT
    folder.mkdir()
    monkeypatch.setattr(hub, "download", lambda *patterns, **options: folder)
    return folder


def put(source: Path, folder: Path) -> None:
    """Puts the files of one network into a folder."""
    shutil.copytree(source / "onnx", folder / "onnx")
    shutil.copy(source / "metrics.json", folder)


def same_weights(served, name, folder):
    return served.denoiser.networks[name].files[1] == (folder / "onnx/restorer.onnx").read_bytes()


def test_without_a_repository_the_built_in_networks_serve():
    served = load_networks({}, MODEL, 5)
    assert re.fullmatch(f"the built-in networks, {GRAY}", served.words)
    assert list(served.denoiser.networks) == ["gray", "colour"]
    assert (served.repository, served.folder) == (None, MODEL)


@pytest.mark.parametrize(
    ("holds", "words"),
    [
        ({"": "gray", "colour": "colour"}, GRAY),
        ({"": "gray"}, f"{GRAY}, with the built-in network for colour"),
        ({"": "colour"}, f"{COLOUR}, with the built-in gray network"),
    ],
)
def test_a_built_in_network_joins_the_one_of_a_repository(published, holds, words):
    places = {"gray": MODEL, "colour": MODEL / "colour"}
    for place, name in holds.items():
        put(places[name], published / place)
        # Other bytes than the built-in network's: one that is told apart from it.
        with (published / place / "onnx" / "restorer.onnx").open("ab") as file:
            file.write(b"\x72\x00")  # an empty entry of metadata
    served = load_networks(MODEL_ID, MODEL, 5)
    assert re.fullmatch(f"ada/olivetti at {COMMIT[:7]}, {words}", served.words)
    assert served.denoiser.networks.keys() == {"gray", "colour"}
    for name, folder in places.items():
        assert same_weights(served, name, folder) == (name not in holds.values())
    assert served.folder == (published if "gray" in holds.values() else MODEL)


def test_a_repository_without_figures_serves_without_them(published):
    shutil.copytree(MODEL / "onnx", published / "onnx")
    served = load_networks(MODEL_ID, MODEL, 5)
    assert served.words == f"ada/olivetti at {COMMIT[:7]}, with the built-in network for colour"


def test_what_does_not_serve_is_told_in_words_without_paths(published):
    (published / "config.json").write_text("{}")  # an old repository, for Keras alone
    served = load_networks(MODEL_ID, MODEL, 5)
    assert "publishing its networks again writes it" in served.words
    put(MODEL, published)
    (published / "onnx" / "restorer.onnx").write_bytes(b"damaged")
    served = load_networks(MODEL_ID, MODEL, 5)
    assert re.match(
        f"the built-in networks, {GRAY} \\(ada/olivetti does not load: .+\\)", served.words
    )
    assert str(published) not in served.words


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (lambda: time.sleep(9), "the Hub did not deliver ada/olivetti within 0.2 s"),
        (lambda: 1 / 0, "division by zero"),  # a fault of ours or of the client
    ],
)
def test_whatever_the_hub_does_the_page_starts(monkeypatch, fault, words):
    monkeypatch.setattr(hub, "download", lambda *patterns, **options: fault())
    served = load_networks(MODEL_ID, MODEL, 0.2)
    assert words in served.words
    assert list(served.denoiser.networks) == ["gray", "colour"]


def test_the_variable_of_an_older_space_is_told_and_not_read(capsys):
    load_networks({"COLOUR_MODEL_ID": "ada/colour"}, MODEL, 5)
    assert "COLOUR_MODEL_ID is not read any more" in capsys.readouterr().out


def test_the_benchmark_of_the_page_measures_each_of_its_parts():
    sys.path.append(str(Path(__file__).resolve().parents[1] / "benchmarks"))
    from benchmark_page import PARTS, run

    parts = dict(json.loads(run("-c", PARTS, MODEL).splitlines()[-1]))
    assert {"import the page", "load the networks", "launch"} <= parts.keys()
    assert all(seconds > 0 for seconds in parts.values())
