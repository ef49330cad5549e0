"""Plots: legible, small PNG files that show the numbers they were given."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from PIL import Image

from olivetti_denoiser.evaluate.plot_style import PIXELS
from olivetti_denoiser.evaluate.plots import (
    comparison_grid,
    draw_plots,
    error_map,
    loss_curves,
    psnr_against_sigma,
)
from olivetti_denoiser.noise import from_uint8, to_uint8
from olivetti_denoiser.release import MODEL, PLOTS

VERMILION = (0xD5, 0x5E, 0x00)


@pytest.fixture
def texts(monkeypatch):
    """Every text of the figures that are saved while the test runs."""
    from matplotlib.text import Text

    found = []

    def record(figure, path, **options):
        found.extend(text.get_text() for text in figure.findobj(Text))
        return save(figure, path, **options)

    from olivetti_denoiser.evaluate import plot_style, plots

    save = plots.save_figure
    for module in (plots, plot_style):
        monkeypatch.setattr(module, "save_figure", record)
    return found


def history(epochs=12, best=9):
    """Falling losses whose validation turns at the given epoch."""
    return [
        {
            "epoch": epoch,
            "loss": 0.02 / epoch,
            "restored_loss": 0.01 / epoch,
            "val_restored_loss": 0.002 + 0.0001 * abs(epoch - best),
            "val_psnr": 29 - 0.1 * abs(epoch - best),
        }
        for epoch in range(1, epochs + 1)
    ]


def faces(count=20, seed=0):
    """Clean, noisy and restored pictures on the 8-bit grid, each restored worse than the last."""
    rng = np.random.default_rng(seed)
    clean = np.kron(rng.uniform(0.2, 0.8, (count, 8, 8, 1)), np.ones((1, 8, 8, 1)))
    noise = rng.standard_normal(clean.shape)
    quality = np.linspace(0.02, 0.06, count).reshape(-1, 1, 1, 1)
    return tuple(from_uint8(to_uint8(clean + s * noise)) for s in (0.0, 0.1, quality))


def levels(**gains):
    """PSNR against sigma of an input and of methods that gain so much."""
    sigmas = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3)
    noisy = {f"{s:g}": -20 * np.log10(s) if s else 100.0 for s in sigmas}
    rows = {name: {s: value + gain for s, value in noisy.items()} for name, gain in gains.items()}
    return {"noisy": noisy, **rows}


def pixels(path):
    return np.asarray(Image.open(path).convert("RGB"))


def test_a_model_folder_gets_its_four_small_plots(tmp_path):
    clean, noisy, restored = faces()
    pictures = {"clean": clean, "noisy": noisy, "restored": restored, "face_id": np.arange(20)}
    sigmas = levels(model=9, **{f"method {i}": i for i in range(8)})
    draw_plots(
        tmp_path,
        history(),
        {"sigmas": {"methods": sigmas, "variants": levels(model=9.1)}},
        pictures,
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(PLOTS)
    for name in PLOTS:
        with Image.open(tmp_path / name) as image:
            assert image.format == "PNG"
            assert 900 <= image.width <= 2000
            assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
        assert (tmp_path / name).stat().st_size < 250_000


def test_the_same_data_gives_the_same_bytes(tmp_path):
    for name in ("one.png", "two.png"):
        loss_curves(history(), tmp_path / name)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


def test_nothing_is_kept_in_pyplot(tmp_path):
    loss_curves(history(), tmp_path / "loss.png")
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or pyplot.get_fignums() == []


def test_the_best_epoch_is_the_one_of_the_lowest_validation_loss(tmp_path, texts):
    loss_curves(history(best=7), tmp_path / "loss.png")
    assert "best epoch: 7 (0.002)" in texts
    assert "best epoch: 7 (29 dB)" in texts
    assert {"training", "validation", "epoch", "loss (log scale)", "PSNR in dB"} <= set(texts)


def test_a_history_read_from_csv_draws_the_same(tmp_path):
    written = [{name: str(value) for name, value in row.items()} for row in history()]
    loss_curves(history(), tmp_path / "numbers.png")
    loss_curves(written, tmp_path / "text.png")
    np.testing.assert_array_equal(pixels(tmp_path / "numbers.png"), pixels(tmp_path / "text.png"))


@pytest.mark.parametrize(
    "rows",
    [
        history(1),
        [{"epoch": 1, "restored_loss": 0.01, "val_restored_loss": ""}],
        [{"epoch": 1, "restored_loss": 0.01, "val_restored_loss": 0.01, "val_psnr": None}],
    ],
)
def test_a_short_history_with_gaps_can_be_drawn(tmp_path, rows, texts):
    loss_curves(rows, tmp_path / "loss.png")
    assert "loss (log scale)" in texts
    assert pixels(tmp_path / "loss.png").min() < 128


def test_an_empty_history_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"at least one epoch\. Received: an empty history"):
        loss_curves([], tmp_path / "loss.png")
    assert not list(tmp_path.iterdir())


def test_the_grid_holds_worst_median_and_best_with_their_figures(tmp_path, texts):
    clean, noisy, restored = faces(21)
    names = [f"id{row}" for row in range(21)]
    comparison_grid(clean, noisy, restored, tmp_path / "grid.png", names=names)
    titles = {"face id20\n(worst)", "face id10\n(median)", "face id0\n(best)"}
    assert titles | {"Noisy", "Reconstructed", "Original"} <= set(texts)
    worst = -10 * np.log10(np.square(clean[20] - restored[20], dtype=np.float64).mean())
    assert f"{worst:.2f} dB" in texts


def test_the_grid_shows_the_very_pixels_of_the_faces(tmp_path):
    clean, noisy, restored = faces(3)
    comparison_grid(clean, noisy, restored, tmp_path / "grid.png")
    gray = pixels(tmp_path / "grid.png")
    assert np.ptp(gray, axis=2).max() == 0
    windows = np.lib.stride_tricks.sliding_window_view(gray[..., 0], (64 * PIXELS, 64 * PIXELS))
    for picture in (*clean, *noisy, *restored):
        enlarged = to_uint8(picture[..., 0]).repeat(PIXELS, 0).repeat(PIXELS, 1)
        corners = np.argwhere(gray[: len(windows), : windows.shape[1], 0] == enlarged[0, 0])
        assert any(np.array_equal(windows[tuple(corner)], enlarged) for corner in corners)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_grid_of_few_faces_shows_each_once(tmp_path, count, texts):
    comparison_grid(*faces(count), tmp_path / "grid.png")
    assert sum(text.startswith("face ") for text in texts) == count


def test_the_curves_are_labelled_and_the_models_stands_out(tmp_path, texts):
    psnr_against_sigma(levels(model=9.0, FFDNet=8.0), tmp_path / "sigma.png")
    assert {"noisy", "model", "FFDNet", "PSNR in dB", "gain in dB"} <= set(texts)
    assert "noise level σ (fraction of the range)" in texts
    assert (pixels(tmp_path / "sigma.png") == VERMILION).all(axis=2).sum() > 1000


def test_infinite_figures_at_level_zero_are_left_out(tmp_path):
    table = levels(model=9.0)
    psnr_against_sigma(table, tmp_path / "with.png")
    without = {name: {s: v for s, v in row.items() if s != "0"} for name, row in table.items()}
    psnr_against_sigma(without, tmp_path / "without.png")
    np.testing.assert_array_equal(pixels(tmp_path / "with.png"), pixels(tmp_path / "without.png"))


def test_curves_without_an_input_have_no_gain(tmp_path, texts):
    psnr_against_sigma({MODEL: {0.1: 30.0, 0.2: 27.0}}, tmp_path / "sigma.png")
    assert "PSNR in dB" in texts
    assert "gain in dB" not in texts


@pytest.mark.parametrize("table", [{}, {"model": {}}, {"model": {"0": 100.0}}])
def test_a_table_without_levels_is_refused(tmp_path, table):
    with pytest.raises(ValueError, match=r"a level over 0\. Received: "):
        psnr_against_sigma(table, tmp_path / "sigma.png")


def test_the_error_map_is_brightest_where_the_errors_are(tmp_path, texts):
    clean = np.full((4, 64, 64, 1), 0.5, np.float32)
    restored = clean.copy()
    restored[:, :16, 48:] += 0.2
    error_map(clean, restored, tmp_path / "errors.png")
    assert "Mean absolute error, 0.0125 overall" in texts
    assert "fraction of the range" in texts
    found = pixels(tmp_path / "errors.png")
    yellow = (found[..., 0] > 200) & (found[..., 1] > 200) & (found[..., 2] < 100)
    assert (found == (254, 232, 56)).all(axis=2).any(), "the largest error has not its full colour"
    rows, columns = np.nonzero(yellow[:, : int(found.shape[1] * 0.88)])  # left of the colour bar
    middle = found.shape[1] / 2
    assert rows.max() < found.shape[0] / 2
    assert columns.min() > middle + 100


@pytest.mark.parametrize("shapes", [((2, 8, 8), (3, 8, 8)), ((0, 8, 8), (0, 8, 8))])
def test_faces_that_do_not_match_are_refused(tmp_path, shapes):
    clean, restored = (np.zeros(shape) for shape in shapes)
    with pytest.raises(ValueError, match="Received: "):
        error_map(clean, restored, tmp_path / "errors.png")
    with pytest.raises(ValueError, match="Received: "):
        comparison_grid(clean, clean, restored, tmp_path / "grid.png")
