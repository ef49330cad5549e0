"""Plots: legible, small PNG files that show the numbers they were given."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from PIL import Image

from olivetti_denoiser.evaluate import plot_style, plots
from olivetti_denoiser.evaluate.plots import (
    comparison_grid,
    draw_plots,
    error_map,
    loss_curves,
    plot_sigmas,
    psnr_against_sigma,
)
from olivetti_denoiser.noise import from_uint8, to_uint8
from olivetti_denoiser.release import CURVES, PLOTS

VERMILION = (0xD5, 0x5E, 0x00)


@pytest.fixture
def texts(monkeypatch):
    """Every text of the figures that are saved while the test runs."""
    from matplotlib.text import Text

    found, save = [], plots.save_figure

    def record(figure, path, **options):
        found.extend(text.get_text() for text in figure.findobj(Text))
        return save(figure, path, **options)

    for module in (plots, plot_style):
        monkeypatch.setattr(module, "save_figure", record)
    return found


def history(epochs=12, best=9):
    """Falling losses whose validation turns at the given epoch."""
    return [
        {
            "epoch": epoch,
            "restored_loss": 0.01 / epoch,
            "val_restored_loss": 0.002 + 0.0001 * abs(epoch - best),
            "val_psnr": 29 - 0.1 * abs(epoch - best),
        }
        for epoch in range(1, epochs + 1)
    ]


def faces(count=20):
    """Clean, noisy and restored pictures on the 8-bit grid, each restored worse than the last."""
    rng = np.random.default_rng(0)
    clean = np.kron(rng.uniform(0.2, 0.8, (count, 8, 8, 1)), np.ones((1, 8, 8, 1)))
    noise = rng.standard_normal(clean.shape)
    quality = np.linspace(0.02, 0.06, count).reshape(-1, 1, 1, 1)
    return tuple(from_uint8(to_uint8(clean + s * noise)) for s in (0.0, 0.1, quality))


def levels(**gains):
    """PSNR against sigma of an input and of methods that gain so much."""
    noisy = {f"{s:g}": -20 * np.log10(s) if s else 100.0 for s in (0.0, 0.02, 0.05, 0.1, 0.3)}
    rows = {name: {s: value + gain for s, value in noisy.items()} for name, gain in gains.items()}
    return {"noisy": noisy, **rows}


def pixels(path):
    return np.asarray(Image.open(path).convert("RGB"))


def test_a_model_folder_gets_its_four_small_plots_with_the_same_bytes_each_time(tmp_path):
    clean, noisy, restored = faces()
    pictures = {"clean": clean, "noisy": noisy, "restored": restored, "face_id": np.arange(20)}
    metrics = {"sigmas": {"methods": levels(model=9, **{f"method {i}": i for i in range(9)})}}
    draw_plots(tmp_path, history(), metrics, pictures)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(PLOTS)
    for name in PLOTS:
        with Image.open(tmp_path / name) as image:
            assert image.format == "PNG" and 900 <= image.width <= 2000
            assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
        assert (tmp_path / name).stat().st_size < 250_000
    before = (tmp_path / CURVES).read_bytes()
    loss_curves(history(), tmp_path / CURVES)
    assert (tmp_path / CURVES).read_bytes() == before
    pyplot = sys.modules.get("matplotlib.pyplot")  # which would keep them
    assert pyplot is None or pyplot.get_fignums() == []


def test_the_best_epoch_is_that_of_the_lowest_validation_loss(tmp_path, texts):
    loss_curves(history(12, best=7), tmp_path / "loss.png")
    assert {"best epoch: 7 (0.002)", "best epoch: 7 (29 dB)"} <= set(texts)
    assert {"training", "validation", "epoch", "loss (log scale)", "PSNR in dB"} <= set(texts)
    loss_curves(history(1, best=1), tmp_path / "loss.png")
    assert "best epoch: 1 (0.002)" in texts


def test_the_grid_shows_the_very_pixels_of_worst_median_and_best(tmp_path, texts):
    clean, noisy, restored = faces(21)
    names = [f"id{row}" for row in range(21)]
    comparison_grid(clean, noisy, restored, tmp_path / "grid.png", names=names)
    titles = {"face id20\n(worst)", "face id10\n(median)", "face id0\n(best)"}
    assert titles | {"Noisy", "Reconstructed", "Original"} <= set(texts)
    worst = -10 * np.log10(np.square(clean[20] - restored[20], dtype=np.float64).mean())
    assert f"{worst:.2f} dB" in texts
    gray, side = pixels(tmp_path / "grid.png"), 64 * plot_style.PIXELS
    assert np.ptp(gray, axis=2).max() == 0
    windows = np.lib.stride_tricks.sliding_window_view(gray[..., 0], (side, side))
    for picture in (clean[0], noisy[10], restored[20]):
        enlarged = to_uint8(picture[..., 0]).repeat(3, 0).repeat(3, 1)
        corners = np.argwhere(gray[: len(windows), : windows.shape[1], 0] == enlarged[0, 0])
        assert any(np.array_equal(windows[tuple(corner)], enlarged) for corner in corners)


def test_the_curves_are_labelled_the_model_stands_out_and_infinity_is_left_out(tmp_path, texts):
    table = levels(model=9.0, FFDNet=8.0)
    psnr_against_sigma(table, tmp_path / "with.png")
    assert {"noisy", "model", "FFDNet", "PSNR in dB", "gain in dB"} <= set(texts)
    assert "noise level σ (fraction of the range)" in texts
    drawn = pixels(tmp_path / "with.png")
    assert (drawn == VERMILION).all(axis=2).sum() > 1000
    finite = {name: {s: v for s, v in row.items() if s != "0"} for name, row in table.items()}
    psnr_against_sigma(finite, tmp_path / "without.png")
    np.testing.assert_array_equal(drawn, pixels(tmp_path / "without.png"))


def test_the_plot_of_a_colour_model_is_of_its_set_with_the_most_methods(tmp_path, texts):
    few, many = levels(model=9.0), levels(model=9.0, FFDNet=8.0)
    sets = {"small": {"psnr": {"methods": few}}, "large": {"psnr": {"methods": many}}}
    metrics = {"planes": 3, "sigmas": {"methods": few}, "colour": sets}
    plot_sigmas(metrics, tmp_path / "sigma.png")
    assert "PSNR on large, in colour" in texts
    plot_sigmas({**metrics, "planes": 1}, tmp_path / "sigma.png")
    assert "PSNR on the test faces" in texts


def test_the_error_map_is_brightest_where_the_errors_are(tmp_path, texts):
    clean = np.full((4, 64, 64, 1), 0.5, np.float32)
    restored = clean.copy()
    restored[:, :16, 48:] += 0.2
    error_map(clean, restored, tmp_path / "errors.png")
    assert {"Mean absolute error, 0.0125 overall", "fraction of the range"} <= set(texts)
    found = pixels(tmp_path / "errors.png")
    assert (found == (254, 232, 56)).all(axis=2).any(), "the largest error has not its full colour"
    yellow = (found[..., 0] > 200) & (found[..., 1] > 200) & (found[..., 2] < 100)
    rows, columns = np.nonzero(yellow[:, : int(found.shape[1] * 0.88)])  # left of the colour bar
    assert rows.max() < found.shape[0] / 2
    assert columns.min() > found.shape[1] / 2 + 100
