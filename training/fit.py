"""Train one network: batches with fresh noise, optimizer, callbacks, resume.

    >>> result = fit(TrainingConfig(epochs=2), as_arrays(split["train"]), "outputs/model.run")

The run folder holds `best_model.h5` (the averaged weights of the best epoch), `history.csv`,
`tensorboard/`, `training_config.json` and `state/`, from which an interrupted run goes on.
"""

from __future__ import annotations

import csv
import json
import math
import os
import shutil
import sys
import time
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np

from training.config import TrainingConfig
from training.data import Faces
from training.metrics import psnr
from training.model import residual_unet, with_sigma_input, sigma_estimator
from training.noise import add_gaussian_noise
from training.optimizer import make_optimizer

BEST_MODEL = "best_model.h5"
HISTORY = "history.csv"
CONFIG = "training_config.json"
TENSORBOARD = "tensorboard"
STATE = "state"
LEAST_SIGMA = 0.01  # levels under this one weigh no more than this one does
ESTIMATE_WEIGHT = 1.0
VALIDATION_DRAWS = 8  # noise levels at which each validation face is seen


class TrainingStoppedError(RuntimeError):
    """Training cannot go on; the message says why and what would work."""


class FitResult(NamedTuple):
    """What `fit` leaves.

    Attributes:
        model: the released network, averaged weights of the best epoch.
        history: one dict an epoch, as in `history.csv`.
        seconds: training time, interruptions not counted.
    """

    model: keras.Model
    history: list[dict]
    seconds: float


class NoisyFaces(keras.utils.PyDataset):
    """Batches of shifted, flipped faces with fresh noise of random levels.

    A batch is a function of (seed, step) alone: the same bytes on every backend and in every
    process, so a resumed run sees what the uninterrupted one would have seen.
    """

    def __init__(self, clean: np.ndarray, config: TrainingConfig):
        super().__init__()
        self.clean, self.config, self.epoch = clean, config, 0

    def __len__(self):
        return self.config.steps_per_epoch

    def __getitem__(self, index):
        config = self.config
        step = self.epoch * len(self) + index
        rng = np.random.default_rng((config.seed, step))
        clean = np.stack([self._augment(self.clean[row], rng) for row in self._rows(step)])
        exact = rng.random(len(clean)) < config.sigma_share
        sigma = np.where(exact, config.sigma, rng.uniform(0, config.sigma_max, len(clean)))
        return example_batch(clean, sigma, config, rng)

    def _rows(self, step):
        """The faces of this step: every face once a pass, each pass in an order of its own."""
        size, count = self.config.batch_size, len(self.clean)
        places = np.arange(step * size, (step + 1) * size)
        orders = {
            turn: np.random.default_rng((self.config.seed, turn, 1)).permutation(count)
            for turn in np.unique(places // count)
        }
        return [orders[place // count][place % count] for place in places]

    def _augment(self, face, rng):
        shift = self.config.shift
        if self.config.flip and rng.random() < 0.5:
            face = face[:, ::-1]
        if shift:
            down, right = rng.integers(0, 2 * shift + 1, 2)
            padded = np.pad(face, ((shift, shift), (shift, shift), (0, 0)), mode="reflect")
            face = padded[down : down + face.shape[0], right : right + face.shape[1]]
        return face


def example_batch(clean, sigma, config, rng):
    """Makes one training example a picture: (inputs, targets, sample weights).

    Args:
        clean: N×H×W×1 in [0, 1].
        sigma: N noise levels.
        config: the `TrainingConfig` whose `sigma` has weight one; other levels are weighted by
            `config.sigma / sigma`, so that strong noise does not drown weak noise.
        rng: generator of the noise.
    """
    level = np.asarray(sigma, np.float32)[:, None, None, None]
    noisy = add_gaussian_noise(clean, level, rng)
    weight = config.sigma / np.maximum(np.asarray(sigma, np.float32), LEAST_SIGMA)
    inputs = {"noisy": noisy, "sigma": level}
    targets = {"restored": clean.astype(np.float32), "estimate": level}
    # Keras multiplies weights into the loss map, N×H×W, so they are shaped to broadcast over it.
    weights = {
        "restored": weight.astype(np.float32)[:, None, None],
        "estimate": np.ones((len(clean), 1, 1), np.float32),
    }
    return inputs, targets, weights


def training_model(model: keras.Model) -> keras.Model:
    """Returns the network as it is trained: given (noisy, sigma), gives (restored, estimate).

    The restoring part sees the true level and the estimator learns it from the picture, so each
    part is trained on its own and either can be used without the other.
    """
    noisy = keras.Input((None, None, 1), name="noisy")
    sigma = keras.Input((1, 1, 1), name="sigma")
    restored = with_sigma_input(model)([noisy, sigma])
    estimate = sigma_estimator(model)(noisy)
    return keras.Model(
        {"noisy": noisy, "sigma": sigma}, {"restored": restored, "estimate": estimate}
    )


def carve_validation(faces: Faces, count: int) -> tuple[Faces, Faces]:
    """Splits the training faces into those that are learned and the last `count`, for validation."""
    return faces.take(slice(None, -count)), faces.take(slice(-count, None))
