"""The experiment view: what TensorBoard finds in a run folder, and how large it may grow."""

from __future__ import annotations

import io
from types import SimpleNamespace

import numpy as np
import pytest

from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.data.faces import Faces
from olivetti_denoiser.noise import to_uint8

LIMIT = 300_000  # bytes that may go into the repository
SCALARS = 70_000  # of which losses and learning rate take, in 100 epochs


def read_events(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder), size_guidance={"images": 0, "tensors": 0})
    events.Reload()
    return events


def test_tensorboard_finds_losses_rate_and_faces(tmp_path):
    from PIL import Image

    from olivetti_denoiser.train.fit import fit

    rng = np.random.default_rng(0)
    clean = np.kron(rng.random((12, 8, 8, 1), np.float32), np.ones((1, 8, 8, 1), np.float32))
    config = TrainingConfig(
        epochs=3, steps_per_epoch=2, channels=(8,), blocks=(1,), validation_faces=8
    )
    fit(config, Faces(clean, clean, np.arange(12), np.arange(12)), tmp_path)
    train, validation, faces = (
        read_events(tmp_path / "tensorboard" / part) for part in ("train", "validation", "faces")
    )
    assert {"epoch_restored_loss", "epoch_learning_rate"} <= set(train.Tags()["tensors"])
    assert {"epoch_restored_loss", "epoch_psnr"} <= set(validation.Tags()["tensors"])
    shown = {tag: faces.Images(tag) for tag in faces.Tags()["images"]}
    assert {tag: [image.step for image in images] for tag, images in shown.items()} == {
        "validation_faces/noisy": [0],
        "validation_faces/original": [0],
        "validation_faces/restored": [0, 1, 2],
    }
    grid = Image.open(io.BytesIO(shown["validation_faces/original"][0].encoded_image_string))
    held_out = to_uint8(clean[-8:, ..., 0])
    expected = np.block([list(held_out[:4]), list(held_out[4:])])
    np.testing.assert_array_equal(np.asarray(grid), expected)


@pytest.mark.parametrize("epochs", [41, 100])  # 41: the last showing is off the round
def test_a_whole_run_stays_small(test_faces, tmp_path, epochs):
    """With faces that still hold half of the noise, which PNG takes more room for."""
    from olivetti_denoiser.train.events import RestoredFaces

    clean, noisy = test_faces.clean[:8], test_faces.noisy[:8]
    pictures = {"noisy": noisy, "restored": (clean + noisy) / 2, "original": clean}
    validation = SimpleNamespace(pictures=lambda: pictures)
    callback = RestoredFaces(validation, TrainingConfig(epochs=epochs), tmp_path)
    for epoch in range(epochs):
        callback.on_epoch_end(epoch)
    size = sum(path.stat().st_size for path in tmp_path.rglob("events*"))
    assert 100_000 < size < LIMIT - SCALARS


def test_a_grid_holds_few_faces_and_any_number(test_faces):
    from olivetti_denoiser.train.events import face_grid

    assert face_grid(test_faces.clean).shape == (128, 256)
    assert face_grid(test_faces.clean[:6]).shape == (64, 256)
    assert face_grid(test_faces.clean[:1]).shape == (64, 64)
