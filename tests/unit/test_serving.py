"""Which networks serve, and how visitors are told: built-in, published, one of each."""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path

import pytest

from checkout import MODEL
from olivetti_denoiser import hub
from page.serving import load_networks

COMMIT = "1a2b3c4d5e6f"
GRAY = r"30\.17 dB on the test faces"
COLOUR = r"\d\d\.\d\d dB on the colour pictures of scikit-image at σ = 25/255"
MODEL_ID = {"MODEL_ID": "ada/olivetti"}
FOLDERS = {"gray": MODEL, "colour": MODEL / "colour"}


@pytest.fixture
def published(tmp_path, monkeypatch):
    """An empty repository, as a folder that is what the Hub delivers."""
    folder = tmp_path / COMMIT
    folder.mkdir()
    monkeypatch.setattr(hub, "download", lambda *patterns, **options: folder)
    return folder


def put(source: Path, folder: Path) -> None:
    """Put the files of one network into a folder, not all bytes those of the built-in one."""
    shutil.copytree(source / "onnx", folder / "onnx")
    shutil.copy(source / "metrics.json", folder)
    with (folder / "onnx" / "restorer.onnx").open("ab") as file:
        file.write(b"\x72\x00")  # an empty entry of metadata


def test_without_a_repository_the_built_in_networks_serve():
    served = load_networks({}, MODEL, 5)
    assert re.fullmatch(f"the built-in networks, {GRAY}", served.words)
    assert (served.repository, served.gray.folder) == (None, MODEL)


@pytest.mark.parametrize(
    ("holds", "words"),
    [
        ({"": "gray", "colour": "colour"}, GRAY),
        ({"": "gray"}, f"{GRAY}, with the built-in network for colour"),
        ({"": "colour"}, f"{COLOUR}, with the built-in gray network"),
    ],
)
def test_a_built_in_network_joins_the_one_of_a_repository(published, holds, words):
    for place, name in holds.items():
        put(FOLDERS[name], published / place)
    served = load_networks(MODEL_ID, MODEL, 5)
    assert re.fullmatch(f"ada/olivetti at {COMMIT[:7]}, {words}", served.words)
    assert served.denoiser.networks.keys() == {"gray", "colour"}
    for name, folder in FOLDERS.items():
        built_in = (folder / "onnx/restorer.onnx").read_bytes()
        assert (served.denoiser.networks[name].files[1] == built_in) == (name not in holds.values())
    assert served.gray.folder == (published if "gray" in holds.values() else MODEL)


def test_a_repository_without_metrics_serves_without_them(published):
    put(MODEL, published)
    (published / "metrics.json").unlink()
    served = load_networks(MODEL_ID, MODEL, 5)
    assert served.words == f"ada/olivetti at {COMMIT[:7]}, with the built-in network for colour"
    assert served.gray is None


def test_a_damaged_release_is_told_in_words_without_paths(published):
    put(MODEL, published)
    (published / "onnx" / "restorer.onnx").write_bytes(b"damaged")
    served = load_networks(MODEL_ID, MODEL, 5)
    expected = f"the built-in networks, {GRAY} \\(ada/olivetti does not load: .+\\)"
    assert re.fullmatch(expected, served.words)
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
    assert words in served.words and served.denoiser.networks
