"""A training with a time limit ends in time, its schedule run through, and resumes bit for bit."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from olivetti_denoiser.cli.main import main
from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.data.faces import Faces
from olivetti_denoiser.train import fit as module
from olivetti_denoiser.train import time_limit
from olivetti_denoiser.train.time_limit import ShortenedRates, TimeLimit

CONFIG = TrainingConfig(
    epochs=10, steps_per_epoch=4, channels=(8, 16), blocks=(1, 1), batch_size=2, patience=10
)


@pytest.fixture
def clock(monkeypatch):
    """The clock of the time limits: it stands until a test moves it on."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(time_limit, "time", SimpleNamespace(perf_counter=lambda: clock.now))
    return clock


@pytest.fixture
def ticking(clock, monkeypatch):
    """Each step of a real training takes a second of that clock."""

    def tick(self, batch, logs=None):
        clock.now += 1

    monkeypatch.setattr(module.RunState, "on_train_batch_begin", tick)
    return clock


@pytest.fixture(scope="module")
def faces():
    clean = np.random.default_rng(0).random((10, 64, 64, 1), dtype=np.float32)
    return Faces(clean, clean, np.arange(10), np.arange(10))


def simulated(clock, config, minutes, step, *, compiling=0.0, measuring=0.0):
    """Run the callbacks of a training whose step number N takes `step(N)` seconds."""
    limit = TimeLimit(config, minutes)
    model = SimpleNamespace(stop_training=False, optimizer=SimpleNamespace(ema_momentum=None))
    stale = [True]
    model.make_train_function = lambda force: stale.append(True)
    limit.set_model(model)
    for epoch in range(config.epochs):
        limit.on_epoch_begin(epoch)
        for batch in range(config.steps_per_epoch):
            clock.now += step(limit.steps) + compiling * len(stale)
            stale.clear()
            limit.on_train_batch_end(batch)
            if model.stop_training:
                break
        clock.now += measuring
        limit.on_epoch_end(epoch)
        if model.stop_training:
            break
    return limit


LONG = TrainingConfig(epochs=50, steps_per_epoch=100)  # 5,000 steps


@pytest.mark.parametrize(
    ("seconds", "step", "more", "least"),
    [
        (6000, lambda n: 1, {}, 5000),  # it has the time: nothing is shortened
        (5000, lambda n: 1, {"compiling": 100}, 4400),  # nearly
        (1000, lambda n: 1, {}, 900),  # steady
        (1000, lambda n: 1, {"compiling": 60}, 750),  # compiling is no step, and comes twice
        (1000, lambda n: 1, {"measuring": 50}, 600),  # measuring the epochs takes a third
        (1000, lambda n: 1 if n < 400 else 2, {}, 650),  # it gets slower
        (1000, lambda n: 2 if n < 200 else 1, {}, 470),  # faster: what was cut stays cut
        (1000, lambda n: 5 if n == 150 else 1, {}, 850),  # one slow step
        (130, lambda n: 1, {}, 120),  # hardly more than an epoch
    ],
)
def test_a_run_ends_in_time_with_its_schedule_run_through(clock, seconds, step, more, least):
    began = clock.now
    limit = simulated(clock, LONG, seconds / 60, step, **more)
    assert least <= limit.steps == limit.end
    assert clock.now - began <= seconds + step(limit.steps) + more.get("measuring", 0)
    if limit.shortened:
        assert limit.shortened.start < limit.steps  # otherwise it was cut off
        assert limit.shortened.place_of(limit.steps, LONG.total_steps) == LONG.total_steps
    assert (limit.shortened is None) == (least == LONG.total_steps)


def test_a_limit_within_the_first_epoch_cuts_it_off(clock):
    limit = simulated(clock, LONG, 0.5, lambda n: 1)
    assert limit.steps == limit.end == 30


def test_the_rates_of_a_shortened_run_go_on_from_where_they_were():
    shortened = time_limit.Shortened(start=1000, place=1500.0, end=2000)
    whole, rates = time_limit.learning_rates(LONG), ShortenedRates(LONG, shortened)
    assert float(rates(1000)) == pytest.approx(float(whole(1500)))
    assert float(rates(1500)) == pytest.approx(float(whole(3250)))
    assert float(rates(2000)) == pytest.approx(LONG.learning_rate * LONG.final_rate, rel=1e-5)


def test_a_shortened_run_that_was_interrupted_ends_with_the_same_weights(ticking, faces, tmp_path):
    whole = module.fit(CONFIG, faces, tmp_path / "whole", limit=TimeLimit(CONFIG, 20 / 60))
    assert whole.shortened_to == 18  # after 4: 0.95 × (20 − 4 − 1, for compiling) more
    assert len(whole.history) == 5
    rates = [row["learning_rate"] for row in whole.history]
    assert rates[-1] == pytest.approx(CONFIG.learning_rate * CONFIG.final_rate, rel=1e-5)

    def interrupt(self, epoch, logs=None, save=module.RunState.on_epoch_end):
        save(self, epoch, logs)
        if epoch == 2:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(module.RunState, "on_epoch_end", interrupt)
        module.fit(CONFIG, faces, tmp_path / "parts", limit=TimeLimit(CONFIG, 20 / 60))
    resumed = module.fit(CONFIG, faces, tmp_path / "parts")  # what was decided stays
    for one, other in zip(whole.model.get_weights(), resumed.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert resumed.shortened_to == 18
    assert [row["learning_rate"] for row in resumed.history] == rates
    again = module.fit(CONFIG, faces, tmp_path / "parts")  # it is finished, and only read
    assert (again.shortened_to, len(again.history)) == (18, 5)


def test_a_run_that_is_cut_off_leaves_a_whole_model(ticking, faces, tmp_path):
    limit = TimeLimit(CONFIG, 3 / 60)
    result = module.fit(CONFIG, faces, tmp_path, limit=limit)
    assert (result.shortened_to, len(result.history)) == (3, 1)
    assert result.model.predict(faces.clean[:1], verbose=0).shape == (1, 64, 64, 1)
    assert module.fit(CONFIG, faces, tmp_path).shortened_to == 3


def test_what_a_run_took_before_it_was_interrupted_counts(clock):
    limit = TimeLimit(CONFIG, 20 / 60)
    limit.set_model(SimpleNamespace(stop_training=False))
    limit.go_on(SimpleNamespace(optimizer=SimpleNamespace(iterations=8)), seconds=30.0)
    limit.on_epoch_begin(2)
    limit.on_train_batch_end(0)
    assert limit.model.stop_training
    assert limit.end == 9


@pytest.mark.parametrize("minutes", ["0", "-5", "nan", "inf", "soon"])
def test_a_limit_that_is_no_time_is_refused(minutes, capsys):
    with pytest.raises(SystemExit) as refused:
        main(["train", f"--max-minutes={minutes}"])
    assert refused.value.code == 2
    assert f"a number above 0 would do. Received: {minutes}" in capsys.readouterr().err


def test_several_processes_are_given_no_limit(tmp_path):
    from olivetti_denoiser.train.run import train

    with pytest.raises(ValueError, match=r"for one process; .*max_minutes=5 and distributed"):
        train(CONFIG, tmp_path / "model", distributed=True, max_minutes=5)
