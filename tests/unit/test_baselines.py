"""Baselines: any size in, the same size out, at their best strength, with their known PSNR."""

from __future__ import annotations

import numpy as np
import pytest

from olivetti_denoiser.evaluate.baselines import (
    BASELINES,
    COLOUR_BASELINES,
    GRAY_METHODS,
    SIGMAS,
    STRENGTHS,
)
from olivetti_denoiser.metrics import psnr

ALL = [*((name, method, 1) for name, method in BASELINES.items()),
       *((name, method, 3) for name, method in COLOUR_BASELINES.items())]  # fmt: skip


@pytest.mark.parametrize(
    ("size", "sigma"),
    [
        ((1, 6), 0.5),  # windows that fit in one direction alone
        ((33, 65), 1.0),  # odd sides, and a level above those with a constant
        ((7, 5), 0.001),  # a level below them
        ((8, 9), 0.0),  # no noise
    ],
)
def test_a_batch_of_any_size_comes_back_in_its_size_and_range_picture_by_picture(size, sigma):
    for name, restore, channels in ALL:
        noisy = np.random.default_rng(0).random((2, *size, channels), np.float32)
        before = noisy.copy()
        restored = restore(noisy, sigma)
        assert (restored.shape, restored.dtype) == (noisy.shape, np.float32), name
        assert 0.0 <= restored.min() <= restored.max() <= 1.0, name
        np.testing.assert_array_equal(noisy, before)
        np.testing.assert_array_equal(restored[1:], restore(noisy[1:], sigma))
        if sigma == 0.0:
            np.testing.assert_array_equal(restored, noisy)


@pytest.mark.parametrize("name", BASELINES)
def test_the_strength_is_the_best_on_the_training_faces(train_faces, name):
    clean, noisy = train_faces.clean[::4, ..., 0], train_faces.noisy[::4, ..., 0]
    stands, step = STRENGTHS[name][SIGMAS.index(0.1)], 2 if name == "Median filter" else 0.2

    def scored(strength):
        restored = np.stack([GRAY_METHODS[name](one, strength, 0.1) for one in noisy])
        return psnr(clean, np.clip(restored, 0, 1)).mean()

    assert scored(stands) > max(scored(stands - step), scored(stands + step))


def test_the_methods_keep_their_psnr_on_the_test_faces(test_faces):
    found = {
        name: psnr(test_faces.clean, restore(test_faces.noisy, 0.1)).mean()
        for name, restore in BASELINES.items()
    }
    assert found == pytest.approx(
        {
            "Gaussian filter": 27.33,
            "Median filter": 25.66,
            "Non-local means": 27.28,
            "Total variation": 27.36,
        },
        abs=0.006,
    )
