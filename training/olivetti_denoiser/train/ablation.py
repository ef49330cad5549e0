"""Ablation: the recipe trained with one change at a time, over several seeds.

    denoiser ablation --seeds 0,1,2 default adamw no-mix
    >>> rows = ablation_rows(["default", "no-mix"], {"epochs": 3})
    >>> figures = run_ablation(rows, (0, 1, 2), faces, "outputs/ablation")
    >>> print(table(summary(rows, (0, 1, 2), figures)))

Each run lives in `<folder>/<row>-<seed>`: an interrupted ablation goes on where it was, and a
finished run is only read. The figures are those of the averaged weights on the training faces that
are held out, never on the test faces.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from olivetti_denoiser.config import TrainingConfig

if TYPE_CHECKING:
    import keras
    import numpy as np
    import pandas as pd

    from olivetti_denoiser.data.faces import Faces

# What each row changes of `TrainingConfig`.
ROWS: dict[str, dict[str, Any]] = {
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
# Options that rows do not share: the ablation sets the seeds and the held-out faces itself, and the
# card compares the rows of different losses.
NOT_SHARED = ("seed", "validation_faces", "loss")
HELD_OUT = 16  # faces that the rows are judged on, more than a release can spare
LEVEL_DRAWS = 8  # how often a held-out face is seen at each noise level


def ablation_rows(
    names: Sequence[str], options: Mapping[str, Any] | None = None
) -> dict[str, dict[str, Any]]:
    """Returns the rows of an ablation: shared options, and over them what each row changes.

    Args:
        names: keys of `ROWS`; none stands for all of them.
        options: options of `TrainingConfig` for every row.

    Raises:
        ValueError: there is no such row.
    """
    if unknown := [name for name in names if name not in ROWS]:
        raise ValueError(f"rows are {', '.join(ROWS)}. Received: {', '.join(unknown)}")
    shared = {"validation_faces": HELD_OUT, **(options or {})}
    return {name: shared | ROWS[name] for name in names or ROWS}


def run_ablation(
    rows: Mapping[str, Mapping[str, Any]],
    seeds: Sequence[int],
    faces: Faces,
    folder: str | Path,
    *,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, list[dict | None]]:
    """Trains every row with every seed, or reads the runs that are finished.

    Args:
        rows: {name: options of `TrainingConfig` other than the seed}.
        seeds: the seeds of each row.
        faces: the training faces; the last few are held out.
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
            figures[name].append({**best, "seconds": result.seconds, "levels": levels})
            say(f"{name}, seed {seed}: {best['val_psnr']:.3f} dB after epoch {best['epoch']:g}")
    return figures


def at_levels(model: keras.Model, faces: Faces) -> dict[str, dict[str, float]]:
    """Returns what a network scores at every noise level, in one pass without the mirror average.

    Args:
        model: a network as `train.fit` leaves it.
        faces: each is seen with eight draws of noise, and at the split's own level with the one
            draw that it comes with.

    Returns:
        {"estimated": {level: mean PSNR in dB}}, and the same as "given" where the network can be
        told the level.
    """
    import numpy as np

    from olivetti_denoiser.denoiser import Denoiser
    from olivetti_denoiser.evaluate.measure import Method, psnr_against_sigma

    denoiser = Denoiser(model)
    methods: dict[str, Method] = {"estimated": lambda noisy, sigma: denoiser(noisy, mirror=False)}
    if denoiser.takes_sigma:
        methods["given"] = lambda noisy, sigma: denoiser(noisy, sigma=sigma, mirror=False)
    several = faces.take(np.repeat(np.arange(len(faces.clean)), LEVEL_DRAWS))
    found = psnr_against_sigma(methods, several)
    return {
        name: {level: psnr for level, psnr in row.items() if float(level)}
        for name, row in found.items()
    }


def summary(
    rows: Mapping[str, Mapping[str, Any]], seeds: Sequence[int], figures: Mapping[str, Sequence]
) -> dict[str, Any]:
    """Returns what `run_ablation` found as it is kept under `ablation` in `metrics.json`.

    Args:
        rows: as `run_ablation` took them.
        seeds: likewise.
        figures: what it returned.

    Returns:
        `seeds`, and `rows`: {name: `command`, `seconds` (the mean over seeds), `psnr` in dB and
        `ssim` (mean, low and high over seeds), `levels` (as of `at_levels`, means over seeds),
        `diverged` (how many seeds)}.
    """
    import numpy as np

    found = {}
    for name, options in rows.items():
        done = [row for row in figures[name] if row is not None]
        found[name] = {
            "command": f"{command(options)} --seed N",
            "seconds": round(float(np.mean([row["seconds"] for row in done])), 1) if done else None,
            "psnr": _spread([row["val_psnr"] for row in done]),
            "ssim": _spread([row["val_ssim"] for row in done]),
            "levels": _mean_levels([row["levels"] for row in done]),
            "diverged": len(figures[name]) - len(done),
        }
    return {"seeds": list(seeds), "rows": found}


