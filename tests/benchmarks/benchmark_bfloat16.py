"""How far bfloat16 takes a colour model's pictures from those of float32.

    python tests/benchmarks/benchmark_bfloat16.py model_card/colour

Prints, for white noise of each σ on the colour pictures of scikit-image, by how many of 255 levels
the restored 8-bit pictures differ, and PSNR of both. TensorFlow computes in bfloat16 on any
processor.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from olivetti_denoiser.network.backend import prepare_training

prepare_training(("tensorflow",))

import keras  # noqa: E402

from olivetti_denoiser.config import TrainingConfig  # noqa: E402
from olivetti_denoiser.data.colour_images import noisy_versions, standing_set  # noqa: E402
from olivetti_denoiser.evaluate.colour import mean_psnr  # noqa: E402
from olivetti_denoiser.network.unet import residual_unet, restorer_of  # noqa: E402
from olivetti_denoiser.noise import from_uint8, to_uint8  # noqa: E402
from olivetti_denoiser.release import CONFIG, WEIGHTS  # noqa: E402

SIGMAS = (5, 10, 25, 50)  # 255ths of the range


def restored(folder: Path, policy: str, noisy: list[np.ndarray], sigma: float) -> list[np.ndarray]:
    """Returns uint8 pictures as the model restores them under a policy, told the level."""
    keras.config.set_dtype_policy(policy)
    model = residual_unet(**TrainingConfig.from_json(folder / CONFIG).network)
    model.load_weights(folder / WEIGHTS)
    restorer, level = restorer_of(model), np.full((1, 1, 1, 1), sigma, np.float32)
    outputs = [restorer.predict_on_batch([from_uint8(one)[None], level])[0] for one in noisy]
    return [to_uint8(np.asarray(one, np.float32)) for one in outputs]


def main() -> None:
    """Measures and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="model folder")
    folder = parser.parse_args().model
    clean = standing_set().images
    print("| σ × 255 | largest difference | pixels beyond one level | float32, dB | bfloat16, dB |")
    print("|---|---|---|---|---|")
    for sigma in SIGMAS:
        noisy = noisy_versions(clean, sigma / 255)
        policies = ("float32", "mixed_bfloat16")
        one, other = (restored(folder, policy, noisy, sigma / 255) for policy in policies)
        difference = np.abs(np.array(one, int) - np.array(other, int))
        scores = " | ".join(f"{mean_psnr(clean, pictures):.2f}" for pictures in (one, other))
        share = 100 * (difference > 1).mean()
        print(f"| {sigma} | {difference.max()} | {share:.3f} % | {scores} |", flush=True)


if __name__ == "__main__":
    main()
