"""What each lever of the recipe is worth: the same training over several seeds, row by row.

    python -m olivetti_denoiser.train.ablation --seeds 0,1,2    # every row
    python -m olivetti_denoiser.train.ablation --epochs 3 default adamw    # two rows
    python -m olivetti_denoiser.train.ablation --batch-size 8 default no-mix
    python -m olivetti_denoiser.train.ablation --save model_card default mse    # for the card

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

import numpy as np

from olivetti_denoiser.backend import prepare_training
from olivetti_denoiser.config import TrainingConfig

ROWS = {
    "default": {},
    "adamw": {"optimizer": "adamw", "learning_rate": 1e-3},
    "no-mix": {"mix": 0.0},
    "no-warp": {"warp": 0.0},
    "no-light": {"contrast": 0.0, "brightness": 0.0},
    "no-collage": {"collage": 0.0},
    "one-level": {"sigma_share": 1.0},
    "blind": {"level": "blind"},
    "mse": {"loss": "mse"},
    "to-zero": {"final_rate": 0.0, "ema_share": 0.02},
    "wider": {"channels": (16, 64, 112)},
    "deeper": {"blocks": (1, 2, 4)},
    "no-flip": {"flip": False},
    "no-shift": {"shift": 0},
    "all-levels-alike": {"sigma_share": 0.0},
    "no-decay": {"weight_decay": 0.0},
    "no-averaging": {"ema_share": 0.0},
    "large-batches": {"batch_size": 8, "steps_per_epoch": 233, "learning_rate": 3.5e-3},
    "more-varied": {"mix": 0.8, "warp": 0.5},
}
# What the table sets itself; of the loss, the card says what the rows of other ones change.
OWN = ("seed", "validation_faces", "loss")
HELD_OUT = 16  # faces that the rows are judged on, more than a release can spare
LEVEL_DRAWS = 8  # how often a held-out face is seen at each noise level
SHOWN = 4  # held-out faces in the picture of the losses


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
        faces: the training faces, a `data.faces.Faces`; the last few are held out.
        folder: where the run folders go, `<name>-<seed>` each.
        say: receives a line for each run.

    Returns:
        {name: for each seed the row of `history.csv` that the released weights are of, with
        `seconds` of the whole run and `levels`, the PSNR at other noise levels (`at_levels`);
        None where the run's loss stopped being a number}.

    Raises:
        ValueError: an option is impossible, or a run folder belongs to other settings.
    """
    import keras

    from olivetti_denoiser.errors import TrainingStoppedError
    from olivetti_denoiser.history import best_epoch
    from olivetti_denoiser.train.fit import carve_validation, fit

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
            held_out = carve_validation(faces, configs[name][turn].validation_faces)[1]
            levels = at_levels(result.model, held_out)
            figures[name].append(best | {"seconds": result.seconds, "levels": levels})
            say(f"{name}, seed {seed}: {best['val_psnr']:.3f} dB after epoch {best['epoch']:g}")
    return figures


def at_levels(model, faces) -> dict[str, dict[str, float]]:
    """Returns what a network scores at every noise level, in one pass without the mirror average.

    Args:
        model: a network as `train.fit` leaves it.
        faces: `data.faces.Faces`; each is seen with eight draws of noise, and at the split's
            own level with the one draw that it comes with.

    Returns:
        {"estimated": {level: mean PSNR in dB}}, and the same as "given" where the network can be
        told the level.
    """
    from olivetti_denoiser.denoiser import Denoiser
    from olivetti_denoiser.evaluate.measure import psnr_against_sigma

    denoiser = Denoiser(model)
    methods = {"estimated": lambda noisy, sigma: denoiser(noisy, mirror=False)}
    if denoiser.takes_sigma:
        methods["given"] = lambda noisy, sigma: denoiser(noisy, sigma=sigma, mirror=False)
    several = faces.take(np.repeat(np.arange(len(faces.clean)), LEVEL_DRAWS))
    found = psnr_against_sigma(methods, several)
    return {
        name: {level: psnr for level, psnr in row.items() if float(level)}
        for name, row in found.items()
    }


def summary(rows: Mapping[str, Mapping], seeds: Sequence[int], figures: Mapping) -> dict:
    """Returns what `run_levers` found as it is kept in `metrics.json`.

    Args:
        rows, seeds: as `run_levers` took them.
        figures: as it returned them.

    Returns:
        `seeds`, and `rows`: {name: `command`, `seconds` (the mean over seeds), `psnr` in dB and
        `ssim` (mean, low and high over seeds), `levels` (as of `at_levels`, means over seeds),
        `diverged` (how many seeds)}.
    """
    table = {}
    for name, options in rows.items():
        done = [row for row in figures[name] if row is not None]
        table[name] = {
            "command": f"{command(options)} --seed N",
            "seconds": round(float(np.mean([row["seconds"] for row in done])), 1) if done else None,
            "psnr": _spread([row["val_psnr"] for row in done]),
            "ssim": _spread([row["val_ssim"] for row in done if "val_ssim" in row]),
            "levels": _mean_levels([row["levels"] for row in done if "levels" in row]),
            "diverged": len(figures[name]) - len(done),
        }
    return {"seeds": list(seeds), "rows": table}


