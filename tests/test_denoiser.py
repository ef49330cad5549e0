"""Denoiser: the same kind, dtype and size out, however the picture is given and however large."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest
from PIL import Image

from olivetti_denoiser.denoiser import Denoiser, load_folder
from olivetti_denoiser.model import residual_unet, restorer_of, with_mirror
from olivetti_denoiser.model_folder import MODEL_FILES
from olivetti_denoiser.tiles import MARGIN, TILE_SIDES


@pytest.fixture(scope="module")
def model():
    """A narrow network of the released depth whose every weight is at work."""
    model = residual_unet(channels=(4, 8, 8), blocks=(1, 2, 2))
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(0, 0.15, w.shape).astype(np.float32) for w in model.weights])
    return model


@pytest.fixture(scope="module")
def denoiser(model):
    return Denoiser(model)


@pytest.fixture(scope="module")
def gray():
    return np.random.default_rng(1).integers(0, 256, (64, 64), np.uint8)


def test_it_changes_the_picture(denoiser, gray):
    assert np.abs(denoiser(gray).astype(int) - gray).mean() > 1


def test_every_way_to_say_the_same_picture_gives_the_same_result(denoiser, gray, tmp_path):
    Image.fromarray(gray).save(tmp_path / "gray.png")
    expected = denoiser(gray)
    assert (expected.dtype, expected.shape) == (np.uint8, gray.shape)
    for image in (Image.fromarray(gray), tmp_path / "gray.png", str(tmp_path / "gray.png")):
        restored = denoiser(image)
        assert isinstance(restored, Image.Image)
        assert (restored.mode, restored.size) == ("L", (64, 64))
        np.testing.assert_array_equal(np.asarray(restored), expected)
    for dtype in (np.float32, np.float64):
        restored = denoiser((gray / 255).astype(dtype))
        assert restored.dtype == dtype
        np.testing.assert_allclose(restored * 255, expected, atol=0.501)
    deep = denoiser(gray.astype(np.uint16) * 257)
    assert deep.dtype == np.uint16
    np.testing.assert_allclose(deep / 257, expected, atol=0.51)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 5), (64, 64), (65, 64), (127, 65), (3, 200)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_a_picture_comes_back_in_its_own_size(denoiser, size, dtype):
    picture = np.random.default_rng(0).random(size)
    picture = (picture * 255).astype(np.uint8) if dtype == np.uint8 else picture.astype(dtype)
    restored = denoiser(picture)
    assert (restored.shape, restored.dtype) == (size, dtype)
    assert np.isfinite(restored).all()
    assert 0 <= restored.min() <= restored.max() <= (255 if dtype == np.uint8 else 1)


def test_a_batch_is_restored_picture_by_picture(denoiser):
    batch = np.random.default_rng(2).random((5, 40, 52, 1), np.float32)
    alone = np.stack([denoiser(picture) for picture in batch])
    np.testing.assert_allclose(denoiser(batch), alone, atol=1e-5)


def test_a_batch_of_more_than_one_pass_is_whole(denoiser):
    one = np.random.default_rng(2).random((1, 512, 512, 1), np.float32)
    batch = np.concatenate([one, 1 - one, one])
    passes = []
    restored = denoiser(batch, sigma=0.1, progress=lambda done, total: passes.append((done, total)))
    assert passes == [(1, 3), (2, 3), (3, 3)]
    np.testing.assert_allclose(restored[0], restored[2], atol=1e-6)
    assert np.abs(restored[0] - restored[1]).mean() > 0.01


def test_colours_are_restored_apart_and_alpha_is_left_alone(denoiser, gray):
    alpha = np.random.default_rng(3).integers(1, 256, gray.shape, np.uint8)
    picture = np.stack([gray, gray[::-1], 255 - gray, alpha], axis=-1)
    restored = denoiser(picture, sigma=0.1)
    np.testing.assert_array_equal(restored[..., 3], alpha)
    for channel in range(3):
        alone = denoiser(np.ascontiguousarray(picture[..., channel]), sigma=0.1)
        np.testing.assert_allclose(restored[..., channel].astype(int), alone, atol=1)
    image = denoiser(Image.fromarray(picture), sigma=0.1)
    assert image.mode == "RGBA"
    np.testing.assert_array_equal(np.asarray(image), restored)


def test_one_level_is_estimated_for_all_colours(denoiser, gray):
    picture = np.stack([gray, gray // 2, gray // 4], axis=-1)
    levels = [denoiser.estimate_sigma(picture[..., channel]) for channel in range(3)]
    assert denoiser.estimate_sigma(picture) == pytest.approx(np.mean(levels), rel=1e-5)


def test_exif_orientation_is_applied(denoiser, tmp_path):
    picture = np.random.default_rng(4).integers(0, 256, (20, 30), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn a quarter clockwise to see it upright
    Image.fromarray(picture).save(tmp_path / "turned.png", exif=exif)
    restored = denoiser(tmp_path / "turned.png")
    assert restored.size == (20, 30)
    upright = np.ascontiguousarray(np.rot90(picture, -1))
    np.testing.assert_array_equal(np.asarray(restored), denoiser(upright))


def test_tiles_leave_no_seam(denoiser, model):
    """What a tiled picture has inside equals one pass over the whole of it."""
    shape = (TILE_SIDES[-1] + 96, 2 * TILE_SIDES[-1] - 2 * MARGIN + 40)
    picture = np.random.default_rng(5).random(shape).astype(np.float32)
    passes = []
    tiled = denoiser(picture, sigma=0.1, progress=lambda done, total: passes.append(total))
    assert passes == [6] * 6  # two rows of three tiles
    level = np.full((1, 1, 1, 1), 0.1, np.float32)
    whole = restorer_of(model).predict_on_batch([picture[None, ..., None], level])
    whole = np.clip(np.asarray(whole)[0, ..., 0], 0, 1)
    # The picture's lower and right edge are mirrored in one and zeros in the other.
    inside = np.s_[: shape[0] - MARGIN, : shape[1] - MARGIN]
    np.testing.assert_allclose(tiled[inside], whole[inside], atol=1e-5)
    assert np.abs(tiled - picture).mean() > 0.01


@pytest.mark.parametrize("length", [513, 640, 896, 897])
def test_every_pixel_of_a_large_picture_is_restored(denoiser, length):
    picture = np.random.default_rng(0).uniform(0.3, 0.7, (length, 3)).astype(np.float32)
    restored = denoiser(picture, sigma=0.3)
    assert np.abs(restored - picture).min() > 0


@pytest.mark.parametrize("size", [(512, 512), (513, 513), (600, 1100), (1030, 512)])
def test_the_estimate_hardly_depends_on_where_tiles_end(denoiser, size):
    """A last tile of a few pixels, mirrored until it is full, must not count like a whole one."""
    clean = np.full((1100, 1100), 0.5, np.float32)
    noisy = clean + 0.1 * np.random.default_rng(6).standard_normal(clean.shape).astype(np.float32)
    noisy = np.clip(noisy, 0, 1)
    expected = denoiser.estimate_sigma(noisy[:512, :512])
    flat = denoiser.estimate_sigma(clean[:512, :512])
    estimate = denoiser.estimate_sigma(np.ascontiguousarray(noisy[: size[0], : size[1]]))
    assert abs(estimate - expected) < 0.03 * abs(flat - expected)


def test_giving_the_level_that_was_estimated_changes_nothing(denoiser, gray):
    level = denoiser.estimate_sigma(gray)
    assert isinstance(level, float)
    given, estimated = denoiser(gray / 255, sigma=level), denoiser(gray / 255)
    np.testing.assert_allclose(given, estimated, atol=1e-5)
    other = denoiser(gray / 255, sigma=min(1.0, level + 0.2))
    assert np.abs(other - estimated).mean() > 1e-3


def test_estimates_of_a_batch_are_one_a_picture(denoiser):
    batch = np.random.default_rng(2).random((3, 30, 30, 1), np.float32)
    levels = denoiser.estimate_sigma(batch)
    assert levels.shape == (3,)
    alone = [denoiser.estimate_sigma(picture) for picture in batch]
    np.testing.assert_allclose(levels, alone, rtol=1e-4)


def test_strength_goes_evenly_from_untouched_to_full(denoiser):
    picture = np.random.default_rng(7).uniform(0.3, 0.7, (30, 40)).astype(np.float32)
    none, half, full = (denoiser(picture, sigma=0.05, strength=s) for s in (0.0, 0.5, 1.0))
    np.testing.assert_array_equal(none, picture)
    unclipped = (full > 0) & (full < 1)
    np.testing.assert_allclose(half[unclipped], ((picture + full) / 2)[unclipped], atol=1e-5)


def test_mirror_averaging_commutes_with_the_mirror(denoiser):
    picture = np.random.default_rng(8).random((64, 64)).astype(np.float32)
    restored = denoiser(picture, sigma=0.1, mirror=True)
    mirrored = denoiser(np.ascontiguousarray(picture[:, ::-1]), sigma=0.1, mirror=True)
    np.testing.assert_allclose(mirrored[:, ::-1], restored, atol=1e-5)
    assert np.abs(restored - denoiser(picture, sigma=0.1)).mean() > 1e-4


def test_a_network_that_averages_by_itself_is_asked_once(model):
    """What it does by itself is what averaging a plain network's two results gives."""
    plain, averaging = Denoiser(model), Denoiser(with_mirror(model))
    picture = np.random.default_rng(8).random((64, 64)).astype(np.float32)
    for options in ({"sigma": 0.1}, {}):
        once, both = (plain(picture, mirror=mirror, **options) for mirror in (False, True))
        assert np.abs(once - both).mean() > 1e-4
        # The estimate differs between a picture and its mirror image, so it may a little here.
        tolerance = 1e-5 if options else 1e-2
        np.testing.assert_array_equal(plain(picture, **options), once)
        np.testing.assert_allclose(averaging(picture, **options), both, atol=tolerance)
        np.testing.assert_allclose(averaging(picture, mirror=True, **options), both, atol=tolerance)
        np.testing.assert_allclose(averaging(picture, mirror=False, **options), once, atol=1e-5)


