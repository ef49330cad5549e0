"""The released network for colour on noisy pictures with plain parts: bars, pages and cut-outs."""

from __future__ import annotations

import numpy as np
import pytest

from olivetti_denoiser.bundled import bundled
from olivetti_denoiser.data.test_sets import standing_set
from olivetti_denoiser.denoiser import Denoiser
from olivetti_denoiser.noise import noisy_uint8

SIDE, LOSS = 256, 0.3  # dB
down, across = np.mgrid[:SIDE, :SIDE]
SHOWN = {
    "bars": abs(down - 127.5) < 64,
    "page": (across % 128 > 20) & (down > 60) & (down < 180),
    "disc": (down - 128) ** 2 + (across - 128) ** 2 < 100**2,
}


@pytest.fixture(scope="module")
def denoiser():
    return Denoiser.from_pretrained(bundled("model_card")).only("colour")


@pytest.fixture(scope="module")
def picture(denoiser):
    """A picture: clean, noisy at σ = 50/255, and the noisy one restored as a whole."""
    clean = standing_set(SIDE).clean[0]
    noisy = noisy_uint8(clean, 50 / 255, np.random.default_rng(0))
    return clean, noisy, denoiser(noisy)


@pytest.mark.parametrize(
    ("shape", "shade", "most"),
    [
        ("bars", 0, LOSS),  # noise that clips at the bars' shade
        ("page", 255, 2 * LOSS),  # many edges, beyond which pixels are missing
        ("disc", None, LOSS),  # transparent
    ],
)
def test_plain_parts_cost_little_quality_and_stay_as_they_are(
    denoiser, picture, shape, shade, most
):
    clean, noisy, whole = picture
    shown = SHOWN[shape]
    if shade is None:
        seen = np.dstack([noisy, np.where(shown, 255, 0).astype(np.uint8)])
    else:
        seen = np.where(shown[..., None], noisy, shade).astype(np.uint8)
    restored = denoiser(seen)[..., :3]
    errors = [
        np.square(one[shown].astype(float) - clean[shown]).mean() for one in (restored, whole)
    ]
    assert 10 * np.log10(errors[0] / errors[1]) < most
    if shade is not None:
        plain = ~shown
        for axis in (0, 1):  # away from its edges
            plain &= np.roll(plain, 8, axis) & np.roll(plain, -8, axis)
        assert np.abs(restored[plain].astype(int) - shade).max() <= (0 if shape == "bars" else 2)
