"""Denoiser: the same kind, dtype and size out, however the picture is given and however large."""

from __future__ import annotations

import pickle
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from olivetti_denoiser.bundled import bundled
from olivetti_denoiser.denoiser import Denoiser
from olivetti_denoiser.inference import restore, tiles
from olivetti_denoiser.inference.network import Network

RELEASE = bundled("model_card")


@pytest.fixture(scope="module")
def both():
    """The release with its two networks."""
    return Denoiser.from_pretrained(RELEASE)


@pytest.fixture(scope="module", params=["gray", "colour"])
def denoiser(both, request):
    """Each of the two networks alone."""
    return both.only(request.param)


def picture_of(*shape, seed=1):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def noisy(shared=True, shape=(96, 96, 3)):
    """A ramp with noise of σ = 25/255, the same in all channels or of each channel's own."""
    noise = np.random.default_rng(0).normal(0, 25, (*shape[:2], 1 if shared else shape[2]))
    ramp = np.linspace(60, 200, shape[1])[None, :, None] + np.zeros(shape)
    return np.clip(ramp + noise, 0, 255).astype(np.uint8)


def test_every_way_to_give_a_picture_gives_the_same_result(denoiser, tmp_path):
    pixels = picture_of(40, 30, 3)
    Image.fromarray(pixels).save(tmp_path / "picture.png")
    expected = denoiser(pixels)
    assert np.abs(expected.astype(int) - pixels).mean() > 1
    for image in (Image.fromarray(pixels), tmp_path / "picture.png", str(tmp_path / "picture.png")):
        restored = denoiser(image)
        assert (restored.mode, restored.size) == ("RGB", (30, 40))
        np.testing.assert_array_equal(np.asarray(restored), expected)
    for scale in (np.float32(1 / 255), np.uint16(257)):
        restored = denoiser(pixels * scale)
        assert restored.dtype == scale.dtype
        np.testing.assert_allclose(restored / scale, expected, atol=0.51)


@pytest.mark.parametrize(
    "shape",
    [
        (1, 1),  # nothing but a border of one colour
        (7, 5, 1),  # smaller than the network's stride
        (3, 200, 2),  # lower than a block of the estimate, with alpha
        (65, 64, 3),  # no multiple of the stride
        (9, 1, 4),  # one column, with alpha
    ],
)
def test_a_picture_comes_back_in_its_own_size(denoiser, shape):
    picture = np.random.default_rng(0).random(shape, np.float32)
    restored = denoiser(picture)
    assert (restored.shape, restored.dtype) == (shape, np.float32)
    assert np.isfinite(restored).all() and 0 <= restored.min() <= restored.max() <= 1
    if shape[-1] in (2, 4):
        np.testing.assert_array_equal(restored[..., -1], picture[..., -1])


def test_a_batch_is_restored_picture_by_picture(both):
    """Each picture goes through the network that suits it."""
    batch = np.stack([noisy(), noisy(shared=False), noisy()])
    seen = []
    restored = both.restore(batch, progress=lambda *done: seen.append(done))
    assert seen == [(1, 3), (2, 3), (3, 3)]
    assert restored.network == ["gray", "colour", "gray"]
    for row, picture in enumerate(batch):
        alone = both.restore(picture)
        np.testing.assert_array_equal(restored.image[row], alone.image)
        assert restored.sigma[row] == pytest.approx(alone.sigma)
        assert alone.network == restored.network[row]
    np.testing.assert_array_equal(both.estimate_sigma(batch), restored.sigma)
    assert restored.sigma[0] == pytest.approx(25 / 255, abs=0.01)
    assert np.any(restored.image[0] != both(batch[0], network="colour"))


def test_the_gray_network_sees_each_channel_alone(both):
    picture = np.maximum(picture_of(64, 64, 4), 1)  # no pixel is transparent
    gray = both.only("gray")
    restored = gray(picture, sigma=0.1)
    np.testing.assert_array_equal(restored[..., 3], picture[..., 3])
    alone = gray(np.ascontiguousarray(picture[..., 1]), sigma=0.1)
    np.testing.assert_array_equal(restored[..., 1], alone)
    sigmas = [gray.estimate_sigma(picture[..., channel]) for channel in range(3)]
    assert gray.estimate_sigma(picture[..., :3]) == pytest.approx(np.mean(sigmas))


def test_the_colour_network_sees_colours_together_and_gray_as_three_equal_ones(both):
    colour, picture = both.only("colour"), picture_of(64, 64, 3)
    other = picture.copy()
    other[..., 2] = 255 - other[..., 2]
    assert np.any(colour(other, sigma=0.1)[..., 0] != colour(picture, sigma=0.1)[..., 0])
    gray = (0.3 + 0.4 * picture[..., :1] / 255).astype(np.float32)
    alike = np.repeat(gray, 3, axis=2)
    expected = colour.restore(alike)
    restored = colour.restore(gray)
    assert restored.sigma == pytest.approx(expected.sigma, rel=1e-4)
    np.testing.assert_allclose(restored.image[..., 0], expected.image.mean(axis=2), atol=1e-5)


def test_tiles_leave_no_seam(denoiser, monkeypatch):
    """The inside of a tiled picture equals one pass over the whole of it."""
    side = 256  # quicker than the true one
    for module in (restore, tiles):
        monkeypatch.setattr(module, "TILE_SIDE", side)
    (network,) = denoiser.networks.values()
    channels = network.channels
    shape = (side + 96, 2 * side - 2 * tiles.MARGINS[channels] + 40, channels)
    # Beyond the first tile lies another colour, which a colour network sees from afar.
    clean = np.where((np.arange(shape[1]) < side)[:, None], 0.5, np.array([1, 0, 1])[:channels])
    noisy = clean + np.random.default_rng(5).normal(0, 0.1, shape)
    picture = np.clip(noisy, 0, 1).astype(np.float32)
    seen = []
    options = {"sigma": 0.1, "mirror": False, "progress": lambda done, total: seen.append(total)}
    tiled = denoiser(picture, **options)
    assert seen == [6] * 6  # two rows of three tiles
    whole = network.restore(np.moveaxis(picture, -1, 0)[None], 0.1)[0]
    whole = np.clip(np.moveaxis(whole, 0, -1), 0, 1)
    np.testing.assert_allclose(tiled, whole, atol=0.25 / 255)  # nobody sees a quarter of a level
    assert np.abs(tiled - picture).mean() > 0.01


