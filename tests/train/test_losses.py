"""The losses: the metric's own SSIM, weights of a picture, the same numbers on every backend."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from olivetti_denoiser.config import LOSSES, TrainingConfig
from olivetti_denoiser.data.faces import Faces
from olivetti_denoiser.metrics import ssim
from olivetti_denoiser.train.losses import SSIM_SHARE, mean_ssim, restored_loss

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def pair():
    """Three pictures and noisier and noisier copies."""
    rng = np.random.default_rng(0)
    clean = np.kron(rng.random((3, 8, 8, 1)), np.ones((1, 8, 8, 1))).astype(np.float32)
    noise = rng.standard_normal(clean.shape) * np.reshape([0.02, 0.1, 0.3], (3, 1, 1, 1))
    return clean, (clean + noise).astype(np.float32)


def as_keras_does(name, clean, restored, weights=None):
    """The loss as `compile` and `fit` compute it."""
    function = keras.losses.get(restored_loss(name))
    value = keras.losses.MeanSquaredError if name == "mse" else None
    loss = value() if value else keras.src.losses.LossFunctionWrapper(function)
    return float(loss(clean, restored, sample_weight=weights))


def test_ssim_is_the_metrics_own(pair):
    found = keras.ops.convert_to_numpy(mean_ssim(*pair))
    np.testing.assert_allclose(found, ssim(*pair), atol=1e-5)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(mean_ssim(pair[0], pair[0])), 1)


def test_each_loss_is_its_formula(pair):
    clean, restored = pair
    squared = np.square(clean - restored)
    expected = {
        "l1": np.abs(clean - restored).mean(),
        "mse": squared.mean(),
        "mse+ssim": squared.mean() + SSIM_SHARE * (1 - ssim(clean, restored)).mean(),
    }
    assert expected.keys() == set(LOSSES)
    for name, value in expected.items():
        assert as_keras_does(name, clean, restored) == pytest.approx(value, rel=1e-4)


@pytest.mark.parametrize("name", LOSSES)
def test_a_pictures_weight_is_that_of_its_whole_loss(pair, name):
    clean, restored = pair
    weights = np.array([4.0, 1.0, 0.25], np.float32).reshape(3, 1, 1)
    alone = [as_keras_does(name, *(x[i : i + 1] for x in pair)) for i in range(3)]
    together = as_keras_does(name, clean, restored, weights)
    assert together == pytest.approx(np.dot(alone, weights.ravel()) / 3, rel=1e-5)


@pytest.mark.parametrize("name", ["l1", "mse+ssim"])  # Keras's own by name, and ours
def test_a_network_learns_from_it(name, tmp_path):
    from olivetti_denoiser.train.fit import fit

    clean = np.kron(np.random.default_rng(0).random((12, 8, 8, 1)), np.ones((1, 8, 8, 1)))
    clean = clean.astype(np.float32)
    config = TrainingConfig(
        loss=name, epochs=2, steps_per_epoch=20, channels=(8, 16), blocks=(1, 1),
        validation_faces=2, learning_rate=3e-3, warmup=0.0, mix=0.0,
    )  # fmt: skip
    history = fit(config, Faces(clean, clean, np.arange(12), np.arange(12)), tmp_path).history
    assert history[-1]["val_restored_loss"] < history[0]["val_restored_loss"]
    assert history[-1]["val_psnr"] > 20.3  # the noisy pictures have 20
    assert history[-1]["val_ssim"] > 0


ON_A_BACKEND = """
import json, sys
import keras, numpy as np
from olivetti_denoiser.train.losses import restored_loss
rng = np.random.default_rng(0)
clean, restored = rng.random((2, 2, 24, 24, 1), dtype="float32")
places = keras.Variable(restored)
found = {}
for name in ("mse", "mse+ssim"):
    model = keras.Sequential([keras.Input((24, 24, 1)), keras.layers.Conv2D(1, 1, name="scale")])
    model.set_weights([np.ones((1, 1, 1, 1), "float32"), np.zeros(1, "float32")])
    model.compile(keras.optimizers.SGD(0.1), loss=restored_loss(name))
    before = model.train_on_batch(restored, clean)
    found[name] = [float(before), *(float(w.ravel()[0]) for w in model.get_weights())]
print(keras.backend.backend(), json.dumps(found))
"""


def test_value_and_gradient_are_the_same_on_tensorflow_and_jax():
    found = {}
    for backend in ("tensorflow", "jax"):
        done = subprocess.run(
            [sys.executable, "-c", ON_A_BACKEND],
            env=os.environ | {"KERAS_BACKEND": backend, "PYTHONPATH": str(ROOT / "training")},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        name, figures = done.stdout.strip().splitlines()[-1].split(" ", 1)
        assert name == backend
        found[name] = json.loads(figures)
    for name, figures in found["tensorflow"].items():
        assert figures == pytest.approx(found["jax"][name], rel=1e-4)
        assert figures[1] != 1