def table(ablation: Mapping[str, Any]) -> str:
    """Returns a `summary` as Markdown: figures and command of each row, then all noise levels."""
    seeds = ablation["seeds"]
    if len(seeds) > 1:
        over = f"mean over seeds {', '.join(map(str, seeds))} (lowest – highest)"
    else:
        over = f"seed {seeds[0]} alone, so small differences say nothing"
    text = (
        "Held-out training faces, averaged weights of the best epoch, one pass without the mirror "
        f"average: {over}.\n\n{_markdown(_figures_table(ablation))}\n"
    )
    levels = _levels_table(ablation)
    if levels.empty:
        return text
    return (
        f"{text}\nThe same networks at every noise level, PSNR in dB, means over seeds. They "
        "estimate the level, except for the blind one and for the row that is given sigma.\n\n"
        f"{_markdown(levels)}\n"
    )


def _figures_table(ablation) -> pd.DataFrame:
    """Figures and command of each row."""
    import pandas as pd

    seeds, lines = len(ablation["seeds"]), []
    for name, row in ablation["rows"].items():
        diverged = f", {row['diverged']} of {seeds} diverged" if row["diverged"] else ""
        lines.append(
            {
                "row": name,
                "seconds": "–" if row["seconds"] is None else f"{row['seconds']:.0f}",
                "PSNR, dB": _spread_text(row["psnr"], 2) + diverged,
                "SSIM": _spread_text(row["ssim"], 4),
                "command": f"`{row['command']}`",
            }
        )
    return pd.DataFrame(lines)


def _levels_table(ablation) -> pd.DataFrame:
    """PSNR at every noise level; no rows where no run has been measured."""
    import pandas as pd

    lines = []
    for name, row in ablation["rows"].items():
        if row["levels"]:
            lines.append({"row": name, **row["levels"]["estimated"]})
            if len(lines) == 1 and "given" in row["levels"]:
                lines.append({"row": f"{name}, sigma given", **row["levels"]["given"]})
    return pd.DataFrame(lines)


def _markdown(frame):
    from olivetti_denoiser.evaluate.tables import markdown

    cells = frame.map(lambda cell: cell if isinstance(cell, str) else f"{cell:.2f}")
    return markdown(cells, texts=["command"])


def restored_by_losses(
    rows: Mapping[str, Mapping[str, Any]], seed: int, faces: Faces, folder: str | Path
) -> dict[str, np.ndarray]:
    """Returns faces as restored by the rows that differ from the default in their loss alone.

    Args:
        rows: as `run_ablation` took them.
        seed: the seed of the runs to load.
        faces: faces with noise.
        folder: as `run_ablation` took it.

    Returns:
        {loss: restored faces, float32 N×64×64×1 in [0, 1]}.
    """
    import keras
    import numpy as np

    from olivetti_denoiser.denoiser import Denoiser
    from olivetti_denoiser.model_folder import LEGACY_MODEL

    common = dict(rows.get("default", {}))
    restored = {}
    for name, options in rows.items():
        if {key: value for key, value in options.items() if key != "loss"} == common:
            path = Path(folder) / f"{name}-{seed}" / LEGACY_MODEL
            denoiser = Denoiser(keras.models.load_model(path, compile=False))
            loss = TrainingConfig.from_dict(dict(options)).loss
            restored[loss] = np.clip(denoiser(faces.noisy), 0, 1)
    return restored


def command(options: Mapping[str, Any]) -> str:
    """Returns the command that trains a model with these options of `TrainingConfig`."""
    parts = ["denoiser train"]
    for name, value in options.items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            parts.append(f"--{'' if value else 'no-'}{flag}")
        else:
            text = ",".join(map(str, value)) if isinstance(value, tuple) else f"{value}"
            parts.append(f"--{flag} {text}")
    return " ".join(parts)


def _mean_levels(found):
    """The mean over seeds of the PSNR at every noise level; None without a seed."""
    import numpy as np

    if not found:
        return None
    return {
        kind: {level: float(np.mean([one[kind][level] for one in found])) for level in row}
        for kind, row in found[0].items()
    }


def _spread(values):
    """Mean, lowest and highest value over seeds; None without a seed."""
    import numpy as np

    if not values:
        return None
    return {"mean": float(np.mean(values)), "low": min(values), "high": max(values)}


def _spread_text(spread, digits):
    """A spread as it stands in the table."""
    if spread is None:
        return "–"
    mean, low, high = (f"{spread[name]:.{digits}f}" for name in ("mean", "low", "high"))
    return mean if spread["low"] == spread["high"] else f"{mean} ({low} – {high})"
