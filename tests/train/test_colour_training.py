"""Training in colour: batches of seed and step, runs that resume bit for bit, validation."""

from __future__ import annotations

import numpy as np
import pytest

from olivetti_denoiser.config import PRESETS, TrainingConfig
from olivetti_denoiser.data.patch_files import Patches
from olivetti_denoiser.network.unet import (
    estimator_of,
    multiply_adds,
    planes_of,
    residual_unet,
    restorer_of,
    with_mirror,
)
from olivetti_denoiser.train.colour_batches import (
    ColourBatches,
    cut,
    middle,
    noisy_patch,
    part,
    partly_noisy,
)

TINY = {
    "epochs": 2,
    "steps_per_epoch": 3,
    "channels": (8, 16),
    "blocks": (1, 1),
    "batch_size": 2,
    "patience": 9,
}


def tiny(**options):
    return TrainingConfig.from_options(TINY | options, preset="colour")


@pytest.fixture(scope="module")
def pictures():
    """Smooth random colour pictures of the pool's size, 8 of them."""
    coarse = np.random.default_rng(0).random((8, 16, 16, 3), np.float32)
    return np.kron(coarse, np.ones((1, 8, 8, 1), np.float32))


def test_a_batch_is_a_function_of_seed_and_step(pictures):
    first, second = (ColourBatches(pictures, tiny()) for _ in range(2))
    second[0], second[1]  # what was asked for before does not matter
    for one, other in zip(first[4], second[4], strict=True):
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])
    resumed = ColourBatches(pictures, tiny(), epochs_done=1)
    np.testing.assert_array_equal(first[4][0]["noisy"], resumed[1][0]["noisy"])
    for other in (first[5], ColourBatches(pictures, tiny(seed=1))[4]):
        assert np.any(first[4][0]["noisy"] != other[0]["noisy"])


def test_a_batch_has_what_the_network_takes(pictures):
    inputs, targets, weights = ColourBatches(pictures, tiny(batch_size=8))[0]
    assert inputs["noisy"].shape == targets["restored"].shape == (8, 64, 64, 3)
    assert inputs["sigma"].shape == targets["estimate"].shape == (8, 1, 1, 1)
    for values in (*inputs.values(), *targets.values(), *weights.values()):
        assert values.dtype == np.float32
        assert np.isfinite(values).all()
    noise = inputs["noisy"] - targets["restored"]
    assert np.sqrt(np.square(noise).mean()) > 0.005


def test_each_noise_is_drawn_alone_and_both_two_to_one(pictures):
    """White noise is told exactly and has one level on every picture, a camera's has not."""
    share = {}
    for noise in ("gaussian", "camera", "both"):
        config, rng = tiny(noise=noise), np.random.default_rng(0)
        drawn = [noisy_patch(cut(pictures[0], rng), config, rng) for _ in range(120)]
        share[noise] = np.mean([level == told for _, _, level, told in drawn])
    assert share["gaussian"] == 1
    assert share["camera"] == 0
    assert 0.55 < share["both"] < 0.75


def test_the_level_is_that_of_the_noise(pictures):
    rng = np.random.default_rng(1)
    plain = np.full((80, 80, 3), 0.5, np.float32)
    for noise in ("gaussian", "camera"):
        config = tiny(noise=noise, sigma_max=0.15, sigma=0.1)
        for _ in range(20):
            clean, noisy, level, _ = noisy_patch(plain, config, rng)
            rms = np.sqrt(np.square(noisy - clean).mean())
            assert level == pytest.approx(rms, rel=0.05, abs=1.5 / 255)


def test_a_part_without_noise_is_alike_in_target_and_noisy_patch(pictures):
    rng = np.random.default_rng(2)
    shades = set()
    for _ in range(200):
        patch = noisy_patch(cut(pictures[0], rng), tiny(noise="gaussian", sigma=0.2), rng)
        clean, noisy, level, told = partly_noisy(*patch, rng)
        assert (level, told) == patch[2:]  # of what is noisy still
        alike = (clean == noisy).all(axis=2)
        untouched = (clean == patch[0]).all(axis=2) & (noisy == patch[1]).all(axis=2)
        assert (alike | untouched).all()
        assert clean.dtype == noisy.dtype == np.float32
        shown = clean[alike & ~untouched]
        if len(shown) and (shown == shown[0]).all():
            shades.add(tuple(shown[0]))
        assert clean.min() >= 0 and clean.max() <= 1
    assert {(0, 0, 0), (1, 1, 1)} < shades


def test_a_part_is_never_everywhere_the_same():
    rng = np.random.default_rng(3)
    shares = [part(rng).mean() for _ in range(500)]
    assert 0 < min(shares) < 0.1
    assert 0.9 < max(shares) < 1
    assert 0.4 < np.mean(shares) < 0.6


def test_some_patches_of_a_batch_are_partly_noisy():
    flat = np.full((8, 128, 128, 3), 0.5, np.float32)
    config = tiny(noise="gaussian", sigma=0.2, sigma_share=1.0, batch_size=8)
    batches = ColourBatches(flat, config, epochs_done=0)
    alike = np.concatenate(
        [
            (inputs["noisy"] == targets["restored"]).all(axis=3).mean(axis=(1, 2))
            for inputs, targets, _ in (batches[step] for step in range(40))
        ]
    )
    assert 0.05 < (alike > 0.05).mean() < 0.3


