"""The ablation: real runs over seeds, read again when finished, and the table of them."""

from __future__ import annotations

import shlex

import numpy as np
import pytest
from PIL import Image

from olivetti_denoiser.cli.main import main
from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.data.faces import Faces
from olivetti_denoiser.evaluate import plots
from olivetti_denoiser.history import read_history
from olivetti_denoiser.model_folder import CONFIG
from olivetti_denoiser.train import ablation

TINY = {"epochs": 2, "steps_per_epoch": 2, "channels": (8, 16), "blocks": (1, 1)}
ROWS = {"default": TINY, "no-mix": TINY | {"mix": 0.0}}


def cells(text):
    """The cells of every table row of a Markdown text, without the lines under the headers."""
    rows = [line for line in text.splitlines() if line.startswith("|")]
    rows = [row for row in rows if set(row) - set("|:-")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


@pytest.fixture(scope="module")
def pictures():
    """Random pictures in place of faces, 12 of them."""
    clean = np.random.default_rng(0).random((12, 64, 64, 1), dtype=np.float32)
    return Faces(clean, clean, np.arange(12), np.arange(12))


@pytest.fixture(scope="module")
def run(pictures, tmp_path_factory):
    """The folder of a table of two rows and two seeds, and its figures."""
    folder = tmp_path_factory.mktemp("ablation")
    return folder, ablation.run_ablation(ROWS, (0, 1), pictures, folder)


def test_every_row_is_trained_with_every_seed(run):
    folder, figures = run
    assert {path.name for path in folder.iterdir()} == {
        "default-0", "default-1", "no-mix-0", "no-mix-1",
    }  # fmt: skip
    psnr = {name: [row["val_psnr"] for row in rows] for name, rows in figures.items()}
    assert len({*psnr["default"], *psnr["no-mix"]}) == 4


def test_figures_are_those_of_the_best_epoch_in_the_history(run):
    folder, figures = run
    history = read_history(folder / "no-mix-1" / "history.csv")
    best = history.loc[history["val_restored_loss"].idxmin()]
    found = figures["no-mix"][1]
    assert (found["val_psnr"], found["val_ssim"]) == (best["val_psnr"], best["val_ssim"])
    assert found["seconds"] == pytest.approx(history["seconds"].sum())


def test_what_is_finished_is_only_read(run, pictures):
    folder, figures = run
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    assert ablation.run_ablation(ROWS, (0, 1), pictures, folder) == figures
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_run_that_diverges_is_a_line_of_the_table(pictures, tmp_path):
    broken = pictures._replace(clean=np.full_like(pictures.clean, np.nan))
    figures = ablation.run_ablation({"default": TINY}, (0,), broken, tmp_path)
    assert figures == {"default": [None]}
    text = ablation.table(ablation.summary({"default": TINY}, (0,), figures))
    assert cells(text)[-1][:4] == ["default", "–", "–, 1 of 1 diverged", "–"]


def test_the_table_has_mean_spread_and_command():
    levels = {"estimated": {"0.1": 30.0, "0.2": 27.125}}
    figures = {
        "default": [{"val_psnr": 30.0, "val_ssim": 0.9, "seconds": 9.0, "levels": levels}, None],
        "no-mix": [
            {"val_psnr": 30.0, "val_ssim": 0.8, "seconds": 10.0, "levels": levels},
            {"val_psnr": 31.0, "val_ssim": 0.9, "seconds": 20.0, "levels": levels},
        ],
    }
    found = ablation.summary({"default": {}, "no-mix": {"mix": 0.0}}, (3, 4), figures)
    text = ablation.table(found)
    assert "mean over seeds 3, 4 (lowest – highest)" in text
    assert cells(text) == [
        ["row", "seconds", "PSNR, dB", "SSIM", "command"],
        ["default", "9", "30.00, 1 of 2 diverged", "0.9000", "`denoiser train --seed N`"],
        [
            "no-mix", "15", "30.50 (30.00 – 31.00)", "0.8500 (0.8000 – 0.9000)",
            "`denoiser train --mix 0.0 --seed N`",
        ],
        ["row", "0.1", "0.2"],
        ["default", "30.00", "27.12"],
        ["no-mix", "30.00", "27.12"],
    ]  # fmt: skip


def test_networks_are_measured_at_every_level_told_and_untold(run, pictures, tmp_path):
    _, figures = run
    for row in figures["default"]:
        assert set(row["levels"]) == {"estimated", "given"}
        assert set(row["levels"]["given"]) == {"0.02", "0.05", "0.1", "0.15", "0.2", "0.3"}
        assert row["levels"]["given"]["0.02"] > row["levels"]["given"]["0.3"]
    blind = {"blind": TINY | {"level": "blind", "epochs": 1}}
    figures = figures | ablation.run_ablation(blind, (0, 1), pictures, tmp_path)
    assert set(figures["blind"][0]["levels"]) == {"estimated"}
    found = ablation.summary(ROWS | blind, (0, 1), figures)
    level = [row["levels"]["given"]["0.05"] for row in figures["default"]]
    assert found["rows"]["default"]["levels"]["given"]["0.05"] == pytest.approx(np.mean(level))
    lines = cells(ablation.table(found))[-5:]
    assert lines[0] == ["row", "0.02", "0.05", "0.1", "0.15", "0.2", "0.3"]
    assert [line[0] for line in lines[1:]] == ["default", "default, sigma given", "no-mix", "blind"]
    assert {len(line) for line in lines} == {7}


@pytest.mark.parametrize("name", ablation.ROWS)
def test_the_command_of_a_row_trains_with_its_options(name):
    from olivetti_denoiser.cli.main import build_parser

    row = ablation.ROWS[name]
    given = vars(build_parser().parse_args(shlex.split(ablation.command(row))[1:]))
    given = {option: given[option] for option in row}
    assert TrainingConfig.from_dict(given) == TrainingConfig.from_dict(row)


def test_rows_share_training_options_and_what_a_row_changes_goes_over_them(faces, tmp_path, capsys):
    small = "--epochs 1 --steps-per-epoch 2 --channels 8,16 --blocks 1,1 --batch-size 2 --mix 0.8"
    arguments = [*small.split(), "--output", str(tmp_path), "default", "no-mix"]
    assert main(["ablation", *arguments]) == 0
    configs = {
        name: TrainingConfig.from_json(tmp_path / f"{name}-0" / CONFIG)
        for name in ("default", "no-mix")
    }
    assert configs["default"].batch_size == configs["no-mix"].batch_size == 2
    assert (configs["default"].mix, configs["no-mix"].mix) == (0.8, 0.0)
    rows = [line[-1] for line in cells(capsys.readouterr().out) if "`denoiser train" in line[-1]]
    assert len(rows) == 2
    assert all("--batch-size 2" in row for row in rows)
    assert "--mix 0.8" in rows[0] and "--mix 0.0" in rows[1] and "--mix 0.8" not in rows[1]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--seed", "1"], "unrecognized arguments: --seed"),
        (["--loss", "mse"], "unrecognized arguments: --loss"),
        (["no-such-row"], "Received: no-such-row"),
        (["--seeds", "0,x"], "Received: 0,x"),
    ],
)
def test_a_wrong_argument_is_refused(arguments, named, capsys):
    try:
        code = main(["ablation", *arguments])
    except SystemExit as stop:
        code = stop.code
    assert code == 2
    assert named in capsys.readouterr().err


def test_losses_are_shown_by_the_networks_that_they_trained(run, pictures, tmp_path):
    folder, _ = run
    rows = ROWS | {"no-mix": TINY | {"mix": 0.0}}
    faces = pictures.take(slice(2))
    restored = ablation.restored_by_losses(rows, 0, faces, folder)
    assert list(restored) == ["mse+ssim"]
    assert restored["mse+ssim"].shape == faces.clean.shape
    assert not np.array_equal(restored["mse+ssim"], faces.noisy)
    plots.losses_grid(faces.clean, faces.noisy, restored, tmp_path / "losses.png")
    with Image.open(tmp_path / "losses.png") as drawn:
        assert drawn.size[0] > 2 * 3 * 64 and drawn.size[1] > 3 * 3 * 64
