"""Training batches: functions of seed and step alone, with the noise that they say they have."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.synthesis.augment import warped
from olivetti_denoiser.train.batches import NoisyFaces, rows_of_step
from olivetti_denoiser.train.colour_batches import (
    ColourBatches,
    noisy_patch,
    part,
    partly_noisy,
    white_sigma,
)

GRAY = TrainingConfig(epochs=3, steps_per_epoch=200, batch_size=6)
COLOUR = TrainingConfig.from_options({"epochs": 2, "steps_per_epoch": 3}, preset="colour")


@pytest.fixture(scope="module")
def colours():
    """Smooth random colour pictures of the size that a training in colour makes, 8 of them."""
    coarse = np.random.default_rng(0).random((8, 16, 16, 3), np.float32)
    return np.kron(coarse, np.ones((1, 8, 8, 1), np.float32))


def values(batch):
    """Every array of a batch: inputs, targets, weights."""
    return [array for part in batch for array in part.values()]


@pytest.mark.parametrize(("kind", "config"), [(NoisyFaces, GRAY), (ColourBatches, COLOUR)])
def test_a_batch_is_a_function_of_seed_and_step(pictures, colours, kind, config):
    clean = pictures.clean if kind is NoisyFaces else colours
    first, second = kind(clean, config), kind(clean, config)
    second[0], second[1]  # what was asked for before does not matter
    resumed = kind(clean, config, epochs_done=1)
    steps = config.steps_per_epoch
    assert len(first) - len(resumed) == steps
    for other in (second[steps + 1], resumed[1]):
        for one, same in zip(values(first[steps + 1]), values(other), strict=True):
            np.testing.assert_array_equal(one, same)
            assert one.dtype == np.float32
    for other in (first[steps], kind(clean, replace(config, seed=1))[steps + 1]):
        assert np.any(first[steps + 1][0]["noisy"] != other[0]["noisy"])
    inputs, targets, _ = first[0]
    assert inputs["noisy"].shape == targets["restored"].shape
    assert inputs["sigma"].shape == targets["estimate"].shape == (config.batch_size, 1, 1, 1)


def test_batches_show_every_face_once_a_pass():
    rows = [
        row for step in range(12) for row in rows_of_step(step, replace(GRAY, batch_size=5), 12)
    ]
    for start in range(0, 60, 12):
        assert sorted(rows[start : start + 12]) == list(range(12))


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_noise_levels_are_at_sigma_as_often_as_said_and_weigh_inversely(pictures, share):
    batches = NoisyFaces(pictures.clean, replace(GRAY, sigma_share=share))
    sigmas = np.concatenate([batches[step][0]["sigma"].ravel() for step in range(200)])
    assert np.isclose(sigmas, 0.1).mean() == pytest.approx(share, abs=0.05)
    if share < 1:
        assert sigmas.min() < 0.01
        assert 0.29 < sigmas.max() <= 0.3
    inputs, targets, weights = batches[0]
    sigma = np.maximum(inputs["sigma"].ravel(), 0.01)
    np.testing.assert_allclose(weights["restored"].ravel(), 0.1 / sigma, rtol=1e-5)
    residual = (inputs["noisy"] - targets["restored"]).std()
    assert residual == pytest.approx(np.sqrt(np.mean(inputs["sigma"] ** 2)), rel=0.3)


def test_a_warped_face_is_a_face_of_the_same_light(pictures):
    face = pictures.clean[0]
    several = np.stack([warped(face, np.random.default_rng(seed)) for seed in range(50)])
    assert (several.shape, several.dtype) == ((50, *face.shape), np.float32)
    assert several.mean() == pytest.approx(face.mean(), abs=0.03)
    changes = np.abs(several - face).mean(axis=(1, 2, 3))
    assert changes.min() > 1e-4  # none is the face itself
    assert changes.mean() < 0.5 * np.abs(face - pictures.clean[1]).mean()  # nor another face


@pytest.mark.parametrize(
    ("noise", "exact"), [("gaussian", (1, 1)), ("camera", (0, 0)), ("both", (0.55, 0.75))]
)
def test_colour_noise_has_the_level_that_is_said_exactly_of_white_noise_alone(noise, exact):
    rng, shares = np.random.default_rng(1), []
    plain = np.full((80, 80, 3), 0.5, np.float32)
    config = replace(COLOUR, noise=noise, sigma_max=0.15)
    for _ in range(120):
        clean, noisy, sigma, given = noisy_patch(plain, config, rng)
        rms = np.sqrt(np.square(noisy - clean).mean())
        assert sigma == pytest.approx(rms, rel=0.05, abs=1.5 / 255)
        shares.append(sigma == given)
    assert exact[0] <= np.mean(shares) <= exact[1]


def test_a_tenth_of_white_noise_is_weak_and_none_is_above_the_largest_level():
    rng = np.random.default_rng(3)
    drawn = np.array([white_sigma(COLOUR, rng) for _ in range(4000)])
    weak = np.mean((drawn >= 0.002) & (drawn <= 0.02))  # by the power alone, 15 % are
    assert 0.2 < weak < 0.26
    assert 0.2 < drawn.max() <= COLOUR.sigma_max
    least = replace(COLOUR, sigma=0.005, sigma_max=0.005)
    assert max(white_sigma(least, rng) for _ in range(500)) <= 0.005


def test_a_part_without_noise_is_alike_in_target_and_noisy_patch(colours):
    rng, config = np.random.default_rng(2), replace(COLOUR, noise="gaussian", sigma=0.2)
    shares = []
    for _ in range(200):
        patch = noisy_patch(colours[0, :80, :80], config, rng)
        clean, noisy, *sigmas = partly_noisy(*patch, rng)
        assert tuple(sigmas) == patch[2:]  # of what is noisy still
        alike = (clean == noisy).all(axis=2)
        untouched = (clean == patch[0]).all(axis=2) & (noisy == patch[1]).all(axis=2)
        assert (alike | untouched).all()
        assert 0 <= clean.min() <= clean.max() <= 1
        shares.append(part(rng).mean())
    assert 0 < min(shares) < 0.1  # never everywhere the same
    assert 0.9 < max(shares) < 1
