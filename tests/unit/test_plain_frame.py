"""Plain frames: found, cut away before the network, put back after it."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from olivetti_denoiser.bundled import bundled
from olivetti_denoiser.denoiser import Denoiser
from olivetti_denoiser.inference.letterbox import THIN, inside_frame


@pytest.fixture(scope="module", params=["gray", "colour"])
def denoiser(request):
    return Denoiser.from_pretrained(bundled("model_card")).only(request.param)


def noisy(height, width, seed=0):
    picture = 120 + np.random.default_rng(seed).normal(0, 25, (height, width, 3))
    return np.rint(picture.clip(0, 255)).astype(np.uint8)


def framed(picture, above, below, left, right):
    """Black bars above and below, white margins beside."""
    picture = np.pad(picture, ((0, 0), (left, right), (0, 0)), constant_values=255)
    return np.pad(picture, ((above, below), (0, 0), (0, 0)))


@pytest.mark.parametrize(
    "frame", [(0, 0, 0, 0), (30, 0, 0, 0), (0, 9, 0, 0), (16, 8, 20, 11), (0, 0, 0, 40)]
)
def test_what_is_inside_is_found(frame):
    above, _, left, _ = frame
    inside = (slice(above, above + 50), slice(left, left + 60))
    assert inside_frame(framed(noisy(50, 60), *frame)) == inside


PLAIN = {
    "one colour": np.full((50, 60, 3), (9, 200, 3), np.uint8),
    "two bars": np.repeat(np.uint8([0] * 32 + [255] * 32), 48 * 3).reshape(64, 48, 3),
    "a thin bar": np.tile(np.uint8([255] * 3 + [7] * 40)[:, None], (30, 1, 3)),
    "one pixel": np.full((1, 1, 3), 9, np.uint8),
}


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_picture_has_nothing_inside_and_stays_as_it_is(denoiser, name):
    plain = PLAIN[name]
    assert plain[inside_frame(plain)].size == 0
    for options in ({}, {"sigma": 0.1}, {"mirror": True, "strength": 0.5}):
        np.testing.assert_array_equal(denoiser(plain, **options), plain)
    assert 0 <= denoiser.estimate_sigma(plain) < 0.1
    batch = np.stack([plain, noisy(*plain.shape[:2])])
    np.testing.assert_array_equal(denoiser(batch, sigma=0.1)[0], plain)


def test_a_plane_that_is_plain_does_no_harm(denoiser):
    picture = noisy(64, 64)
    picture[..., 0] = 255
    picture[40:, :, 0] = 3
    assert denoiser(picture).shape == picture.shape


def test_what_is_no_frame_is_left_alone():
    whole = (slice(0, 50), slice(0, 60))
    assert inside_frame(np.repeat(noisy(50, 1), 60, axis=1)) == whole
    thin = framed(noisy(50, 60), THIN - 1, 0, 0, 0)
    assert inside_frame(thin) == (slice(0, 57), slice(0, 60))
    almost = framed(noisy(50, 60), 20, 0, 0, 0)
    almost[3, 7, 1] = 1
    assert inside_frame(almost)[0] == slice(0, 70)


@pytest.mark.parametrize(
    "frame", [(64, 64, 0, 0), (20, 8, 300, 33), (13, 13, 13, 13), (0, 0, 0, 500)]
)
def test_a_frame_changes_nothing_and_is_not_changed(denoiser, frame):
    picture = noisy(96, 130)
    given = framed(picture, *frame)
    restored = denoiser(given)
    inside = inside_frame(given)
    assert denoiser.estimate_sigma(given) == pytest.approx(denoiser.estimate_sigma(picture))
    np.testing.assert_array_equal(restored[inside], denoiser(picture))
    outside = np.ones(given.shape[:2], bool)
    outside[inside] = False
    np.testing.assert_array_equal(restored[outside], given[outside])


def test_pictures_of_a_batch_have_frames_of_their_own(denoiser):
    batch = np.stack(
        [
            framed(noisy(96, 96), 32, 32, 0, 0),
            framed(noisy(160, 64), 0, 0, 10, 22),
            noisy(160, 96),
        ]
    )
    passes = []
    restored = denoiser(batch, sigma=0.1, progress=lambda *done: passes.append(done))
    for picture, one in zip(restored, batch, strict=True):
        alone = denoiser(one, sigma=0.1)
        np.testing.assert_allclose(picture.astype(int), alone, atol=1)
    assert [done for done, _ in passes] == list(range(1, passes[-1][1] + 1))


def test_a_letterboxed_film_takes_as_long_as_the_film(denoiser):
    counts = []
    for picture in (noisy(300, 700), framed(noisy(300, 700), 300, 300, 0, 0)):
        passes = []
        denoiser(picture, sigma=0.1, progress=lambda *done, into=passes: into.append(done))
        counts.append(len(passes))
    assert counts[0] == counts[1] > 1


def test_a_picture_in_a_frame_keeps_its_kind(denoiser, tmp_path):
    Image.fromarray(framed(noisy(60, 60), 20, 20, 0, 0)).save(tmp_path / "film.png")
    restored = denoiser(tmp_path / "film.png")
    assert (restored.mode, restored.size) == ("RGB", (60, 100))
    assert not np.asarray(restored)[:20].any()
    assert np.asarray(restored)[20:80].std() < 15
