"""Both networks in one repository: what each publication replaces, keeps, brings and refuses."""

from __future__ import annotations

import json

import pytest
from test_publish import SCRIPT, order, run_orders

from local_hub import LocalHub

# What stands there, what is published: from where each network comes in the end.
CASES = {
    "empty, gray": ("new", "bundled"),  # the first publication is whole
    "empty, colour": ("bundled", "new"),
    "empty, both": ("new", "new"),
    "old gray, gray": ("new", "bundled"),
    "old gray, colour": ("old", "new"),  # a retraining of one network leaves the other alone
    "old gray, both": ("new", "new"),
    "both, gray": ("new", "old"),
    "both, colour": ("old", "new"),
    "both, both": ("new", "new"),
}
REFUSED = ("old colour, gray", "old colour, colour", "old colour, both", "without onnx, colour")
PSNR = {"old": "29.00", "new": "29.50", "bundled": "28.50"}


@pytest.fixture(scope="module")
def published(small_checkout, tmp_path_factory):
    """Every case in one process: how it ended, and the folders that were published."""
    folder = tmp_path_factory.mktemp("networks")
    with LocalHub(checkout=small_checkout) as hub:
        token = hub.user("alice")
        done = hub.run(
            SCRIPT, "publish_to_every_start", str(folder), token=token, home=folder / "home"
        )
    folders = {"old": folder / "old", "new": folder / "new"}
    folders["bundled"] = small_checkout / "model_card"
    return hub, json.loads(done.stdout.splitlines()[-1]), folders


def name_of(case):
    return "alice/" + case.replace(", ", "-").replace(" ", "-")


def released(folder, place):
    """The released files of one network by their path in the repository; not the cards."""
    from olivetti_denoiser.release import files_of

    files = files_of(folder / place) if place else files_of(folder)
    return {place + path: file.read_bytes() for path, file in files.items() if path != "README.md"}


@pytest.mark.parametrize("case", CASES)
def test_what_stands_there_afterwards(published, case):
    """Every file of the repository, and no other: its network's old, new or bundled one."""
    hub, results, folders = published
    assert results[case]["end"] == "done", results[case]
    gray, colour = CASES[case]
    expected = released(folders[gray], "") | released(folders[colour], "colour/")
    repository = hub.repository(name_of(case))
    found = {path: hub.read(name_of(case), path) for path in repository.head.files}
    card, other = found.pop("README.md").decode(), found.pop("colour/README.md").decode()
    del found[".gitattributes"]
    assert found.keys() == expected.keys()
    assert [path for path in found if found[path] != expected[path]] == []
    assert f"**20.00 dB into {PSNR[colour]} dB**" in card  # both networks are on the card
    assert f"into {PSNR[gray]} dB**" in card and f"into {PSNR[colour]} dB**" in other
    assert name_of(case) in card
    assert len(repository.commits) == (2 if case.startswith("empty") else 3)


@pytest.mark.parametrize("case", REFUSED)
def test_what_stands_there_is_refused_in_one_sentence_and_stays(published, case):
    hub, results, _ = published
    assert results[case]["end"] == "ValueError"
    words = {
        "old colour": "publish to the repository of the gray network",
        "without onnx": "lacks onnx/estimator.onnx, onnx/restorer.onnx",
    }[case.split(",")[0]]
    assert words in results[case]["message"] and "\n" not in results[case]["message"]
    assert name_of(case) in results[case]["message"]
    assert hub.repository(name_of(case)).head.title == "an earlier release"


def test_a_gray_network_without_onnx_is_replaced_by_one_that_has_it(published):
    hub, results, _ = published
    assert results["without onnx, gray"]["end"] == "done"
    assert "onnx/restorer.onnx" in hub.repository("alice/without-onnx-gray").head.files


def test_each_network_is_compared_with_its_counterpart(small_checkout, tmp_path):
    """Neither half of a release may be worse, and what is not published is not compared."""
    to = {"model": "alice/m"}
    with LocalHub(checkout=small_checkout) as hub:
        token = hub.user("alice")

        def publish(**made):
            (result,) = run_orders(hub, tmp_path, token, order(to, **made))
            return result

        first = publish(network="both", psnr=29.5)
        assert first["psnr"] == {"gray": [29.5, None], "colour": [29.5, None]}, first
        for half, other in (("", "colour/"), ("colour/", "")):
            mixed = tmp_path / f"mixed-{half[:-1]}"
            mixed_release(tmp_path / "model-both-29.5", mixed, worse=half, better=other)
            (refused,) = run_orders(hub, tmp_path, token, order(to, name=mixed.name))
            assert refused["end"] == "RefusedError"
            named = "colour" if half else "gray"
            assert f"because of the {named} network at alice/m" in refused["message"]
            for figure in ("28.500 dB, published 29.500 dB", "30.500 dB, published 29.500 dB"):
                assert figure in refused["message"]
        alone = publish(network="colour", psnr=28.9)
        assert alone["end"] == "RefusedError" and "the colour pictures of" in alone["message"]
        assert len(hub.repository("alice/m").commits) == 2
        better = publish(network="gray", psnr=29.6)
        assert better["psnr"] == {"gray": [29.6, 29.5]}


