"""Collages: pieces of the given pictures and nothing else, drawn from the generator alone."""

from __future__ import annotations

import numpy as np
import pytest

from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.synthesis.dead_leaves import collage
from olivetti_denoiser.train.batches import NoisyFaces


@pytest.fixture(scope="module")
def pictures():
    return np.random.default_rng(0).random((5, 64, 48, 1), dtype=np.float32)


def test_a_collage_is_a_picture_of_their_size(pictures):
    for seed in range(20):
        made = collage(pictures, np.random.default_rng(seed))
        assert made.shape == (64, 48, 1) and made.dtype == np.float32
        assert made.min() >= 0 and made.max() <= 1


def test_the_same_generator_makes_the_same_collage(pictures):
    first, second, other = (collage(pictures, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


def test_it_is_the_collage_that_the_released_network_has_learned_from(pictures):
    """As in the first release: another order of draws would be another recipe."""
    made = collage(pictures, np.random.default_rng(3))[::16, ::16, 0]
    released = [
        [0.462411, 0.736084, 0.386815],
        [0.701927, 0.722847, 0.952771],
        [0.582288, 0.515780, 0.904434],
        [0.431507, 0.651927, 0.814039],
    ]
    np.testing.assert_allclose(made, released, atol=1e-5)


def test_it_has_edges_that_flat_pictures_have_not():
    flat = np.full((3, 64, 64, 1), 0.5, np.float32)
    for seed in range(10):
        made = collage(flat, np.random.default_rng(seed))[..., 0]
        steps = np.abs(np.diff(made, axis=0))
        assert steps.max() > 0.02  # shapes of other brightness, and nothing inside of them
        assert np.median(steps) < 1e-3 or (steps > 1e-3).mean() < 0.9


def test_its_pieces_come_from_the_pictures():
    """Of pictures with lines along them, a piece turned or not has lines at their distance."""
    lines = np.zeros((2, 64, 64, 1), np.float32)
    lines[:, ::8] = 1
    power = np.zeros(33)
    for seed in range(60):
        made = collage(lines, np.random.default_rng(seed))[..., 0]
        for picture in (made, made.T):
            power += (np.abs(np.fft.rfft(picture - picture.mean(), axis=0)) ** 2).mean(axis=1)
    assert power[16] > 2 * np.mean(power[[13, 14, 18, 19]])  # every 8th row, shrunk to every 4th


def test_training_draws_its_share_of_them(pictures):
    def steps(share):
        config = TrainingConfig(
            collage=share, warp=0.0, mix=0.0, contrast=0.0, brightness=0.0, shift=0
        )
        batches = NoisyFaces(pictures, config)
        return np.concatenate([batches[step][1]["restored"] for step in range(25)])

    known = {picture.tobytes() for face in pictures for picture in (face, face[:, ::-1])}
    share = np.mean([picture.tobytes() not in known for picture in steps(0.3)])
    assert 0.15 < share < 0.45
    assert all(picture.tobytes() in known for picture in steps(0.0))
