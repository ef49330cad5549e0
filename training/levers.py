"""What each lever of the recipe is worth: the same training over several seeds, row by row.

    python -m training.levers --seeds 0,1,2 > levers.md         # every row
    python -m training.levers --epochs 5 default adamw          # two rows, shorter runs

A row is a change of `TrainingConfig`. Each of its runs lives in `outputs/levers/<row>-<seed>`: an
interrupted table goes on where it was, and what is finished is only read. The figures are those of
the averaged weights on the held-out training faces, never of the test faces.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from training.backend import FOR_TRAINING, choose_backend
from training.config import TrainingConfig

ROWS = {
    "default": {},
    "adamw": {"optimizer": "adamw", "learning_rate": 1e-3},
    "no-flip": {"flip": False},
    "no-shift": {"shift": 0},
    "no-mix": {"mix": 0.0},
    "no-light": {"contrast": 0.0, "brightness": 0.0},
    "one-level": {"sigma_share": 1.0},
    "all-levels-alike": {"sigma_share": 0.0},
    "no-decay": {"weight_decay": 0.0},
    "no-averaging": {"ema_share": 0.0},
    "large-batches": {"batch_size": 8, "steps_per_epoch": 100},
    "wider": {"channels": (32, 64, 128)},
    "deeper": {"blocks": (2, 4, 4)},
}


def run_levers(
    rows: Mapping[str, Mapping],
    seeds: Sequence[int],
    faces,
    folder: str | Path,
    *,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, list[dict | None]]:
    """Trains every row with every seed, or reads the runs that are finished.

    Args:
        rows: {name: options of `TrainingConfig` other than the seed}.
        seeds: the seeds of each row.
        faces: the training faces, a `training.data.Faces`; the last few are held out.
        folder: where the run folders go, `<name>-<seed>` each.
        say: receives a line for each run.

    Returns:
        {name: for each seed the row of `history.csv` that the released weights are of, with
        `seconds` of the whole run; None where the run's loss stopped being a number}.

    Raises:
        ValueError: an option is impossible, or a run folder belongs to other settings.
    """
    import keras

    from training.fit import TrainingStoppedError, best_epoch, fit

    configs = {
        name: [TrainingConfig.from_dict({**options, "seed": seed}) for seed in seeds]
        for name, options in rows.items()
    }
    figures: dict[str, list[dict | None]] = {name: [] for name in rows}
    for turn, seed in enumerate(seeds):  # seed by seed, so that early on every row has a figure
        for name in rows:
            say(f"{name}, seed {seed}")
            keras.backend.clear_session()
            try:
                result = fit(configs[name][turn], faces, Path(folder) / f"{name}-{seed}")
            except TrainingStoppedError as error:
                say(str(error))
                figures[name].append(None)
                continue
            best = best_epoch(result.history)
            figures[name].append(best | {"seconds": result.seconds})
            say(f"{name}, seed {seed}: {best['val_psnr']:.3f} dB after epoch {best['epoch']:g}")
    return figures


def table(rows: Mapping[str, Mapping], seeds: Sequence[int], figures: Mapping) -> str:
    """Returns what `run_levers` found as a Markdown table, with the command of each row.

    Args:
        rows, seeds: as `run_levers` took them.
        figures: as it returned them.
    """
    lines = [
        f"Validation faces, averaged weights of the best epoch: mean over seeds "
        f"{', '.join(map(str, seeds))} (lowest – highest).",
        "",
        "| row | seconds | PSNR, dB | SSIM | command |",
        "|---|---|---|---|---|",
    ]
    for name, options in rows.items():
        done = [row for row in figures[name] if row is not None]
        cells = [_spread(done, "seconds", 0), _spread(done, "val_psnr", 2)]
        cells.append(_spread(done, "val_ssim", 4))
        if lost := len(figures[name]) - len(done):
            cells[1] += f", {lost} of {len(figures[name])} diverged"
        lines.append(f"| {name} | {' | '.join(cells)} | `{command(options)} --seed N` |")
    return "\n".join(lines) + "\n"


def command(options: Mapping) -> str:
    """Returns the command that trains a model with these options of `TrainingConfig`."""
    words = ["denoiser train"]
    for name, value in options.items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{'' if value else 'no-'}{flag}")
        else:
            text = ",".join(map(str, value)) if isinstance(value, tuple) else f"{value}"
            words.append(f"--{flag} {text}")
    return " ".join(words)


def _spread(done, name, digits):
    values = [row[name] for row in done if name in row]
    if not values:
        return "–"
    mean, low, high = sum(values) / len(values), min(values), max(values)
    if len(values) == 1 or name == "seconds":
        return f"{mean:.{digits}f}"
    return f"{mean:.{digits}f} ({low:.{digits}f} – {high:.{digits}f})"


def main(arguments: list[str] | None = None) -> None:
    """Prints the table; what the trainings say goes to standard error.

    Args:
        arguments: the command line without the program's name; None takes `sys.argv`.
    """
    parser = argparse.ArgumentParser(prog="python -m training.levers", allow_abbrev=False)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"{', '.join(ROWS)} (all)")
    parser.add_argument("--seeds", default="0", metavar="N,N,…", help="seeds of each row (0)")
    parser.add_argument("--epochs", type=int, metavar="N", help="shorter or longer runs")
    parser.add_argument(
        "--output", default="outputs/levers", help="where the runs live (%(default)s)"
    )
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.rows if name not in ROWS]:
        parser.error(f"rows are {', '.join(ROWS)}. Received: {', '.join(unknown)}")
    try:
        seeds = [int(seed) for seed in options.seeds.split(",")]
    except ValueError:
        parser.error(f"--seeds takes whole numbers, such as 0,1,2. Received: {options.seeds}")
    common = {} if options.epochs is None else {"epochs": options.epochs}
    rows = {name: ROWS[name] | common for name in options.rows or ROWS}

    choose_backend(FOR_TRAINING)
    from training.data import FacesUnavailableError, as_arrays, reference_split

    def say(line):
        print(line, file=sys.stderr)

    try:
        faces = as_arrays(reference_split()["train"])
        with contextlib.redirect_stdout(sys.stderr):
            figures = run_levers(rows, seeds, faces, options.output, say=say)
    except ValueError as error:
        parser.error(str(error))
    except FacesUnavailableError as error:
        raise SystemExit(str(error)) from None
    print(table(rows, seeds, figures), end="")


if __name__ == "__main__":
    main()
