"""Denoiser with a network of three planes: what goes through it together, sizes, levels, tiles."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from olivetti_denoiser.bundled import bundled
from olivetti_denoiser.denoiser import Denoiser
from olivetti_denoiser.inference.estimate import COLOUR_QUANTILE
from olivetti_denoiser.inference.tiles import MARGINS, TILE_SIDE


@pytest.fixture(scope="module")
def denoiser():
    """The colour network of the release alone."""
    return Denoiser.from_pretrained(bundled("model_card")).only("colour")


@pytest.fixture(scope="module")
def colour():
    return np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)


def test_a_colour_picture_goes_through_as_a_whole(denoiser, colour):
    pictures = np.moveaxis(colour / np.float32(255), -1, 0)[None]
    expected = np.moveaxis(denoiser.networks["colour"].restore(pictures, [0.1])[0], 0, -1)
    restored = denoiser(colour, sigma=0.1, mirror=False)
    assert (restored.shape, restored.dtype) == (colour.shape, np.uint8)
    np.testing.assert_allclose(restored / 255, np.clip(expected, 0, 1), atol=0.51 / 255)
    assert np.abs(restored.astype(int) - colour).mean() > 1


def test_one_colour_depends_on_the_others(denoiser, colour):
    other = colour.copy()
    other[..., 2] = 255 - other[..., 2]
    assert np.any(denoiser(other, sigma=0.1)[..., 0] != denoiser(colour, sigma=0.1)[..., 0])


def test_every_way_to_say_the_same_picture_gives_the_same_result(denoiser, colour, tmp_path):
    Image.fromarray(colour).save(tmp_path / "colour.png")
    expected = denoiser(colour)
    for image in (Image.fromarray(colour), tmp_path / "colour.png"):
        restored = denoiser(image)
        assert (restored.mode, restored.size) == ("RGB", (64, 64))
        np.testing.assert_array_equal(np.asarray(restored), expected)
    np.testing.assert_allclose(denoiser(colour / 255) * 255, expected, atol=0.501)
    np.testing.assert_allclose(denoiser(colour.astype(np.uint16) * 257) / 257, expected, atol=0.51)


def test_gray_is_seen_as_three_equal_colours(denoiser, colour):
    gray = (0.3 + 0.4 * colour[..., :1] / 255).astype(np.float32)
    alike = denoiser(np.repeat(gray, 3, axis=2), sigma=0.02)
    restored = denoiser(gray, sigma=0.02)
    assert restored.shape == gray.shape
    np.testing.assert_allclose(restored[..., 0], alike.mean(axis=2), atol=1e-5)
    assert denoiser.estimate_sigma(gray) == pytest.approx(
        denoiser.estimate_sigma(np.repeat(gray, 3, axis=2)), rel=1e-4
    )


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (7, 5), (65, 64), (3, 200)])
def test_a_picture_comes_back_in_its_own_size(denoiser, channels, size):
    picture = np.random.default_rng(0).random((*size, channels), np.float32)
    restored = denoiser(picture)
    assert (restored.shape, restored.dtype) == (picture.shape, np.float32)
    assert np.isfinite(restored).all()
    if channels in (2, 4):
        np.testing.assert_array_equal(restored[..., -1], picture[..., -1])


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "CMYK", "YCbCr"])
def test_images_of_other_modes_keep_theirs(denoiser, colour, mode):
    image = Image.fromarray(colour).convert(mode)
    restored = denoiser(image)
    assert (restored.mode, restored.size) == (mode, image.size)
    assert np.any(np.asarray(restored) != np.asarray(image))


def test_channels_that_are_no_rgb_are_restored_as_gray_pictures(denoiser, colour):
    restored = np.asarray(denoiser(Image.frombytes("YCbCr", (64, 64), colour.tobytes()), sigma=0.1))
    for channel in range(3):
        alone = denoiser(np.ascontiguousarray(colour[..., channel]), sigma=0.1)
        np.testing.assert_allclose(restored[..., channel].astype(int), alone, atol=1)


def test_a_batch_is_restored_picture_by_picture(denoiser):
    batch = np.random.default_rng(2).random((3, 40, 52, 3), np.float32)
    levels = denoiser.estimate_sigma(batch)
    assert levels.shape == (3,)
    np.testing.assert_allclose(
        levels, [denoiser.estimate_sigma(picture) for picture in batch], rtol=1e-4
    )
    alone = np.stack([denoiser(picture) for picture in batch])
    np.testing.assert_allclose(denoiser(batch), alone, atol=1e-5)


def test_tiles_leave_no_seam(denoiser):
    shape = (TILE_SIDE + 96, 2 * TILE_SIDE - 2 * MARGINS[3] + 40, 3)
    picture = np.random.default_rng(0).random(shape, np.float32)
    passes = []
    options = {"sigma": 0.2, "progress": lambda done, total: passes.append(total)}
    tiled = denoiser(picture, mirror=False, **options)
    assert passes == [6] * 6  # two rows of three tiles
    whole = denoiser.networks["colour"].restore(np.moveaxis(picture, -1, 0)[None], [0.2])[0]
    whole = np.clip(np.moveaxis(whole, 0, -1), 0, 1)
    np.testing.assert_allclose(tiled, whole, atol=0.25 / 255)  # nobody sees a quarter of a level
    assert np.abs(tiled - picture).mean() > 0.01


def test_the_level_factor_multiplies_the_level(denoiser, colour):
    picture = (colour / 255).astype(np.float32)
    level = denoiser.estimate_sigma(picture)
    for factor in (0.5, 1.5):
        expected = denoiser(picture, sigma=min(1.0, factor * level))
        np.testing.assert_allclose(denoiser(picture, level_factor=factor), expected, atol=1e-5)
    np.testing.assert_allclose(
        denoiser(picture, sigma=0.1, level_factor=2.0), denoiser(picture, sigma=0.2), atol=1e-6
    )
    np.testing.assert_array_equal(denoiser(picture, level_factor=0.0), picture)
    with pytest.raises(ValueError, match=r"level_factor must be a number from 0 to 4\. Received"):
        denoiser(picture, level_factor=5)


def test_the_level_is_a_low_one_of_those_of_small_tiles(denoiser):
    rng = np.random.default_rng(3)
    picture = rng.random((640, 64, 3), np.float32) * np.linspace(0.2, 1, 640)[:, None, None]
    picture = picture.astype(np.float32)
    tiles = np.moveaxis(picture.reshape(10, 64, 64, 3), -1, 1)
    levels = denoiser.networks["colour"].estimate(tiles)
    expected = np.quantile(levels, COLOUR_QUANTILE)
    assert denoiser.estimate_sigma(picture) == pytest.approx(expected, rel=1e-5)
    assert expected < 0.95 * np.mean(levels)


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
@pytest.mark.parametrize("shade", [0, 255])
def test_bars_do_not_change_the_estimate(denoiser, share, shade):
    picture = np.random.default_rng(4).integers(0, 256, (256, 192, 3), np.uint8)
    framed = picture.copy()
    framed[: round(share * 128)] = framed[256 - round(share * 128) :] = shade
    inside = framed[round(share * 128) : 256 - round(share * 128)]
    expected = denoiser.estimate_sigma(np.ascontiguousarray(inside))
    assert denoiser.estimate_sigma(framed) == pytest.approx(expected, rel=1e-5)


def test_what_is_transparent_does_not_change_the_estimate(denoiser):
    rng = np.random.default_rng(6)
    picture = rng.integers(0, 256, (128, 128, 4), np.uint8)
    picture[..., 3] = 0
    picture[:64, :64, 3] = 255
    expected = denoiser.estimate_sigma(np.ascontiguousarray(picture[:64, :64, :3]))
    assert denoiser.estimate_sigma(picture) == pytest.approx(expected, rel=1e-5)
