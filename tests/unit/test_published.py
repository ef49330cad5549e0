"""Published denoisers: the networks against their operations in NumPy, faults of their files."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from checkout import FACES_NEARBY
from olivetti_denoiser.evaluate.published import (
    CLIPPED_FILE,
    COLOUR_FILE,
    DNCNN_FILE,
    FFDNET_FILE,
    dncnn,
    ffdnet,
    published_denoisers,
)
from olivetti_denoiser.metrics import psnr
from olivetti_denoiser.noise import add_gaussian_noise

WEIGHTS = FACES_NEARBY.parent / "peers"
# FFDNet's order of the four pictures that a 2×2 stride makes of one: (row, column) of each.
PHASES = ((0, 0), (1, 0), (0, 1), (1, 1))


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
    small_weights(folder / COLOUR_FILE, (13, 6, 12))
    return folder


def convolve(picture, arrays):
    """The chain of convolutions in plain NumPy: C×H×W to C×H×W."""
    x, count = picture.astype(np.float64), len(arrays) // 2
    for index in range(count):
        padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
        x = np.einsum("chwij,ocij->ohw", windows, arrays[f"w{index}"].astype(np.float64))
        x += arrays[f"b{index}"][:, None, None]
        x = x if index == count - 1 else np.maximum(x, 0)
    return x


def test_dncnn_subtracts_what_its_convolutions_give_whatever_the_level(folder):
    noisy = np.random.default_rng(1).random((2, 7, 5, 1), np.float32)
    restored = dncnn(folder / DNCNN_FILE)(noisy, 0.1)
    for one, picture in zip(restored, noisy, strict=True):
        expected = picture[..., 0] - convolve(picture[..., 0][None], np.load(folder / DNCNN_FILE))
        np.testing.assert_allclose(one[..., 0], np.clip(expected[0], 0, 1), atol=1e-5)
    np.testing.assert_array_equal(restored, dncnn(folder / DNCNN_FILE)(noisy, 0.5))


@pytest.mark.parametrize(("name", "channels"), [(FFDNET_FILE, 1), (COLOUR_FILE, 3)])
def test_ffdnet_works_on_the_four_phases_of_each_channel_and_a_map_of_the_level(
    folder, name, channels
):
    noisy = np.random.default_rng(1).random((2, 12, 8, channels), np.float32)
    restore = ffdnet(folder / name, channels)
    for one, picture in zip(restore(noisy, 0.2), noisy, strict=True):
        order = [(channel, *phase) for channel in range(channels) for phase in PHASES]
        phases = [picture[row::2, column::2, channel] for channel, row, column in order]
        outputs = convolve(np.stack([*phases, np.full((6, 4), 0.2)]), np.load(folder / name))
        for output, (channel, row, column) in zip(outputs, order, strict=True):
            expected = np.clip(output, 0, 1)
            np.testing.assert_allclose(one[row::2, column::2, channel], expected, atol=1e-5)
    for size in ((1, 1), (7, 5)):  # odd sides
        assert restore(noisy[:, : size[0], : size[1]], 0.1).shape == (2, *size, channels)


def test_bm3d_is_there_where_it_is_installed(folder, monkeypatch):
    gray = ["FFDNet", "DnCNN (σ = 25/255)"]
    with monkeypatch.context() as patch:
        patch.setattr("olivetti_denoiser.evaluate.published.find_spec", lambda name: None)
        assert list(published_denoisers(folder)) == gray
    pytest.importorskip("bm3d")
    assert list(published_denoisers(folder)) == [*gray, "BM3D"]
    for channels, name in ((1, "BM3D"), (3, "CBM3D")):
        clean = np.full((1, 16, 16, channels), 0.5, np.float32)
        noisy = add_gaussian_noise(clean, 0.1, np.random.default_rng(0))
        restored = published_denoisers(folder, channels)[name](noisy, 0.1)
        assert (restored.shape, restored.dtype) == (noisy.shape, np.float32)
        assert psnr(clean, restored) > psnr(clean, noisy) + 5


def test_a_file_that_is_missing_is_named_and_the_one_for_clipped_noise_is_not_needed(tmp_path):
    small_weights(tmp_path / FFDNET_FILE, (5, 6, 4))
    with pytest.raises(ValueError, match=rf"No such file .* Received: .*{DNCNN_FILE}"):
        published_denoisers(tmp_path)
    for name, count in ((COLOUR_FILE, 1), (CLIPPED_FILE, 2)):
        small_weights(tmp_path / name, (13, 12))
        found = published_denoisers(tmp_path, 3)
        assert len([name for name in found if name.startswith("FFDNet")]) == count


@pytest.mark.parametrize(
    "damage",
    [
        lambda path, arrays: path.write_text("no weights"),
        lambda path, arrays: path.write_bytes(path.read_bytes()[:200]),  # a cut download
        lambda path, arrays: small_weights(path, (5, 3, 4)),  # of another network
        lambda path, arrays: np.savez(path, w0=arrays["w0"], w1=arrays["w1"]),  # no bias
        lambda path, arrays: np.savez(path),
    ],
)
def test_weights_of_something_else_are_refused(tmp_path, damage):
    path = tmp_path / DNCNN_FILE
    damage(path, small_weights(path, (1, 3, 1)))
    with pytest.raises(ValueError, match=r"the weights .*Received: ") as refused:
        dncnn(path)
    assert str(path) in str(refused.value) and "\n" not in str(refused.value)


# Without the weights this is no skipped test: they are no part of the project.
if (WEIGHTS / FFDNET_FILE).is_file():

    def test_the_published_weights_have_their_known_psnr(test_faces):
        restored = published_denoisers(WEIGHTS)["FFDNet"](test_faces.noisy, 0.1)
        assert psnr(test_faces.clean, restored).mean() == pytest.approx(29.16, abs=0.006)
