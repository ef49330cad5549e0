"""A run: its files, that it resumes bit for bit after a kill, ends in time, and stops by itself."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from PIL import Image

from olivetti_denoiser.cli.main import main
from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.errors import TrainingStoppedError
from olivetti_denoiser.noise import to_uint8
from olivetti_denoiser.train import time_limit
from olivetti_denoiser.train.checkpoint import RECIPES, RunState, claim
from olivetti_denoiser.train.distributed import Processes
from olivetti_denoiser.train.events import face_grid
from olivetti_denoiser.train.optimizer import ConvMuon, learning_rates
from olivetti_denoiser.train.run import train
from olivetti_denoiser.train.time_limit import ShortenedRates, TimeLimit

LONG = TrainingConfig(epochs=50, steps_per_epoch=100)  # 5,000 steps


@pytest.mark.smoke
def test_a_killed_run_ends_with_the_weights_and_the_history_of_an_undisturbed_run(runs):
    whole, resumed = runs.whole, runs.resumed
    for one, other in zip(whole.model.get_weights(), resumed.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    without_time = [{**row, "seconds": 0} for row in whole.history]
    assert without_time == [{**row, "seconds": 0} for row in resumed.history]
    states = [np.load(folder / "state.npz") for folder in runs.folders.values()]
    for name in set(states[0].files) - {"notes"}:
        np.testing.assert_array_equal(states[0][name], states[1][name])


def test_a_run_that_would_take_too_long_goes_through_its_schedule_in_fewer_steps(runs):
    # After the first epoch: 3 steps, and 0.95 × (12 − 3 − 1, for compiling) more.
    assert runs.whole.shortened_to == runs.resumed.shortened_to == 10
    rates = [row["learning_rate"] for row in runs.whole.history]
    config = TrainingConfig()
    assert len(rates) == 4
    assert rates[-1] == pytest.approx(config.learning_rate * config.final_rate, rel=1e-4)


def test_the_run_folder_holds_what_it_promises(runs, pictures):
    folder = runs.folders["resumed"]
    config = TrainingConfig.from_json(folder / "training_config.json")
    assert config.epochs == 5
    with pytest.raises(ValueError, match=r"seed: 0 there, 5 here.*--overwrite.*Received"):
        claim(folder, replace(config, seed=5))
    best = keras.models.load_model(folder / "best_model.h5", compile=False)
    noisy = pictures.clean[:1]
    assert best.predict(noisy, verbose=0).shape == noisy.shape
    with (folder / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3, 4]
    columns = {"restored_loss", "val_restored_loss", "val_psnr", "val_ssim", "learning_rate"}
    assert columns <= set(rows[0])
    assert 0 < float(rows[0]["val_ssim"]) < 1


def test_a_run_of_an_earlier_recipe_is_not_gone_on_with_whatever_the_settings(runs, monkeypatch):
    config = TrainingConfig.from_json(runs.folders["whole"] / "training_config.json")
    monkeypatch.setitem(RECIPES, 1, 2)
    for settings in (config, replace(config, seed=5)):  # whose own message advises the former
        with pytest.raises(ValueError, match=r"begun by an earlier version.*--overwrite.*Received"):
            claim(runs.folders["whole"], settings)


def test_tensorboard_finds_losses_rate_and_faces(runs, pictures):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = {}
    for part in ("train", "validation", "faces"):
        folder = runs.folders["whole"] / "tensorboard" / part
        found[part] = EventAccumulator(str(folder), size_guidance={"images": 0, "tensors": 0})
        found[part].Reload()
    assert {"epoch_restored_loss", "epoch_learning_rate"} <= set(found["train"].Tags()["tensors"])
    assert {"epoch_restored_loss", "epoch_psnr"} <= set(found["validation"].Tags()["tensors"])
    shown = {tag: found["faces"].Images(tag) for tag in found["faces"].Tags()["images"]}
    assert {tag: [image.step for image in images] for tag, images in shown.items()} == {
        "validation_faces/noisy": [0],
        "validation_faces/original": [0],
        "validation_faces/restored": [0, 1, 2, 3],
    }
    grid = Image.open(io.BytesIO(shown["validation_faces/original"][0].encoded_image_string))
    held_out = to_uint8(pictures.clean[-8:, ..., 0])
    expected = np.block([list(held_out[:4]), list(held_out[4:])])
    np.testing.assert_array_equal(np.asarray(grid), expected)


def test_a_grid_of_faces_has_whole_rows():
    faces = np.zeros((8, 64, 64, 1))
    shapes = [face_grid(faces[:count]).shape for count in (8, 6, 1)]
    assert shapes == [(128, 256), (64, 256), (64, 64)]


def test_a_run_without_progress_stops_and_so_does_one_without_numbers(tmp_path):
    limit = TimeLimit(TrainingConfig(patience=2))
    state = RunState(tmp_path, limit.config, None, limit, Processes(index=1))
    model = SimpleNamespace(optimizer=SimpleNamespace(learning_rate=0.1), stop_training=False)
    for callback in (limit, state):
        callback.set_model(model)
    for epoch, loss in enumerate([3.0, 1.0, 2.0, 1.0]):
        assert not state.stopped
        limit.on_epoch_begin(epoch)
        state.on_epoch_begin(epoch)
        state.on_epoch_end(epoch, {"val_restored_loss": loss})
    assert state.stopped
    assert model.stop_training
    with pytest.raises(TrainingStoppedError, match=r"step 1 of epoch 5.*Received: loss=nan"):
        state.on_train_batch_end(0, {"loss": np.nan})


@pytest.fixture
def clock(monkeypatch):
    """The clock of the time limits: it stands until a test moves it on."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(time_limit, "time", SimpleNamespace(perf_counter=lambda: clock.now))
    return clock