def test_options_do_what_they_say(denoiser):
    picture = np.random.default_rng(7).uniform(0.3, 0.7, (64, 64))
    sigma = denoiser.estimate_sigma(picture)
    full = denoiser(picture)
    assert np.abs(full - picture).mean() > 1e-3
    np.testing.assert_array_equal(denoiser(picture, sigma=sigma), full)
    np.testing.assert_array_equal(denoiser(picture, strength=0.0), picture)  # all 64 bits of it
    np.testing.assert_allclose(denoiser(picture, strength=0.5), (picture + full) / 2, atol=1e-6)
    assert type(denoiser.restore(picture, sigma=np.float32(sigma)).sigma) is float  # as for JSON
    twice = denoiser(picture, sigma=0.05, level_factor=2.0)
    np.testing.assert_allclose(denoiser(picture, sigma=0.1), twice, atol=1e-6)
    one, both = (denoiser(picture, sigma=0.1, mirror=mirror) for mirror in (False, True))
    mirrored = denoiser(np.ascontiguousarray(picture[:, ::-1]), sigma=0.1, mirror=False)[:, ::-1]
    np.testing.assert_allclose(both, (one + mirrored) / 2, atol=1e-6)


@pytest.mark.parametrize(
    ("image", "options"),
    [
        (None, {}),
        (np.zeros((0, 4, 4, 1)), {}),
        (picture_of(8, 8), {"strength": float("nan")}),
        (picture_of(8, 8), {"level_factor": 5}),
        (picture_of(8, 8), {"mirror": "yes"}),
        (picture_of(8, 8), {"network": "blue"}),
    ],
)
def test_what_is_no_picture_and_no_option_is_refused(both, image, options):
    with pytest.raises(ValueError, match="Received: "):
        both(image, **options)


OTHER_PROCESSES = """
import multiprocessing, pickle, sys, numpy as np
denoiser, picture, expected = pickle.load(open(sys.argv[1], "rb"))
assert np.array_equal(denoiser(picture), expected), "by pickle"
if sys.platform != "win32":
    with multiprocessing.get_context("fork").Pool(1) as pool:
        restored = pool.apply_async(denoiser, [picture]).get(timeout=30)
    assert np.array_equal(restored, expected), "by fork"
"""


def test_another_process_restores_the_same(both, tmp_path):
    """Pickled; and forked, where a session of the parent would wait for its threads for ever."""
    picture = picture_of(64, 64)
    (tmp_path / "denoiser.pkl").write_bytes(pickle.dumps((both, picture, both(picture))))
    command = [sys.executable, "-c", OTHER_PROCESSES, tmp_path / "denoiser.pkl"]
    done = subprocess.run(command, timeout=120, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("place", ["onnx", "colour/onnx"])
def test_a_folder_with_one_network_is_a_release_too(tmp_path, place):
    shutil.copytree(RELEASE / place, tmp_path / "onnx")
    restored = Denoiser.from_pretrained(tmp_path).restore(noisy())
    assert restored.network == ("gray" if place == "onnx" else "colour")


def test_files_of_an_older_release_are_not_averaged_twice(tmp_path):
    """Their restorer averages over the mirror image by itself, and its metadata says nothing."""
    import onnx

    shutil.copytree(RELEASE / "onnx", tmp_path / "onnx")
    old = onnx.load(tmp_path / "onnx" / "restorer.onnx")
    del old.metadata_props[:]
    onnx.save(old, tmp_path / "onnx" / "restorer.onnx")
    network = Network.load(tmp_path / "onnx")
    assert (network.mirror, network.stride, network.parameters) == (False, 64, None)
    assert Denoiser(network)(noisy()).shape == (96, 96, 3)


POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 9\n"


@pytest.mark.parametrize(
    ("place", "content", "message"),
    [
        ("onnx/restorer.onnx", "half a file", r"cannot open the network: .*Received: .*onnx"),
        ("onnx/restorer.onnx", POINTER, r"git-lfs.*`git lfs pull`.*restorer\.onnx"),
        ("onnx/restorer.onnx", None, r"needs .*Received: no .*restorer"),
        ("onnx", None, r"needs onnx/estimator\.onnx and .*Received"),
        ("colour/config.json", "", r"for Keras alone; `denoiser export .*Received: .*colour"),
    ],
)
def test_a_folder_that_does_not_open_says_why(tmp_path, place, content, message):
    shutil.copytree(RELEASE / "onnx", tmp_path / "onnx")
    if content is None:
        (tmp_path / place).rename(tmp_path / "elsewhere")
    else:
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_text(content)
    with pytest.raises(ValueError, match=message):
        Denoiser.from_pretrained(tmp_path)


def test_no_such_folder_is_refused_and_no_such_provider_warned_of(tmp_path):
    with pytest.raises(ValueError, match=r"no such folder\. Received: "):
        Denoiser.from_pretrained(tmp_path / "absent")
    with pytest.warns(UserWarning, match="provider 'CUDAExecutionProvider' is not in available"):
        Denoiser.from_pretrained(RELEASE, providers=["CUDAExecutionProvider"])
