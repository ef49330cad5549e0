"""Denoiser: the same kind, dtype and size out, however the picture is given and however large."""

from __future__ import annotations

import copy
import os
import pickle
import shutil
import subprocess
import sys
import threading

import numpy as np
import pytest
from PIL import Image

from olivetti_denoiser.bundled import bundled
from olivetti_denoiser.denoiser import Denoiser
from olivetti_denoiser.inference.network import FILES, Network
from olivetti_denoiser.inference.tiles import MARGINS, TILE_SIDE

RELEASE = bundled("model_card")


@pytest.fixture(scope="module")
def both():
    """The release with its two networks."""
    return Denoiser.from_pretrained(RELEASE)


@pytest.fixture(scope="module")
def denoiser(both):
    """The gray network alone."""
    return both.only("gray")


@pytest.fixture(scope="module")
def gray():
    return np.random.default_rng(1).integers(0, 256, (64, 64), np.uint8)


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


def test_tiles_leave_no_seam(denoiser):
    """What a tiled picture has inside equals one pass over the whole of it."""
    margin = MARGINS[1]
    shape = (TILE_SIDE + 96, 2 * TILE_SIDE - 2 * margin + 40)
    picture = np.random.default_rng(5).random(shape).astype(np.float32)
    passes = []
    report = lambda done, total: passes.append(total)  # noqa: E731
    tiled = denoiser(picture, sigma=0.1, mirror=False, progress=report)
    assert passes == [6] * 6  # two rows of three tiles
    whole = denoiser.networks["gray"].restore(picture[None, None], [0.1])[0, 0]
    np.testing.assert_allclose(tiled, np.clip(whole, 0, 1), atol=0.1 / 255)
    assert np.abs(tiled - picture).mean() > 0.01


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
    np.testing.assert_allclose(half, (picture + full) / 2, atol=1e-5)
    assert np.abs(full - picture).mean() > 1e-3


def test_mirror_averaging_commutes_with_the_mirror(denoiser):
    picture = np.random.default_rng(8).random((64, 64)).astype(np.float32)
    restored = denoiser(picture, sigma=0.1)  # the released network is meant to be averaged
    mirrored = denoiser(np.ascontiguousarray(picture[:, ::-1]), sigma=0.1)
    np.testing.assert_allclose(mirrored[:, ::-1], restored, atol=1e-5)
    np.testing.assert_array_equal(denoiser(picture, sigma=0.1, mirror=True), restored)
    assert np.abs(restored - denoiser(picture, sigma=0.1, mirror=False)).mean() > 1e-4


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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sigma": -0.1}, "sigma must be a number from 0 to 1"),
        ({"sigma": 25}, "sigma must be a number from 0 to 1"),
        ({"sigma": "0.1"}, "sigma must be a number from 0 to 1"),
        ({"sigma": float("nan")}, "sigma must be a number from 0 to 1"),
        ({"strength": 1.1}, "strength must be a number from 0 to 1"),
        ({"strength": None}, "strength must be a number from 0 to 1"),
        ({"level_factor": 5}, "level_factor must be a number from 0 to 4"),
        ({"network": "color"}, "network must be gray"),
        ({"mirror": "no"}, "mirror must be True, False or None"),
    ],
)
def test_an_impossible_option_is_refused(denoiser, gray, options, message):
    with pytest.raises(ValueError, match=rf"{message}\. Received: "):
        denoiser(gray, **options)


@pytest.mark.parametrize("image", [None, np.zeros((4, 4, 7)), np.full((4, 4), 255.0), "absent.png"])
def test_what_is_no_picture_is_refused(denoiser, image):
    with pytest.raises(ValueError, match="Received: "):
        denoiser(image)


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


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_opens_sessions_of_its_own(denoiser, gray):
    """Threads do not survive a fork: a session of the parent would wait for its own for ever."""
    denoiser(gray)
    code = (
        "import multiprocessing, sys, numpy as np\n"
        "from olivetti_denoiser import Denoiser\n"
        "denoiser = Denoiser.from_pretrained(sys.argv[1])\n"
        "picture = np.random.default_rng(0).random((256, 256))\n"
        "expected = denoiser(picture)\n"
        "with multiprocessing.get_context('fork').Pool(1) as pool:\n"
        "    restored = pool.apply_async(denoiser, [picture]).get(timeout=30)\n"
        "sys.exit(0 if np.array_equal(restored, expected) else 1)"
    )
    subprocess.run([sys.executable, "-c", code, RELEASE], check=True, timeout=60)


def test_one_call_tells_image_level_and_network(both):
    picture = noisy_gray()
    restored = both.restore(picture)
    assert restored.network == "gray" == both.choose(picture)
    assert restored.sigma == pytest.approx(25 / 255, abs=0.01)
    np.testing.assert_array_equal(restored.image, both(picture, network="gray"))
    assert np.any(restored.image != both(picture, network="colour"))
    assert both.restore(picture, sigma=0.2).sigma == pytest.approx(0.2)
    assert both.restore(picture, strength=0.0).sigma == restored.sigma


