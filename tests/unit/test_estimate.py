"""The noise level of pictures with plain or hidden parts, and what those do to the rest."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from olivetti_denoiser.bundled import bundled
from olivetti_denoiser.denoiser import Denoiser
from olivetti_denoiser.inference.estimation_patches import has_plain_parts, noisy_blocks
from olivetti_denoiser.inference.transparent_pixels import fill_hidden

SIGMA = 0.098
CLOSE = 0.3  # dB between what the estimate reaches and what the true level reaches


@pytest.fixture(scope="module")
def denoiser():
    return Denoiser.from_pretrained(bundled("model_card")).only("gray")


def scene(height: int, width: int, seed: int) -> np.ndarray:
    """A clean picture of waves, edges and discs."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    clean = 0.5 + 0.2 * np.sin(x / 23) * np.cos(y / 31) + 0.1 * np.sign(np.sin(x / 11 + y / 17))
    for _ in range(30):
        top, left, radius = random.integers(height), random.integers(width), random.integers(6, 40)
        clean[(y - top) ** 2 + (x - left) ** 2 < radius**2] = random.uniform(0.15, 0.85)
    return np.clip(clean, 0.05, 0.95)


def noisy_version(clean: np.ndarray, seed: int = 1) -> np.ndarray:
    """The same with noise, in 8 bits."""
    noise = np.random.default_rng(seed).normal(0, SIGMA, clean.shape)
    return np.rint(255 * np.clip(clean + noise, 0, 1)).astype(np.uint8)


def error_db(restored: np.ndarray, clean: np.ndarray, where: np.ndarray) -> float:
    return -10 * np.log10(np.mean((restored[where] / 255 - clean[where]) ** 2))


def bars(share: float, shape) -> np.ndarray:
    """Where the picture is, between bars above and below."""
    inside = np.ones(shape, bool)
    bar = round(share * shape[0] / 2)
    inside[:bar] = inside[shape[0] - bar :] = False
    return inside


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 0.75])
@pytest.mark.parametrize("paint", [0, 255])
def test_bars_cost_no_quality(denoiser, share, paint):
    clean = scene(256, 384, 3)
    inside = bars(share, clean.shape)
    noisy = np.where(inside, noisy_version(clean), paint).astype(np.uint8)
    restored, given = denoiser(noisy), denoiser(noisy, sigma=SIGMA)
    best = error_db(given, clean, inside)
    assert error_db(restored, clean, inside) > best - CLOSE
    assert denoiser.estimate_sigma(noisy) == pytest.approx(SIGMA, rel=0.1)


@pytest.mark.parametrize("shape", ["a disc", "beside a panel", "three photographs on a page"])
def test_other_plain_parts_cost_no_quality(denoiser, shape):
    clean = scene(256, 384, 5)
    y, x = np.mgrid[0:256, 0:384]
    inside = {
        "a disc": (y - 128) ** 2 + (x - 192) ** 2 < 120**2,
        "beside a panel": x > 250,
        "three photographs on a page": (x % 128 > 20) & (y > 60) & (y < 180),
    }[shape]
    noisy = np.where(inside, noisy_version(clean), 200).astype(np.uint8)
    restored, given = denoiser(noisy), denoiser(noisy, sigma=SIGMA)
    assert error_db(restored, clean, inside) > error_db(given, clean, inside) - CLOSE


@pytest.mark.parametrize("quality", [95, 80])
def test_bars_that_a_jpeg_has_blurred_cost_no_quality(denoiser, quality):
    clean = scene(256, 384, 4)
    inside = bars(0.5, clean.shape)
    file = io.BytesIO()
    image = np.where(inside, noisy_version(clean), 0).astype(np.uint8)
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    whole = io.BytesIO()
    Image.fromarray(noisy_version(clean)).save(whole, "JPEG", quality=quality)
    found = denoiser.estimate_sigma(Image.open(file))
    assert found == pytest.approx(denoiser.estimate_sigma(Image.open(whole)), rel=0.1)


