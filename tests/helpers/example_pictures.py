"""Draw the pictures that Clean up opens with.

    python tests/helpers/example_pictures.py          # writes space/examples/noisy_*.png

| picture | source | licence |
|---|---|---|
| photograph | `coffee` of scikit-image, by Rachel Michetti | CC0 |
| old print | `camera` of scikit-image, by Lav Varshney | CC0 |
| scan | the beginning of Alice's Adventures in Wonderland in Pillow's font, Aileron | CC0 |
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from skimage import data

from olivetti_denoiser.noise import from_uint8, noisy_uint8, to_uint8
from olivetti_denoiser.synthesis.camera_noise import Camera, camera_noise

EXAMPLES = Path(__file__).resolve().parents[2] / "space" / "examples"
NIGHT = Camera(shot=6e-3, read=4e-3, smoothing=0.4, colour_smoothing=0.8)
SEPIA = np.array([1.0, 0.86, 0.66], np.float32)
TEXT = """\
Alice was beginning to get very tired of
sitting by her sister on the bank, and of
having nothing to do: once or twice she had
peeped into the book her sister was reading,
but it had no pictures or conversations in
it, “and what is the use of a book,” thought
Alice “without pictures or conversations?”

So she was considering in her own mind (as
well as she could, for the hot day made her
feel very sleepy and stupid), whether the
pleasure of making a daisy-chain would be
worth the trouble of getting up and picking
the daisies, when suddenly a White Rabbit
with pink eyes ran close by her."""

Pair = tuple[np.ndarray, np.ndarray]


def photograph() -> Pair:
    """Return a photograph in colour, clean and as a camera takes it in poor light."""
    rng = np.random.default_rng(0)
    target, noisy = camera_noise(from_uint8(data.coffee()[:, 44:556]), rng, NIGHT)
    return to_uint8(target), to_uint8(noisy)


def old_print() -> Pair:
    """Return a gray photograph in brown, without grain and with the same grain in all channels."""
    gray = np.asarray(Image.fromarray(data.camera()).resize((480, 480)))
    noisy = noisy_uint8(gray, 25 / 255, np.random.default_rng(0))
    return tuple(to_uint8(from_uint8(one)[..., None] * SEPIA) for one in (gray, noisy))


def scan() -> Pair:
    """Return a printed page, clean and with the noise of a scanner."""
    large = Image.new("L", (1040, 800), 228)
    ImageDraw.Draw(large).text((60, 60), TEXT, 48, ImageFont.load_default(40), spacing=9)
    clean = np.asarray(large.rotate(0.6, fillcolor=228).resize((520, 400)))
    return clean, noisy_uint8(clean, 20 / 255, np.random.default_rng(0))


# Clean and noisy, by the name of the file with the noisy one.
PICTURES: dict[str, Callable[[], Pair]] = {
    "noisy_1_photograph.png": photograph,
    "noisy_2_old_print.png": old_print,
    "noisy_3_scan.png": scan,
}


def main() -> None:
    """Write the noisy pictures."""
    for name, draw in PICTURES.items():
        Image.fromarray(draw()[1]).save(EXAMPLES / name, optimize=True)


if __name__ == "__main__":
    main()
