"""What Clean up opens with: by which network each is restored, and that it gets better."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from example_pictures import EXAMPLES, PICTURES
from olivetti_denoiser import Denoiser
from page_server import MODEL


@pytest.mark.parametrize(
    ("name", "network", "gain"),
    [
        ("noisy_1_photograph.png", "colour", 4.0),
        ("noisy_2_old_print.png", "gray", 8.0),
        ("noisy_3_scan.png", "gray", 6.0),
    ],
)
def test_each_shows_a_kind_of_noise_and_what_its_network_removes(name, network, gain):
    path = EXAMPLES / name
    clean, drawn = PICTURES[name]()
    noisy = np.asarray(Image.open(path))
    assert decibels(noisy, drawn) > 40.0  # the file is what the script draws
    assert path.stat().st_size < 600_000
    assert min(noisy.shape[:2]) >= 400
    restored = Denoiser.from_pretrained(MODEL).restore(noisy)
    assert restored.network == network
    assert decibels(restored.image, clean) > decibels(noisy, clean) + gain


def test_there_are_no_others():
    assert {path.name for path in EXAMPLES.glob("noisy_*")} == PICTURES.keys()


def decibels(one, other):
    error = np.square(one.astype(float) - other.astype(float)).mean()
    return 20 * np.log10(255) - 10 * np.log10(max(error, 1e-9))