def test_calls_from_many_threads_give_what_one_gives(denoiser):
    pictures = np.random.default_rng(9).random((8, 30, 30), np.float32)
    expected = [denoiser(picture) for picture in pictures]
    results = [None] * len(pictures)

    def work(index):
        results[index] = denoiser(pictures[index])

    threads = [threading.Thread(target=work, args=(index,)) for index in range(len(pictures))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result, one in zip(results, expected, strict=True):
        np.testing.assert_array_equal(result, one)


def test_saved_and_loaded_it_restores_the_same(denoiser, gray, tmp_path):
    denoiser.save_pretrained(tmp_path / "model")
    again = Denoiser.from_pretrained(tmp_path / "model")
    assert again.takes_sigma
    np.testing.assert_array_equal(again(gray), denoiser(gray))


def test_a_stock_network_without_an_estimator_serves_too():
    import keras

    noisy = keras.Input((None, None, 1))
    network = keras.Model(noisy, keras.layers.AveragePooling2D(1)(noisy))
    denoiser = Denoiser(network)
    picture = np.random.default_rng(0).random((9, 9), np.float32)
    np.testing.assert_allclose(denoiser(picture), picture, atol=1e-6)
    with pytest.raises(ValueError, match=r"takes no noise level\. Received: sigma=0\.1"):
        denoiser(picture, sigma=0.1)
    with pytest.raises(ValueError, match=r"estimates no noise level\. Received: "):
        denoiser.estimate_sigma(picture)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sigma": -0.1}, "sigma must be a number from 0 to 1"),
        ({"sigma": 25}, "sigma must be a number from 0 to 1"),
        ({"sigma": "0.1"}, "sigma must be a number from 0 to 1"),
        ({"sigma": float("nan")}, "sigma must be a number from 0 to 1"),
        ({"strength": 1.1}, "strength must be a number from 0 to 1"),
        ({"strength": None}, "strength must be a number from 0 to 1"),
    ],
)
def test_an_impossible_option_is_refused(denoiser, gray, options, message):
    with pytest.raises(ValueError, match=rf"{message}\. Received: "):
        denoiser(gray, **options)


