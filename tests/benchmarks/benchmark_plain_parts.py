"""What plain parts cost: bars above and below, and a page or a mask that cuts a picture up.

    python tests/benchmarks/benchmark_plain_parts.py model_card/colour

Prints, for the middle 256×256 of the colour pictures of scikit-image with white noise, the PSNR in
dB of what shows, restored with the whole picture around it, and how much less it is with black or
white in place of the rest, or with the rest transparent: the mean and the worst of the pictures,
the noise level estimated.
"""

from __future__ import annotations

import argparse

import numpy as np

from olivetti_denoiser.data.colour_images import noisy_versions, standing_set
from olivetti_denoiser.denoiser import Denoiser
from olivetti_denoiser.evaluate.colour import mean_psnr

SIDE = 256
SIGMAS = (10, 25, 50)
KINDS = ("black", "white", "transparent")
down, across = np.mgrid[:SIDE, :SIDE]
SHOWN = {
    "bars over a quarter": abs(down - 127.5) < 96,
    "bars over half": abs(down - 127.5) < 64,
    "bars over three quarters": abs(down - 127.5) < 32,
    "a page with two pictures": (across % 128 > 20) & (down > 60) & (down < 180),
    "all around a disc": np.hypot(down - 127.5, across - 127.5) < 100,
}


def partly(picture: np.ndarray, shown: np.ndarray, kind: str) -> np.ndarray:
    """Returns a picture of which only a part shows."""
    if kind == "transparent":
        return np.dstack([picture, np.where(shown, 255, 0).astype(np.uint8)])
    return np.where(shown[..., None], picture, np.uint8(255 if kind == "white" else 0))


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="model folder, or OWNER/NAME on the Hub")
    options = parser.parse_args()
    denoiser = Denoiser.from_pretrained(options.model)
    clean = standing_set(SIDE).images
    print("| plain | σ × 255 | without, dB | loss | of the worst picture |\n|---|---|---|---|---|")
    for sigma in SIGMAS:
        noisy = noisy_versions(clean, sigma / 255)
        whole = [denoiser(picture) for picture in noisy]
        for name, shown in SHOWN.items():
            for kind in KINDS:
                restored = [denoiser(partly(one, shown, kind))[..., :3] for one in noisy]
                best, found = (
                    np.array(
                        [
                            mean_psnr([picture[shown][None]], [one[shown][None]])
                            for picture, one in zip(clean, pictures, strict=True)
                        ]
                    )
                    for pictures in (whole, restored)
                )
                loss = best - found
                print(
                    f"| {name}, {kind} | {sigma} | {best.mean():.2f} | {loss.mean():.2f} "
                    f"| {loss.max():.2f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