USED = """
import json, pathlib, sys
import numpy as np
from huggingface_hub import snapshot_download
from olivetti_denoiser import Denoiser
picture = np.random.default_rng(0).integers(0, 256, (40, 50), np.uint8)
there, here = pathlib.Path(snapshot_download("alice/m")), pathlib.Path(sys.argv[1])
print(json.dumps([
    np.array_equal(Denoiser.from_pretrained("alice/m")(picture),
                   Denoiser.from_pretrained(here)(picture)),
    np.array_equal(Denoiser.from_pretrained(there / "colour")(picture),
                   Denoiser.from_pretrained(here / "colour")(picture)),
]))
"""


@pytest.mark.parametrize("way", ["xet", "lfs"])
def test_published_either_way_and_pulled_back_by_a_fresh_process(small_checkout, tmp_path, way):
    """Then a retrained network for colour changes its half and the card, in one commit."""
    (tmp_path / "xet").mkdir()
    xet = tmp_path / "xet" if way == "xet" else None
    with LocalHub(checkout=small_checkout, xet=xet) as hub:
        token = hub.user("alice")
        hub.fault("commit", action="lost")
        to = {"model": "alice/m", "tag": "v1.0.0"}
        (first,) = run_orders(hub, tmp_path, token, order(to, network="both", psnr=29.5))
        assert first["end"] == "done", first
        assert hub.count("lfs-put") == 0 if xet else hub.count("xet-token") == 0
        here = str(tmp_path / "model-both-29.5")
        used = hub.run("-c", USED, here, token=None, home=tmp_path / "visitor")
        assert json.loads(used.stdout.splitlines()[-1]) == [True, True]
        before = dict(hub.repository("alice/m").head.files)
        (again,) = run_orders(
            hub, tmp_path, token, order({"model": "alice/m"}, network="colour", psnr=29.6, seed=3)
        )
        assert again["end"] == "done", again
        repository = hub.repository("alice/m")
    changed = {path for path, entry in repository.head.files.items() if before[path] != entry}
    assert before.keys() == repository.head.files.keys()
    assert {path for path in changed if not path.startswith("colour/")} == {"README.md"}
    assert {"colour/model.weights.h5", "colour/onnx/restorer.onnx", "colour/README.md"} <= changed
    assert [commit.title for commit in repository.commits] == [
        "initial commit",
        "Publish v1.0.0",
        "Publish the colour network",
    ]
    assert repository.tags == {"v1.0.0": first["commits"]["model"]}


def test_a_publication_that_fails_half_way_leaves_both_networks_as_they_were(
    small_checkout, tmp_path
):
    with LocalHub(checkout=small_checkout) as hub:
        token = hub.user("alice")
        to = {"model": "alice/m"}
        run_orders(hub, tmp_path, token, order(to, network="both", psnr=29.5))
        before = hub.repository("alice/m").head
        hub.fault("lfs-put", after=1, status=403, times=99)
        better = order(to, network="colour", psnr=29.6, seed=3)
        (failed,) = run_orders(hub, tmp_path, token, better)
        assert failed["end"] == "PermissionError" and "\n" not in failed["message"]
        assert hub.repository("alice/m").head == before
        hub.clear_faults()
        (again,) = run_orders(hub, tmp_path, token, better)
        assert again["end"] == "done" and len(hub.repository("alice/m").commits) == 3


def mixed_release(source, target, *, worse, better):
    """Copy a release, one network of which is a decibel worse now and the other one better."""
    import shutil

    shutil.copytree(source, target)
    for place, change in ((worse, -1.0), (better, 1.0)):
        path = target / place / "metrics.json"
        metrics = json.loads(path.read_text())
        metrics["parts"]["test"]["methods"]["model"]["psnr"]["mean"] += change
        for figures in metrics.get("colour", {}).values():
            figures["psnr"]["methods"]["model"]["25"] += change
        path.write_text(json.dumps(metrics))


@pytest.mark.parametrize(
    ("lost", "words"),
    [
        ("onnx/restorer.onnx", "onnx/restorer.onnx missing: `denoiser export"),
        ("best_model.h5", "best_model.h5 missing: `denoiser export"),
        ("colour/onnx/estimator.onnx", "onnx/estimator.onnx missing: `denoiser export"),
        ("training_config.json", "training_config.json missing"),
        ("colour/metrics.json", "metrics.json"),
        ("colour/comparison.png", "shows pictures that are not there. Received: comparison.png"),
    ],
)
def test_a_folder_that_is_not_whole_says_what_it_lacks(small_checkout, tmp_path, lost, words):
    import shutil

    from olivetti_denoiser.publish.publish import publish

    folder = shutil.copytree(small_checkout / "model_card", tmp_path / "model")
    (folder / lost).unlink()
    with pytest.raises(ValueError) as refused:
        publish(folder, model="alice/m", dry_run=True)
    assert words in str(refused.value) and "Received: " in str(refused.value)


def test_two_networks_for_colour_are_no_release(small_checkout, tmp_path):
    import shutil

    from olivetti_denoiser.publish.publish import publish

    colour = small_checkout / "model_card" / "colour"
    folder = shutil.copytree(colour, tmp_path / "model")
    shutil.copytree(colour, folder / "colour")
    with pytest.raises(ValueError, match="a colour and a colour one"):
        publish(folder, model="alice/m", dry_run=True)
