"""A training that ends in time: its schedule is shortened to what fits.

    >>> limit = TimeLimit(config, minutes=330)
    >>> model.fit(batches, callbacks=[limit, ...])

The learning rate falls over all steps of a run, and a run that is cut off before it has fallen is
worse than a shorter one. So the speed is measured after each epoch, and where the steps that are
left would take too long, the rest of the schedule is run through faster.
"""

from __future__ import annotations

import math
import time
from typing import Any

import keras
from keras import ops

from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.train.optimizer import ema_momentum, learning_rates

SPARE = 0.05  # share of the time left that a shortened run does not plan to use
MEASURED = 3  # epochs, the last ones, whose speed counts


class ShortenedRates(keras.optimizers.schedules.LearningRateSchedule):
    """The learning rates of a run that goes through the rest of its schedule faster.

    Args:
        config: The settings, whose schedule it is.
        start: The step from which on the run is faster.
        place: The step of the whole schedule that `start` stands for.
        end: How many steps the run has in all.
    """

    def __init__(self, config: TrainingConfig, start: int, place: float, end: int):
        self.rates, self.total = learning_rates(config), config.total_steps
        self.start, self.place, self.end = start, place, end

    def place_of(self, step: Any) -> Any:
        """Return the step of the whole schedule that a step of the run stands for."""
        faster = (self.total - self.place) / (self.end - self.start)
        return self.place + (step - self.start) * faster

    def __call__(self, step: keras.KerasTensor) -> keras.KerasTensor:
        """Return the learning rate of a step."""
        return self.rates(self.place_of(ops.cast(step, "float32")))


class TimeLimit(keras.callbacks.Callback):
    """Shorten the schedule of a run to the time that it may take, and end it there.

    Time counts from when this object is made, and what the run has trained before is added. A run
    whose limit passes all the same, as the machine became slower, ends after the step under way.

    Args:
        config: The settings of the run.
        minutes: The minutes that the run may take in all; None shortens nothing, and only goes on
            with an earlier decision.

    Attributes:
        shortened: The rest of the schedule as it was decided; None for the whole schedule.
        steps: Steps done so far.
    """

    def __init__(self, config: TrainingConfig, minutes: float | None = None):
        super().__init__()
        self.config = config
        self.ends_at = time.perf_counter() + (math.inf if minutes is None else 60 * minutes)
        self.shortened: ShortenedRates | None = None
        self.steps = 0
        self._epochs: list[float] = []  # seconds a step of each, without the first, which compiles

    @property
    def end(self) -> int:
        """Return how many steps the run has in all."""
        return self.shortened.end if self.shortened else self.config.total_steps

    def go_on(self, trained: keras.Model, seconds: float, shortened: list | None) -> None:
        """Continue a run that has been trained before.

        Args:
            trained: The network with its optimizer, as they were.
            seconds: The seconds that the run has taken.
            shortened: `start`, `place` and `end` of the earlier decision.
        """
        self.steps = int(trained.optimizer.iterations)
        self.shortened = ShortenedRates(self.config, *shortened) if shortened else None
        self.ends_at -= seconds
        if shortened and self.steps < self.end:
            self._follow(trained)

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Start the epoch's clock."""
        self._began = self._started = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """End the run after its last step, or when its time is over."""
        self.steps += 1
        if batch == 0 and self.config.steps_per_epoch > 1:
            self._started = time.perf_counter()
        if self.steps >= self.end:
            self.model.stop_training = True
        elif time.perf_counter() >= self.ends_at:
            print(f"The time is over after {self.steps:,} of {self.end:,} steps.")
            self._decide(self.steps)
            self.model.stop_training = True

    def shorten(self) -> None:
        """Shorten the rest of the schedule where it would take too long; at an epoch's end."""
        if self.model.stop_training:
            return
        now = time.perf_counter()
        self._epochs.append((now - self._started) / max(1, self.config.steps_per_epoch - 1))
        if len(self._epochs) == 1:
            self._compiling = self._started - self._began
        recent = self._epochs[-MEASURED:]
        step, left = sum(recent) / len(recent), self.ends_at - now
        if self.steps + left / step < self.end:
            # With other rates the network is compiled anew.
            affordable = (1 - SPARE) * (left - self._compiling) / step
            self._decide(self.steps + max(1, int(affordable)))
            print(f"The run is shortened to {self.end:,} of {self.config.total_steps:,} steps.")
            self._follow(self.model)

    def _decide(self, end):
        """Run through the rest of the schedule until this step."""
        place = self.shortened.place_of(self.steps) if self.shortened else float(self.steps)
        self.shortened = ShortenedRates(self.config, self.steps, place, end)

    def _follow(self, trained):
        """Give the optimizer the shortened schedule."""
        trained.optimizer.learning_rate = self.shortened
        trained.optimizer.ema_momentum = ema_momentum(self.config, self.end)
        trained.make_train_function(force=True)
