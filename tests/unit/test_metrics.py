"""MSE, PSNR and SSIM: identities, known values, one figure a picture."""

from __future__ import annotations

import numpy as np
import pytest

from olivetti_denoiser.metrics import PSNR_LIMIT, details, mean_interval, mse, psnr, ssim


@pytest.fixture
def pictures():
    return np.random.default_rng(0).random((3, 32, 24), dtype=np.float32)


def test_a_picture_equals_itself(pictures):
    np.testing.assert_array_equal(mse(pictures, pictures), np.zeros(3))
    np.testing.assert_array_equal(psnr(pictures, pictures), np.full(3, PSNR_LIMIT))
    np.testing.assert_allclose(ssim(pictures, pictures), np.ones(3))


def test_a_constant_offset_has_the_psnr_that_the_formula_gives():
    clean = np.full((2, 16, 16, 3), 0.25)
    np.testing.assert_allclose(mse(clean, clean + 0.1), 0.01)
    np.testing.assert_allclose(psnr(clean, clean + 0.1), 20)


def test_values_are_one_a_picture_and_do_not_mix_pictures(pictures):
    worse = pictures.copy()
    worse[1] = 1 - worse[1]
    for measure in (mse, psnr, ssim):
        same, changed = measure(pictures, pictures), measure(pictures, worse)
        assert changed.shape == (3,)
        np.testing.assert_array_equal(changed[[0, 2]], same[[0, 2]])
        assert changed[1] != same[1]


def test_ssim_is_that_of_scikit_image_with_the_window_of_wang_et_al(pictures):
    from skimage.metrics import structural_similarity

    other = np.clip(pictures + 0.1, 0, 1)
    expected = [
        structural_similarity(
            *pair, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1.0
        )
        for pair in zip(pictures.astype(float), other.astype(float), strict=True)
    ]
    np.testing.assert_allclose(ssim(pictures, other), expected, atol=1e-9)
    assert np.isnan(ssim(pictures[:, :10], other[:, :10])).all()  # smaller than the window


@pytest.mark.parametrize(
    ("measure", "shapes", "named"),
    [
        (mse, [(1, 16, 16), (2, 16, 16)], "batches of one shape"),
        (psnr, [(16, 16), (16, 16)], "batches of one shape"),
        (ssim, [(1, 16, 16, 3), (1, 16, 16, 3)], "takes gray pictures"),
    ],
)
def test_shapes_that_differ_or_are_no_batch_are_refused(measure, shapes, named):
    with pytest.raises(ValueError, match=rf"{named}.*Received: .*shape=\("):
        measure(*map(np.zeros, shapes))


def test_an_interval_is_students_and_a_single_value_its_own():
    low, high = (10 + sign * 4.302653 * 1 / 3**0.5 for sign in (-1, 1))  # t of 2 degrees
    assert mean_interval([9, 10, 11]) == pytest.approx({"mean": 10, "low": low, "high": high})
    for values in ([7.5], [7.5, 7.5]):
        assert mean_interval(values) == {"mean": 7.5, "low": 7.5, "high": 7.5}


def test_details_that_a_blur_takes_are_the_fine_ones():
    from scipy.ndimage import gaussian_filter

    clean = np.random.default_rng(0).random((4, 64, 64))
    noisy = clean + np.random.default_rng(1).normal(0, 0.1, clean.shape)
    blurred = gaussian_filter(clean, (0, 1, 1))
    rows = details(clean, noisy, blurred)
    kept = [row["kept"] for row in rows]
    assert kept == sorted(kept, reverse=True)
    assert kept[0] > 0.95 and kept[-1] < 0.1
    assert [(row["at_least"], row["below"]) for row in rows] == [
        (16, None), (8, 16), (4, 8), (2, 4), (0, 2),
    ]  # fmt: skip
    # White pictures of variance 1/12 and white noise of 0.01: the same share at every size.
    for row in rows[1:]:
        assert row["noise"] == pytest.approx(0.12, rel=0.2)


def test_a_wave_is_a_detail_of_half_its_length():
    row = np.cos(np.pi * 8 * (2 * np.arange(64) + 1) / 128)  # u = 8: waves of 16 pixels
    clean = np.random.default_rng(0).random((1, 64, 64))
    changed = details(clean, clean, clean + 0.1 * row)
    assert [entry["left"] > 1e-9 for entry in changed] == [False, True, False, False, False]
