"""The gate on drawn pictures, which PSNR on photographs says nothing of."""

from __future__ import annotations

import pytest

from network_folders import MODEL
from olivetti_denoiser.errors import RefusedError
from olivetti_denoiser.publish.gate import judge
from olivetti_denoiser.release import COLOUR, read_network


def colour(**drawn):
    network = read_network(MODEL / COLOUR)
    kinds = {"gradients": {"count": 60, "worse": 0, "least_gain": 1.0, **drawn}} if drawn else {}
    return {COLOUR: network._replace(metrics={**network.metrics, "drawn": kinds})}


@pytest.mark.parametrize(
    ("mine", "theirs", "refused"),
    [
        ({"worse": 1}, {"worse": 0}, None),  # two seeds differ by more
        ({"worse": 3}, {"worse": 0}, "5.0% come back worse than noisy"),
        ({"least_gain": -20.0}, {"least_gain": -2.0}, "by 20.0 dB at most, published 0.0%, 2.0 dB"),
        ({}, {"worse": 0}, "not measured on drawn pictures"),
        ({"count": 3}, {"worse": 0}, "on other drawn pictures"),
        ({"worse": 9}, {}, None),  # a release from before they were measured
    ],
)
def test_a_colour_network_that_fails_on_drawn_pictures_is_refused(mine, theirs, refused):
    networks = colour(**mine), colour(**theirs)
    if refused is None:
        judge(*networks, "alice/m")
    else:
        with pytest.raises(RefusedError, match=refused):
            judge(*networks, "alice/m")
        judge(*networks, "alice/m", allow_regression=True)