def test_a_batch_is_told_of_each_picture(both):
    """Pictures of one batch may go through different networks."""
    rng = np.random.default_rng(0)
    ramp = np.linspace(60, 200, 96)[None, :, None] + np.zeros((96, 96, 3))
    shared = ramp + rng.normal(0, 25, (96, 96, 1))
    own = ramp + rng.normal(0, 25, (96, 96, 3))
    batch = np.clip(np.stack([shared, own, shared]), 0, 255).astype(np.uint8)
    restored = both.restore(batch)
    assert restored.network == ["gray", "colour", "gray"]
    assert restored.sigma.shape == (3,)
    for row, picture in enumerate(batch):
        alone = both.restore(picture)
        np.testing.assert_allclose(restored.image[row].astype(int), alone.image, atol=1)
        assert restored.sigma[row] == pytest.approx(alone.sigma, rel=1e-4)


def noisy_gray():
    """A gray picture with white noise of σ = 25/255."""
    rng = np.random.default_rng(0)
    ramp = np.linspace(60, 200, 96)[None, :] + np.zeros((96, 96))
    return np.clip(ramp + rng.normal(0, 25, ramp.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("kept", "names"),
    [
        ((), {"gray", "colour"}),
        (("onnx",), {"gray"}),  # a release of the gray network alone
        (("colour/onnx",), {"colour"}),  # an older repository of the colour network alone
    ],
)
def test_a_folder_with_one_network_is_a_release_too(tmp_path, kept, names):
    for place in kept:
        shutil.copytree(RELEASE / place, tmp_path / "onnx")
    denoiser = Denoiser.from_pretrained(tmp_path if kept else RELEASE)
    assert set(denoiser.networks) == names
    if len(names) == 1:
        assert denoiser.restore(noisy_gray()).network == names.pop()


def test_files_of_an_older_release_are_not_averaged_twice(tmp_path):
    """Their restorer averages over the mirror image by itself, and its metadata says nothing."""
    import onnx

    shutil.copytree(RELEASE / "onnx", tmp_path / "onnx")
    old = onnx.load(tmp_path / "onnx" / "restorer.onnx")
    del old.metadata_props[:]
    onnx.save(old, tmp_path / "onnx" / "restorer.onnx")
    network = Network.load(tmp_path / "onnx")
    assert (network.mirror, network.stride, network.parameters) == (False, 64, None)
    assert Denoiser(network)(noisy_gray()).shape == (96, 96)


def damaged(folder):
    """A release with a part of its restorer."""
    path = folder / "onnx" / FILES[1]
    path.write_bytes(path.read_bytes()[:1000])


def pointer(folder):
    """A release that was cloned without git-lfs."""
    text = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 9\n"
    (folder / "onnx" / FILES[0]).write_text(text)


def swapped(folder):
    """Somebody has given each file the other's name."""
    one, other = ((folder / "onnx" / name) for name in FILES)
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)


def for_keras_alone(folder):
    """A release of the time when there were no ONNX files in it."""
    shutil.rmtree(folder / "onnx")
    for name in ("config.json", "metadata.json", "model.weights.h5"):
        (folder / name).touch()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (damaged, r"cannot open the network: .*Received: .*onnx"),
        (swapped, r"these files are of something else\. Received: .*onnx"),
        (pointer, r"git-lfs.*`git lfs pull`.*estimator\.onnx"),
        (for_keras_alone, r"for Keras alone; `denoiser export .*Received: "),
        (
            lambda folder: shutil.rmtree(folder / "onnx"),
            r"needs onnx/estimator\.onnx and .*Received",
        ),
        (lambda folder: (folder / "onnx" / FILES[0]).unlink(), r"needs .*Received: no .*estimator"),
    ],
)
def test_a_folder_that_does_not_open_says_why(tmp_path, change, message):
    shutil.copytree(RELEASE / "onnx", tmp_path / "model" / "onnx")
    change(tmp_path / "model")
    with pytest.raises(ValueError, match=message):
        Denoiser.from_pretrained(tmp_path / "model")


def test_no_such_folder_and_no_such_provider_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"no such folder\. Received: "):
        Denoiser.from_pretrained(tmp_path / "absent")
    with pytest.raises(ValueError, match=r"CPUExecutionProvider.* Received: \['Absent'\]"):
        Denoiser.from_pretrained(RELEASE, providers=["Absent"])
    with pytest.raises(ValueError, match="a list of names that this ONNX Runtime has"):
        Denoiser.from_pretrained(RELEASE, providers=[("CPUExecutionProvider", {})])


def test_neither_opening_nor_restoring_imports_keras():
    code = (
        "import sys, numpy as np\n"
        "from olivetti_denoiser import Denoiser\n"
        "Denoiser.from_pretrained(sys.argv[1])(np.zeros((64, 64), np.uint8))\n"
        "heavy = {'keras', 'tensorflow', 'jax', 'torch', 'cv2', 'scipy', 'pandas', 'onnx'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    subprocess.run([sys.executable, "-c", code, RELEASE], check=True, timeout=60)


@pytest.mark.slow
def test_joblib_hands_a_denoiser_to_its_processes(denoiser):
    import joblib

    pictures = np.random.default_rng(0).random((4, 32, 32), np.float32)
    expected = np.stack([denoiser(picture) for picture in pictures])
    by_joblib = joblib.Parallel(2)(joblib.delayed(denoiser)(picture) for picture in pictures)
    np.testing.assert_allclose(np.stack(by_joblib), expected, atol=1e-6)
