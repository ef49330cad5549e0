"""What training makes of faces: collages, coloured leaves and the synthetic dataset."""

from __future__ import annotations

import numpy as np
import pytest

from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.noise import from_uint8
from olivetti_denoiser.synthesis import coloured_leaves, synthetic_dataset
from olivetti_denoiser.synthesis.augment import warped
from olivetti_denoiser.synthesis.coloured_leaves import SHARES, draw_palette, leaves
from olivetti_denoiser.synthesis.dead_leaves import collage
from olivetti_denoiser.synthesis.synthetic_dataset import (
    HELD_OUT,
    LEARNED,
    prepare_synthetic,
    render,
)


@pytest.fixture(scope="module")
def smooth():
    """Smooth random pictures in place of faces, 12 of them."""
    coarse = np.random.default_rng(0).random((12, 8, 8, 1), np.float32)
    return np.kron(coarse, np.ones((1, 8, 8, 1), np.float32))


@pytest.mark.parametrize(
    ("draw", "shape"),
    [
        (collage, (64, 64, 1)),
        (leaves, (128, 128, 3)),
        (lambda p, rng: warped(p[0], rng), (64, 64, 1)),
    ],
    ids=["collage", "coloured leaves", "warped face"],
)
def test_a_picture_depends_on_the_generator_alone(draw, shape, smooth):
    first, again, other = (draw(smooth, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (first.shape, first.dtype) == (shape, np.float32)
    assert first.min() >= 0 and first.max() <= 1
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_released_networks_learned_from_these_pictures():
    """Another order of random numbers would be another recipe."""
    noise = np.random.default_rng(0).random((5, 64, 48, 1), dtype=np.float32)
    made = collage(noise, np.random.default_rng(3))[::16, ::16, 0]
    released = [
        [0.462411, 0.736084, 0.386815],
        [0.701927, 0.722847, 0.952771],
        [0.582288, 0.515780, 0.904434],
        [0.431507, 0.651927, 0.814039],
    ]
    np.testing.assert_allclose(made, released, atol=1e-5)


def test_a_collage_has_edges_that_flat_pictures_have_not_and_pieces_of_the_pictures():
    flat = np.full((3, 64, 64, 1), 0.5, np.float32)
    for seed in range(5):
        steps = np.abs(np.diff(collage(flat, np.random.default_rng(seed))[..., 0], axis=0))
        assert steps.max() > 0.02  # shapes of other brightness, and nothing inside of them
        assert np.median(steps) < 1e-3 or (steps > 1e-3).mean() < 0.9
    lines = np.zeros((2, 64, 64, 1), np.float32)
    lines[:, ::8] = 1
    power = np.zeros(33)
    for seed in range(60):
        made = collage(lines, np.random.default_rng(seed))[..., 0]
        for picture in (made, made.T):
            power += (np.abs(np.fft.rfft(picture - picture.mean(), axis=0)) ** 2).mean(axis=1)
    assert power[16] > 2 * np.mean(power[[13, 14, 18, 19]])  # every 8th row, shrunk to every 4th


def test_leaves_are_dark_and_bright_pale_and_saturated(smooth):
    pictures = [leaves(smooth, np.random.default_rng(seed), 48) for seed in range(40)]
    brightness = np.array([picture.mean() for picture in pictures])
    colour = np.array([(picture.max(axis=2) - picture.min(axis=2)).mean() for picture in pictures])
    assert brightness.min() < 0.3 < 0.6 < brightness.max()
    assert colour.min() < 0.08 < 0.25 < colour.max()
    palettes = np.stack([draw_palette(np.random.default_rng(seed)) for seed in range(200)])
    assert 0.4 < palettes.mean() < 0.6


def test_textures_and_the_weak_grain_bring_detail_that_plain_leaves_lack(smooth, monkeypatch):
    def detail(kind, rough):
        """The share of neighbours that differ by more than 2 of 255."""
        monkeypatch.setattr(coloured_leaves, "SHARES", np.eye(len(SHARES))[kind])
        monkeypatch.setattr(coloured_leaves, "ROUGH", rough)
        pictures = [leaves(smooth, np.random.default_rng(seed), 48) for seed in range(6)]
        return (np.abs(np.diff(np.stack(pictures).mean(axis=3), axis=2)) > 2 / 255).mean()

    faces, plain, stripes, grain, letters = (detail(kind, 0.0) for kind in range(len(SHARES)))
    assert plain < min(faces, letters) and 1.2 * plain < min(stripes, grain)
    assert 1.3 * plain < detail(1, 1.0)
    assert sum(SHARES) == pytest.approx(1)


def test_the_synthetic_dataset_holds_the_pictures_that_seed_and_number_say(
    smooth, tmp_path, monkeypatch
):
    """Whole or gone on with, by one process or several; validated on held-out faces alone."""
    monkeypatch.setattr(synthetic_dataset, "VALIDATION", 3)
    config = TrainingConfig.from_options({"pool": 64, "validation_faces": 4}, preset="colour")
    learned, held_out = prepare_synthetic(smooth, tmp_path / "whole", config, lambda line: None)
    assert (len(learned.clean), len(held_out.clean)) == (64, 3)
    for file, row, faces, seed in ((learned, 57, smooth[:-4], 1), (held_out, 2, smooth[-4:], 2)):
        expected = np.frombuffer(render(faces, (0, seed), row, row + 1), np.uint8)
        np.testing.assert_array_equal(file.clean[row].ravel(), from_uint8(expected))

    whole = (tmp_path / "whole" / LEARNED).read_bytes()
    (tmp_path / "half").mkdir()
    # The last picture is not whole.
    (tmp_path / "half" / LEARNED).write_bytes(whole[: 62 * 128 * 128 * 3 + 1000])
    lines = []
    prepare_synthetic(smooth, tmp_path / "half", config, lines.append)
    assert (tmp_path / "half" / LEARNED).read_bytes() == whole
    assert (tmp_path / "half" / HELD_OUT).stat().st_size == 3 * 128 * 128 * 3
    assert "64 of 64" in lines[0]