def test_the_middle_of_a_patch_is_what_remains_of_it(pictures):
    patch = cut(pictures[0], np.random.default_rng(0))
    assert patch.shape == (80, 80, 3)
    np.testing.assert_array_equal(middle(patch), patch[8:72, 8:72])


def test_a_resumed_run_equals_the_uninterrupted_one(pictures, tmp_path, monkeypatch):
    from olivetti_denoiser.train import fit as module

    fit = module.fit
    learned, held_out = Patches(pictures[:6]), Patches(pictures[6:])
    whole = fit(tiny(), learned, tmp_path / "whole", held_out=held_out)

    def interrupt(self, epoch, logs=None, save=module.RunState.on_epoch_end):
        save(self, epoch, logs)
        if epoch == 0:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(module.RunState, "on_epoch_end", interrupt)
        fit(tiny(), learned, tmp_path / "halves", held_out=held_out)
    resumed = fit(tiny(), learned, tmp_path / "halves", held_out=held_out)
    for one, other in zip(whole.model.weights, resumed.model.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))
    drop = {"seconds"}
    for one, other in zip(whole.history, resumed.history, strict=True):
        assert {k: v for k, v in one.items() if k not in drop} == {
            k: v for k, v in other.items() if k not in drop
        }
    row = whole.history[-1]
    assert {"val_restored_loss", "val_estimate_loss", "val_psnr"} < set(row)
    assert {"val_psnr_camera", "val_estimate_camera"} < set(row)
    assert (planes_of(whole.model), len(whole.history)) == (3, 2)


def test_the_network_for_colour_keeps_its_contract():
    import keras

    model = residual_unet(planes=3)
    assert model.input_shape == model.output_shape == (None, None, None, 3)
    assert model.count_params() <= 1_000_000
    config = TrainingConfig.from_options({}, preset="colour")
    assert multiply_adds(**config.network, mirror=config.mirror) / 64**2 <= 60_000
    parts = [model, restorer_of(model), estimator_of(model)]
    used = {type(layer).__name__ for part in parts for layer in part.layers} - {"Functional"}
    assert used <= set(dir(keras.layers)) - {"Lambda"}


def test_an_untrained_network_for_colour_returns_its_input():
    picture = np.random.default_rng(0).random((2, 32, 48, 3), np.float32)
    for model in (residual_unet(planes=3), with_mirror(residual_unet(planes=3))):
        np.testing.assert_allclose(model.predict_on_batch(picture), picture, atol=1e-6)


def test_the_preset_is_about_colour_and_the_default_is_not():
    colour = TrainingConfig.from_options({}, preset="colour")
    assert (colour.planes, colour.noise) == (3, "both")
    assert (TrainingConfig().planes, TrainingConfig().noise) == (1, "gaussian")
    assert PRESETS["default"] == {}
    with pytest.raises(ValueError, match=r"a camera's noise is learned by a network for colour"):
        TrainingConfig(noise="camera")


@pytest.mark.slow
def test_the_command_makes_a_model_folder_that_opens(faces, tmp_path, monkeypatch):
    """The whole way, small: pool, training, figures, card; then the folder cleans a picture."""
    import json

    from olivetti_denoiser.cli.main import main
    from olivetti_denoiser.denoiser import Denoiser

    monkeypatch.setattr("olivetti_denoiser.evaluate.measure.BASELINES", {})
    folder = tmp_path / "colour"
    options = {"epochs": 1, "steps-per-epoch": 2, "pool": 64, "channels": "8,16", "blocks": "1,1"}
    command = [f"--{name}={value}" for name, value in options.items()]
    assert main(["train", "--preset", "colour", "--output", str(folder), *command]) == 0
    metrics = json.loads((folder / "metrics.json").read_text())
    psnr = metrics["colour"]["scikit-image"]["psnr"]
    assert {"noisy", "model"} <= set(psnr["methods"])
    assert psnr["methods"]["noisy"]["25"] == pytest.approx(20.5, abs=0.8)
    assert metrics["training"]["learned_faces"] == 72
    denoiser = Denoiser.from_pretrained(folder)
    picture = np.random.default_rng(0).integers(0, 256, (50, 70, 3), np.uint8)
    assert (list(denoiser.networks), denoiser(picture).shape) == (["colour"], picture.shape)


@pytest.mark.slow
def test_any_photographs_can_be_learned_from_in_colour(tmp_path):
    from PIL import Image

    from olivetti_denoiser.train.run import pictures_of

    photos = tmp_path / "photos"
    photos.mkdir()
    rng = np.random.default_rng(0)
    for number in range(8):
        Image.fromarray(rng.integers(0, 256, (140, 140, 3), np.uint8)).save(
            photos / f"{number}.png"
        )
    config = tiny()
    found = pictures_of(str(photos), None, None, config, tmp_path / "run", lambda line: None)
    inputs, targets, _ = ColourBatches(found.learned.clean, config)[0]
    assert inputs["noisy"].shape == targets["restored"].shape == (2, 64, 64, 3)
