"""Measuring in colour: the noise, sets of figures, and what a card makes of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import FACES_NEARBY
from PIL import Image
from test_published import small_weights

from olivetti_denoiser.data.colour_images import (
    ColourSet,
    Pairs,
    noisy_versions,
    read_colour_set,
    read_pairs,
    standing_set,
)
from olivetti_denoiser.denoiser import Denoiser
from olivetti_denoiser.evaluate.baselines import non_local_means_colour
from olivetti_denoiser.evaluate.colour import evaluate_colour, mean_psnr, one_picture
from olivetti_denoiser.evaluate.published import (
    CLIPPED,
    CLIPPED_FILE,
    COLOUR_FILE,
    published_denoisers,
)
from olivetti_denoiser.release import read_metrics

RELEASED = Path(__file__).resolve().parents[2] / "model_card"
WEIGHTS = FACES_NEARBY.parent / "peers"
PHOTOGRAPHS = FACES_NEARBY.parent / "testsets" / "CBSD68"


@pytest.fixture(scope="module")
def photographs():
    """Smooth pictures in colour, of two sizes."""
    images = []
    for index, size in enumerate([(24, 32), (32, 24), (40, 40)]):
        y, x = np.indices(size) / 40
        planes = [np.sin(3 * x + index), np.cos(2 * y), x * y]
        images.append(np.rint(127 + 90 * np.stack(planes, -1)).astype(np.uint8))
    return ColourSet("waves", images)


@pytest.fixture(scope="module", params=[1, 3])
def denoiser(request):
    from olivetti_denoiser.network.export import to_network
    from olivetti_denoiser.network.unet import residual_unet

    return Denoiser(to_network(residual_unet((4, 8), (1, 1), planes=request.param)))


def test_picture_i_has_the_noise_of_seed_900_and_i(photographs):
    noisy = noisy_versions(photographs.images, 25 / 255)
    for index, (clean, one) in enumerate(zip(photographs.images, noisy, strict=True)):
        noise = np.random.default_rng(900 + index).normal(0, 25, clean.shape)
        np.testing.assert_array_equal(one, np.rint(np.clip(clean + noise, 0, 255)))


def test_every_nth_picture_by_name_is_read_and_cut_out_of_the_middle(tmp_path):
    for index in range(5):
        Image.new("RGB", (20, 10 + index), (index, 0, 0)).save(tmp_path / f"{index}.png")
    found = read_colour_set(tmp_path, crop=8, every=2)
    assert (found.name, found.crop) == (tmp_path.name, 8)
    assert [image[0, 0, 0] for image in found.images] == [0, 2, 4]
    assert {image.shape for image in found.images} == {(8, 8, 3)}
    assert [image.shape for image in read_colour_set(tmp_path).images][4] == (14, 20, 3)
    with pytest.raises(ValueError, match=r"square of 12 pixels\. Received: 10×20 in 0\.png"):
        read_colour_set(tmp_path, crop=12)


def test_pairs_are_found_by_their_names(tmp_path):
    for name, colour in (("b_real", 9), ("a_real", 1), ("a_mean", 2), ("b_mean", 8)):
        Image.new("RGB", (6, 4), (colour,) * 3).save(tmp_path / f"{name}.PNG")
    pairs = read_pairs(tmp_path)
    assert pairs.names == ["a_real.PNG", "b_real.PNG"]
    assert [image[0, 0, 0] for image in (*pairs.noisy, *pairs.clean)] == [1, 9, 2, 8]
    Image.new("RGB", (6, 4)).save(tmp_path / "a_real.bmp")
    with pytest.raises(ValueError, match=r"'a'; leave one.*: a_real\.PNG and a_real\.bmp"):
        read_pairs(tmp_path)
    (tmp_path / "a_real.bmp").unlink()
    (tmp_path / "a_mean.PNG").unlink()
    with pytest.raises(ValueError, match=r"'a'.* have none\. Received"):
        read_pairs(tmp_path)
    with pytest.raises(ValueError, match=r"needs a \*\. Received: 'noisy'"):
        read_pairs(tmp_path, "noisy", "*_mean.*")


def test_the_standing_set_comes_with_scikit_image_and_has_one_checksum():
    first, second = standing_set(), standing_set()
    assert first.checksum == second.checksum and len(first.images) == 6
    assert {image.shape for image in first.images} == {(256, 256, 3)}
    changed = [image.copy() for image in first.images]
    changed[3][0, 0, 0] ^= 1
    assert first._replace(images=changed).checksum != first.checksum


def test_an_untrained_network_scores_as_its_input_does(denoiser, photographs):
    pairs = Pairs("real", ["a"], photographs.images[2:], photographs.images[2:])
    half = {"half": lambda noisy, sigma: np.full_like(noisy, 0.5)}
    found = evaluate_colour(denoiser, [photographs], [pairs], published=half)
    figures = found["colour"]["waves"]
    assert (figures["count"], figures["crop"]) == (3, None)
    levels = figures["psnr"]["methods"]
    assert list(levels) == ["noisy", "model", "Non-local means", "half"]
    assert list(figures["psnr"]["variants"]) == ["sigma given"]
    assert list(levels["noisy"]) == ["0", "10", "25", "50"]
    assert levels["model"] == pytest.approx(levels["noisy"], abs=0.02)
    assert figures["psnr"]["variants"]["sigma given"] == pytest.approx(levels["noisy"], abs=0.02)
    assert levels["noisy"]["0"] == 100 and 19 < levels["noisy"]["25"] < 22
    assert levels["Non-local means"]["25"] > levels["noisy"]["25"] + 3
    assert all(seconds > 0 for seconds in figures["seconds"]["methods"].values())
    scores = found["pairs"]["real"]["psnr"]["methods"]
    assert scores["noisy"] == scores["model"] == 100
    assert "half (σ = 15/255)" in scores


def test_methods_for_colour_take_nothing_else():
    for restore in (non_local_means_colour,):
        with pytest.raises(ValueError, match=r"N×H×W×3\. Received: shape="):
            restore(np.zeros((1, 8, 8, 1)), 0.1)


def test_colour_ffdnet_works_on_the_phases_of_each_plane(tmp_path):
    """With kernels that pass input k to output k, the picture comes back as it went in."""
    arrays = small_weights(tmp_path / COLOUR_FILE, (13, 12))
    arrays["w0"][:] = 0
    arrays["w0"][np.arange(12), np.arange(12), 1, 1] = 1
    np.savez(tmp_path / COLOUR_FILE, w0=arrays["w0"], b0=np.zeros(12, np.float32))
    noisy = np.random.default_rng(0).random((2, 11, 14, 3), np.float32)
    published = published_denoisers(tmp_path, planes=3)
    assert CLIPPED not in published
    shutil.copy(tmp_path / COLOUR_FILE, tmp_path / CLIPPED_FILE)
    assert CLIPPED in published_denoisers(tmp_path, planes=3)
    restore = published["FFDNet"]
    np.testing.assert_allclose(restore(noisy, 0.1), noisy, atol=1e-6)
    arrays["w0"][0, 12, 1, 1] = 1  # the map of the level goes to the first phase of red
    np.savez(tmp_path / COLOUR_FILE, w0=arrays["w0"], b0=np.zeros(12, np.float32))
    gained = published_denoisers(tmp_path, planes=3)["FFDNet"](noisy * 0.5, 0.25) - noisy * 0.5
    assert gained[:, ::2, ::2, 0] == pytest.approx(0.25, abs=1e-6)
    gained[:, ::2, ::2, 0] = 0
    assert np.abs(gained).max() < 1e-6
    with pytest.raises(ValueError, match=r"N×H×W×3\. Received: shape="):
        restore(noisy[..., :1], 0.1)


def test_figures_in_colour_take_their_place_in_a_release(tmp_path, photographs):
    from olivetti_denoiser.publish.update import update_release

    folder = tmp_path / "model"
    shutil.copytree(RELEASED, folder, ignore=shutil.ignore_patterns("colour"))
    before = read_metrics(folder)
    level = {"noisy": {"25": 20.0}, "model": {"25": 28.123}}
    figures = {
        "count": 3, "crop": 256, "checksum": "0" * 64,
        "psnr": {"methods": level, "variants": {}},
        "seconds": {"methods": {"model": 1.0}, "variants": {}},
    }  # fmt: skip
    update_release(folder, {"colour": {"waves": figures}})
    update_release(folder, {"colour": {"scikit-image": figures}, "pairs": {}})
    after = read_metrics(folder)
    assert after["colour"].keys() == {"waves", "scikit-image"} and "pairs" not in after
    assert {name: after[name] for name in before} == before


def test_photographs_are_shown_pixel_for_pixel_before_and_after(tmp_path):
    from olivetti_denoiser.evaluate import colour_comparison as module

    class Inverse:
        """Turns a picture into its negative, and says a level."""

        def __call__(self, picture):
            return 255 - picture

        def estimate_sigma(self, picture):
            return 0.1

    module.draw_photographs(Inverse(), tmp_path)
    with Image.open(tmp_path / "real_photographs.png") as image:
        drawn = np.asarray(image.convert("RGB")).astype(int)
    square = module._squares(module.AS_THEY_ARE)["coffee"].astype(int)
    for expected in (square, 255 - square):
        middle = expected[80:88, 80:88]
        windows = np.lib.stride_tricks.sliding_window_view(drawn, middle.shape)[:, :, 0]
        difference = np.abs(windows - middle).mean(axis=(2, 3, 4))
        assert difference.min() < 6  # of 256 colours that the file keeps
    assert {path.name for path in tmp_path.iterdir()} == {"comparison.png", "real_photographs.png"}


@pytest.fixture
def colour_release(tmp_path):
    """The folder of a colour model with figures."""
    from olivetti_denoiser.config import TrainingConfig
    from olivetti_denoiser.release import write_metrics

    metrics = json.loads((RELEASED / "metrics.json").read_text())
    del metrics["seeds"]  # of the gray network
    levels = {
        "noisy": {"0": 100.0, "25": 20.51}, "model": {"0": 43.21, "25": 29.83},
        "FFDNet": {"0": 100.0, "25": 30.77},
    }  # fmt: skip
    figures = {
        "count": 6, "crop": 256, "checksum": "0" * 64,
        "psnr": {"methods": levels, "variants": {"sigma given": {"0": 100.0, "25": 29.91}}},
        "seconds": {"methods": {"model": 0.41, "FFDNet": 1.37}, "variants": {"sigma given": 0.4}},
    }  # fmt: skip
    scores = {"noisy": 36.11, "model": 38.34}
    metrics |= {
        "planes": 3,
        "colour": {"scikit-image": figures},
        "pairs": {"PolyU": {"count": 4, "crop": None, "psnr": {"methods": scores, "variants": {}}}},
    }
    write_metrics(tmp_path, metrics)
    config = TrainingConfig.from_options({}, preset="colour")
    (tmp_path / "training_config.json").write_text(config.to_json())
    return tmp_path


def test_the_card_of_a_colour_model_shows_its_own_figures(colour_release):
    from huggingface_hub import ModelCard

    from olivetti_denoiser.publish.card import render_card

    card = ModelCard(render_card(colour_release, "ada/colour"))
    assert [result.metric_value for result in card.data.eval_results] == [29.83]
    words = " ".join(card.text.split())
    assert "**20.51 dB into 29.83 dB**" in words
    assert "| model, sigma given | ∞ | 29.91 | 0.40 |" in words
    assert "| FFDNet | ∞ | 30.77 | 1.37 |" in words
    assert "| model | 38.34 | +2.23 |" in words
    assert "6 pictures of scikit-image, their middle 256×256" in words
    assert "ada/colour" in words and "None" not in words and "{{" not in words
    lines = card.text.splitlines()
    for index in range(1, len(lines) - 1):
        if not lines[index] and lines[index - 1].startswith("|"):
            assert not lines[index + 1].startswith("|")


def test_the_card_shows_what_the_pictures_to_learn_from_are_worth(colour_release, monkeypatch):
    from olivetti_denoiser.publish import update

    rows = {"collages": {"scikit-image, σ = 25": 31.4159}, "photographs": {"PolyU, gain": 2.718}}
    found = {"steps": 1500, "seed": 7, "rows": rows}
    with pytest.raises(ValueError, match="a whole model folder"):
        update.update_release(colour_release, {"pictures_learned": found})
    monkeypatch.setattr(update, "is_released", lambda folder: True)
    update.update_release(colour_release, {"pictures_learned": found})
    assert read_metrics(colour_release)["pictures_learned"] == found
    words = " ".join((colour_release / "README.md").read_text().split())
    assert "1,500 steps, seed 7" in words
    assert "| collages | 31.42 | – |" in words and "| photographs | – | 2.72 |" in words
    gray = {**read_metrics(colour_release), "planes": 1}
    (colour_release / "metrics.json").write_text(json.dumps(gray))
    with pytest.raises(ValueError, match="networks for colour"):
        update.update_release(colour_release, {"pictures_learned": found})


def test_the_card_shows_seeds_by_what_the_model_is_judged_by(colour_release):
    from olivetti_denoiser.publish.card import render_card

    scores = {"mse": 0.001, "psnr": 24.75, "ssim": 0.5, "validation_psnr": 31.0}
    metrics = read_metrics(colour_release)
    metrics["seeds"] = [scores | {"seed": seed, "gate_psnr": 29.83 - seed} for seed in (0, 1)]
    (colour_release / "metrics.json").write_text(json.dumps(metrics))
    words = " ".join(render_card(colour_release).split())
    seeds = "with seeds 0, 1 scores 29.83, 28.83 dB on the colour pictures of scikit-image"
    assert seeds in words


def test_the_plot_of_a_colour_model_is_of_its_colour_pictures(colour_release):
    from olivetti_denoiser.evaluate.plots import draw_levels

    draw_levels(colour_release, read_metrics(colour_release))
    with Image.open(colour_release / "psnr_vs_sigma.png") as image:
        assert image.width > 900


# Without the weights these are no skipped tests: they are no part of the project.
if (WEIGHTS / COLOUR_FILE).is_file() and PHOTOGRAPHS.is_dir():

    def test_the_published_weights_have_their_figures():
        """31.21 dB is published for all 68 pictures, with noise that is not clipped."""
        photographs = read_colour_set(PHOTOGRAPHS, crop=256, every=17)
        restore = one_picture(published_denoisers(WEIGHTS, planes=3)["FFDNet"])
        noisy = noisy_versions(photographs.images, 25 / 255)
        restored = [restore(one, 25 / 255) for one in noisy]
        gained = mean_psnr(photographs.images, restored) - mean_psnr(photographs.images, noisy)
        assert 9.5 < gained < 11.5
