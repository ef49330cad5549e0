"""The optimizer, Muon extended to convolution kernels, and the learning rate of each step.

Keras applies Muon's orthogonalised update to matrices alone; a convolution kernel, having four
axes, silently gets AdamW. Here a kernel is seen as the matrix (height·width·in × out) that the
convolution multiplies by, as Jordan et al. 2024 (https://kellerjordan.github.io/posts/muon/) do.
"""

from __future__ import annotations

import keras
from keras import ops

from olivetti_denoiser.config import TrainingConfig

SMALLEST_SIDE = 8  # a kernel that maps from or to fewer channels than this stays with AdamW


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
    """Return the optimizer of a `TrainingConfig`: warm-up, cosine decay, averaging."""
    common = {
        "learning_rate": learning_rates(config),
        "weight_decay": config.weight_decay,
        "global_clipnorm": config.clip_norm,
        "use_ema": True,
        "ema_momentum": ema_momentum(config, config.total_steps),
    }
    if config.optimizer == "adamw":
        return keras.optimizers.AdamW(**common)
    return ConvMuon(adam_weight_decay=config.weight_decay, **common)


def learning_rates(config: TrainingConfig) -> keras.optimizers.schedules.LearningRateSchedule:
    """Return the learning rate of every step of a `TrainingConfig`."""
    warmup = int(config.warmup * config.total_steps)
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0 if warmup else config.learning_rate,
        decay_steps=config.total_steps - warmup,
        alpha=config.final_rate,
        warmup_target=config.learning_rate if warmup else None,
        warmup_steps=warmup,
    )


def ema_momentum(config: TrainingConfig, steps: int) -> float:
    """Return the momentum of the averaged weights: a horizon of `ema_share` of the run's steps."""
    return 1.0 - 1.0 / max(1.0, config.ema_share * steps)
