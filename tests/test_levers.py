"""The table of levers: real runs over seeds, read again when finished, with their commands."""

from __future__ import annotations

import csv
import shlex

import numpy as np
import pytest
from PIL import Image

from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.data.faces import Faces
from olivetti_denoiser.evaluate import plots
from olivetti_denoiser.model_folder import CONFIG
from olivetti_denoiser.train import ablation as levers

TINY = {"epochs": 2, "steps_per_epoch": 2, "channels": (8, 16), "blocks": (1, 1)}
ROWS = {"default": TINY, "no-mix": TINY | {"mix": 0.0}}


@pytest.fixture(scope="module")
def pictures():
    """Random pictures in place of faces, 12 of them."""
    clean = np.random.default_rng(0).random((12, 64, 64, 1), dtype=np.float32)
    return Faces(clean, clean, np.arange(12), np.arange(12))


@pytest.fixture(scope="module")
def run(pictures, tmp_path_factory):
    """The folder of a table of two rows and two seeds, and its figures."""
    folder = tmp_path_factory.mktemp("levers")
    return folder, levers.run_levers(ROWS, (0, 1), pictures, folder)


def test_every_row_is_trained_with_every_seed(run):
    folder, figures = run
    assert {path.name for path in folder.iterdir()} == {
        "default-0", "default-1", "no-mix-0", "no-mix-1",
    }  # fmt: skip
    psnr = {name: [row["val_psnr"] for row in rows] for name, rows in figures.items()}
    assert len({*psnr["default"], *psnr["no-mix"]}) == 4


def test_figures_are_those_of_the_best_epoch_in_the_history(run):
    folder, figures = run
    with (folder / "no-mix-1" / "history.csv").open() as file:
        history = list(csv.DictReader(file))
    best = min(history, key=lambda row: float(row["val_restored_loss"]))
    found = figures["no-mix"][1]
    assert (found["val_psnr"], found["val_ssim"]) == (
        float(best["val_psnr"]), float(best["val_ssim"]),
    )  # fmt: skip
    assert found["seconds"] == pytest.approx(sum(float(row["seconds"]) for row in history))


def test_what_is_finished_is_only_read(run, pictures):
    folder, figures = run
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    assert levers.run_levers(ROWS, (0, 1), pictures, folder) == figures
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_run_that_diverges_is_a_line_of_the_table(pictures, tmp_path):
    broken = pictures._replace(clean=np.full_like(pictures.clean, np.nan))
    figures = levers.run_levers({"default": TINY}, (0,), broken, tmp_path)
    assert figures == {"default": [None]}
    assert "1 of 1 diverged" in levers.table(levers.summary({"default": TINY}, (0,), figures))


def test_the_table_has_mean_spread_and_command():
    figures = {
        "default": [{"val_psnr": 30.0, "val_ssim": 0.9, "seconds": 9.0}, None],
        "no-mix": [
            {"val_psnr": 30.0, "val_ssim": 0.8, "seconds": 10.0},
            {"val_psnr": 31.0, "val_ssim": 0.9, "seconds": 20.0},
        ],
    }
    found = levers.summary({"default": {}, "no-mix": {"mix": 0.0}}, (3, 4), figures)
    lines = levers.table(found).splitlines()
    assert lines[-2].startswith("| default | 9 | 30.00, 1 of 2 diverged | 0.9000 |")
    assert lines[-1] == (
        "| no-mix | 15 | 30.50 (30.00 – 31.00) | 0.8500 (0.8000 – 0.9000) "
        "| `denoiser train --mix 0.0 --seed N` |"
    )


def test_networks_are_measured_at_every_level_told_and_untold(run, pictures, tmp_path):
    _, figures = run
    for row in figures["default"]:
        assert set(row["levels"]) == {"estimated", "given"}
        assert set(row["levels"]["given"]) == {"0.02", "0.05", "0.1", "0.15", "0.2", "0.3"}
        assert row["levels"]["given"]["0.02"] > row["levels"]["given"]["0.3"]
    blind = {"blind": TINY | {"level": "blind", "epochs": 1}}
    figures = figures | levers.run_levers(blind, (0, 1), pictures, tmp_path)
    assert set(figures["blind"][0]["levels"]) == {"estimated"}
    found = levers.summary(ROWS | blind, (0, 1), figures)
    level = [row["levels"]["given"]["0.05"] for row in figures["default"]]
    assert found["rows"]["default"]["levels"]["given"]["0.05"] == pytest.approx(np.mean(level))
    lines = levers.table(found).splitlines()[-4:]
    titles = [line.split(" | ")[0] for line in lines]
    assert titles == ["| default", "| default, sigma given", "| no-mix", "| blind"]
    assert all(line.count("|") == 8 for line in lines)


@pytest.mark.parametrize("name", levers.ROWS)
def test_the_command_of_a_row_trains_with_its_options(name):
    from olivetti_denoiser.cli.main import _parser

    row = levers.ROWS[name]
    given = vars(_parser().parse_args(shlex.split(levers.command(row))[1:]))
    given = {option: given[option] for option in row}
    assert TrainingConfig.from_dict(given) == TrainingConfig.from_dict(row)


def test_rows_share_training_options_and_what_a_row_changes_goes_over_them(faces, tmp_path, capsys):
    small = "--epochs 1 --steps-per-epoch 2 --channels 8,16 --blocks 1,1 --batch-size 2 --mix 0.8"
    levers.main([*small.split(), "--output", str(tmp_path), "default", "no-mix"])
    configs = {
        name: TrainingConfig.from_json(tmp_path / f"{name}-0" / CONFIG)
        for name in ("default", "no-mix")
    }
    assert configs["default"].batch_size == configs["no-mix"].batch_size == 2
    assert (configs["default"].mix, configs["no-mix"].mix) == (0.8, 0.0)
    rows = [line for line in capsys.readouterr().out.splitlines() if "`denoiser train" in line]
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
    with pytest.raises(SystemExit) as stop:
        levers.main(arguments)
    assert stop.value.code == 2
    assert named in capsys.readouterr().err


def test_losses_are_shown_by_the_networks_that_they_trained(run, pictures, tmp_path):
    folder, _ = run
    rows = ROWS | {"no-mix": TINY | {"mix": 0.0}}
    faces = pictures.take(slice(2))
    restored = levers.restored_by_losses(rows, 0, faces, folder)
    assert list(restored) == ["mse+ssim"]
    assert restored["mse+ssim"].shape == faces.clean.shape
    assert not np.array_equal(restored["mse+ssim"], faces.noisy)
    plots.losses_grid(faces.clean, faces.noisy, restored, tmp_path / "losses.png")
    with Image.open(tmp_path / "losses.png") as drawn:
        assert drawn.size[0] > 2 * 3 * 64 and drawn.size[1] > 3 * 3 * 64
