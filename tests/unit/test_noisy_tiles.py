"""Noisy tiles: where a level is estimated, whatever bars, cut-outs and plain areas surround it."""

from __future__ import annotations

import numpy as np
import pytest

from olivetti_denoiser.inference import estimation_patches as module
from olivetti_denoiser.inference.estimation_patches import MOST, noisy_blocks


def noisy_tiles(picture, side, opaque=None):
    return module.noisy_tiles(noisy_blocks(picture, opaque), picture.shape[:2], side)


def noise(height, width, planes=3):
    return np.random.default_rng(0).random((height, width, planes), np.float32)


@pytest.mark.parametrize("size", [(1, 1), (9, 7), (64, 64), (100, 64), (130, 200), (513, 70)])
def test_tiles_cover_a_picture_that_is_noisy_all_over(size):
    covered = np.zeros(size, bool)
    for tile in noisy_tiles(noise(*size), 64):
        assert [span.stop - span.start for span in tile] == [min(64, length) for length in size]
        covered[tile] = True
    assert covered.all()


@pytest.mark.parametrize("bars", ["rows", "columns", "frame"])
def test_tiles_lie_between_bars(bars):
    picture, inside = np.zeros((256, 320, 3), np.float32), np.s_[64:192, 80:240]
    if bars == "rows":
        inside = np.s_[64:192, :]
    elif bars == "columns":
        inside = np.s_[:, 80:240]
    picture[inside] = noise(*picture[inside].shape[:2])
    held = np.zeros(picture.shape[:2], bool)
    held[inside] = True
    tiles = noisy_tiles(picture, 64)
    assert all(held[tile].all() for tile in tiles)
    covered = np.zeros_like(held)
    for tile in tiles:
        covered[tile] = True
    np.testing.assert_array_equal(covered, held)


def test_a_plain_area_inside_is_left_out():
    picture = noise(256, 256)
    picture[64:192, 64:192] = 1.0
    tiles = noisy_tiles(picture, 64)
    assert len(tiles) == 12
    assert all((picture[tile] < 1).all() for tile in tiles)


def test_transparent_parts_are_left_out_though_they_vary():
    picture, opaque = noise(192, 192), np.zeros((192, 192), bool)
    opaque[64:128, 128:] = True
    assert noisy_tiles(picture, 64, opaque) == [(slice(64, 128), slice(128, 192))]
    assert len(noisy_tiles(picture, 64)) == 9


def test_weak_noise_in_eight_bits_is_noise():
    rng = np.random.default_rng(1)
    weak = np.rint(100 + 0.35 * rng.standard_normal((128, 128, 3))) / 255
    assert noisy_blocks(weak.astype(np.float32)).all()


def test_a_plain_picture_is_looked_at_whole():
    assert len(noisy_tiles(np.full((128, 128, 1), 0.5, np.float32), 64)) == 4
    assert noisy_tiles(np.zeros((3, 5, 3), np.float32), 64) == [(slice(0, 3), slice(0, 5))]


def test_of_a_large_picture_some_tiles_do():
    tiles = noisy_tiles(np.broadcast_to(noise(64, 2240), (64, 2240, 3)).repeat(20, axis=0), 64)
    assert len(set(map(str, tiles))) == MOST
    assert {tile[0].start for tile in tiles} == set(range(0, 1280, 64))
