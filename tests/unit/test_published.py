"""Published denoisers: the networks as Keras models, against the operations in NumPy."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from conftest import FACES_NEARBY

from olivetti_denoiser.evaluate.published import (
    DNCNN_FILE,
    FFDNET_FILE,
    PHASES,
    bm3d,
    dncnn,
    ffdnet,
    published_denoisers,
)
from olivetti_denoiser.metrics import psnr, ssim

WEIGHTS = FACES_NEARBY.parent / "peers"


def small_weights(path, widths, seed=0):
    """Writes random weights of the given widths as the files have them."""
    rng = np.random.default_rng(seed)
    arrays = {}
    for index, (inputs, outputs) in enumerate(pairwise(widths)):
        arrays[f"w{index}"] = rng.normal(0, 0.2, (outputs, inputs, 3, 3)).astype(np.float32)
        arrays[f"b{index}"] = rng.normal(0, 0.1, outputs).astype(np.float32)
    np.savez(path, **arrays)
    return arrays


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of published denoisers with small random networks."""
    folder = tmp_path_factory.mktemp("peers")
    small_weights(folder / FFDNET_FILE, (5, 6, 4))
    small_weights(folder / DNCNN_FILE, (1, 3, 3, 1))
    return folder


@pytest.fixture
def noisy():
    return np.random.default_rng(1).random((2, 12, 12, 1), np.float32)


def convolve(picture, arrays, count):
    """The chain of convolutions in plain NumPy: C×H×W to C×H×W."""
    x = picture.astype(np.float64)
    for index in range(count):
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
        x = np.einsum("chwij,ocij->ohw", windows, arrays[f"w{index}"].astype(np.float64))
        x += arrays[f"b{index}"][:, None, None]
        x = x if index == count - 1 else np.maximum(x, 0)
    return x


def test_dncnn_subtracts_what_its_convolutions_give(folder, noisy):
    arrays = dict(np.load(folder / DNCNN_FILE))
    restored = dncnn(folder / DNCNN_FILE)(noisy, 0.1)
    for one, picture in zip(restored, noisy, strict=True):
        expected = picture[..., 0] - convolve(picture[..., 0][None], arrays, 3)[0]
        np.testing.assert_allclose(one[..., 0], np.clip(expected, 0, 1), atol=1e-5)


def test_ffdnet_works_on_the_four_phases_and_a_map_of_the_level(folder, noisy):
    arrays = dict(np.load(folder / FFDNET_FILE))
    restored = ffdnet(folder / FFDNET_FILE)(noisy, 0.2)
    for one, picture in zip(restored[..., 0], noisy[..., 0], strict=True):
        phases = [picture[row::2, column::2] for row, column in PHASES]
        outputs = convolve(np.stack([*phases, np.full((6, 6), 0.2)]), arrays, 2)
        for output, (row, column) in zip(outputs, PHASES, strict=True):
            np.testing.assert_allclose(one[row::2, column::2], np.clip(output, 0, 1), atol=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (12, 12), (9, 64)])
def test_pictures_of_any_size_come_back_in_their_size_and_range(folder, size):
    noisy = np.random.default_rng(0).random((2, *size, 1), np.float32)
    published = published_denoisers(folder)
    for name in ("FFDNet", "DnCNN (σ = 25/255)"):
        restored = published[name](noisy, 0.1)
        assert (restored.shape, restored.dtype) == (noisy.shape, np.float32)
        assert 0.0 <= restored.min() <= restored.max() <= 1.0


def test_ffdnet_minds_the_level_and_dncnn_does_not(folder, noisy):
    published = published_denoisers(folder)
    low, high = (published["FFDNet"](noisy, sigma) for sigma in (0.05, 0.5))
    assert np.abs(low - high).max() > 1e-3
    low, high = (published["DnCNN (σ = 25/255)"](noisy, sigma) for sigma in (0.05, 0.5))
    np.testing.assert_array_equal(low, high)


def test_bm3d_is_there_where_it_is_installed(folder):
    pytest.importorskip("bm3d")
    assert list(published_denoisers(folder)) == ["FFDNet", "DnCNN (σ = 25/255)", "BM3D"]
    clean = np.full((1, 16, 16, 1), 0.5, np.float32)
    clean[:, 8:] = 0.7
    noisy = clean + 0.1 * np.random.default_rng(0).standard_normal(clean.shape).astype(np.float32)
    noisy = np.clip(noisy, 0, 1)
    restored = bm3d(noisy, 0.1)
    assert (restored.shape, restored.dtype) == (noisy.shape, np.float32)
    assert psnr(clean, restored) > psnr(clean, noisy) + 5
    np.testing.assert_array_equal(bm3d(noisy, 0.0), noisy)


def test_without_bm3d_the_networks_are_there_alone(folder, monkeypatch):
    monkeypatch.setattr("olivetti_denoiser.evaluate.published.find_spec", lambda name: None)
    assert list(published_denoisers(folder)) == ["FFDNet", "DnCNN (σ = 25/255)"]


def test_a_folder_without_the_files_is_refused(tmp_path):
    with pytest.raises(ValueError, match=rf"{FFDNET_FILE}, {DNCNN_FILE} missing\. Received: "):
        published_denoisers(tmp_path)
    small_weights(tmp_path / FFDNET_FILE, (5, 6, 4))
    with pytest.raises(ValueError, match=rf"; {DNCNN_FILE} missing\. Received: "):
        published_denoisers(tmp_path)
    with pytest.raises(ValueError, match=r"missing\. Received: .*absent"):
        published_denoisers(tmp_path / "absent")


@pytest.mark.parametrize(
    "damage",
    ["text", "empty", "cut", "other widths", "no bias", "one axis", "nothing"],
)
def test_weights_of_something_else_are_refused(folder, tmp_path, damage):
    path = tmp_path / DNCNN_FILE
    arrays = small_weights(path, (1, 3, 1))
    if damage == "text":
        path.write_text("no weights")
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:200])
    elif damage == "other widths":
        small_weights(path, (5, 3, 4))
    elif damage == "no bias":
        np.savez(path, **{name: arrays[name] for name in ("w0", "w1")})
    elif damage == "one axis":
        np.savez(path, w0=np.zeros(9, np.float32), b0=np.zeros(1, np.float32))
    else:
        np.savez(path)
    with pytest.raises(ValueError, match=r"the weights .*Received: ") as refused:
        dncnn(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("shape", [(64, 64), (1, 64, 64), (1, 64, 64, 3)])
def test_what_is_no_batch_of_gray_pictures_is_refused(folder, shape):
    for restore in published_denoisers(folder).values():
        with pytest.raises(ValueError, match=r"N×H×W×1\. Received: shape="):
            restore(np.zeros(shape, np.float32), 0.1)


# Without the weights this is no skipped test: they are no part of the project.
if (WEIGHTS / FFDNET_FILE).is_file():

    @pytest.mark.parametrize(
        ("name", "decibels", "similarity"),
        [("FFDNet", 29.16, 0.877), ("DnCNN (σ = 25/255)", 29.14, 0.876)],
    )
    def test_the_published_weights_have_their_figures(test_faces, name, decibels, similarity):
        restored = published_denoisers(WEIGHTS)[name](test_faces.noisy, 0.1)
        assert psnr(test_faces.clean, restored).mean() == pytest.approx(decibels, abs=0.02)
        assert ssim(test_faces.clean, restored).mean() == pytest.approx(similarity, abs=1e-3)
