"""The choice of the network: by the noise, the same in Python and in JavaScript."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from olivetti_denoiser.inference.choose_network import RULE, choose_network

SCRIPT = Path(__file__).parents[2] / "space/browser/src/worker/choose_network.js"
ASK = """
import { readFileSync } from "node:fs";
const { chooseNetwork } = await import(process.argv[1]);
const { rule, pictures } = JSON.parse(readFileSync(0));
const bytes = (text) => text && new Uint8Array(Buffer.from(text, "base64"));
const choose = ({ data, visible, ...picture }) =>
  chooseNetwork({ ...picture, data: bytes(data), visible: bytes(visible) }, rule);
console.log(JSON.stringify(pictures.map(choose)));
"""


def scene(height=128, width=160):
    """Coloured areas, ramps and a texture, none of them near black or white: float H×W×3."""
    down, across = np.mgrid[0:height, 0:width].astype(np.float64)
    ramp = 90 + 60 * down[..., None] / height + across[..., None] * [0.2, 0.1, -0.1]
    ramp[height // 2 :, : width // 2] += [40, -20, 10]
    ramp[: height // 4] += 15 * np.sin(down + across * 0.7)[: height // 4, :, None]
    return ramp


def rounded(picture):
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def grain(shape=(128, 160), sigma=1.0, seed=0):
    return sigma * np.random.default_rng(seed).standard_normal(shape)


def equal(sigma, picture=None):
    """The same noise in all channels."""
    picture = scene() if picture is None else picture
    return rounded(picture + grain(picture.shape[:2], sigma)[..., None])


def own(sigma, picture=None):
    """Noise of its own in each channel."""
    picture = scene() if picture is None else picture
    return rounded(picture + grain(picture.shape, sigma))


def blotches(sigma):
    """Noise that reaches over neighbours, the same in all channels: a camera's gray picture."""
    noise = grain((130, 162))
    smooth = sum(noise[i : i + 128, j : j + 160] for i in range(3) for j in range(3)) / 3
    return rounded(scene() + sigma * smooth[..., None])


def sepia():
    gray = np.clip(scene()[..., :1] + grain(sigma=20)[..., None], 0, 255)
    return rounded([50, 30, 18] + gray * [0.78, 0.8, 0.7])


def in_a_corner(picture):
    """A small picture in a large black area."""
    whole = np.zeros((512, 640, 3), np.uint8)
    whole[-picture.shape[0] :, -picture.shape[1] :] = picture
    return whole


def transparent_part():
    """Equal noise on what is seen, noise of its own on what is not, and the mask."""
    visible = np.zeros((128, 160), bool)
    visible[3:80, 5:90] = True
    return np.where(visible[..., None], equal(20), own(8)), visible


def detail():
    """Noise of its own in each channel, on a gray texture of single pixels but for a strip."""
    texture = grain(sigma=30, seed=5)[..., None]
    texture[:, :30] = 0
    return own(8, 128 + np.repeat(texture, 3, axis=2))


def many_blocks():
    """More blocks than are read; those read hold equal noise, all others noise of their own."""
    columns = RULE["most"] // 8
    picture = np.full((9 * 8, columns * 8, 3), 128.0)
    read = np.arange(len(picture)) // 8 % 2 == 0
    return np.where(read[:, None, None], equal(12, picture), own(12, picture))


# name: the picture, or the picture and its mask; what is chosen; the mistake that the row catches
PICTURES = {
    "equal noise": (equal(25), "gray"),  # the colour network for every colour picture
    "weak equal noise": (equal(5), "gray"),  # a level at which weak grain counts as none
    "noise of its own": (own(25), "colour"),  # the gray network wherever there is noise
    "a gray picture": (equal(25)[..., 0], "gray"),  # H×W not taken as three equal channels
    "a tinted print": (sepia(), "gray"),  # channels of different contrast: nearly equal noise
    "blotches": (blotches(12), "colour"),  # a camera's noise taken for white noise
    "no noise": (equal(1), "colour"),  # rounding taken for noise: that is white too
    "one colour": (np.full((64, 64, 3), 90, np.uint8), "colour"),  # no block left, 0 of 0
    "bars": (in_a_corner(equal(15)), "gray"),  # bars are the quietest blocks of all
    "transparent pixels": (transparent_part(), "gray"),  # what nobody sees decides
    "detail": (detail(), "colour"),  # the picture's own detail taken for noise
    "many blocks": (many_blocks(), "gray"),  # other rows of blocks are read, or all of them
}


@pytest.mark.parametrize("name", PICTURES)
def test_the_noise_decides(name):
    picture, expected = PICTURES[name]
    pixels, visible = picture if isinstance(picture, tuple) else (picture, None)
    assert choose_network(pixels, visible) == expected


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node")
def test_javascript_chooses_the_same():
    cases, pictures = list(PICTURES.values()), []
    with_alpha = np.dstack([equal(25), np.full((128, 160), 7, np.uint8)])
    cases.append((with_alpha, "gray"))  # four channels in JavaScript: alpha read as a colour
    for picture, _ in cases:
        pixels, visible = picture if isinstance(picture, tuple) else (picture, None)
        height, width, channels = (*pixels.shape, 1)[:3]
        entry = {"width": width, "height": height, "channels": channels, "data": coded(pixels)}
        pictures.append(entry | ({} if visible is None else {"visible": coded(visible)}))
    done = subprocess.run(
        ["node", "--input-type=module", "-e", ASK, SCRIPT.as_uri()],
        input=json.dumps({"rule": RULE, "pictures": pictures}),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [expected for _, expected in cases]


def coded(array):
    return base64.b64encode(array.tobytes()).decode()
