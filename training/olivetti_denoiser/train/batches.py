"""Training batches: varied pictures with fresh noise, a function of (seed, step) alone.

>>> inputs, targets, weights = NoisyFaces(faces.clean, TrainingConfig())[0]
"""

from __future__ import annotations

from functools import lru_cache

import keras
import numpy as np

from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.images.picture import ImageRows
from olivetti_denoiser.noise import add_gaussian_noise
from olivetti_denoiser.synthesis.augment import varied

LEAST_SIGMA = 0.01  # weaker noise weighs no more than noise of this sigma

Example = tuple[dict[str, np.ndarray], ...]  # what Keras fits on: inputs, targets, weights


class StepBatches(keras.utils.PyDataset):
    """Batches of which each is a function of (seed, step) alone.

    They are the same bytes on every backend and in every process, so a resumed run sees the batches
    of an uninterrupted run.

    Args:
        clean: The pictures, each H×W×C in [0, 1].
        config: The settings.
        epochs_done: How many epochs the run has had.
        part: Which rows of each batch to keep, those of one of several processes. Each process
            makes the whole batch, so that it is the same whatever their number.
    """

    def __init__(
        self,
        clean: ImageRows,
        config: TrainingConfig,
        epochs_done: int = 0,
        part: slice = slice(None),
    ):
        super().__init__()
        self.clean, self.config, self.part = clean, config, part
        self.steps_done = epochs_done * config.steps_per_epoch

    def __len__(self) -> int:
        # One more than is used: with the last batch, Keras would start over at once.
        return self.config.total_steps - self.steps_done + 1

    def __getitem__(self, index: int) -> Example:
        step = self.steps_done + index
        rows = rows_of_step(step, self.config, len(self.clean))
        example = self.example(rows, np.random.default_rng((self.config.seed, step)))
        return keras.tree.map_structure(lambda array: array[self.part], example)

    def example(self, rows: list[int], rng: np.random.Generator) -> Example:
        """Return a batch of these pictures, all randomness from the generator."""
        raise NotImplementedError


class NoisyFaces(StepBatches):
    """Batches of varied gray faces with fresh noise of random sigma."""

    def example(self, rows: list[int], rng: np.random.Generator) -> Example:
        """Return a batch of these faces."""
        config = self.config
        clean = np.stack([varied(self.clean, row, config, rng) for row in rows])
        exact = rng.random(len(clean)) < config.sigma_share
        sigma = np.where(exact, config.sigma, rng.uniform(0, config.sigma_max, len(clean)))
        return example_batch(clean, sigma, config, rng)


def rows_of_step(step: int, config: TrainingConfig, count: int) -> list[int]:
    """Return which pictures a step shows: every picture once a pass, each pass in its own order.

    Args:
        step: From 0 on, over the whole run.
        config: Its batch size and seed.
        count: How many pictures there are.
    """
    size = config.batch_size
    places = np.arange(step * size, (step + 1) * size)
    return [int(_order(config.seed, place // count, count)[place % count]) for place in places]


@lru_cache(maxsize=2)  # drawing it anew each step would take a quarter of a step for a million
def _order(seed, turn, count):
    """Return the order in which one pass shows the pictures."""
    return np.random.default_rng((seed, turn, 1)).permutation(count)


def example_batch(
    clean: np.ndarray, sigma: np.ndarray, config: TrainingConfig, rng: np.random.Generator
) -> Example:
    """Make one training example a picture: (inputs, targets, sample weights).

    Args:
        clean: N×H×W×1 in [0, 1].
        sigma: N standard deviations of the noise.
        config: The settings; a picture weighs `config.sigma / sigma`, so that strong noise does
            not drown weak noise.
        rng: Generator of the noise.
    """
    sigma = np.asarray(sigma, np.float32)
    weight: np.ndarray = config.sigma / np.maximum(sigma, LEAST_SIGMA)
    sigma = sigma[:, None, None, None]
    noisy = add_gaussian_noise(clean, sigma, rng)
    inputs = {"noisy": noisy, "sigma": sigma}
    targets = {"restored": clean.astype(np.float32), "estimate": sigma}
    # Keras multiplies weights into the loss map, N×H×W, so they are shaped to broadcast over it.
    weight = weight.astype(np.float32)[:, None, None]
    weights = {"restored": weight, "estimate": weight}
    return inputs, targets, weights
