"""The released network for colour on noisy pictures with plain parts: bars, pages and cut-outs."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from olivetti_denoiser.bundled import bundled
from olivetti_denoiser.data.colour_images import standing_set
from olivetti_denoiser.denoiser import Denoiser
from olivetti_denoiser.noise import noisy_uint8

CLOSE = 0.3  # dB
SIDE = 256
down, across = np.mgrid[:SIDE, :SIDE]
SHOWN = {
    "a page": (across % 128 > 20) & (down > 60) & (down < 180),
    "a disc": (down - 128) ** 2 + (across - 128) ** 2 < 100**2,
}


@cache
def denoiser() -> Denoiser:
    return Denoiser.from_pretrained(bundled("model_card")).only("colour")


@cache
def pictures(sigma: int) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Three pictures: clean, noisy, and the noisy one restored as a whole."""
    found = []
    for index, clean in enumerate(standing_set(SIDE).images[:3]):
        noisy = noisy_uint8(clean, sigma / 255, np.random.default_rng(index))
        found.append((clean, noisy, denoiser()(noisy)))
    return found


def loss(clean: np.ndarray, restored: np.ndarray, whole: np.ndarray, shown: np.ndarray) -> float:
    """How much less PSNR one restored picture has than another, in dB, where it shows."""
    errors = [
        np.square(one[shown].astype(float) - clean[shown]).mean() for one in (restored, whole)
    ]
    return float(10 * np.log10(errors[0] / errors[1]))


@pytest.mark.parametrize(
    ("share", "shade", "sigma"),
    [
        (0.25, 0, 50),  # noise that clips at the bars' shade
        (0.5, 128, 25),  # bars as bright as the picture: no edge tells where they end
        (0.75, 255, 10),  # little of the picture is left, and the level is low
    ],
)
def test_bars_cost_no_quality(share, shade, sigma):
    bar = round(share * SIDE / 2)
    shown = slice(bar, SIDE - bar)
    losses = []
    for clean, noisy, whole in pictures(sigma):
        framed = np.full_like(noisy, shade)
        framed[shown] = noisy[shown]
        restored = denoiser()(framed)
        losses.append(loss(clean, restored, whole, shown))
        assert (restored[:bar] == shade).all()
    assert np.mean(losses) < CLOSE


@pytest.mark.parametrize(("shape", "shade", "sigma"), [("a page", 255, 10), ("a disc", 0, 50)])
def test_other_plain_parts_cost_little_quality(shape, shade, sigma):
    """Edges to plain parts are many here, and the pixels beyond them are missing."""
    shown = SHOWN[shape]
    for clean, noisy, whole in pictures(sigma):
        restored = denoiser()(np.where(shown[..., None], noisy, shade).astype(np.uint8))
        assert loss(clean, restored, whole, shown) < 2 * CLOSE


@pytest.mark.parametrize(("shape", "sigma"), [("a page", 50), ("a disc", 10)])
def test_cut_outs_cost_little_quality(shape, sigma):
    """Of a page, what is around its two pictures is missing as well."""
    shown, losses = SHOWN[shape], []
    for clean, noisy, whole in pictures(sigma):
        seen = np.where(shown, 255, 0).astype(np.uint8)
        restored = denoiser()(np.dstack([noisy, seen]))[..., :3]
        losses.append(loss(clean, restored, whole, shown))
    assert np.mean(losses) < (1.5 if shape == "a page" else 1.0) * CLOSE


@pytest.mark.parametrize("shape", SHOWN)
def test_plain_parts_between_noisy_ones_stay_as_they_are(shape):
    _, noisy, _ = pictures(50)[0]
    shown = SHOWN[shape]
    for shade in (0, 90, 255):
        partly = np.where(shown[..., None], noisy, shade).astype(np.uint8)
        restored = denoiser()(partly)
        plain = ~shown
        for axis in (0, 1):  # away from its edges
            plain &= np.roll(plain, 8, axis) & np.roll(plain, -8, axis)
        assert np.abs(restored[plain].astype(int) - shade).max() <= 2
