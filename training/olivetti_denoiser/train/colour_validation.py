"""Validation of a network for colour after each epoch, on pictures that it does not learn from.

>>> callbacks = [ColourValidation(averaged, held_out.clean, config)]
"""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np

from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.images.picture import ImageRows
from olivetti_denoiser.metrics import psnr
from olivetti_denoiser.network.unet import estimator_of
from olivetti_denoiser.train.colour_batches import cut, example_batch, noisy_patch
from olivetti_denoiser.train.distributed import on_one_device
from olivetti_denoiser.train.losses import losses, training_model
from olivetti_denoiser.train.validation import copy_averaged_weights

SHOWN = 8  # patches in the experiment view


class ColourValidation(keras.callbacks.Callback):
    """Measure the averaged weights after each epoch, on patches whose noise never changes.

    It adds these figures to the epoch's logs:

    - `val_restored_loss` and `val_estimate_loss`: the losses on the mixture of noise that the
      training has, but with noise all over each patch;
    - `val_psnr` and `val_psnr_camera`: PSNR in dB with white noise of `config.sigma` and with
      camera noise, sigma estimated;
    - `val_estimate_camera`: the median ratio of estimated to true sigma of camera noise; 1 is best.

    Args:
        averaged: The network that the averaged weights are copied to.
        pictures: Held-out pictures, each H×W×3 in [0, 1].
        config: The settings.
    """

    def __init__(self, averaged: keras.Model, pictures: ImageRows, config: TrainingConfig):
        super().__init__()
        self.averaged = averaged
        self.judged = training_model(averaged)
        self.judged.compile(loss=losses(config))
        rng = np.random.default_rng(0)  # one noise for every run, so that runs can be compared
        patches = [cut(pictures[row], rng) for row in range(len(pictures))]
        self.example = example_batch([noisy_patch(patch, config, rng) for patch in patches * 2])
        white = replace(config, noise="gaussian", sigma_share=1.0)
        self.sets = {"val_psnr": [noisy_patch(patch, white, rng) for patch in patches]}
        if config.noise != "gaussian":
            camera = replace(config, noise="camera")
            self.sets["val_psnr_camera"] = [noisy_patch(patch, camera, rng) for patch in patches]

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Measure the averaged weights."""
        with on_one_device():
            self._measure(logs)

    def _measure(self, logs):
        copy_averaged_weights(self.model, self.averaged)
        inputs, targets, weights = self.example
        metrics = self.judged.evaluate(
            inputs, targets, sample_weight=weights, batch_size=16, verbose=0, return_dict=True
        )
        logs.update({f"val_{name}": float(value) for name, value in metrics.items()})
        for name, examples in self.sets.items():
            clean, noisy, sigma, _ = (np.array(column) for column in zip(*examples, strict=True))
            restored = np.clip(self.averaged.predict(noisy, batch_size=16, verbose=0), 0, 1)
            logs[name] = float(psnr(clean, restored).mean())
            if name == "val_psnr":
                self.shown = {"noisy": noisy, "restored": restored, "original": clean}
            else:
                estimate = estimator_of(self.averaged).predict(noisy, batch_size=16, verbose=0)
                logs["val_estimate_camera"] = float(np.median(estimate.ravel() / sigma))

    def pictures(self) -> dict[str, np.ndarray]:
        """Return some held-out patches: noisy, restored after this epoch, and original."""
        return {kind: pictures[:SHOWN] for kind, pictures in self.shown.items()}