@pytest.mark.parametrize(
    ("seconds", "step", "compiling", "least"),
    [
        (6000, lambda n: 1, 0, 5000),  # it has the time: nothing is shortened
        (1000, lambda n: 1, 0, 950),  # the spare share is left
        (1000, lambda n: 1, 60, 750),  # compiling is no step
        (1001, lambda n: 1 if n < 400 else 2, 0, 650),  # it gets slower
        (1000, lambda n: 2 if n < 200 else 1, 0, 470),  # faster: what was cut stays cut
        (1000, lambda n: 5 if n == 150 else 1, 0, 850),  # one slow step
        (30, lambda n: 1, 0, 30),  # over within the first epoch: it is cut off
    ],
)
def test_a_run_ends_in_time_with_its_schedule_run_through(clock, seconds, step, compiling, least):
    began, limit = clock.now, TimeLimit(LONG, seconds / 60)
    model = SimpleNamespace(stop_training=False, optimizer=SimpleNamespace(), compiled=0)
    model.make_train_function = lambda force: setattr(model, "compiled", compiling)
    model.compiled = compiling
    limit.set_model(model)
    while not model.stop_training:
        limit.on_epoch_begin(0)
        for batch in range(LONG.steps_per_epoch):
            clock.now += step(limit.steps) + model.compiled
            model.compiled = 0
            limit.on_train_batch_end(batch)
            if model.stop_training:
                break
        limit.shorten()
    assert least <= limit.steps == limit.end
    assert clock.now - began <= seconds + step(limit.steps)
    if limit.shortened and least > LONG.steps_per_epoch:
        assert limit.shortened.place_of(limit.steps) == LONG.total_steps
    assert (limit.shortened is None) == (least == LONG.total_steps)


def test_what_a_run_took_before_it_was_interrupted_counts(clock):
    limit = TimeLimit(LONG, 20 / 60)
    limit.set_model(SimpleNamespace(stop_training=False))
    limit.go_on(SimpleNamespace(optimizer=SimpleNamespace(iterations=8)), 30.0, None)
    limit.on_epoch_begin(2)
    limit.on_train_batch_end(0)
    assert limit.model.stop_training
    assert limit.end == 9


def test_a_time_limit_is_refused_where_it_cannot_hold(tmp_path):
    with pytest.raises(ValueError, match=r"for one process; .*max_minutes=5 and distributed"):
        train(LONG, tmp_path / "model", distributed=True, max_minutes=5)


def test_the_learning_rate_warms_up_and_decays_to_a_share_of_its_peak():
    config = TrainingConfig(epochs=10, warmup=0.1, final_rate=0.2)
    peak, rates = config.learning_rate, learning_rates(config)
    values = [float(rates(step)) for step in range(0, config.total_steps + 1, 40)]
    assert values[0] == 0
    assert max(values) == values[10] == pytest.approx(peak)
    assert values[10:] == sorted(values[10:], reverse=True)
    assert values[-1] == pytest.approx(0.2 * peak, rel=1e-4)
    faster = ShortenedRates(config, start=1000, place=1500.0, end=2000)  # from where it was
    for step, place in ((1000, 1500), (1500, 2750), (2000, 4000)):
        assert float(faster(step)) == pytest.approx(float(rates(place)), rel=1e-5)


def test_muon_orthogonalises_convolution_kernels():
    kernel = keras.Variable(np.zeros((3, 3, 8, 16), np.float32))
    gradient = np.random.default_rng(0).standard_normal((3, 3, 8, 16)).astype(np.float32)
    optimizer = ConvMuon(learning_rate=1.0, weight_decay=None)
    optimizer.build([kernel])
    optimizer.apply([keras.ops.convert_to_tensor(gradient)], [kernel])
    step = keras.ops.convert_to_numpy(kernel).reshape(72, 16)
    singular = np.linalg.svd(step, compute_uv=False) / (0.2 * np.sqrt(72))
    assert singular.min() > 0.6  # Newton–Schulz brings every singular value near one
    assert singular.max() < 1.3


def test_the_command_makes_a_model_for_colour_that_opens(some_faces, tmp_path, monkeypatch, capsys):
    """The whole way, small: synthetic pictures, training, metrics, card; then it is opened."""
    from olivetti_denoiser.denoiser import Denoiser

    monkeypatch.setattr("olivetti_denoiser.evaluate.measure.BASELINES", {})
    folder = tmp_path / "colour"
    options = "--epochs 1 --steps-per-epoch 2 --pool 64 --channels 8 --blocks 1"
    command = ["train", "--preset", "colour", "--output", str(folder), *options.split()]
    assert main(command) == 0
    metrics = json.loads((folder / "metrics.json").read_text())
    psnr = metrics["colour"]["scikit-image"]["psnr"]
    assert {"noisy", "model"} <= set(psnr["methods"])
    assert psnr["methods"]["noisy"]["25"] == pytest.approx(20.5, abs=0.8)
    assert metrics["training"]["learned_faces"] == 72
    denoiser = Denoiser.from_pretrained(folder)
    picture = np.random.default_rng(0).integers(0, 256, (50, 70, 3), np.uint8)
    assert (list(denoiser.networks), denoiser(picture).shape) == (["colour"], picture.shape)
    assert main([*command, "--seed", "3"]) == 2
    assert "seed: 0 there, 3 here" in capsys.readouterr().err
