"""Camera noise: each step of the camera is seen in the statistics of what it leaves."""

from __future__ import annotations

import numpy as np
import pytest

from olivetti_denoiser.synthesis.camera_noise import (
    Camera,
    bayer_mosaic,
    camera_noise,
    demosaic,
    draw_camera,
    jpeg,
    patterned_noise,
    to_linear,
    to_srgb,
    without,
)

PLAIN = Camera(gains=(1.0, 1.0), mosaic=False)  # noise on three planes and nothing else


def flat(linear, side=256):
    """A picture of one brightness, given in linear light."""
    return np.full((side, side, 3), to_srgb(np.float32(linear)), np.float32)


def noise_of(camera, linear=0.2, seed=0):
    """The noise that a camera leaves on a flat picture, in linear light."""
    clean, noisy = camera_noise(flat(linear), np.random.default_rng(seed), camera)
    return to_linear(noisy) - to_linear(clean)


def correlation(image, lag):
    """How much pixels have in common with those `lag` to the right."""
    image = image - image.mean()
    variance = image.var()  # none where JPEG has left no noise in colour
    return float((image[:, lag:] * image[:, :-lag]).mean() / variance) if variance else np.nan


def brightness_and_colour(noise):
    return noise.mean(axis=2), noise[..., 0] - noise[..., 2]


@pytest.mark.parametrize(("shot", "read"), [(4e-3, 0.02), (0.0, 0.03), (6e-3, 0.0)])
def test_the_variance_is_shot_times_signal_plus_read_squared(shot, read):
    signals = np.array([0.15, 0.25, 0.4, 0.5])
    camera = Camera(gains=(1.0, 1.0), shot=shot, read=read, mosaic=False)
    variances = [noise_of(camera, signal).var() for signal in signals]
    np.testing.assert_allclose(variances, shot * signals + read**2, rtol=0.05)


def test_white_balance_multiplies_the_noise_of_red_and_blue():
    camera = Camera(gains=(2.0, 1.5), shot=2e-3, read=0.0, mosaic=False)
    red, green, blue = noise_of(camera).var(axis=(0, 1))
    assert red / green == pytest.approx(2.0, rel=0.05)
    assert blue / green == pytest.approx(1.5, rel=0.05)


def test_white_noise_becomes_correlated_by_demosaicing():
    for edge_aware in (False, True):
        camera = Camera(gains=(1.0, 1.0), shot=5e-3, edge_aware=edge_aware)
        brightness, colour = brightness_and_colour(noise_of(camera))
        assert correlation(brightness, 1) > 0.2
        assert correlation(colour, 1) > 0.4
    white = noise_of(without(Camera(gains=(1.0, 1.0), shot=5e-3), "mosaic"))
    assert all(abs(correlation(part, 1)) < 0.03 for part in brightness_and_colour(white))
    assert abs(np.corrcoef(white[..., 0].ravel(), white[..., 1].ravel())[0, 1]) < 0.03


def test_smoothing_reaches_farther_in_colour_than_in_brightness():
    camera = Camera(shot=5e-3, smoothing=0.8, colour_smoothing=4.0)
    brightness, colour = brightness_and_colour(noise_of(camera))
    plain_brightness, plain_colour = brightness_and_colour(noise_of(without(camera, "smoothing")))
    assert brightness.var() < 0.7 * plain_brightness.var()
    assert colour.var() < 0.3 * plain_colour.var()
    assert correlation(colour, 4) > 0.5 > 0.1 > correlation(plain_colour, 4)
    assert correlation(brightness, 4) < 0.1


def test_sharpening_makes_the_noise_stronger():
    camera = Camera(shot=2e-3, sharpening=0.8)
    assert noise_of(camera).var() > 1.3 * noise_of(without(camera, "sharpening")).var()


def test_a_smaller_size_has_less_noise():
    camera = Camera(gains=(1.0, 1.0), shot=5e-3, mosaic=False, scale=0.5)
    noise = noise_of(camera)
    assert noise.shape == (128, 128, 3)
    assert noise.var() < 0.3 * noise_of(without(camera, "scale")).var()


def test_jpeg_leaves_less_noise_and_that_in_blocks():
    camera = Camera(shot=1e-3, quality=75)
    strong, weak = (noise_of(one).var() for one in (without(camera, "jpeg"), camera))
    assert weak < 0.8 * strong


