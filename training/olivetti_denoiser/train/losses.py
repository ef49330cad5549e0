"""The network as it is trained, and the loss of each of its outputs.

>>> trained = training_model(residual_unet())
>>> trained.compile(optimizer, loss=losses(TrainingConfig()))

Each loss returns N×H×W. So Keras applies a weight for each picture, shaped N×1×1, as it does to its
own losses. Those of the restored picture have their names in `config.LOSSES`.
"""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.metrics import SSIM_WINDOW
from olivetti_denoiser.network.unet import estimator_of, restorer_of

SSIM_SIGMA = 1.5  # pixels: the Gaussian window's standard deviation
STABILISERS = (0.01**2, 0.03**2)  # C1 and C2 of Wang et al. 2004 for a range of one
# Trained with MSE alone, the validation faces at σ = 0.1 have an MSE of 0.0010 and 1 − SSIM of
# 0.110, so that each has half of the loss; of the gradient SSIM has two thirds.
SSIM_SHARE = 0.01
LEAST_SIGMA = 0.01  # where relative errors of a noise level become absolute errors
TOO_LOW = 3.0


def training_model(model: keras.Model) -> keras.Model:
    """Return the network as it is trained: given (noisy, sigma), gives (restored, estimate).

    The restoring part sees the true noise level and the estimator learns it from the picture, so
    each part is trained on its own and either can be used without the other.
    """
    noisy = keras.Input(model.input_shape[1:], name="noisy")
    sigma = keras.Input((1, 1, 1), name="sigma")
    estimate, restored = estimator_of(model)(noisy), restorer_of(model)([noisy, sigma])
    return keras.Model(
        {"noisy": noisy, "sigma": sigma}, {"restored": restored, "estimate": estimate}
    )


def losses(config: TrainingConfig) -> dict:
    """Return the loss of each output of `training_model`, as `compile` takes them."""
    restored = {"mse": "mse", "mse+ssim": mse_and_ssim, "l1": "mae"}[config.loss]
    return {
        "restored": restored,
        "estimate": "mse" if config.noise == "gaussian" else sigma_loss,
    }


def sigma_loss(sigma: keras.KerasTensor, estimate: keras.KerasTensor) -> keras.KerasTensor:
    """Return the squared relative error of an estimated noise level, more where it is too low.

    A denoiser that is given too low a noise level does worse than one that is given too high a
    level. So an estimate below the true sigma counts `TOO_LOW` times as much as one above, as in
    CBDNet (Guo et al. 2019). The error is relative since a camera's noise is weak: 0.01 more or
    less matters little at sigma 0.2, and much at sigma 0.01.

    Args:
        sigma, estimate: N×1×1×1, fractions of the range.

    Returns:
        N×1×1.
    """
    error = (estimate - sigma) / (sigma + LEAST_SIGMA)
    weight = ops.where(error < 0, TOO_LOW, 1.0)
    return ops.mean(weight * ops.square(error), axis=-1)


def mse_and_ssim(clean: keras.KerasTensor, restored: keras.KerasTensor) -> keras.KerasTensor:
    """Return the squared error of each pixel plus the picture's share of 1 − SSIM.

    Args:
        clean, restored: N×H×W×C, sides of at least 11.
    """
    squared = keras.losses.mean_squared_error(clean, restored)
    return squared + SSIM_SHARE * (1.0 - ops.reshape(mean_ssim(clean, restored), (-1, 1, 1)))


def mean_ssim(clean: keras.KerasTensor, restored: keras.KerasTensor) -> keras.KerasTensor:
    """Return the SSIM of each picture (Wang et al. 2004), differentiable; see `metrics.ssim`.

    `keras.ops.image.ssim` has the same value to 6e-8 and the same gradient to 1.4e-5 of its
    largest, but a window of two dimensions: on 4×64×64×1 and one core value and gradient take 34
    in place of 25 ms, and the other rounding would change the released weights.

    Args:
        clean: N×H×W×C in [0, 1], sides of at least 11.
        restored: Likewise.

    Returns:
        float32 N, the mean over the channels.
    """
    if (channels := clean.shape[-1]) > 1:
        each = zip(*(ops.split(image, channels, -1) for image in (clean, restored)), strict=True)
        return ops.mean(ops.stack([mean_ssim(*pair) for pair in each]), axis=0)
    # One picture has five maps, the means of x, y, x², y² and xy; all go through as one batch.
    pairs = (clean, restored, clean * clean, restored * restored, clean * restored)
    maps = ops.concatenate(pairs, axis=0)
    for side in ((SSIM_WINDOW, 1), (1, SSIM_WINDOW)):
        window = ops.convert_to_tensor(_WINDOW.reshape((*side, 1, 1)))
        maps = ops.conv(maps, window, padding="valid")
    x, y, xx, yy, xy = ops.split(maps, 5, axis=0)
    first, second = STABILISERS
    alike = (2 * x * y + first) * (2 * (xy - x * y) + second)
    different = (x * x + y * y + first) * (xx - x * x + yy - y * y + second)
    return ops.mean(alike / different, axis=(1, 2, 3))


def _window():
    places = np.arange(SSIM_WINDOW) - SSIM_WINDOW // 2
    weights = np.exp(-0.5 * (places / SSIM_SIGMA) ** 2)
    return (weights / weights.sum()).astype(np.float32)


_WINDOW = _window()
