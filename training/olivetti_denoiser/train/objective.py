"""What is trained: the network as seen by `fit`, and the loss of each of its outputs.

>>> trained = training_model(residual_unet())
>>> trained.compile(optimizer, loss=losses(TrainingConfig()))
"""

from __future__ import annotations

import keras

from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.network.unet import estimator_of, planes_of, restorer_of
from olivetti_denoiser.train.losses import level_loss, restored_loss


def losses(config: TrainingConfig) -> dict:
    """Returns the loss of each output of `training_model`."""
    estimate = "mse" if config.noise == "gaussian" else level_loss
    return {"restored": restored_loss(config.loss), "estimate": estimate}


def training_model(model: keras.Model) -> keras.Model:
    """Returns the network as it is trained: given (noisy, sigma), gives (restored, estimate).

    The restoring part sees the true level and the estimator learns it from the picture, so each
    part is trained on its own and either can be used without the other.
    """
    noisy = keras.Input((None, None, planes_of(model)), name="noisy")
    sigma = keras.Input((1, 1, 1), name="sigma")
    estimate, restored = estimator_of(model)(noisy), restorer_of(model)([noisy, sigma])
    return keras.Model(
        {"noisy": noisy, "sigma": sigma}, {"restored": restored, "estimate": estimate}
    )
