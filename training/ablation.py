"""What choices of the recipe are worth: trainings that differ in one option, over several seeds.

    python training/ablation.py --seeds 0,1,2                     # the table on the card
    python training/ablation.py --epochs 1 default adamw          # two rows, shorter
    python training/ablation.py --seeds 0,1,2 --save model_card   # put it on the card

Each run lives in `<output>/<row>-<seed>`; an interrupted ablation goes on where it was. All metrics
are of training faces that are held out, without the mirror average, never of the test faces.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import fmean as mean
from typing import TYPE_CHECKING

from olivetti_denoiser.cli.main import build_parser
from olivetti_denoiser.cli.train import config_of
from olivetti_denoiser.evaluate.ablation import table
from olivetti_denoiser.history import best_epoch
from olivetti_denoiser.network.backend import prepare_training

if TYPE_CHECKING:
    from olivetti_denoiser.data.faces import Faces

# What each row changes, as options of `denoiser train`.
ROWS = {
    "default": "",
    "mse": "--loss mse",
    "one-level": "--sigma-share 1.0",
    "adamw": "--optimizer adamw --learning-rate 0.001",
    "no-warp": "--warp 0.0",
}
LOSSES = {"default": "mse+ssim", "mse": "mse"}  # rows whose restored faces are drawn side by side
HELD_OUT = 16  # faces, more than a release can spare
DRAWS = 8  # how often a held-out face is seen at each noise level
SHOWN = slice(4)  # of the held-out faces, in the plot of the losses


def main(arguments: list[str] | None = None) -> None:
    """Train the rows and print their table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"{', '.join(ROWS)} (all)")
    parser.add_argument("--seeds", default="0", metavar="N,N,…", help="seeds of each row (0)")
    parser.add_argument("--epochs", default="3", metavar="N", help="of each training (3)")
    parser.add_argument("--output", default="outputs/ablation", type=Path, help="(%(default)s)")
    parser.add_argument("--save", type=Path, metavar="FOLDER", help="a release, for its card")
    options = parser.parse_args(arguments)
    if unknown := sorted(set(options.rows) - set(ROWS)):
        parser.error(f"rows are {', '.join(ROWS)}. Received: {', '.join(unknown)}")
    shared = f"--validation-faces {HELD_OUT} --epochs {options.epochs}"
    rows = {name: f"{ROWS[name]} {shared}".strip() for name in options.rows or ROWS}

    prepare_training()
    from olivetti_denoiser.data.faces import as_arrays, reference_split

    faces = as_arrays(reference_split()["train"])
    ablation, restored = run(rows, options.seeds.split(","), faces, options.output)
    print(table(ablation), end="")
    if options.save:
        from olivetti_denoiser.evaluate.plots import losses_grid
        from olivetti_denoiser.publish.write import update_release
        from olivetti_denoiser.release import LOSS_FACES

        shown = faces.take(slice(-HELD_OUT, None)).take(SHOWN)
        folder = update_release(options.save, {"ablation": ablation})
        losses_grid(shown.clean, shown.noisy, restored, folder / LOSS_FACES)


def run(rows: dict[str, str], seeds: list[str], faces: Faces, folder: Path) -> tuple[dict, dict]:
    """Train every row with every seed: `ablation` of `metrics.json`, and {loss: restored faces}."""
    import keras
    import numpy as np

    from olivetti_denoiser.denoiser import Denoiser
    from olivetti_denoiser.evaluate.measure import psnr_by_sigma
    from olivetti_denoiser.network.export import to_network
    from olivetti_denoiser.train.fit import fit

    found, restored = {name: [] for name in rows}, {}
    for seed in seeds:  # seed by seed, so that early on every row has a figure
        for name, options in rows.items():
            command = ["train", *options.split(), "--seed", seed]
            config = config_of(build_parser().parse_args(command))
            keras.backend.clear_session()
            held_out = faces.take(slice(-config.validation_faces, None))
            learned = faces.clean[: -config.validation_faces]
            result = fit(config, learned, held_out.clean, folder / f"{name}-{seed}")
            denoiser = Denoiser(to_network(result.model))
            if name in LOSSES:  # of the last seed
                restored[LOSSES[name]] = denoiser(held_out.take(SHOWN).noisy, mirror=False)
            methods = {
                "estimated": lambda noisy, sigma, to=denoiser: to(noisy, mirror=False),
                "given": lambda noisy, sigma, to=denoiser: to(noisy, sigma=sigma, mirror=False),
            }
            several = held_out.take(np.repeat(np.arange(len(held_out.clean)), DRAWS))
            levels = {name: psnr_by_sigma(method, several) for name, method in methods.items()}
            found[name].append((best_epoch(result.history), result.seconds, levels))
    summaries = {name: summary(rows[name], found[name]) for name in rows}
    return {"seeds": [int(seed) for seed in seeds], "rows": summaries}, restored


def summary(options: str, found: list[tuple]) -> dict:
    """Return a row over its seeds, as the card's table takes it."""
    bests, seconds, levels = zip(*found, strict=True)

    def spread(metric):
        values = [best[metric] for best in bests]
        return {"mean": mean(values), "low": min(values), "high": max(values)}

    def by_sigma(kind):
        sigmas = [sigma for sigma in levels[0][kind] if float(sigma)]
        return {sigma: mean([each[kind][sigma] for each in levels]) for sigma in sigmas}

    return {
        "command": f"denoiser train {options} --seed N",
        "seconds": round(mean(seconds), 1),
        "psnr": spread("val_psnr"),
        "ssim": spread("val_ssim"),
        "levels": {kind: by_sigma(kind) for kind in levels[0]},
    }


if __name__ == "__main__":
    main()
