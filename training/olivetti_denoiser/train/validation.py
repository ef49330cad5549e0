"""Validation of a gray network after each epoch, on the held-out pictures.

>>> callbacks = [Validation(averaged, held_out.clean, config)]
"""

from __future__ import annotations

import keras
import numpy as np

from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.images.picture import ImageRows
from olivetti_denoiser.metrics import psnr, ssim
from olivetti_denoiser.noise import add_gaussian_noise
from olivetti_denoiser.train.batches import example_batch
from olivetti_denoiser.train.distributed import on_one_device
from olivetti_denoiser.train.losses import losses, training_model

VALIDATION_DRAWS = 8  # noise levels at which each validation face is seen


class Validation(keras.callbacks.Callback):
    """Measure the averaged weights on the held-out pictures after each epoch.

    It adds to the epoch's logs `val_restored_loss` and `val_estimate_loss`: the losses on the
    mixture of noise levels that the training has, but with noise that never changes. It also adds
    `val_psnr` in dB and `val_ssim` at `config.sigma`, with sigma estimated. The averaged weights
    stay in `averaged`.
    """

    def __init__(self, averaged: keras.Model, held_out: ImageRows, config: TrainingConfig):
        super().__init__()
        self.averaged, self.config = averaged, config
        self.judged = training_model(averaged)
        self.judged.compile(loss=losses(config))
        rng = np.random.default_rng(0)  # one noise for every run, so that runs can be compared
        clean = np.repeat(np.asarray(held_out), VALIDATION_DRAWS, axis=0)
        spread = (np.arange(len(clean)) + 0.5) / len(clean) * config.sigma_max
        exact = np.arange(len(clean)) % VALIDATION_DRAWS < config.sigma_share * VALIDATION_DRAWS
        sigmas = np.where(exact, config.sigma, rng.permutation(spread))
        self.example = example_batch(clean, sigmas, config, rng)
        self.clean = clean
        self.noisy = add_gaussian_noise(clean, config.sigma, rng)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Add the figures of the averaged network to the logs."""
        with on_one_device():
            copy_averaged_weights(self.model, self.averaged)
            inputs, targets, weights = self.example
            values = self.judged.evaluate(
                inputs, targets, sample_weight=weights, batch_size=16, verbose=0, return_dict=True
            )
            restored = self.averaged.predict(self.noisy, batch_size=16, verbose=0)
        self.restored = np.clip(restored, 0, 1)
        logs.update({f"val_{name}": float(value) for name, value in values.items()})
        logs["val_psnr"] = float(psnr(self.clean, self.restored).mean())
        logs["val_ssim"] = float(ssim(self.clean, self.restored).mean())

    def pictures(self) -> dict[str, np.ndarray]:
        """Return each held-out face once: noisy, restored after this epoch, and original."""
        once = slice(None, None, VALIDATION_DRAWS)
        kinds = {"noisy": self.noisy, "restored": self.restored, "original": self.clean}
        return {kind: faces[once] for kind, faces in kinds.items()}


def copy_averaged_weights(trained: keras.Model, averaged: keras.Model) -> None:
    """Copy the optimizer's moving averages of `trained` into the network `averaged`.

    Keras's own `SwapEMAWeights` swaps by adding and subtracting, which rounds: a resumed run
    would no longer equal the uninterrupted one. A copy leaves the training weights alone.
    """
    optimizer = trained.optimizer
    averages = {
        variable.path: average
        for variable, average in zip(
            optimizer._trainable_variables, optimizer._model_variables_moving_average, strict=True
        )
    }
    for target in averaged.trainable_variables:
        target.assign(keras.ops.convert_to_numpy(averages[target.path]))
