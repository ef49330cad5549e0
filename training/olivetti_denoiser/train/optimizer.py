"""Muon for convolutions.

Keras applies Muon's orthogonalised update to matrices alone; a convolution kernel, having four
axes, silently gets AdamW. Here a kernel is seen as the matrix (height·width·in × out) that the
convolution multiplies by, as Jordan et al. 2024 (https://kellerjordan.github.io/posts/muon/) do.
"""

from __future__ import annotations

import keras
from keras import ops

from olivetti_denoiser.config import TrainingConfig

SMALLEST_SIDE = 8  # a kernel that maps from or to fewer channels than this stays with AdamW


@keras.saving.register_keras_serializable("olivetti-denoiser")
class ConvMuon(keras.optimizers.Muon):
    """`keras.optimizers.Muon` whose orthogonalised step also covers convolution kernels."""

    def _should_use_adamw(self, variable):
        if len(variable.shape) == 4:
            return min(variable.shape[-2:]) < SMALLEST_SIDE
        return super()._should_use_adamw(variable)

    def _muon_update_step(self, gradient, variable, lr, m):
        self.assign_add(m, ops.add(gradient, m * (self.momentum - 1)))
        momentum = ops.add(gradient, self.momentum * m) if self.nesterov else m
        matrix = ops.reshape(momentum, (-1, variable.shape[-1]))
        update = self.lr_adjust(self.zeropower_via_newtonschulz5(matrix, self.ns_steps))
        self.assign_sub(variable, lr * ops.reshape(update, variable.shape))


def make_optimizer(config: TrainingConfig) -> keras.optimizers.Optimizer:
    """Returns the optimizer of a `TrainingConfig`: warm-up, cosine decay, averaging."""
    warmup = int(config.warmup * config.total_steps)
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup else config.learning_rate,
        decay_steps=config.total_steps - warmup,
        alpha=config.final_rate,
        warmup_target=config.learning_rate if warmup else None,
        warmup_steps=warmup,
    )
    common = {
        "learning_rate": schedule,
        "weight_decay": config.weight_decay,
        "global_clipnorm": config.clip_norm,
        "use_ema": True,
        "ema_momentum": config.ema_momentum,
    }
    if config.optimizer == "adamw":
        return keras.optimizers.AdamW(**common)
    return ConvMuon(adam_weight_decay=config.weight_decay, **common)
