"""Validation of a network after each epoch, on the held-out pictures; those of a gray network.

>>> callbacks = [GrayValidation(averaged, held_out, config)]
"""

from __future__ import annotations

import keras
import numpy as np

from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.images.picture import ImageRows
from olivetti_denoiser.metrics import psnr, ssim
from olivetti_denoiser.noise import add_gaussian_noise
from olivetti_denoiser.train.batches import Example, example_batch
from olivetti_denoiser.train.distributed import on_one_device
from olivetti_denoiser.train.losses import losses, training_model

VALIDATION_DRAWS = 8  # noise levels at which each validation face is seen


class Validation(keras.callbacks.Callback):
    """Measure the averaged weights after each epoch, on pictures whose noise never changes.

    It adds to the epoch's logs `val_restored_loss` and `val_estimate_loss`, on the example, and the
    figures of `measure`. The averaged weights stay in `averaged`.

    Args:
        averaged: The network that the averaged weights are copied to.
        config: The settings.
        example: Inputs, targets and weights of the losses.

    Attributes:
        shown: Held-out pictures by kind: noisy, restored after this epoch, and original.
    """

    shown: dict[str, np.ndarray]

    def __init__(self, averaged: keras.Model, config: TrainingConfig, example: Example):
        super().__init__()
        self.averaged, self.example = averaged, example
        self.judged = training_model(averaged)
        self.judged.compile(loss=losses(config))

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Add the figures of the averaged network to the logs."""
        with on_one_device():
            copy_averaged_weights(self.model, self.averaged)
            inputs, targets, weights = self.example
            values = self.judged.evaluate(
                inputs, targets, sample_weight=weights, batch_size=16, verbose=0, return_dict=True
            )
            logs.update({f"val_{name}": float(value) for name, value in values.items()})
            logs.update(self.measure())

    def measure(self) -> dict[str, float]:
        """Return further figures of the averaged network."""
        raise NotImplementedError


class GrayValidation(Validation):
    """Measure on the held-out faces, with the mixture of noise levels that the training has.

    `val_psnr`, in dB, and `val_ssim` are at `config.sigma`, with sigma estimated.
    """

    def __init__(self, averaged: keras.Model, held_out: ImageRows, config: TrainingConfig):
        rng = np.random.default_rng(0)  # one noise for every run, so that runs can be compared
        clean = np.repeat(np.asarray(held_out), VALIDATION_DRAWS, axis=0)
        spread = (np.arange(len(clean)) + 0.5) / len(clean) * config.sigma_max
        exact = np.arange(len(clean)) % VALIDATION_DRAWS < config.sigma_share * VALIDATION_DRAWS
        sigmas = np.where(exact, config.sigma, rng.permutation(spread))
        super().__init__(averaged, config, example_batch(clean, sigmas, config, rng))
        self.clean, self.noisy = clean, add_gaussian_noise(clean, config.sigma, rng)

    def measure(self) -> dict[str, float]:
        """Return PSNR and SSIM."""
        restored = np.clip(self.averaged.predict(self.noisy, batch_size=16, verbose=0), 0, 1)
        kinds = {"noisy": self.noisy, "restored": restored, "original": self.clean}
        self.shown = {kind: faces[::VALIDATION_DRAWS] for kind, faces in kinds.items()}
        return {
            "val_psnr": float(psnr(self.clean, restored).mean()),
            "val_ssim": float(ssim(self.clean, restored).mean()),
        }


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