@pytest.mark.parametrize("image", [None, np.zeros((4, 4, 7)), np.full((4, 4), 255.0), "absent.png"])
def test_what_is_no_picture_is_refused(denoiser, image):
    with pytest.raises(ValueError, match="Received: "):
        denoiser(image)


def test_a_folder_without_a_model_or_with_a_damaged_one_is_refused(denoiser, tmp_path):
    with pytest.raises(ValueError, match=rf"{MODEL_FILES[0]}.* missing\. Received: "):
        load_folder(tmp_path)
    denoiser.save_pretrained(tmp_path / "model")
    weights = tmp_path / "model" / MODEL_FILES[2]
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"cannot be loaded: .*Received: "):
        Denoiser.from_pretrained(tmp_path / "model")
    with pytest.raises(ValueError, match=r"no such folder\. Received: "):
        Denoiser.from_pretrained(tmp_path / "absent")


@pytest.mark.parametrize("pointers", [MODEL_FILES, MODEL_FILES[2:]])
def test_pointers_of_git_lfs_are_named_with_the_cure(denoiser, tmp_path, pointers):
    denoiser.save_pretrained(tmp_path / "model")
    for name in pointers:
        text = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 9\n"
        (tmp_path / "model" / name).write_text(text)
    with pytest.raises(ValueError, match=r"^.*git-lfs.*`git lfs pull`.*Received: ") as error:
        Denoiser.from_pretrained(tmp_path / "model")
    assert str(error.value).startswith(", ".join(pointers))


