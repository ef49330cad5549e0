"""Pictures that training makes of faces: collages, coloured leaves and the synthetic dataset."""

from __future__ import annotations

import numpy as np
import pytest

from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.noise import from_uint8
from olivetti_denoiser.synthesis import coloured_leaves, synthetic_dataset
from olivetti_denoiser.synthesis.coloured_leaves import leaves
from olivetti_denoiser.synthesis.dead_leaves import collage
from olivetti_denoiser.synthesis.synthetic_dataset import LEARNED, prepare_synthetic, render

# Of the releases; another order of random numbers would be another recipe.
COLLAGE = [
    [0.462411, 0.736084, 0.386815],
    [0.701927, 0.722847, 0.952771],
    [0.582288, 0.515780, 0.904434],
    [0.431507, 0.651927, 0.814039],
]
LEAVES = [[0.0941, 0.0941, 0.5758], [0.1142, 0.0941, 0.5274], [0.0941, 0.0941, 0.0941]]


@pytest.mark.parametrize(
    ("draw", "width", "shape", "shown", "released"),
    [
        (collage, 48, (64, 48, 1), np.s_[::16, ::16, 0], COLLAGE),
        (leaves, 64, (128, 128, 3), np.s_[16::48, 16::48, 0], LEAVES),
    ],
    ids=["collage", "leaves"],
)
def test_the_generator_alone_decides_and_the_released_networks_learned_from_these_pictures(
    draw, width, shape, shown, released
):
    noise = np.random.default_rng(0).random((5, 64, width, 1), dtype=np.float32)
    first, again, other = (draw(noise, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert (first.shape, first.dtype) == (shape, np.float32)
    assert first.min() >= 0 and first.max() <= 1
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    np.testing.assert_allclose(first[shown], released, atol=1e-4)


def test_the_synthetic_dataset_holds_the_pictures_that_seed_and_number_say(tmp_path, monkeypatch):
    """Whole or gone on with; pictures to validate on are made of held-out faces alone."""
    faces = np.random.default_rng(0).random((12, 64, 64, 1), np.float32)
    monkeypatch.setattr(synthetic_dataset, "VALIDATION", 3)
    monkeypatch.setattr(synthetic_dataset, "BLOCK", 64)  # in this process
    monkeypatch.setattr(coloured_leaves, "LEAVES", (2, 4))
    config = TrainingConfig.from_options({"pool": 64, "validation_faces": 4}, preset="colour")
    learned, held_out = prepare_synthetic(faces, tmp_path / "whole", config, lambda line: None)
    assert (len(learned.clean), len(held_out.clean)) == (64, 3)
    for file, row, shown, seed in ((learned, 57, faces[:-4], 1), (held_out, 2, faces[-4:], 2)):
        expected = np.frombuffer(render(shown, (0, seed), row, row + 1), np.uint8)
        np.testing.assert_array_equal(file.clean[row].ravel(), from_uint8(expected))

    whole, half = (tmp_path / name / LEARNED for name in ("whole", "half"))
    half.parent.mkdir()
    half.write_bytes(whole.read_bytes()[: 62 * 128 * 128 * 3 + 1000])  # ends within a picture
    lines = []
    prepare_synthetic(faces, half.parent, config, lines.append)
    assert half.read_bytes() == whole.read_bytes()
    assert "64 of 64" in lines[0]
