"""The released colour model, published to a repository of its own and used from there."""

from __future__ import annotations

import json
import shutil

import pytest

from local_hub import ROOT, LocalHub

RELEASED = ROOT / "model_card" / "colour"
COMMAND = ("-m", "olivetti_denoiser")
USED = """
import json, numpy as np
from PIL import Image
from olivetti_denoiser import Denoiser
there = Denoiser.from_pretrained("alice/colour")
here = Denoiser.from_pretrained("model_card/colour")
picture = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
same = np.array_equal(there(picture), here(picture))
print(json.dumps([same, there.planes, there(Image.fromarray(picture)).mode]))
"""
WORSE = 1.0  # dB, more than the gate overlooks


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The release published, a worse one refused, and the release published again."""
    folder = tmp_path_factory.mktemp("colour")
    worse = shutil.copytree(RELEASED, folder / "worse")
    figures = json.loads((worse / "metrics.json").read_text())
    levels = figures["colour"]["scikit-image"]["psnr"]["methods"]["model"]
    levels["25"] -= WORSE
    (worse / "metrics.json").write_text(json.dumps(figures))
    with LocalHub() as hub:
        token, home = hub.user("alice"), folder / "home"

        def publish(source):
            return hub.run(
                *COMMAND, "publish", str(source), "--model", "alice/colour",
                token=token, home=home, check=False,
            )  # fmt: skip

        done = [publish(source) for source in (RELEASED, worse, RELEASED)]
        used = hub.run("-c", USED, token=None, home=folder / "visitor")
        yield hub.repository("alice/colour"), done, json.loads(used.stdout.splitlines()[-1])


def test_it_is_published_whole_and_once(published):
    repository, (first, _, again), _ = published
    assert first.returncode == again.returncode == 0, first.stderr + again.stderr
    files = set(repository.head.files)
    pictures = {"comparison.png", "real_photographs.png", "psnr_vs_sigma.png", "loss_curves.png"}
    assert {"README.md", "model.weights.h5", "metrics.json", "onnx/model.onnx"} | pictures <= files
    assert "error_map.png" not in files  # of faces
    assert len(repository.commits) == 2  # the empty one and this


def test_a_worse_one_is_refused_by_its_own_figures(published):
    _, (_, worse, _), _ = published
    assert worse.returncode == 3
    assert "the colour pictures of scikit-image" in worse.stderr


def test_it_is_opened_from_the_hub_as_from_its_folder(published):
    _, _, used = published
    assert used == [True, 3, "RGB"]
