"""Visitors' pictures as the network sees them, and what the page computes from them."""

from __future__ import annotations

import io
import threading
import time

import numpy as np
import pytest
from PIL import Image

from olivetti_denoiser.gray_view import gray_view
from olivetti_denoiser.images import Picture
from olivetti_denoiser.noise import from_uint8, to_uint8
from page.batching import Batcher, Lane
from page.texts import contest_table, gain_in_words, noise_in_words, verdict
from page.trials import MAX_SEED, Trial, clean_up, contest, noisy_picture
from page.uploads import encode_png, for_the_browser, read_upload

FACE = (np.add.outer(np.arange(64), np.arange(64)) * 1.6 + 20).astype(np.uint8)


def half(pictures):
    """A stand-in for the network: what it gives differs from what it got, and from nothing else."""
    return pictures // 2


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_tiff_files_are_turned_once(tmp_path, compression, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "turned.tif"
    Image.fromarray(FACE[:40]).save(path, exif=exif, compression=compression)
    expected = (40, 64) if orientation > 4 else (64, 40)
    assert read_upload(path).size == expected
    height, width = Picture.of(path).shape
    assert (width, height) == expected


def test_a_gray_face_is_seen_unchanged(tmp_path):
    path = tmp_path / "face.png"
    path.write_bytes(encode_png(FACE))
    assert np.array_equal(gray_view(read_upload(path)), FACE)
    assert for_the_browser(path) is None


def test_the_middle_square_is_seen():
    wide = np.hstack([np.zeros((64, 64), np.uint8), FACE, np.full((64, 64), 255, np.uint8)])
    assert np.array_equal(gray_view(Image.fromarray(wide)), FACE)
    assert np.array_equal(gray_view(Image.fromarray(wide.T)), FACE.T)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "I;16"])
def test_png_is_exact_and_always_the_same(mode):
    deep = (FACE.astype(np.uint16) * 257).astype(np.uint16)
    image = Image.fromarray(deep) if mode == "I;16" else Image.fromarray(FACE).convert(mode)
    encoded = encode_png(image)
    assert encoded == encode_png(image)
    back = Image.open(io.BytesIO(encoded))
    assert back.mode == mode
    assert np.array_equal(np.asarray(back), np.asarray(image))


def test_noise_is_drawn_from_the_seed_alone():
    assert np.array_equal(noisy_picture(FACE, 0.1, 3), noisy_picture(FACE, 0.1, 3))
    assert not np.array_equal(noisy_picture(FACE, 0.1, 3), noisy_picture(FACE, 0.1, 4))
    assert np.array_equal(noisy_picture(FACE, 0.0, 3), FACE)
    middle = np.full((64, 64), 128, np.uint8)
    assert np.std(from_uint8(noisy_picture(middle, 0.1, 0))) == pytest.approx(0.1, rel=0.05)


@pytest.mark.parametrize(
    ("sigma", "seed"),
    [(-0.1, 0), (0.31, 0), (float("nan"), 0), ("much", 0), (None, 0)]
    + [(0.1, seed) for seed in (-1, 0.5, MAX_SEED + 1, float("inf"), float("nan"), "seven", None)],
)
def test_impossible_numbers_are_refused(sigma, seed):
    with pytest.raises(ValueError, match=r"must be a (whole )?number from 0 to"):
        noisy_picture(FACE, sigma, seed)


def test_figures_are_those_of_the_pngs():
    trial = Trial.run(half, FACE, 0.1, 0)
    assert np.array_equal(trial.restored, trial.noisy // 2)
    error = np.square(from_uint8(trial.noisy) - from_uint8(FACE)).mean()
    assert trial.figures["noisy"]["mse"] == pytest.approx(error, abs=1e-6)
    assert trial.figures["noisy"]["psnr"] == pytest.approx(-10 * np.log10(error), abs=0.01)
    assert trial.figures["gain_db"] < 0
    assert "further" in gain_in_words(trial.figures)
    exact = Trial.run(lambda noisy: FACE, FACE, 0.1, 0)
    assert exact.figures["reconstructed"]["ssim"] == 1.0
    assert "100 %" in gain_in_words(exact.figures)
    assert "No noise" in gain_in_words(Trial.run(lambda noisy: noisy, FACE, 0.0, 0).figures)
    assert "as far" in gain_in_words(Trial.run(lambda noisy: noisy, FACE, 0.1, 0).figures)
    assert verdict(exact.figures).count("\n") == 5


def test_methods_are_ranked_by_psnr():
    entries = contest(half, FACE, 0.1, 0)
    ranks = [entry.figures["psnr"] for entry in entries]
    assert ranks == sorted(ranks, reverse=True)
    assert len(entries) == 6
    assert entries[-1].name == "Residual U-Net"  # half as bright is the worst of all
    (noisy,) = (entry for entry in entries if entry.name == "Noisy")
    assert np.array_equal(noisy.restored, noisy_picture(FACE, 0.1, 0))
    assert "| Noisy |" in contest_table(entries)
    assert all(entry.milliseconds >= 0 for entry in entries if entry is not noisy)


def test_noise_levels_have_words():
    said = [noise_in_words(level) for level in (-0.01, 0.0, 0.02, 0.05, 0.1, 0.3)]
    assert ["hardly any" in line for line in said] == [True, True, False, False, False, False]
    assert "very strong" in said[-1]
    assert "no noise level" in noise_in_words(None)


def test_clean_up_stops_when_time_is_over(monkeypatch):
    monkeypatch.setattr("page.trials.MAX_SECONDS", -1.0)

    class Slow:
        takes_sigma = False

        def __call__(self, image, strength, progress):
            progress(1, 100)

    with pytest.raises(TimeoutError, match="smaller"):
        clean_up(Slow(), Image.new("L", (9, 9)))


def test_those_who_wait_share_a_pass():
    gate, sizes = threading.Event(), []

    def slow(batch):
        sizes.append(len(batch))
        gate.wait(10)
        return to_uint8(1 - from_uint8(batch))

    restore = Batcher(slow, at_once=4)
    pictures = [np.full((8, 8), level, np.uint8) for level in range(10)]
    answers = {}

    def visit(number):
        answers[number] = restore(pictures[number])

    visitors = [threading.Thread(target=visit, args=[number]) for number in range(10)]
    for visitor in visitors:
        visitor.start()
        while not sizes:
            time.sleep(0.001)
    time.sleep(0.1)
    gate.set()
    for visitor in visitors:
        visitor.join(10)
    assert all(np.array_equal(answers[n], 255 - pictures[n]) for n in range(10))
    assert sizes[0] == 1
    assert sorted(sizes[1:], reverse=True) == [4, 4, 1]
    assert sum(sizes) == 10


def test_a_failed_pass_tells_everyone_and_blocks_nobody():
    restore = Batcher(lambda batch: 1 / 0)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            restore(FACE)


def test_a_lane_refuses_more_than_may_wait():
    lane = Lane(at_once=1, waiting=0)
    with lane.turn(), pytest.raises(ValueError, match="try again"), lane.turn():
        pass
    with lane.turn():
        pass
