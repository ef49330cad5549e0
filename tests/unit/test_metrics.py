"""MSE, PSNR and SSIM: identities, known values, one figure a picture."""

from __future__ import annotations

import numpy as np
import pytest

from olivetti_denoiser.metrics import PSNR_LIMIT, details, mse, psnr, ssim


@pytest.fixture
def pictures():
    return np.random.default_rng(0).random((3, 32, 24), dtype=np.float32)


def test_a_picture_equals_itself(pictures):
    np.testing.assert_array_equal(mse(pictures, pictures), np.zeros(3))
    np.testing.assert_array_equal(psnr(pictures, pictures), np.full(3, PSNR_LIMIT))
    np.testing.assert_allclose(ssim(pictures, pictures), np.ones(3))


@pytest.mark.parametrize("offset", [0.1, 0.5, 0.01])
def test_a_constant_offset_has_the_psnr_that_the_formula_gives(offset):
    clean = np.full((2, 16, 16), 0.25)
    np.testing.assert_allclose(mse(clean, clean + offset), offset**2)
    np.testing.assert_allclose(psnr(clean, clean + offset), -20 * np.log10(offset))


def test_figures_are_one_a_picture_and_do_not_mix_pictures(pictures):
    worse = pictures.copy()
    worse[1] = 1 - worse[1]
    for measure in (mse, psnr, ssim):
        same, changed = measure(pictures, pictures), measure(pictures, worse)
        assert changed.shape == (3,)
        np.testing.assert_array_equal(changed[[0, 2]], same[[0, 2]])
        assert changed[1] != same[1]


def test_figures_are_symmetric_and_blind_to_the_channel_axis(pictures):
    other = np.random.default_rng(1).random(pictures.shape)
    for measure in (mse, psnr, ssim):
        value = measure(pictures, other)
        np.testing.assert_allclose(measure(other, pictures), value)
        np.testing.assert_array_equal(measure(pictures[..., None], other[..., None]), value)


def test_more_noise_scores_worse_by_every_measure(pictures):
    draws = np.random.default_rng(1).standard_normal(pictures.shape)
    slight, strong = (np.clip(pictures + level * draws, 0, 1) for level in (0.05, 0.2))
    assert np.all(mse(pictures, slight) < mse(pictures, strong))
    assert np.all(psnr(pictures, slight) > psnr(pictures, strong))
    assert np.all(ssim(pictures, slight) > ssim(pictures, strong))


def test_ssim_is_that_of_wang_et_al(pictures):
    """Against their formula, written out with a Gaussian of 1.5 pixels and valid windows."""
    from scipy.ndimage import gaussian_filter

    other = np.clip(pictures + 0.1, 0, 1).astype(np.float64)
    for one, two, value in zip(
        pictures.astype(np.float64), other, ssim(pictures, other), strict=True
    ):

        def local(array):
            return gaussian_filter(array, 1.5, truncate=3.5)

        mean1, mean2 = local(one), local(two)
        var1, var2 = local(one * one) - mean1**2, local(two * two) - mean2**2
        both = local(one * two) - mean1 * mean2
        c1, c2 = 0.01**2, 0.03**2
        index = ((2 * mean1 * mean2 + c1) * (2 * both + c2)) / (
            (mean1**2 + mean2**2 + c1) * (var1 + var2 + c2)
        )
        assert value == pytest.approx(index[5:-5, 5:-5].mean(), abs=1e-9)


def test_ssim_of_pictures_smaller_than_its_window_is_not_a_number():
    small = np.zeros((2, 10, 64))
    assert np.isnan(ssim(small, small)).all()
    assert ssim(np.zeros((2, 11, 11)), np.zeros((2, 11, 11))) == pytest.approx([1, 1])


@pytest.mark.parametrize("measure", [mse, psnr, ssim])
def test_shapes_that_differ_or_are_no_batch_are_refused(measure):
    with pytest.raises(ValueError, match=r"one shape\. Received: clean\.shape=\(1, 16, 16\)"):
        measure(np.zeros((1, 16, 16)), np.zeros((2, 16, 16)))
    for shape in ((16, 16), (1, 16, 16, 3)):
        with pytest.raises(ValueError, match=r"take batches.*Received: shape="):
            measure(np.zeros(shape), np.zeros(shape))


@pytest.mark.faces
def test_the_noisy_test_faces_have_the_figures_that_everything_is_compared_with(test_faces):
    assert psnr(test_faces.clean, test_faces.noisy).mean() == pytest.approx(20.03, abs=0.005)
    assert mse(test_faces.clean, test_faces.noisy).mean() == pytest.approx(0.0099, abs=5e-5)
    assert ssim(test_faces.clean, test_faces.noisy).mean() == pytest.approx(0.472, abs=5e-4)


def test_details_that_a_blur_takes_are_the_fine_ones():
    from scipy.ndimage import gaussian_filter

    clean = np.random.default_rng(0).random((4, 64, 64))
    noisy = clean + np.random.default_rng(1).normal(0, 0.1, clean.shape)
    blurred = gaussian_filter(clean, (0, 1, 1))
    rows = details(clean, noisy, blurred)
    kept = [row["kept"] for row in rows]
    assert kept == sorted(kept, reverse=True)
    assert kept[0] > 0.95
    assert kept[-1] < 0.1
    assert [(row["at_least"], row["below"]) for row in rows] == [
        (16, None), (8, 16), (4, 8), (2, 4), (0, 2),
    ]  # fmt: skip
    # White pictures of variance 1/12 and white noise of 0.01: the same share at every size.
    for row in rows[1:]:
        assert row["noise"] == pytest.approx(0.12, rel=0.2)


def test_details_of_the_picture_itself_are_all_kept_whatever_its_brightness():
    clean = np.random.default_rng(0).random((2, 32, 32, 1))
    for restored in (clean, clean + 0.1):
        for row in details(clean, clean, restored):
            assert row["kept"] == pytest.approx(1)
            assert row["left"] == pytest.approx(0, abs=1e-12)
            assert row["noise"] == 0


def test_a_wave_is_a_detail_of_half_its_length():
    row = np.cos(np.pi * 8 * (2 * np.arange(64) + 1) / 128)  # u = 8: waves of 16 pixels
    clean = np.random.default_rng(0).random((1, 64, 64))
    changed = details(clean, clean, clean + 0.1 * row)
    assert [entry["left"] > 1e-9 for entry in changed] == [False, True, False, False, False]


@pytest.mark.parametrize("shape", [(2, 8, 16), (8, 8)])
def test_details_of_other_shapes_are_refused(shape):
    pictures = np.zeros(shape)
    with pytest.raises(ValueError, match="Received: "):
        details(pictures, pictures, pictures)
