"""Denoiser and the Hub: what it loads, what it refuses, and what it says then."""

from __future__ import annotations

import json
import re

import pytest

from hub_scripts import DOWNLOAD_FAULTS
from local_hub import LocalHub


def run_script(hub, name, folder, token, **options):
    done = hub.run("tests/helpers/hub_scripts.py", name, str(folder), token=token, **options)
    assert token is None or token not in done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def downloads(small_checkout, tmp_path_factory):
    with LocalHub(checkout=small_checkout) as hub:
        folder = tmp_path_factory.mktemp("downloads")
        return run_script(hub, "download_faults", folder, hub.user("alice"), home=folder / "home")


@pytest.mark.parametrize("case", DOWNLOAD_FAULTS)
def test_download_fault(downloads, case):
    """Each fault ends in the same prediction or in one clear line."""
    result, expected = downloads[case], DOWNLOAD_FAULTS[case][2]
    assert result["end"] == expected, result
    assert "\n" not in result["message"]
    if expected == "ValueError":
        assert "Received: " in result["message"]


def test_errors_are_told_apart(downloads):
    failed = [name for name, (_, _, end) in DOWNLOAD_FAULTS.items() if end != "done"]
    failed.remove("cached-one-by-one")  # differs from the other part of a model in the file alone
    shapes = {re.sub(r"[\d./:']+|alice/\w+", "", downloads[name]["message"]) for name in failed}
    # A file damaged by the Hub and one damaged in the cache differ only in their cure.
    assert len(shapes) == len(failed)


@pytest.mark.parametrize(
    ("case", "absent"),
    [("part-cached", "onnx/restorer.onnx"), ("cached-one-by-one", "onnx/estimator.onnx")],
)
def test_a_partly_filled_cache_names_what_it_lacks(downloads, case, absent):
    assert f"only a part of it, without {absent}: allow the network" in downloads[case]["message"]


def test_only_what_loading_needs_is_downloaded(downloads):
    assert downloads["files"] == [
        "colour/config.json",
        "colour/onnx/estimator.onnx",
        "colour/onnx/restorer.onnx",
        "config.json",
        "onnx/estimator.onnx",
        "onnx/restorer.onnx",
    ]


def test_hub_down(small_checkout, tmp_path):
    """With the Hub gone an earlier process's cache serves; without a copy, one line says so."""
    with LocalHub(checkout=small_checkout) as hub:
        token = hub.user("alice")
        served = run_script(hub, "serving", tmp_path, token, home=tmp_path / "home")
    commit = hub.repository("alice/model").head.oid
    assert served["published"] == f"alice/model at {commit[:7]}, 29.50 dB on the test faces"
    assert served["unknown"].startswith("the built-in networks, 29.50 dB on the test faces (")
    assert "alice/none" in served["unknown"]
    assert served["unset"] == "the built-in networks, 29.50 dB on the test faces"
    assert re.match("alice/colour at .*, with the built-in gray network", served["old colour"])
    assert "within 1.5 s" in served["stalled"] and served["seconds"] < 10

    down = run_script(hub, "hub_down", tmp_path, token, home=tmp_path / "home")
    assert down["cached"]["end"] == down["cached-tag"]["end"] == "done"
    assert down["nothing-cached"]["end"] == "ConnectionError"
    assert "does not answer and the cache holds no copy" in down["nothing-cached"]["message"]
    assert down["publish"]["end"] == "ConnectionError"
    assert "does not answer: check the connection" in down["publish"]["message"]
    assert (
        down["served"].startswith("the built-in networks") and "does not answer" in down["served"]
    )
