"""The static Space's networks: from the Hub or its own, kept, old, joined, broken and missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from browser_visit import clean_up, section, shown
from pictures_for_browsers import noisy_scene, save

ROOT = Path(__file__).resolve().parents[2]
HUB = "https://huggingface.co/"


VARIABLES = {"MODEL_ID": "owner/olivetti-denoiser", "MODEL_REVISION": "v1.0.0"}


ONNX = ("onnx/estimator.onnx", "onnx/restorer.onnx")


class Hub:
    """Answers for the repository that VARIABLES name: files of it by their paths."""

    def __init__(self, files):
        self.files, self.asked = files, []

    def __call__(self, route):
        if self.files is None:  # there is no connection
            return route.abort()
        path = route.request.url.removeprefix(f"{HUB}owner/olivetti-denoiser/resolve/v1.0.0/")
        self.asked.append(f"{route.request.method} {path}")
        found = self.files.get(path)
        answer = {"status": 404} if found is None else {"body": found}
        return route.fulfill(headers={"Access-Control-Allow-Origin": "*"}, **answer)


def network_at(place, network):
    """The ONNX files of a released network at a place of a repository, by their paths."""
    folder = ROOT / "model_card" / {"gray": "", "colour": "colour"}[network]
    return {place + path: (folder / path).read_bytes() for path in ONNX}


def restored_by(tab, path):
    """Cleans up a picture and returns what is said of the network."""
    clean_up(tab, path)
    return tab.locator("#clean-up .status").inner_text().partition("Restored by ")[2]


def test_both_networks_come_from_the_hub_when_they_are_needed_and_are_kept(visit, tmp_path):
    hub = Hub({**network_at("", "gray"), **network_at("colour/", "colour"), "config.json": b"{}"})
    variables = VARIABLES | {"COLOUR_MODEL_ID": "owner/old"}
    tab = visit(variables=variables, hub=hub, offline="block")
    assert "Serving owner/olivetti-denoiser at v1.0.0." in tab.locator("#serving").inner_text()
    # The head of config.json is what the Hub counts downloads by.
    first = ["GET onnx/estimator.onnx", "GET onnx/restorer.onnx", "HEAD config.json"]
    assert sorted(hub.asked) == first
    assert '("owner/olivetti-denoiser")' in section(tab, "About").inner_text()
    path = save(tmp_path / "own.png", noisy_scene(60, 50, 3))
    assert restored_by(tab, path) == "the network for colour."
    assert {f"GET colour/{name}" for name in ONNX} < {*hub.asked}
    tab.wait_for_timeout(300)  # they are kept after the first answer
    hub.files = None
    tab.reload()
    section(tab, "Demo")
    tab.wait_for_selector("figure.reconstructed img[src]")
    assert "v1.0.0; kept from an earlier visit" in tab.locator("#serving").inner_text()
    assert restored_by(tab, path) == "the network for colour."
    assert not [path for path, _ in tab.space.log if path.endswith(".onnx")]


@pytest.mark.parametrize("network", ["gray", "colour"])
def test_a_repository_of_one_network_is_joined_by_a_built_in_one(visit, tmp_path, network):
    tab = visit(variables=VARIABLES, hub=Hub(network_at("", network)), offline="block")
    serving = tab.locator("#serving").inner_text()
    assert ("v1.0.0, with the built-in gray network." in serving) == (network == "colour")
    for path, name, words in (
        (save(tmp_path / "gray.png", noisy_scene(60, 50, 1)), "gray", "gray network."),
        (save(tmp_path / "own.png", noisy_scene(60, 50, 3)), "colour", "network for colour."),
    ):
        built_in = "" if name == network else "built-in "
        assert restored_by(tab, path) == f"the {built_in}{words}"


def test_an_old_network_which_averages_in_its_graph_runs_once(visit):
    """Files of releases up to v1.0.0 say nothing about mirror and stride."""
    import onnx

    from olivetti_denoiser.denoiser import Denoiser
    from olivetti_denoiser.inference.network import Network

    files = network_at("", "gray")
    old = onnx.load_from_string(files[ONNX[1]])
    old.ClearField("metadata_props")
    files[ONNX[1]] = old.SerializeToString()
    part = section(visit(variables=VARIABLES, hub=Hub(files), offline="block"), "Demo")
    noisy, restored = (shown(part, name).astype(np.uint8) for name in ("noisy", "reconstructed"))
    expected = Denoiser(Network([files[path] for path in ONNX]))(noisy)
    assert np.abs(restored.astype(int) - expected).max() <= 1
    assert (
        np.abs(restored.astype(int) - Denoiser(Network.load(ROOT / "model_card/onnx"))(noisy)).max()
        > 1
    )


@pytest.mark.parametrize(
    ("answer", "note"),
    [({"status": 404}, "could not be had from the Hub"), ({"body": b"broken"}, "cannot be read")],
    ids=["missing", "broken"],
)
def test_without_the_hub_the_bundled_network_serves(visit, answer, note):
    tab = visit(
        variables=VARIABLES,
        hub=lambda route: route.fulfill(headers={"Access-Control-Allow-Origin": "*"}, **answer),
    )
    said = tab.locator("#serving").inner_text()
    assert "Serving the built-in networks, 30.17 dB on the test faces; " in said and note in said


@pytest.mark.parametrize(
    ("path", "content", "sentence"),
    [
        ("model/restorer.onnx", None, "A file of the network could not be loaded"),
        ("model/estimator.onnx", b"broken", "A file of the network is damaged"),
        ("runtime/ort.wasm.bin", b"broken", "A file of the network could not be loaded"),
        ("content.json", None, "A file of the network could not be loaded"),
        ("worker.js", None, "This browser cannot run the network, or a part of the page"),
    ],
)
def test_a_broken_page_says_so_in_one_sentence(visit, path, content, sentence):
    tab = visit(replaced={path: content}, ready=False, offline="block")
    tab.locator("#alert").get_by_text(sentence).wait_for()
    assert tab.locator("#serving").inner_text() == "Nothing serves."


def test_a_server_that_unpacks_the_runtime_does_no_harm(visits):
    import gzip

    packed = (visits.folder / "runtime" / "ort.wasm.bin").read_bytes()
    visits.open(replaced={"runtime/ort.wasm.bin": gzip.decompress(packed)}, offline="block")