@pytest.mark.parametrize("hidden", ["black", "white", "noise"])
@pytest.mark.parametrize("shape", ["disc", "stripes", "corner"])
def test_cut_outs_are_restored_as_well_as_the_opaque_picture(denoiser, shape, hidden):
    clean = scene(192, 256, 5)
    y, x = np.mgrid[0:192, 0:256]
    seen = {
        "disc": (y - 96) ** 2 + (x - 128) ** 2 < 70**2,
        "stripes": x // 40 % 2 == 0,
        "corner": (y < 70) & (x < 90),
    }[shape]
    noise = np.random.default_rng(0).integers(0, 256, clean.shape)
    under = {"black": 0, "white": 255, "noise": noise}[hidden]
    gray = np.where(seen, noisy_version(clean), under).astype(np.uint8)
    cut_out = np.dstack([gray, np.where(seen, 255, 0).astype(np.uint8)])
    restored = denoiser(cut_out)
    best = error_db(denoiser(cut_out, sigma=SIGMA)[..., 0], clean, seen)
    if shape == "disc":  # whose edges are few
        best = error_db(denoiser(noisy_version(clean), sigma=SIGMA), clean, seen)
    assert error_db(restored[..., 0], clean, seen) > best - CLOSE
    assert np.array_equal(restored[..., 1], cut_out[..., 1])
    assert np.array_equal(restored[..., 0][~seen], gray[~seen])


def test_what_is_hidden_changes_nothing_that_is_seen(denoiser):
    clean = scene(100, 80, 6)
    seen = np.zeros(clean.shape, bool)
    seen[20:70, 10:60] = True
    alpha = np.where(seen, 255, 0).astype(np.uint8)
    results = []
    for under in (0, 255, np.random.default_rng(1).integers(0, 256, (100, 80, 3))):
        rgb = np.repeat(noisy_version(clean)[..., None], 3, axis=-1)
        rgb = np.where(seen[..., None], rgb, under).astype(np.uint8)
        restored = denoiser(Image.fromarray(np.dstack([rgb, alpha])))
        results.append(np.asarray(restored)[seen])
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[2])


def test_a_small_picture_with_a_bar_is_restored_too(denoiser):
    clean = scene(64, 64, 7)
    inside = bars(0.5, clean.shape)
    noisy = np.where(inside, noisy_version(clean), 0).astype(np.uint8)
    best = error_db(denoiser(noisy, sigma=SIGMA), clean, inside)
    assert error_db(denoiser(noisy), clean, inside) > best - CLOSE


def test_a_picture_without_plain_parts_is_estimated_whole():
    noisy = noisy_version(scene(128, 128, 8)).astype(np.float32)[..., None] / 255
    assert not has_plain_parts(noisy_blocks(noisy))
    assert not has_plain_parts(noisy_blocks(noisy[:3, :3]))
    noisy[:16] = 0
    assert has_plain_parts(noisy_blocks(noisy))


def test_a_plain_picture_has_hardly_any_noise(denoiser):
    assert denoiser.estimate_sigma(np.full((90, 70), 128, np.uint8)) < 0.03
    drawing = np.zeros((128, 128), np.uint8)
    drawing[40:80, 30:100] = 200
    assert denoiser.estimate_sigma(drawing) < 0.04
    assert np.isfinite(denoiser.estimate_sigma(np.zeros((40, 40, 4), np.uint8)))


def test_hidden_pixels_are_filled_from_their_neighbours():
    pictures = np.random.default_rng(2).random((2, 37, 50, 3), dtype=np.float32)
    visible = np.zeros((2, 37, 50), bool)
    visible[:, 5:20, 7:30] = True
    filled = fill_hidden(pictures, visible)
    assert np.array_equal(filled[visible], pictures[visible])
    low, high = pictures[visible].min(), pictures[visible].max()
    assert low <= filled.min() and filled.max() <= high
    assert np.array_equal(fill_hidden(pictures, ~(visible & False)), pictures)
    visible[1] = False  # a wholly transparent picture stays as it is, in a batch too
    assert np.array_equal(fill_hidden(pictures, visible)[1], pictures[1])