def test_jpeg_can_halve_the_resolution_of_colour():
    checks = np.indices((64, 64)).sum(axis=0) % 2
    image = np.full((64, 64, 3), 0.5, np.float32)
    image[..., 0] += 0.1 * (2 * checks - 1)
    image[..., 2] -= 0.1 * (2 * checks - 1)

    def amplitude(picture):
        colour = picture[..., 0] - picture[..., 2]
        return colour[checks == 1].mean() - colour[checks == 0].mean()

    assert amplitude(jpeg(image, 95, half_colour=False)) > 0.9 * amplitude(image)
    assert amplitude(jpeg(image, 95, half_colour=True)) < 0.1 * amplitude(image)
    np.testing.assert_allclose(jpeg(image, None), image, atol=0.501 / 255)


def test_without_noise_a_camera_gives_the_target():
    rng = np.random.default_rng(0)
    clean = np.kron(rng.random((16, 16, 3)), np.ones((8, 8, 1))).astype(np.float32)
    camera = Camera(shot=0.0, read=0.0, smoothing=0.5, colour_smoothing=1.0, sharpening=0.5)
    target, noisy = camera_noise(clean, rng, camera)
    np.testing.assert_allclose(noisy, target, atol=0.501 / 255)
    target, noisy = camera_noise(clean, rng, without(PLAIN, "shot", "read"))
    np.testing.assert_allclose(target, clean, atol=1e-5)


def test_each_colour_comes_back_from_the_mosaic_in_its_place():
    colour = np.broadcast_to(np.float32([0.7, 0.4, 0.1]), (32, 32, 3))
    for edge_aware in (False, True):
        np.testing.assert_allclose(demosaic(bayer_mosaic(colour), edge_aware), colour, atol=1e-4)
    below = np.full((32, 32), -0.02, np.float32)  # noise around black goes below it
    np.testing.assert_allclose(demosaic(below), -0.02, atol=1e-4)


def test_linear_light_and_back():
    values = np.linspace(0, 1, 256, dtype=np.float32)
    np.testing.assert_allclose(to_srgb(to_linear(values)), values, atol=1e-5)
    assert to_linear(0.5) == pytest.approx(0.2140, abs=1e-4)


def test_the_same_seed_gives_the_same_bytes():
    clean = flat(0.3, side=32)
    for function in (camera_noise, lambda *given: patterned_noise(given[0], 0.02, given[1])):
        first, again, other = (function(clean, np.random.default_rng(seed)) for seed in (1, 1, 2))
        np.testing.assert_array_equal(first[1], again[1])
        assert first[1].tobytes() != other[1].tobytes()
        np.testing.assert_allclose(first[1] * 255, np.rint(first[1] * 255), atol=1e-4)


def test_drawn_cameras_are_of_all_kinds():
    rng = np.random.default_rng(0)
    cameras = [draw_camera(rng) for _ in range(300)]
    for name in ("edge_aware", "half_colour", "smoothing", "sharpening", "quality"):
        share = np.mean([bool(getattr(camera, name)) for camera in cameras])
        assert 0.2 < share < 0.9, name
    shots = np.array([camera.shot for camera in cameras])
    assert shots.max() / shots.min() > 50
    assert np.corrcoef(np.log(shots), np.log([camera.read for camera in cameras]))[0, 1] > 0.7


@pytest.mark.parametrize("sigma", [0.01, 0.04])
def test_blotches_have_the_level_that_was_asked_for_and_reach_over_neighbours(sigma):
    clean = np.full((128, 128, 3), 0.5, np.float32)
    reach = []
    for seed in range(24):
        target, noisy = patterned_noise(clean, sigma, np.random.default_rng(seed))
        noise = noisy - target
        assert np.sqrt(np.square(noise).mean()) == pytest.approx(sigma, rel=0.3)
        brightness, colour = brightness_and_colour(noise)
        reach.append([correlation(brightness, 1), correlation(colour, 2), correlation(colour, 4)])
    assert np.all(np.nanmedian(reach, axis=0) > (0.2, 0.5, 0.2))


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match=r"even sides\. Received: shape=\(7, 8, 3\)"):
        camera_noise(np.zeros((7, 8, 3), np.float32), np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"the steps are mosaic.*Received: lens"):
        without(PLAIN, "lens")