@pytest.mark.parametrize(
    "content", [b"", b"<!doctype html><title>404</title>", b"\x89HDF\r\n\x1a\n"]
)
def test_weights_that_are_no_weights_end_in_a_reason_and_not_in_keras_own_error(
    denoiser, tmp_path, content
):
    denoiser.save_pretrained(tmp_path / "model")
    (tmp_path / "model" / MODEL_FILES[2]).write_bytes(content)
    with pytest.raises(ValueError, match=r"cannot be loaded: .*Received: ") as error:
        Denoiser.from_pretrained(tmp_path / "model")
    assert "local variable" not in str(error.value)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))])  # noqa: S301
def test_a_copy_restores_the_same(denoiser, gray, copied):
    again = copied(denoiser)
    np.testing.assert_array_equal(again(gray), denoiser(gray))
    assert pickle.dumps(again) == pickle.dumps(denoiser)  # by which `datasets` knows a function


def test_a_pickled_denoiser_works_in_a_process_of_its_own(denoiser, gray, tmp_path):
    (tmp_path / "denoiser.pkl").write_bytes(pickle.dumps((denoiser, gray)))
    code = (
        "import pickle, sys, numpy as np\n"
        "denoiser, gray = pickle.load(open(sys.argv[1], 'rb'))\n"
        "np.save(sys.argv[2], denoiser(gray))"
    )
    out = tmp_path / "restored.npy"
    subprocess.run(
        [sys.executable, "-c", code, tmp_path / "denoiser.pkl", out], check=True, timeout=300
    )
    np.testing.assert_allclose(np.load(out), denoiser(gray), atol=1e-6)


@pytest.mark.slow
def test_joblib_hands_a_denoiser_to_its_processes(denoiser):
    import joblib

    pictures = np.random.default_rng(0).random((4, 32, 32), np.float32)
    expected = np.stack([denoiser(picture) for picture in pictures])
    by_joblib = joblib.Parallel(2)(joblib.delayed(denoiser)(picture) for picture in pictures)
    np.testing.assert_allclose(np.stack(by_joblib), expected, atol=1e-6)
