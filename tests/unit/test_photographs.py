"""Photographs: any pictures as small gray squares with frozen noise, faults named by their file."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import FACES_NEARBY
from PIL import Image

from olivetti_denoiser.data.test_sets import read_photographs, shrunk
from olivetti_denoiser.evaluate.published import FFDNET_FILE, bm3d, ffdnet
from olivetti_denoiser.metrics import psnr

BSD68 = FACES_NEARBY.parent / "testsets" / "BSD68"
FFDNET = FACES_NEARBY.parent / "peers" / FFDNET_FILE


@pytest.fixture
def folder(tmp_path):
    """A folder with a gray and a colour picture, and a text beside them."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "holiday"
    folder.mkdir()
    Image.fromarray(rng.integers(0, 256, (90, 128), np.uint8)).save(folder / "b.png")
    Image.fromarray(rng.integers(0, 256, (70, 64, 3), np.uint8)).save(folder / "a.PNG")
    (folder / "notes.txt").write_text("no picture")
    return folder


def test_pictures_come_in_the_order_of_their_names_with_noise_of_a_tenth(folder):
    photographs = read_photographs(folder)
    assert photographs.name == "holiday"
    assert photographs.clean.shape == photographs.noisy.shape == (2, 64, 64, 1)
    for number, name in enumerate(("a.PNG", "b.png")):
        expected = shrunk(Image.open(folder / name))
        np.testing.assert_array_equal(photographs.clean[number, ..., 0] * 255, expected)
    middle = (photographs.clean > 0.4) & (photographs.clean < 0.6)
    noise = (photographs.noisy - photographs.clean)[middle]
    assert noise.std() == pytest.approx(0.1, rel=0.1)
    np.testing.assert_array_equal(photographs.noisy * 255, np.rint(photographs.noisy * 255))


def test_the_same_pictures_give_the_same_bytes(folder):
    np.testing.assert_array_equal(read_photographs(folder).noisy, read_photographs(folder).noisy)


def test_each_pixel_is_the_mean_of_the_middle_squares_area_under_it():
    pixels = np.random.default_rng(1).integers(0, 256, (128, 192), np.uint8)
    middle = pixels[:, 32:160].astype(float)
    means = middle.reshape(64, 2, 64, 2).mean(axis=(1, 3))
    assert np.abs(shrunk(Image.fromarray(pixels)) - means).max() <= 0.5
    face = pixels[:64, :64]
    np.testing.assert_array_equal(shrunk(Image.fromarray(face)), face)


def test_faults_are_named(folder, tmp_path):
    with pytest.raises(ValueError, match=r"no such folder of pictures\. Received: .*nowhere"):
        read_photographs(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="no such folder of pictures"):
        read_photographs(folder / "notes.txt")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"holds no pictures; JPEG, .*Received: .*empty"):
        read_photographs(tmp_path / "empty")
    whole = (folder / "b.png").read_bytes()
    (folder / "b.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"cannot be read.*b\.png"):
        read_photographs(folder)


# Without the pictures this is no skipped test: they are no part of the project.
if BSD68.is_dir() and FFDNET.is_file():

    def test_bsd68_has_its_published_figures():
        photographs = read_photographs(BSD68)
        assert (photographs.name, len(photographs.clean)) == ("BSD68", 68)
        restored = ffdnet(FFDNET)(photographs.noisy, 0.1)
        assert psnr(photographs.clean, restored).mean() == pytest.approx(27.00, abs=0.01)

    def test_bsd68_has_the_figure_of_bm3d():
        pytest.importorskip("bm3d")
        photographs = read_photographs(BSD68)
        restored = bm3d(photographs.noisy, 0.1)
        assert psnr(photographs.clean, restored).mean() == pytest.approx(26.51, abs=0.03)
