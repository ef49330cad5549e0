"""Forward passes on OpenVINO: the precision of the other backends, and batches bit for bit."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT

from olivetti_denoiser.model import residual_unet

ON_OPENVINO = """
import sys, numpy as np
from olivetti_denoiser import Denoiser
assert "keras" not in sys.modules
denoiser = Denoiser.from_pretrained(sys.argv[1])
assert sys.modules["keras"].config.backend() == "openvino"
pictures = np.load(sys.argv[2])
together = denoiser(pictures)
alone = np.stack([denoiser(picture) for picture in pictures])
given = np.stack([denoiser(picture, sigma=0.2) for picture in pictures])
levels = np.array([denoiser.estimate_sigma(picture) for picture in pictures])
np.savez(sys.argv[3], together=together, alone=alone, given=given, levels=levels)
"""


@pytest.fixture(scope="module")
def model():
    """A network whose every weight is at work, unlike an untrained one."""
    model = residual_unet(channels=(8, 16), blocks=(1, 1))
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(0, 0.15, w.shape).astype(np.float32) for w in model.weights])
    return model


@pytest.fixture(scope="module")
def answers(model, tmp_path_factory):
    """What OpenVINO gives in a process of its own, and the pictures it was given."""
    folder = tmp_path_factory.mktemp("openvino")
    model.save(str(folder / "model"), zipped=False)
    pictures = np.random.default_rng(1).random((3, 64, 64, 1), np.float32)
    np.save(folder / "pictures.npy", pictures)
    subprocess.run(
        [
            sys.executable,
            "-c",
            ON_OPENVINO,
            folder / "model",
            folder / "pictures.npy",
            folder / "answers.npz",
        ],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": "openvino"},
        check=True,
        timeout=120,
    )
    return pictures, np.load(folder / "answers.npz")


def test_a_batch_gives_the_same_bits_as_one_picture_at_a_time(answers):
    _, answers = answers
    assert np.array_equal(answers["together"], answers["alone"])


def test_openvino_agrees_with_this_backend(model, answers):
    from olivetti_denoiser.denoiser import Denoiser

    pictures, answers = answers
    here = Denoiser(model)
    assert np.abs(here(pictures) - answers["together"]).max() < 1e-5
    given = np.stack([here(picture, sigma=0.2) for picture in pictures])
    assert np.abs(given - answers["given"]).max() < 1e-5
    levels = [here.estimate_sigma(picture) for picture in pictures]
    np.testing.assert_allclose(answers["levels"], levels, rtol=1e-4)
    assert np.abs(answers["given"] - answers["together"]).max() > 1e-3  # the level matters
