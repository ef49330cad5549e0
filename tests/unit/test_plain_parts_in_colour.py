"""The released network for colour on noisy pictures with plain parts: bars, pages and cut-outs."""

from __future__ import annotations

import numpy as np

from olivetti_denoiser.bundled import bundled
from olivetti_denoiser.data.test_sets import standing_set
from olivetti_denoiser.denoiser import Denoiser
from olivetti_denoiser.evaluate.measure import mean_psnr
from olivetti_denoiser.noise import noisy_uint8

SIDE, LOSS = 256, 0.3  # dB
down, across = np.mgrid[:SIDE, :SIDE]
SHOWN = {
    "bars": abs(down - 127.5) < 64,
    "page": (across % 128 > 20) & (down > 60) & (down < 180),
    "disc": (down - 128) ** 2 + (across - 128) ** 2 < 100**2,
}


def test_plain_parts_cost_little_quality_and_stay_as_they_are():
    denoiser = Denoiser.from_pretrained(bundled("model_card")).only("colour")
    clean = standing_set(SIDE).clean[0]
    noisy = noisy_uint8(clean, 50 / 255, np.random.default_rng(0))
    whole = denoiser(noisy)
    for name, shade, most in (
        ("bars", 0, LOSS),  # noise that clips at the bars' shade
        ("page", 255, 2 * LOSS),  # many edges, beyond which pixels are missing
        ("disc", None, LOSS),  # transparent
    ):
        shown = SHOWN[name]
        seen = np.dstack([noisy, np.where(shown, 255, 0).astype(np.uint8)])
        if shade is not None:
            seen = np.where(shown[..., None], noisy, np.uint8(shade))
        restored = denoiser(seen)[..., :3]
        before, after = (
            mean_psnr([clean[shown][None]], [picture[shown][None]]) for picture in (whole, restored)
        )
        assert before - after < most, name
        if shade is not None:
            plain = ~shown
            for axis in (0, 1):  # away from its edges
                plain &= np.roll(plain, 8, axis) & np.roll(plain, -8, axis)
            assert np.abs(restored[plain].astype(int) - shade).max() <= 2
