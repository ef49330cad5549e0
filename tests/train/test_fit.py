"""Training: batches that depend on seed and step alone, and runs that resume bit for bit."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.data.faces import Faces

TINY = {"epochs": 3, "steps_per_epoch": 4, "channels": (8, 16), "blocks": (1, 1)}


@pytest.fixture(scope="module")
def some_faces():
    """Smooth random pictures in place of faces, 12 of them."""
    rng = np.random.default_rng(0)
    coarse = rng.random((12, 8, 8, 1), dtype=np.float32)
    clean = np.kron(coarse, np.ones((1, 8, 8, 1), np.float32))
    return Faces(clean, clean, np.arange(12), np.arange(12))


@pytest.fixture(scope="module")
def whole(some_faces, tmp_path_factory):
    """A run that nothing disturbed, and its folder."""
    from olivetti_denoiser.train.fit import fit

    folder = tmp_path_factory.mktemp("whole")
    return fit(TrainingConfig(**TINY), some_faces, folder), folder


def test_a_batch_is_a_function_of_seed_and_step(some_faces):
    from olivetti_denoiser.train.batches import NoisyFaces

    first, second = (NoisyFaces(some_faces.clean, TrainingConfig(**TINY)) for _ in range(2))
    second[0], second[3]  # what was asked for before does not matter
    for one, other in zip(_flat(first[2]), _flat(second[2]), strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(first[2][0]["noisy"], first[3][0]["noisy"])
    resumed = NoisyFaces(some_faces.clean, TrainingConfig(**TINY), epochs_done=1)
    for one, other in zip(_flat(first[4 + 2]), _flat(resumed[2]), strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(first) - len(resumed) == 4
    other_seed = NoisyFaces(some_faces.clean, TrainingConfig(**TINY, seed=1))
    assert not np.array_equal(first[2][0]["noisy"], other_seed[2][0]["noisy"])


def test_a_warped_face_is_a_face_of_the_same_light(some_faces):
    from olivetti_denoiser.synthesis.augment import warped

    face = some_faces.clean[0]
    several = np.stack([warped(face, np.random.default_rng(seed)) for seed in range(50)])
    assert several.shape == (50, *face.shape)
    assert several.dtype == np.float32
    assert several.min() >= 0
    assert several.max() <= 1
    assert several.mean() == pytest.approx(face.mean(), abs=0.03)
    changes = np.abs(several - face).mean(axis=(1, 2, 3))
    assert changes.min() > 1e-4  # none is the face itself
    assert changes.mean() < 0.5 * np.abs(face - some_faces.clean[1]).mean()  # nor another one
    np.testing.assert_array_equal(warped(face, np.random.default_rng(3)), several[3])


def test_batches_show_every_face_once_a_pass():
    from olivetti_denoiser.train.batches import rows_of_step

    config = TrainingConfig(**TINY | {"batch_size": 5, "steps_per_epoch": 12})
    rows = [row for step in range(12) for row in rows_of_step(step, config, 12)]
    for start in range(0, 60, 12):
        assert sorted(rows[start : start + 12]) == list(range(12))


def test_the_learning_rate_warms_up_and_decays_to_a_share_of_its_peak():
    from olivetti_denoiser.train.optimizer import make_optimizer

    for optimizer in ("muon", "adamw"):
        config = TrainingConfig(epochs=10, warmup=0.1, final_rate=0.2, optimizer=optimizer)
        schedule = make_optimizer(config)._learning_rate
        rates = [float(schedule(step)) for step in range(0, config.total_steps + 1, 40)]
        peak = config.learning_rate
        assert rates[0] == 0
        assert max(rates) == pytest.approx(peak) == pytest.approx(rates[10])
        assert rates[10:] == sorted(rates[10:], reverse=True)
        assert rates[-1] == pytest.approx(0.2 * peak, rel=1e-4)


def test_the_averaging_reaches_over_its_share_of_the_steps():
    from olivetti_denoiser.train.optimizer import make_optimizer

    config = TrainingConfig(epochs=10, steps_per_epoch=100, ema_share=0.05)
    assert make_optimizer(config).ema_momentum == pytest.approx(1 - 1 / 50)
    assert make_optimizer(TrainingConfig(ema_share=0.0)).ema_momentum == 0.0


def test_levels_are_the_trained_one_half_of_the_time_and_weigh_inversely(some_faces):
    from olivetti_denoiser.train.batches import NoisyFaces

    batches = NoisyFaces(some_faces.clean, TrainingConfig(**TINY | {"steps_per_epoch": 200}))
    levels = np.concatenate([batches[step][0]["sigma"].ravel() for step in range(200)])
    assert 0.45 < np.isclose(levels, 0.1).mean() < 0.55
    assert levels.min() < 0.01
    assert 0.29 < levels.max() <= 0.3
    inputs, targets, weights = batches[0]
    sigma = np.maximum(inputs["sigma"].ravel(), 0.01)
    np.testing.assert_allclose(weights["restored"].ravel(), 0.1 / sigma, rtol=1e-5)
    residual = (inputs["noisy"] - targets["restored"]).std()
    assert residual == pytest.approx(np.sqrt(np.mean(inputs["sigma"] ** 2)), rel=0.3)


def test_same_seed_same_weights_and_an_interrupted_run_ends_with_them(some_faces, whole, tmp_path):
    from olivetti_denoiser.train import fit as module

    config, (straight, _) = TrainingConfig(**TINY), whole

    def interrupt(self, epoch, logs=None, save=module.RunState.on_epoch_end):
        save(self, epoch, logs)
        if epoch == 0:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(module.RunState, "on_epoch_end", interrupt)
        module.fit(config, some_faces, tmp_path / "halves")
    resumed = module.fit(config, some_faces, tmp_path / "halves")

    for one, other in zip(straight.model.get_weights(), resumed.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    without_time = [{**row, "seconds": 0} for row in straight.history]
    assert without_time == [{**row, "seconds": 0} for row in resumed.history]
    with (tmp_path / "halves" / "history.csv").open() as file:
        assert [int(row["epoch"]) for row in csv.DictReader(file)] == [1, 2, 3]


def test_the_run_folder_holds_what_it_promises(some_faces, whole):
    import keras

    result, folder = whole
    assert json.loads((folder / "training_config.json").read_text())["epochs"] == 3
    assert list((folder / "tensorboard").rglob("events*"))
    best = keras.models.load_model(folder / "best_model.h5", compile=False)
    noisy = some_faces.clean[:1]
    assert best.predict(noisy, verbose=0).shape == noisy.shape
    columns = {"restored_loss", "val_restored_loss", "val_psnr", "val_ssim", "learning_rate"}
    assert columns <= set(result.history[0])
    assert 0 < result.history[0]["val_ssim"] < 1


def test_a_history_begun_by_a_version_that_measured_less_is_written(tmp_path):
    from olivetti_denoiser.history import read_history, write_history

    path = tmp_path / "history.csv"
    write_history(path, [{"epoch": 1, "seconds": 9}, {"epoch": 2, "val_ssim": 0.5, "seconds": 9}])
    with path.open() as file:
        assert [row["val_ssim"] for row in csv.DictReader(file)] == ["", "0.5"]
    np.testing.assert_array_equal(read_history(path)["val_ssim"], [np.nan, 0.5])
    assert read_history(path)["epoch"].tolist() == [1, 2]


def test_a_run_with_other_settings_is_refused_with_the_difference(some_faces, tmp_path):
    from olivetti_denoiser.train.fit import fit

    (tmp_path / "training_config.json").write_text(TrainingConfig(**TINY).to_json())
    with pytest.raises(ValueError, match=r"seed: 0 there, 5 here.*--overwrite.*Received"):
        fit(TrainingConfig(**TINY, seed=5), some_faces, tmp_path)


def test_a_loss_that_is_no_number_stops_the_run(some_faces, tmp_path):
    from olivetti_denoiser.errors import TrainingStoppedError
    from olivetti_denoiser.train.fit import fit

    broken = some_faces._replace(clean=np.full_like(some_faces.clean, np.nan))
    with pytest.raises(TrainingStoppedError, match=r"step 1 of epoch 1.*Received: loss=nan"):
        fit(TrainingConfig(**TINY), broken, tmp_path)


def test_early_stopping_ends_the_run_and_keeps_the_best(some_faces, tmp_path):
    from olivetti_denoiser.train.fit import fit

    config = TrainingConfig(
        **TINY | {"epochs": 30, "patience": 2, "learning_rate": 0.5, "clip_norm": 1000.0}
    )
    try:
        result = fit(config, some_faces, tmp_path)
    except RuntimeError:
        pytest.fail("the run diverged altogether; a gentler rate would do for this test")
    losses = [row["val_restored_loss"] for row in result.history]
    assert len(losses) < 30
    assert len(losses) == np.argmin(losses) + 1 + config.patience


def test_one_level_alone_is_trained_where_all_draws_are_made_at_it(some_faces):
    from olivetti_denoiser.train.batches import NoisyFaces

    config = TrainingConfig(**TINY | {"steps_per_epoch": 50}, sigma_share=1.0)
    batches = NoisyFaces(some_faces.clean, config)
    levels = np.concatenate([batches[step][0]["sigma"].ravel() for step in range(50)])
    assert set(levels) == {np.float32(0.1)}
    weights = np.concatenate([batches[step][2]["restored"].ravel() for step in range(50)])
    np.testing.assert_allclose(weights, 1.0, rtol=1e-6)


def test_muon_orthogonalises_convolution_kernels():
    import keras

    from olivetti_denoiser.train.optimizer import ConvMuon

    kernel = keras.Variable(np.zeros((3, 3, 8, 16), np.float32))
    gradient = np.random.default_rng(0).standard_normal((3, 3, 8, 16)).astype(np.float32)
    optimizer = ConvMuon(learning_rate=1.0, weight_decay=None)
    optimizer.build([kernel])
    optimizer.apply([keras.ops.convert_to_tensor(gradient)], [kernel])
    step = keras.ops.convert_to_numpy(kernel).reshape(72, 16)
    singular = np.linalg.svd(step, compute_uv=False) / (0.2 * np.sqrt(72))
    assert singular.min() > 0.6  # Newton–Schulz brings every singular value near one
    assert singular.max() < 1.3


def _flat(batch):
    return [array for part in batch for array in part.values()]
