"""Around a network: letterbox borders, noise-estimation patches, transparent pixels."""

from __future__ import annotations

import numpy as np
import pytest

from olivetti_denoiser.bundled import bundled
from olivetti_denoiser.denoiser import Denoiser
from olivetti_denoiser.inference import estimation_patches as patches
from olivetti_denoiser.inference.letterbox import THIN, inside_letterbox
from olivetti_denoiser.inference.transparent_pixels import fill_transparent
from pictures_for_browsers import framed

SIGMA = 25 / 255
CLOSE = 0.3  # dB between a result by the estimated and one by the true sigma


@pytest.fixture(scope="module", params=["gray", "colour"])
def denoiser(request):
    return Denoiser.from_pretrained(bundled("model_card")).only(request.param)


def noise(*shape):
    return np.random.default_rng(0).random(shape, np.float32)


def scene(denoiser, height=192, width=256):
    """A clean picture of waves, edges and discs, H×W×1 or H×W×3, and the same with noise."""
    rng = np.random.default_rng(5)
    down, across = np.mgrid[0:height, 0:width]
    clean = 0.5 + 0.2 * np.sin(across / 23) * np.cos(down / 31)
    clean += 0.1 * np.sign(np.sin(across / 11 + down / 17))
    for _ in range(30):
        top, left, radius = rng.integers(height), rng.integers(width), rng.integers(6, 40)
        clean[(down - top) ** 2 + (across - left) ** 2 < radius**2] = rng.uniform(0.15, 0.85)
    (network,) = denoiser.networks.values()
    clean = np.clip(clean, 0.05, 0.95)[..., None].repeat(network.channels, axis=2)
    noisy = np.clip(clean + rng.normal(0, SIGMA, clean.shape), 0, 1)
    return clean, np.rint(255 * noisy).astype(np.uint8)


def psnr(restored, clean, where):
    return -10 * np.log10(np.mean((restored[where] / 255 - clean[where]) ** 2))


@pytest.mark.parametrize(
    ("border", "inside"),
    [
        ((16, 8, 20, 11), (16, 66, 20, 80)),  # each edge with a length of its own
        ((0, 0, 0, 40), (0, 50, 0, 60)),  # one side alone
        ((THIN - 1, 0, 0, 0), (0, 57, 0, 60)),  # too thin to matter
    ],
)
def test_the_inside_of_a_letterbox_is_found(border, inside):
    picture = np.moveaxis(framed(noise(50, 60, 3), *border), -1, 0)
    rows, columns = inside_letterbox(picture)
    assert (rows.start, rows.stop, columns.start, columns.stop) == inside


def test_a_letterbox_changes_nothing_and_is_not_changed(denoiser):
    border = (20, 8, 300, 33)
    _, picture = scene(denoiser, 96, 130)
    given = framed(picture, *border)
    seen = [], []
    restored = denoiser(given, progress=lambda *done: seen[0].append(done))
    inside = np.s_[border[0] : border[0] + 96, border[2] : border[2] + 130]
    alone = denoiser(picture, progress=lambda *done: seen[1].append(done))
    np.testing.assert_array_equal(restored[inside], alone)
    assert seen[0] == seen[1]  # it costs nothing either
    given[inside] = restored[inside] = 0
    np.testing.assert_array_equal(restored, given)


def test_a_picture_of_nothing_but_bars_stays_as_it_is(denoiser):
    plain = np.repeat(np.uint8([0] * 32 + [255] * 32), 48 * 3).reshape(64, 48, 3)
    np.testing.assert_array_equal(denoiser(plain, sigma=0.1, strength=0.5), plain)
    assert 0 <= denoiser.estimate_sigma(plain) < 0.1


DOWN, ACROSS = np.mgrid[:192, :256]
HELD = {  # the masks of the parts of a picture that hold noise
    "between bars": (DOWN > 47) & (DOWN < 144),
    "a disc": (DOWN - 96) ** 2 + (ACROSS - 128) ** 2 < 70**2,
    # no edge of the border tells where they end
    "three photographs on a page": (ACROSS % 96 > 20) & (DOWN > 40) & (DOWN < 150),
}


@pytest.mark.parametrize("where", HELD)
def test_plain_parts_cost_no_quality(denoiser, where):
    clean, noisy = scene(denoiser)
    picture = np.where(HELD[where][..., None], noisy, np.uint8(200))
    result, given = denoiser.restore(picture), denoiser(picture, sigma=SIGMA)
    assert psnr(result.image, clean, HELD[where]) > psnr(given, clean, HELD[where]) - CLOSE
    assert result.sigma == pytest.approx(SIGMA, rel=0.12)
    assert np.abs(result.image[:12].astype(int) - 200).max() <= 2  # a plain part stays plain


def test_a_cut_out_is_restored_as_well_as_the_opaque_picture(denoiser):
    """Whatever lies under the transparent parts, which come back untouched."""
    clean, noisy = scene(denoiser)
    seen, results = HELD["a disc"], []
    for under in (0, np.random.default_rng(0).integers(0, 256, clean.shape)):
        pixels = np.where(seen[..., None], noisy, under).astype(np.uint8)
        cut_out = np.dstack([pixels, np.where(seen, 255, 0).astype(np.uint8)])
        restored = denoiser(cut_out)
        np.testing.assert_array_equal(restored[~seen], cut_out[~seen])
        results.append(restored[..., :-1])
    np.testing.assert_array_equal(results[0][seen], results[1][seen])
    opaque = denoiser(noisy, sigma=SIGMA)
    assert psnr(results[0], clean, seen) > psnr(opaque, clean, seen) - 3 * CLOSE


def test_transparent_pixels_are_filled_from_their_neighbours():
    channels, visible = noise(3, 37, 50), np.zeros((37, 50), bool)
    np.testing.assert_array_equal(fill_transparent(channels, visible), channels)
    visible[5:20, 7:30] = True
    filled = fill_transparent(channels, visible)
    np.testing.assert_array_equal(filled[:, visible], channels[:, visible])
    low, high = channels[:, visible].min(axis=1), channels[:, visible].max(axis=1)
    assert (low <= filled.min(axis=(1, 2))).all() and (filled.max(axis=(1, 2)) <= high).all()


def estimation_patches(picture, visible=None):
    blocks = patches.noisy_blocks(picture, visible)
    return patches.estimation_patches(blocks, picture.shape[1:], 64)


def test_patches_cover_the_noise_and_nothing_else():
    held, covered = np.zeros((2, 256, 320), bool)
    held[64:192, 80:240] = True
    for patch in estimation_patches(noise(3, *held.shape) * held):
        covered[patch] = True
    np.testing.assert_array_equal(covered, held)


def test_patches_leave_out_plain_and_transparent_areas():
    picture = noise(3, 256, 256)
    visible = np.zeros((256, 256), bool)
    visible[64:128, 128:192] = True
    assert estimation_patches(picture, visible) == [(slice(64, 128), slice(128, 192))]
    picture[:, 64:192, 64:192] = 1.0
    found = estimation_patches(picture)
    assert len(found) == 12 and all((picture[:, *patch] < 1).all() for patch in found)


def test_a_plain_picture_is_looked_at_whole_and_a_large_one_in_samples():
    assert len(estimation_patches(np.full((1, 128, 128), 0.5, np.float32))) == 4
    large = np.broadcast_to(noise(3, 64, 2240)[:, None], (3, 20, 64, 2240)).reshape(3, 1280, 2240)
    found = estimation_patches(large)
    assert len(set(map(str, found))) == patches.MOST
    assert {patch[0].start for patch in found} == set(range(0, 1280, 64))
