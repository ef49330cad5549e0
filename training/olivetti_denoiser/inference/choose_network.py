"""Choose the network for a picture by its noise: gray or colour.

    >>> pixels = np.random.default_rng(0).normal(128, 25, (64, 64, 3)).round().astype(np.uint8)
    >>> choose_network(pixels)  # each channel has noise of its own
    'colour'
    >>> choose_network(np.repeat(pixels[..., :1], 3, axis=2))  # all channels have the same noise
    'gray'

The gray network sees each channel alone. It is better for white noise that the channels
share: gray pictures, tinted prints, scans. The colour network sees the channels together. It is
better for noise of its own in each channel and for the noise of cameras, which is weak from pixel
to pixel and strong in blotches; cameras that make gray pictures leave the same blotches.

The rule looks at the quietest blocks, where noise is stronger than the picture's own detail, and
compares sums of whole numbers and quotients of two. `choose_network.js` does the same, so the page
in the browser and this package agree on every picture. `tests/benchmarks/benchmark_choice.py`
measures the rule.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

BLOCK = 8  # pixels a side: JPEG's blocks, so that the edges between these count for nothing
RULE = {
    # Blocks that are read, in rows spread evenly: 1 megapixel, which bounds time and memory.
    "most": 16384,
    # Blocks whose mean is outside are clipped nearly everywhere: black bars, burnt-out skies. On a
    # white page half of the pixels are clipped, and the others still show the noise.
    "darkest": 4,
    "brightest": 251,
    # The noise is read from the lowest sixteenth of the blocks, and from eight at least: the others
    # hold detail. Grass and fur fill most of some photographs, and look like noise that the
    # channels share.
    "quiet": 16,
    "least": 8,
    # Weakest noise in brightness for the gray network, in 255ths. Rounding to 8 bits alone leaves
    # white noise of 0.3, and what cameras have smoothed lies below it too.
    "weakest": 2,
    # Noise is white where `coarse` is below this multiple of `fine`. On photographs and faces the
    # multiple is 2 to 4 with white noise of 10 and more, up to 10 with 3; with the noise of
    # simulated cameras, 6 to 50. Without a picture white noise has 1.
    "white": 8,
}


def choose_network(
    pixels: np.ndarray, visible: np.ndarray | None = None
) -> Literal["gray", "colour"]:
    """Choose the network that removes more of a picture's noise.

    Args:
        pixels: uint8 H×W, or H×W×3 in the order red, green, blue.
        visible: bool H×W, which pixels are seen; None for all. Blocks with a hidden pixel are left
            out.

    Returns:
        "gray" or "colour"; "colour" where the picture is too small or too plain to tell.
    """
    fine, coarse, between = _blocks(pixels, visible)
    if not len(fine):
        return "colour"
    most_fine, most_between = _quietest(fine), _quietest(between)
    quiet = fine <= most_fine
    fine_sum, coarse_sum = fine[quiet].sum(), coarse[quiet].sum()
    # White noise of standard deviation s, the same in all channels, has differences of brightness
    # with a variance of 4·(3·s)².
    strong = fine_sum >= 36 * RULE["weakest"] ** 2 * (BLOCK // 2) ** 2 * quiet.sum()
    white = coarse_sum < RULE["white"] * fine_sum
    # Noise that the channels share leaves nothing between them. Noise of its own in each channel
    # has `between` = 4/3 `fine` on average. Detail that the channels share adds to `fine`, and more
    # to `coarse`: the less white, the less may be left.
    shared = strong and most_between / most_fine < fine_sum / coarse_sum
    return "gray" if shared and white else "colour"


def _quietest(energies):
    """Return the energy up to which blocks are quiet."""
    last = len(energies) - 1
    place = min(last, max(last // RULE["quiet"], RULE["least"] - 1))
    return np.partition(energies, place)[place]


def _blocks(pixels, visible):
    """Return energies of the blocks that tell something about noise: int64 3×blocks.

    `fine` is that of brightness from pixel to pixel, `coarse` that from 2×2 to 2×2 pixels, and
    `between` that of the differences between channels from pixel to pixel.
    """
    rows, columns = (side // BLOCK for side in pixels.shape[:2])
    read = slice(None, None, max(1, -(-rows * columns // RULE["most"])))
    image = _in_rows(pixels, rows, columns)[read].astype(np.int32)
    red, green, blue = [image] * 3 if image.ndim == 3 else np.moveaxis(image, -1, 0)
    brightness = red + green + blue
    light = _block_sums(brightness)
    fine = _energy(brightness)
    coarse = _energy(_pair_sums(brightness))
    between = _energy(red - green) + _energy(blue - green)
    useful = fine + between > 0  # drawn areas hold no noise
    useful &= light >= 3 * RULE["darkest"] * BLOCK**2
    useful &= light <= 3 * RULE["brightest"] * BLOCK**2
    if visible is not None:
        seen = _in_rows(visible, rows, columns)[read].astype(np.int32)
        useful &= _block_sums(seen) == BLOCK**2
    return np.stack([fine, coarse, between])[:, useful]


def _in_rows(array, rows, columns):
    """Return a view of whole blocks: rows×BLOCK×W."""
    whole = array[: rows * BLOCK, : columns * BLOCK]
    return whole.reshape(rows, BLOCK, *whole.shape[1:])


def _corners(image):
    """Return the four pixels of each 2×2 pixels of rows×H×W."""
    return image[:, ::2, ::2], image[:, ::2, 1::2], image[:, 1::2, ::2], image[:, 1::2, 1::2]


def _pair_sums(image):
    """Return sums of 2×2 pixels."""
    a, b, c, d = _corners(image)
    return a + b + c + d


def _energy(image):
    """Return the sum of squared differences in each block.

    The difference of 2×2 pixels a b / c d is a − b − c + d, which is zero on every ramp and on
    every straight edge along rows or columns.
    """
    a, b, c, d = _corners(image)
    return _block_sums(np.square(a - b - c + d), image.shape[1] // 2)


def _block_sums(image, side=BLOCK):
    """Return sums of side×side pixels of rows×side×W, int64."""
    while side > 1:
        image, side = _pair_sums(image), side // 2
    return image[:, 0].astype(np.int64)
