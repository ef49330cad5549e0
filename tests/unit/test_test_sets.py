"""Test sets: pictures by name, their middle squares, pairs by their names, faults named."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from olivetti_denoiser.data.test_sets import (
    read_colour_set,
    read_pairs,
    read_photographs,
    standing_set,
)


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
    Image.new("RGB", (6, 4)).save(tmp_path / "a_real.jpg")
    with pytest.raises(ValueError, match="there are two pictures a_real"):
        read_pairs(tmp_path)
    (tmp_path / "a_real.jpg").unlink()
    Image.new("RGB", (6, 5)).save(tmp_path / "a_mean.PNG")
    with pytest.raises(ValueError, match=r"of the same size, .*Received: .* with a$"):
        read_pairs(tmp_path)
    (tmp_path / "b_real.PNG").unlink()
    (tmp_path / "a_mean.PNG").unlink()
    with pytest.raises(ValueError, match=r"needs a picture NAME_mean .*Received: .* with a$"):
        read_pairs(tmp_path)


def test_the_standing_set_comes_with_scikit_image_and_has_one_checksum():
    assert standing_set().checksum.startswith("3914c47b")  # that of the released metrics


def test_photographs_are_shrunk_to_gray_with_noise_of_a_tenth(tmp_path):
    rng = np.random.default_rng(0)
    wide = rng.integers(0, 256, (128, 192), np.uint8)
    Image.fromarray(wide).save(tmp_path / "b.png")
    Image.fromarray(rng.integers(0, 256, (70, 64, 3), np.uint8)).save(tmp_path / "a.PNG")
    (tmp_path / "notes.txt").write_text("no picture")
    photographs = read_photographs(tmp_path)
    assert photographs.clean.shape == photographs.noisy.shape == (2, 64, 64, 1)
    means = wide[:, 32:160].reshape(64, 2, 64, 2).mean(axis=(1, 3))  # of the middle square
    assert np.abs(photographs.clean[1, ..., 0] * 255 - means).max() <= 0.5
    middle = abs(photographs.clean - 0.5) < 0.1
    noise = (photographs.noisy - photographs.clean)[middle]
    assert noise.std() == pytest.approx(0.1, rel=0.1)
    np.testing.assert_array_equal(photographs.noisy * 255, np.rint(photographs.noisy * 255))
    np.testing.assert_array_equal(read_photographs(tmp_path).noisy, photographs.noisy)


def test_no_folder_and_no_pictures_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"no such folder of pictures\. Received: .*nowhere"):
        read_photographs(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"holds no pictures.*; JPEG, .*Received: "):
        read_photographs(tmp_path)
