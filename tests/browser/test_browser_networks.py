"""The static Space's files: networks of the Hub or its own, old and missing ones, and no server."""

from __future__ import annotations

import re

import numpy as np
import onnx
import pytest

from browser_visit import clean_up, status, told, wait_for_result
from checkout import MODEL
from olivetti_denoiser.denoiser import Denoiser
from olivetti_denoiser.inference.network import Network
from page_in_browser import section
from pictures_for_browsers import noisy_scene, save

VARIABLES = {"MODEL_ID": "owner/olivetti-denoiser", "MODEL_REVISION": "v1.0.0"}
ONNX = ("onnx/estimator.onnx", "onnx/restorer.onnx")


class Hub:
    """Answers for `owner/olivetti-denoiser` at v1.0.0: files of it by their paths."""

    def __init__(self, files):
        self.files, self.asked = files, []

    def __call__(self, route):
        _, _, path = route.request.url.partition("/owner/olivetti-denoiser/resolve/v1.0.0/")
        self.asked.append(f"{route.request.method} {path}")
        found = self.files.get(path)
        answer = {"status": 404} if found is None else {"body": found}
        return route.fulfill(headers={"Access-Control-Allow-Origin": "*"}, **answer)

    def open(self, visits):
        """Open a page that names this repository."""
        return visits.open(variables=VARIABLES, hub=self)


def network_at(place, network):
    """Return the ONNX files of a released network at a place of a repository, by their paths."""
    folder = MODEL / {"gray": "", "colour": "colour"}[network]
    return {place + path: (folder / path).read_bytes() for path in ONNX}


def restored_by(tab, path):
    """Clean up a picture and return what is said of the network."""
    clean_up(tab, path)
    return status(tab).partition("Restored by ")[2]


def serving(tab):
    """Return what the page says of its networks."""
    return tab.locator("#serving").inner_text()


@pytest.mark.smoke
def test_both_networks_come_from_the_hub_when_they_are_needed(visits, tmp_path):
    hub = Hub({**network_at("", "gray"), **network_at("colour/", "colour"), "config.json": b"{}"})
    tab = hub.open(visits)
    assert serving(tab) == "Serving owner/olivetti-denoiser at v1.0.0."
    # The head of config.json is what the Hub counts downloads by.
    first = ["GET onnx/estimator.onnx", "GET onnx/restorer.onnx", "HEAD config.json"]
    assert sorted(hub.asked) == first
    assert '("owner/olivetti-denoiser")' in section(tab, "About").inner_text()
    path = save(tmp_path / "own.png", noisy_scene(60, 50, 3))
    assert restored_by(tab, path) == "the network for colour."
    assert {f"GET colour/{name}" for name in ONNX} < {*hub.asked}
    assert not [path for path, _ in tab.space.log if path.endswith(".onnx")]
    hub.files = {}
    tab.reload()
    wait_for_result(tab)
    assert "Serving the built-in networks, 30.17 dB on the test faces; owner/" in serving(tab)
    assert "could not be loaded from the Hub" in serving(tab)


def test_a_repository_of_one_network_is_joined_by_a_built_in_one(visits, tmp_path):
    own = save(tmp_path / "own.png", noisy_scene(60, 50, 3))
    gray = save(tmp_path / "gray.png", noisy_scene(60, 50, 1))
    hub = Hub(network_at("", "colour"))
    tab = hub.open(visits)
    assert "v1.0.0, with the built-in gray network." in serving(tab)
    assert restored_by(tab, own) == "the network for colour."
    assert restored_by(tab, gray) == "the built-in gray network."

    # Files of releases up to v1.0.0 say nothing about mirror and stride: this one averages inside.
    hub.files = network_at("", "gray")
    old = onnx.load_from_string(hub.files[ONNX[1]])
    old.ClearField("metadata_props")
    hub.files[ONNX[1]] = old.SerializeToString()
    tab.reload()
    restored = np.asarray(clean_up(tab, gray)).astype(int)
    once = Denoiser(Network([hub.files[path] for path in ONNX]))(gray)
    mirrored = Denoiser(Network.load(MODEL / "onnx"))(gray)
    assert np.abs(restored - once).max() <= 1 < np.abs(restored - mirrored).max()
    assert restored_by(tab, own) == "the built-in network for colour."


WITHOUT_WEBASSEMBLY = b"delete self.WebAssembly;\n"


@pytest.mark.parametrize(
    ("path", "content", "sentence"),
    [
        ("model/estimator.onnx", b"broken", "A file of the network is damaged"),
        ("content.json", None, "A file of the network could not be loaded"),
        ("worker.js", None, "This browser cannot run the network, or a part of the page"),
        ("worker.js", WITHOUT_WEBASSEMBLY, "This browser cannot run the network (it has no"),
    ],
    ids=["damaged", "missing", "no worker", "no WebAssembly"],
)
def test_a_broken_page_says_so_in_one_sentence(visits, path, content, sentence):
    if content == WITHOUT_WEBASSEMBLY:
        content += visits.file(path)
    tab = visits.open(replaced={path: content}, ready=False)
    told(tab, sentence)
    assert serving(tab) == "Nothing serves."


def test_a_page_that_was_loaded_outlives_a_new_version_and_its_server(visits, tmp_path):
    replaced = {}
    tab = visits.open(replaced=replaced, offline="allow")
    tab.evaluate("navigator.serviceWorker.ready.then(() => true)")
    # A part that the server has no more comes from what was kept.
    replaced |= {f"parts/{path.name}": None for path in visits.folder.glob("parts/decode_tiff*")}
    clean_up(tab, save(tmp_path / "scene.tif", noisy_scene(70, 60, 1)))
    assert any(path.startswith("parts/decode_tiff") for path, _ in tab.space.log)
    page = visits.file("index.html")
    replaced["index.html"] = page.replace(b"<title>", b"<title>The new ")
    tab.goto(tab.space.url)
    assert tab.title().startswith("The new ")
    tab.space.__exit__()
    tab.reload()
    tab.wait_for_selector("figure.reconstructed img[src]")
    assert tab.evaluate("crossOriginIsolated")  # threads work without a connection too
    section(tab, "Clean up")
    wait_for_result(tab)
    section(tab, "About").get_by_role("row", name=re.compile("Residual U-Net")).wait_for()