def table(levers: Mapping) -> str:
    """Returns a `summary` as Markdown: figures and command of each row, then all noise levels."""
    seeds = levers["seeds"]
    if len(seeds) > 1:
        over = f"mean over seeds {', '.join(map(str, seeds))} (lowest – highest)"
    else:
        over = f"seed {seeds[0]} alone, so small differences say nothing"
    lines = [
        "Held-out training faces, averaged weights of the best epoch, one pass without the mirror "
        f"average: {over}.",
        "",
        "| row | seconds | PSNR, dB | SSIM | command |",
        "|---|---|---|---|---|",
    ]
    for name, row in levers["rows"].items():
        seconds = "–" if row["seconds"] is None else f"{row['seconds']:.0f}"
        cells = [seconds, _in_words(row["psnr"], 2), _in_words(row["ssim"], 4)]
        if row["diverged"]:
            cells[1] += f", {row['diverged']} of {len(levers['seeds'])} diverged"
        lines.append(f"| {name} | {' | '.join(cells)} | `{row['command']}` |")
    return "\n".join(lines) + "\n" + _levels_table(levers["rows"])


def _levels_table(rows):
    """PSNR at every level as Markdown, empty where no run has been measured at them."""
    measured = {name: row["levels"] for name, row in rows.items() if row.get("levels")}
    if not measured:
        return ""
    columns = list(next(iter(measured.values()))["estimated"])
    lines = [
        "",
        "The same networks at every noise level, PSNR in dB, means over seeds. They estimate the "
        f"level, which the blind one need not; the row after {next(iter(measured))} tells it.",
        "",
        f"| row | {' | '.join(columns)} |",
        f"|---{'|---' * len(columns)}|",
    ]
    for place, (name, levels) in enumerate(measured.items()):
        shown = {name: levels["estimated"]}
        if place == 0 and "given" in levels:
            shown[f"{name}, sigma given"] = levels["given"]
        for title, psnr in shown.items():
            lines.append(f"| {title} | {' | '.join(f'{value:.2f}' for value in psnr.values())} |")
    return "\n".join(lines) + "\n"


def restored_by_losses(
    rows: Mapping[str, Mapping], seed: int, faces, folder: str | Path
) -> dict[str, np.ndarray]:
    """Returns what the rows that differ in their loss alone make of faces, from their runs.

    Args:
        rows, folder: as `run_levers` took them.
        seed: whose runs.
        faces: `data.faces.Faces` with noise.

    Returns:
        {loss: restored faces, float32 N×64×64×1 in [0, 1]}.
    """
    import keras

    from olivetti_denoiser.denoiser import Denoiser
    from olivetti_denoiser.model_folder import LEGACY_MODEL as BEST_MODEL

    common = dict(rows.get("default", {}))
    chosen = {}
    for name, options in rows.items():
        if {key: value for key, value in options.items() if key != "loss"} == common:
            path = Path(folder) / f"{name}-{seed}" / BEST_MODEL
            denoiser = Denoiser(keras.models.load_model(path, compile=False))
            loss = TrainingConfig.from_dict(dict(options)).loss
            chosen[loss] = np.clip(denoiser(faces.noisy), 0, 1)
    return chosen


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


def _mean_levels(found):
    if not found:
        return None
    return {
        kind: {level: float(np.mean([one[kind][level] for one in found])) for level in row}
        for kind, row in found[0].items()
    }


def _spread(values):
    if not values:
        return None
    return {"mean": float(np.mean(values)), "low": min(values), "high": max(values)}


def _in_words(spread, digits):
    if spread is None:
        return "–"
    mean, low, high = (f"{spread[name]:.{digits}f}" for name in ("mean", "low", "high"))
    return mean if spread["low"] == spread["high"] else f"{mean} ({low} – {high})"


def main(arguments: list[str] | None = None) -> None:
    """Prints the table; what the trainings say goes to standard error.

    Args:
        arguments: the command line without the program's name; None takes `sys.argv`.
    """
    from olivetti_denoiser.cli.main import add_config_options, given_options

    parser = argparse.ArgumentParser(
        prog="python -m olivetti_denoiser.train.ablation",
        usage="%(prog)s [OPTION …] [ROW …]",
        allow_abbrev=False,
    )
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"{', '.join(ROWS)} (all)")
    parser.add_argument("--seeds", default="0", metavar="N,N,…", help="seeds of each row (0)")
    parser.add_argument(
        "--output", default="outputs/levers", help="where the runs live (%(default)s)"
    )
    parser.add_argument("--save", metavar="FOLDER", help="keep the table in this model folder")
    shared = parser.add_argument_group("training options of every row, under what a row changes")
    add_config_options(shared, without=OWN)
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.rows if name not in ROWS]:
        parser.error(f"rows are {', '.join(ROWS)}. Received: {', '.join(unknown)}")
    try:
        seeds = [int(seed) for seed in options.seeds.split(",")]
    except ValueError:
        parser.error(f"--seeds takes whole numbers, such as 0,1,2. Received: {options.seeds}")
    common = {"validation_faces": HELD_OUT} | given_options(options)
    rows = {name: common | ROWS[name] for name in options.rows or ROWS}

    prepare_training()
    from olivetti_denoiser.data.faces import as_arrays, reference_split
    from olivetti_denoiser.errors import FacesUnavailableError
    from olivetti_denoiser.publish.release import update_levers
    from olivetti_denoiser.train.fit import carve_validation

    def say(line):
        print(line, file=sys.stderr)

    try:
        faces = as_arrays(reference_split()["train"])
        with contextlib.redirect_stdout(sys.stderr):
            figures = run_levers(rows, seeds, faces, options.output, say=say)
            found = summary(rows, seeds, figures)
            if options.save:
                held_out = carve_validation(faces, HELD_OUT)[1]
                shown = held_out.take(slice(SHOWN))
                restored = restored_by_losses(rows, seeds[0], shown, options.output)
                say(f"Keeping the table in {update_levers(options.save, found, shown, restored)}")
    except ValueError as error:
        parser.error(str(error))
    except FacesUnavailableError as error:
        raise SystemExit(str(error)) from None
    print(table(found), end="")


if __name__ == "__main__":
    main()
