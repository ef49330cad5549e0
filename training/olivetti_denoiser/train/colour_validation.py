"""Validation of a network for colour after each epoch, on pictures that it does not learn from.

>>> callbacks = [ColourValidation(averaged, held_out, config)]
"""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np

from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.evaluate.drawn import measure_drawn, worst
from olivetti_denoiser.images.picture import ImageRows
from olivetti_denoiser.metrics import psnr
from olivetti_denoiser.network.unet import estimator_of
from olivetti_denoiser.train.colour_batches import cut, example_batch, noisy_patch
from olivetti_denoiser.train.validation import Validation

DRAWN = 12  # drawn pictures of each kind


class ColourValidation(Validation):
    """Measure the averaged weights after each epoch, on patches whose noise never changes.

    It adds these figures to the epoch's logs:

    - `val_restored_loss` and `val_estimate_loss`: the losses on the mixture of noise that the
      training has, but with noise all over each patch;
    - `val_psnr` and `val_psnr_camera`: PSNR in dB with white noise of `config.sigma` and with
      camera noise, sigma estimated;
    - `val_estimate_camera`: the median ratio of estimated to true sigma of camera noise; 1 is best;
    - `val_drawn_worse` and `val_drawn_least_gain`: the share of drawn pictures that come back worse
      than noisy, and the least gain of PSNR among them in dB, see `evaluate.drawn`.

    Args:
        averaged: The network that the averaged weights are copied to.
        pictures: Held-out pictures, each H×W×3 in [0, 1].
        config: The settings.
    """

    def __init__(self, averaged: keras.Model, pictures: ImageRows, config: TrainingConfig):
        rng = np.random.default_rng(0)  # one noise for every run, so that runs can be compared
        patches = [cut(pictures[row], rng) for row in range(len(pictures))]
        example = example_batch([noisy_patch(patch, config, rng) for patch in patches * 2])
        super().__init__(averaged, config, example)
        white = replace(config, noise="gaussian", sigma_share=1.0)
        self.sets = {"val_psnr": [noisy_patch(patch, white, rng) for patch in patches]}
        if config.noise != "gaussian":
            camera = replace(config, noise="camera")
            self.sets["val_psnr_camera"] = [noisy_patch(patch, camera, rng) for patch in patches]

    def measure(self) -> dict[str, float]:
        """Return PSNR of each set, and how good the estimates of camera noise are."""
        figures = {}
        for name, examples in self.sets.items():
            clean, noisy, sigma, _ = (np.array(column) for column in zip(*examples, strict=True))
            restored = self._restore(noisy)
            figures[name] = float(psnr(clean, restored).mean())
            if name == "val_psnr":
                self.shown = {"noisy": noisy, "restored": restored, "original": clean}
            else:
                estimate = estimator_of(self.averaged).predict(noisy, batch_size=16, verbose=0)
                figures["val_estimate_camera"] = float(np.median(estimate.ravel() / sigma))
        drawn = measure_drawn(self._restore, count=DRAWN, seed=0)
        figures["val_drawn_worse"], figures["val_drawn_least_gain"] = worst(drawn)
        return figures

    def _restore(self, noisy):
        return np.clip(self.averaged.predict(noisy, batch_size=16, verbose=0), 0, 1)
