"""Test sets: pictures by name, their middle squares, pairs by their names, faults named."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from checkout import FACES_NEARBY
from olivetti_denoiser.data.test_sets import (
    read_colour_set,
    read_pairs,
    read_photographs,
    standing_set,
)
from olivetti_denoiser.metrics import psnr

BSD68 = FACES_NEARBY.parent / "testsets" / "BSD68"


def test_every_nth_picture_by_name_is_read_and_cut_out_of_the_middle(tmp_path):
    for index in range(5):
        Image.new("RGB", (20, 10 + index), (index, 0, 0)).save(tmp_path / f"{index}.png")
    found = read_colour_set(tmp_path, crop=8, every=2)
    assert (found.name, found.crop) == (tmp_path.name, 8)
    assert [image[0, 0, 0] for image in found.clean] == [0, 2, 4]
    assert {image.shape for image in found.clean} == {(8, 8, 3)}
    assert [image.shape for image in read_colour_set(tmp_path).clean][4] == (14, 20, 3)
    with pytest.raises(ValueError, match=r"square of 12 pixels\. Received: 10×20 in 0\.png"):
        read_colour_set(tmp_path, crop=12)


def test_pairs_are_found_by_their_names(tmp_path):
    for name, colour in (("b_real", 9), ("a_real", 1), ("a_mean", 2), ("b_mean", 8)):
        Image.new("RGB", (6, 4), (colour,) * 3).save(tmp_path / f"{name}.PNG")
    pairs = read_pairs(tmp_path)
    assert [image[0, 0, 0] for image in (*pairs.noisy, *pairs.clean)] == [1, 9, 2, 8]
    Image.new("RGB", (6, 4)).save(tmp_path / "a_real.bmp")
    with pytest.raises(ValueError, match=r"needs one clean.*'a' has not\. Received"):
        read_pairs(tmp_path)
    (tmp_path / "a_real.bmp").unlink()
    Image.new("RGB", (6, 5)).save(tmp_path / "a_mean.PNG")
    with pytest.raises(ValueError, match=r"one size\. Received: a of \(4, 6\) and \(5, 6\)"):
        read_pairs(tmp_path)
    (tmp_path / "a_mean.PNG").unlink()
    with pytest.raises(ValueError, match=r"'a' has not\. Received"):
        read_pairs(tmp_path)
    for pattern in ("noisy", "?_real*"):
        with pytest.raises(ValueError, match=r"needs a \*, its only wildcard"):
            read_pairs(tmp_path, pattern, "*_mean.*")


def test_the_standing_set_comes_with_scikit_image_and_has_one_checksum():
    standing = standing_set()
    assert {image.shape for image in standing.clean} == {(256, 256, 3)}
    assert standing.checksum.startswith("3914c47b")  # that of the released metrics


@pytest.fixture
def folder(tmp_path):
    """A folder with a gray and a colour picture, and a text beside them."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "holiday"
    folder.mkdir()
    Image.fromarray(rng.integers(0, 256, (128, 192), np.uint8)).save(folder / "b.png")
    Image.fromarray(rng.integers(0, 256, (70, 64, 3), np.uint8)).save(folder / "a.PNG")
    (folder / "notes.txt").write_text("no picture")
    return folder


def test_pictures_come_in_the_order_of_their_names_with_noise_of_a_tenth(folder):
    photographs = read_photographs(folder)
    assert photographs.name == "holiday"
    assert photographs.clean.shape == photographs.noisy.shape == (2, 64, 64, 1)
    means = np.asarray(Image.open(folder / "b.png"), float)[:, 32:160]
    means = means.reshape(64, 2, 64, 2).mean(axis=(1, 3))  # of the middle square
    assert np.abs(photographs.clean[1, ..., 0] * 255 - means).max() <= 0.5
    middle = (photographs.clean > 0.4) & (photographs.clean < 0.6)
    noise = (photographs.noisy - photographs.clean)[middle]
    assert noise.std() == pytest.approx(0.1, rel=0.1)
    np.testing.assert_array_equal(photographs.noisy * 255, np.rint(photographs.noisy * 255))
    np.testing.assert_array_equal(read_photographs(folder).noisy, photographs.noisy)


def test_faults_are_named(folder, tmp_path):
    with pytest.raises(ValueError, match=r"no such folder of pictures\. Received: .*nowhere"):
        read_photographs(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"holds no pictures.*; JPEG, .*Received: .*empty"):
        read_photographs(tmp_path / "empty")
    whole = (folder / "b.png").read_bytes()
    (folder / "b.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"cannot be read.*b\.png"):
        read_photographs(folder)


# Without the pictures this is no skipped test: they are no part of the project.
if BSD68.is_dir():

    def test_bsd68_is_as_noisy_as_the_card_says():
        photographs = read_photographs(BSD68)
        assert (photographs.name, len(photographs.clean)) == ("BSD68", 68)
        assert psnr(photographs.clean, photographs.noisy).mean() == pytest.approx(20.26, abs=0.005)
