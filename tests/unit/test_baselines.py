"""Baselines: any size in, the same size out, better than the input, at their best strength."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from olivetti_denoiser.evaluate.baselines import (
    BASELINES,
    CANDIDATES,
    LEVELS,
    STRENGTHS,
    choose_strengths,
    restore_all,
    strength_at,
)
from olivetti_denoiser.metrics import psnr
from olivetti_denoiser.noise import add_gaussian_noise

NAMES = tuple(BASELINES)


def smooth_picture(height, width):
    """A disc on a slope."""
    y, x = np.mgrid[:height, :width] / np.array([height, width]).reshape(2, 1, 1)
    return (0.3 + 0.3 * x + 0.2 * (np.hypot(x - 0.5, y - 0.5) < 0.3)).astype(np.float32)


def test_there_are_the_four_and_each_has_its_strengths():
    assert NAMES == ("Gaussian filter", "Median filter", "Non-local means", "Total variation")
    assert set(STRENGTHS) == set(CANDIDATES) == set(NAMES)
    assert all(len(strengths) == len(LEVELS) for strengths in STRENGTHS.values())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("size", "sigma"),
    [
        ((1, 1), 0.1),  # smaller than any window
        ((1, 6), 0.5),  # windows that fit in one direction alone
        ((127, 65), 1.0),  # odd sides, and a level above those with a constant
        ((7, 5), 0.001),  # a level below them
    ],
)
def test_a_picture_of_any_size_comes_back_in_its_size_and_range(name, size, sigma):
    noisy = np.random.default_rng(0).random(size)
    before = noisy.copy()
    restored = BASELINES[name](noisy, sigma)
    assert (restored.shape, restored.dtype) == (size, np.float32)
    assert np.isfinite(restored).all()
    assert 0.0 <= restored.min() <= restored.max() <= 1.0
    np.testing.assert_array_equal(noisy, before)


@pytest.mark.parametrize("name", NAMES)
def test_without_noise_the_picture_comes_back_as_it_is(name):
    picture = np.random.default_rng(0).random((16, 12), np.float32)
    np.testing.assert_array_equal(BASELINES[name](picture, 0.0), picture)


@pytest.mark.parametrize("name", NAMES)
def test_a_constant_picture_stays_constant(name):
    restored = BASELINES[name](np.full((20, 30), 0.4, np.float32), 0.1)
    np.testing.assert_allclose(restored, 0.4, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sigma", [0.05, 0.3])
def test_noise_is_reduced(name, sigma):
    clean = smooth_picture(64, 64)
    noisy = add_gaussian_noise(clean, sigma, np.random.default_rng(0))
    gain = psnr(clean[None], BASELINES[name](noisy, sigma)[None]) - psnr(clean[None], noisy[None])
    assert gain > 3


@pytest.mark.parametrize("name", ["Gaussian filter", "Median filter"])
def test_a_filter_prefers_no_direction(name):
    noisy = add_gaussian_noise(smooth_picture(32, 24), 0.1, np.random.default_rng(0))
    expected = BASELINES[name](noisy, 0.1)
    for turn in (np.fliplr, np.flipud, np.transpose):
        turned = BASELINES[name](np.ascontiguousarray(turn(noisy)), 0.1)
        np.testing.assert_allclose(turned, turn(expected), atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_is_restored_picture_by_picture(name):
    batch = np.random.default_rng(0).random((3, 20, 24, 1), np.float32)
    restored = restore_all(BASELINES[name], batch, 0.1)
    assert restored.shape == batch.shape
    for one, picture in zip(restored, batch, strict=True):
        np.testing.assert_array_equal(one[..., 0], BASELINES[name](picture[..., 0], 0.1))
    np.testing.assert_array_equal(
        restore_all(BASELINES[name], batch[..., 0], 0.1), restored[..., 0]
    )


@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_gray_picture_or_no_level_is_refused(name):
    for shape in ((4,), (4, 4, 3), (0, 4)):
        with pytest.raises(ValueError, match=r"one gray picture, H×W\. Received: shape="):
            BASELINES[name](np.zeros(shape, np.float32), 0.1)
    for sigma in (-0.1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=r"sigma must be a finite number.*Received: sigma="):
            BASELINES[name](np.zeros((4, 4), np.float32), sigma)


def test_strengths_are_the_constants_at_their_levels_and_lie_between_them_elsewhere():
    for name, strengths in STRENGTHS.items():
        for level, strength in zip(LEVELS, strengths, strict=True):
            assert strength_at(name, level) == pytest.approx(strength)
        assert strength_at(name, 0.9) == strengths[-1]
        low, high = sorted(strengths[1:3])
        assert low <= strength_at(name, 0.07) <= high


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("level", [0.02, 0.1, 0.3])
def test_the_constants_are_the_best_on_the_training_faces(train_faces, name, level):
    """Against their neighbours among the candidates and those twice and three times as far."""
    candidates = CANDIDATES[name]
    standing = STRENGTHS[name][LEVELS.index(level)]
    place = candidates.index(standing)
    nearby = [
        candidates[place + step]
        for step in (-3, -1, 0, 1, 3)
        if 0 <= place + step < len(candidates)
    ]
    faces = train_faces.clean[::2] if name == "Non-local means" else train_faces.clean
    figures = choose_strengths(faces, [level], {name: nearby})[name][0]
    assert figures[standing] >= max(figures.values()) - 0.02


def test_the_methods_keep_their_figures_on_the_test_faces(test_faces):
    figures = {
        name: psnr(test_faces.clean, restore_all(restore, test_faces.noisy, 0.1)).mean()
        for name, restore in BASELINES.items()
    }
    assert figures == pytest.approx(
        {
            "Gaussian filter": 27.33,
            "Median filter": 25.66,
            "Non-local means": 27.28,
            "Total variation": 27.36,
        },
        abs=0.02,
    )


def test_nothing_heavy_is_imported_before_a_method_is_called():
    script = (
        "import sys, olivetti_denoiser.evaluate.baselines\n"
        "print([name for name in ('cv2', 'skimage', 'scipy', 'keras') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
