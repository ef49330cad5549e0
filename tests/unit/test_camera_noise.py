"""Camera noise: each step of the camera is seen in the statistics of what it leaves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from olivetti_denoiser.synthesis.camera_noise import (
    Camera,
    bayer_mosaic,
    camera_noise,
    demosaic,
    draw_camera,
    patterned_noise,
    to_linear,
    to_srgb,
)

PLAIN = Camera(gains=(1.0, 1.0), mosaic=False)  # noise on three channels and nothing else


def noise_of(camera, linear=0.2):
    """The noise that a camera leaves on a picture of one brightness, in linear light."""
    flat = np.full((256, 256, 3), to_srgb(np.float32(linear)), np.float32)
    clean, noisy = camera_noise(flat, np.random.default_rng(0), camera)
    return to_linear(noisy) - to_linear(clean)


def correlation(image, lag):
    """How much pixels have in common with those `lag` to the right; NaN where all are alike."""
    image = image - image.mean()
    return float((image[:, lag:] * image[:, :-lag]).mean() / (image.var() or np.nan))


def brightness_and_colour(noise):
    return noise.mean(axis=2), noise[..., 0] - noise[..., 2]


def test_the_variance_is_shot_times_signal_plus_read_squared():
    signals, camera = np.array([0.15, 0.25, 0.4, 0.5]), replace(PLAIN, shot=4e-3, read=0.02)
    variances = [noise_of(camera, signal).var() for signal in signals]
    np.testing.assert_allclose(variances, 4e-3 * signals + 0.02**2, rtol=0.05)


def test_demosaicing_correlates_the_noise_and_smoothing_reaches_farther_in_colour():
    white = brightness_and_colour(noise_of(replace(PLAIN, shot=5e-3)))
    assert all(abs(correlation(part, 1)) < 0.03 for part in white)
    for edge_aware in (False, True):
        camera = replace(PLAIN, shot=5e-3, mosaic=True, edge_aware=edge_aware)
        brightness, colour = brightness_and_colour(noise_of(camera))
        assert correlation(brightness, 1) > 0.2
        assert correlation(colour, 1) > 0.4
    smooth = brightness_and_colour(noise_of(replace(camera, smoothing=0.8, colour_smoothing=4.0)))
    assert smooth[0].var() < 0.7 * brightness.var()
    assert smooth[1].var() < 0.3 * colour.var()
    assert correlation(smooth[1], 4) > 0.5 > 0.1 > correlation(colour, 4)
    assert correlation(smooth[0], 4) < 0.1


@pytest.mark.parametrize(
    ("step", "least", "most"),
    [
        ({"gains": (2.0, 1.5)}, 1.4, 1.6),  # red has twice the variance, blue one and a half times
        ({"sharpening": 0.8}, 1.3, 9),
        ({"scale": 0.5}, 0, 0.3),
        ({"quality": 75}, 0, 0.8),
    ],
)
def test_a_step_changes_the_variance_of_the_noise(step, least, most):
    camera = replace(PLAIN, shot=1e-3, read=0.0)
    assert least < noise_of(replace(camera, **step)).var() / noise_of(camera).var() < most


def test_without_noise_a_camera_gives_the_target_and_each_colour_in_its_place():
    rng = np.random.default_rng(0)
    clean = np.kron(rng.random((16, 16, 3)), np.ones((8, 8, 1))).astype(np.float32)
    camera = Camera(shot=0.0, read=0.0, smoothing=0.5, colour_smoothing=1.0, sharpening=0.5)
    target, noisy = camera_noise(clean, rng, camera)
    np.testing.assert_allclose(noisy, target, atol=0.501 / 255)
    target, noisy = camera_noise(clean, rng, replace(PLAIN, shot=0.0, read=0.0))
    np.testing.assert_allclose(target, clean, atol=1e-5)
    colour = np.broadcast_to(np.float32([0.7, 0.4, -0.02]), (32, 32, 3))  # noise goes below black
    for edge_aware in (False, True):
        np.testing.assert_allclose(demosaic(bayer_mosaic(colour), edge_aware), colour, atol=1e-4)
    assert to_linear(0.5) == pytest.approx(0.2140, abs=1e-4)  # IEC 61966-2-1


def test_a_camera_is_drawn_as_for_the_released_network():
    """Another order of random numbers would be another recipe."""
    camera = draw_camera(np.random.default_rng(1))
    assert camera.gains == pytest.approx((2.338379, 1.511831), rel=1e-5)
    assert (camera.edge_aware, camera.quality, camera.half_colour) == (True, 93, False)


def test_blotches_have_the_sigma_asked_for_and_reach_over_neighbours():
    clean, reach = np.full((128, 128, 3), 0.5, np.float32), []
    for seed in range(24):
        noise = patterned_noise(clean, 0.02, np.random.default_rng(seed))[1] - clean
        assert np.sqrt(np.square(noise).mean()) == pytest.approx(0.02, rel=0.3)
        brightness, colour = brightness_and_colour(noise)
        reach.append([correlation(brightness, 1), correlation(colour, 2), correlation(colour, 4)])
    assert np.all(np.nanmedian(reach, axis=0) > (0.2, 0.5, 0.2))


def test_odd_sides_are_refused():
    with pytest.raises(ValueError, match=r"even sides\. Received: shape=\(7, 8, 3\)"):
        camera_noise(np.zeros((7, 8, 3), np.float32), np.random.default_rng(0))
