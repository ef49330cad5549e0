"""Coloured leaves: what each part of the generator draws, and the pool that is laid ahead."""

from __future__ import annotations

import numpy as np
import pytest

from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.noise import from_uint8
from olivetti_denoiser.synthesis.coloured_leaves import KINDS, ROUGH, SHARES, draw_palette, leaves
from olivetti_denoiser.synthesis.synthetic_dataset import HELD_OUT, LEARNED, lay_block, prepare_pool


@pytest.fixture(scope="module")
def faces():
    """Smooth random pictures in place of faces, 12 of them."""
    coarse = np.random.default_rng(0).random((12, 8, 8, 1), np.float32)
    return np.kron(coarse, np.ones((1, 8, 8, 1), np.float32))


def only(kind):
    """The shares of a generator that draws nothing but one kind of leaf."""
    return [float(one == kind) for one in KINDS]


def test_leaves_are_colour_pictures_that_the_generator_alone_decides(faces):
    first, again, other = (leaves(faces, np.random.default_rng(seed), 64) for seed in (1, 1, 2))
    assert first.shape == (64, 64, 3)
    assert first.dtype == np.float32
    assert first.min() >= 0
    assert first.max() <= 1
    np.testing.assert_array_equal(first, again)
    assert np.any(first != other)


def test_they_are_dark_and_bright_pale_and_saturated(faces):
    pictures = [leaves(faces, np.random.default_rng(seed), 48) for seed in range(40)]
    brightness = np.array([picture.mean() for picture in pictures])
    colour = np.array([(picture.max(axis=2) - picture.min(axis=2)).mean() for picture in pictures])
    assert brightness.min() < 0.3 < 0.6 < brightness.max()
    assert colour.min() < 0.08 < 0.25 < colour.max()
    assert 0.02 < np.median(colour) < 0.35


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_leaf_can_be_drawn_alone(faces, kind):
    picture = leaves(faces, np.random.default_rng(5), 64, only(kind))
    assert picture.shape == (64, 64, 3)
    assert picture.std() > 0.01


def test_textures_bring_fine_detail_that_plain_leaves_lack(faces):
    def detail(kind):
        pictures = [leaves(faces, np.random.default_rng(seed), 64, only(kind)) for seed in range(8)]
        steps = [np.abs(np.diff(picture.mean(axis=2), axis=1)) for picture in pictures]
        return np.mean([(step > 4 / 255).mean() for step in steps])

    plain = detail("plain")
    assert all(detail(kind) > 1.2 * plain for kind in ("stripes", "grain"))


def test_a_weak_grain_lies_over_as_many_leaves_as_asked_for(faces):
    def difference(rough):
        """The median difference of neighbours on plain leaves."""
        pictures = [
            leaves(faces, np.random.default_rng(seed), 64, only("plain"), rough=rough)
            for seed in range(24)
        ]
        return np.median(np.abs(np.diff(np.stack(pictures).mean(axis=3), axis=2)))

    none, some, everywhere = map(difference, (0.0, ROUGH, 1.0))
    assert 1.3 * none < some
    assert 1.3 * some < everywhere


def test_the_shares_add_up():
    assert len(KINDS) == len(SHARES)
    assert sum(SHARES) == pytest.approx(1)


def test_a_palette_keeps_its_brightness_whatever_its_saturation():
    palettes = np.stack([draw_palette(np.random.default_rng(seed)) for seed in range(200)])
    brightness, spread = palettes.mean(axis=2), palettes.max(axis=2) - palettes.min(axis=2)
    assert 0.4 < brightness.mean() < 0.6
    assert np.median(spread) < 0.3 < np.quantile(spread, 0.95)


@pytest.fixture
def config():
    return TrainingConfig.from_options({"pool": 64, "validation_faces": 4}, preset="colour")


@pytest.fixture
def few(monkeypatch):
    """A pool small enough to be laid in this process."""
    from olivetti_denoiser.synthesis import synthetic_dataset as pool

    monkeypatch.setattr(pool, "VALIDATION", 3)
    monkeypatch.setattr(pool, "BLOCK", 100)


def test_a_pool_holds_the_pictures_that_seed_and_number_say(faces, config, few, tmp_path):
    learned, held_out = prepare_pool(faces, tmp_path, config, lambda line: None)
    assert (len(learned.clean), len(held_out.clean)) == (64, 3)
    expected = np.frombuffer(lay_block(faces[:-4], (config.seed, 1), 7, 8), np.uint8)
    np.testing.assert_array_equal(learned.clean[7], from_uint8(expected).reshape(128, 128, 3))
    # Pictures to validate on show the faces that are held out, and no others.
    expected = np.frombuffer(lay_block(faces[-4:], (0, 2), 2, 3), np.uint8)
    np.testing.assert_array_equal(held_out.clean[2], from_uint8(expected).reshape(128, 128, 3))


def test_a_kind_of_leaf_can_be_left_out_of_the_pictures_to_learn_from(faces, config, few, tmp_path):
    plain = [float(kind == "plain") for kind in KINDS]
    learned, held_out = prepare_pool(
        faces, tmp_path / "plain", config, lambda line: None, shares=plain
    )
    expected = np.frombuffer(lay_block(faces[:-4], (config.seed, 1), 0, 1, plain), np.uint8)
    np.testing.assert_array_equal(learned.clean[0], from_uint8(expected).reshape(128, 128, 3))
    smooth, _ = prepare_pool(faces, tmp_path / "smooth", config, lambda line: None, rough=0.0)
    expected = np.frombuffer(lay_block(faces[:-4], (config.seed, 1), 5, 6, rough=0.0), np.uint8)
    np.testing.assert_array_equal(smooth.clean[5], from_uint8(expected).reshape(128, 128, 3))
    default, validation = prepare_pool(faces, tmp_path / "default", config, lambda line: None)
    assert not np.array_equal(default.clean[0], learned.clean[0])
    np.testing.assert_array_equal(held_out.clean[1], validation.clean[1])


def test_an_interrupted_pool_is_gone_on_with(faces, config, few, tmp_path):
    prepare_pool(faces, tmp_path / "whole", config, lambda line: None)
    (tmp_path / "half").mkdir()
    whole = (tmp_path / "whole" / LEARNED).read_bytes()
    half = tmp_path / "half" / LEARNED
    half.write_bytes(whole[: 62 * 128 * 128 * 3 + 1000])  # the last picture is not whole
    lines = []
    prepare_pool(faces, tmp_path / "half", config, lines.append)
    assert half.read_bytes() == whole
    validation = (tmp_path / "half" / HELD_OUT).read_bytes()
    assert validation == (tmp_path / "whole" / HELD_OUT).read_bytes()
    assert any("64 of 64" in line for line in lines)


@pytest.mark.slow
def test_several_processes_lay_the_same_pool_as_one(faces, config, few, tmp_path, monkeypatch):
    from olivetti_denoiser.synthesis import synthetic_dataset as pool

    prepare_pool(faces, tmp_path / "one", config, lambda line: None)
    monkeypatch.setattr(pool, "BLOCK", 16)
    prepare_pool(faces, tmp_path / "several", config, lambda line: None)
    one, several = ((tmp_path / name / LEARNED).read_bytes() for name in ("one", "several"))
    assert one == several
