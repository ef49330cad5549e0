"""`denoiser ablation`: what each choice of the recipe is worth, trained over seeds.

denoiser ablation --seeds 0,1,2                               # every row
denoiser ablation --epochs 3 default adamw                    # two rows, shorter
denoiser ablation --save model_card default mse               # for the card
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from typing import Any

from olivetti_denoiser.cli.options import (
    Commands,
    add_command,
    add_config_options,
    given_options,
)

FOLDER = "outputs/ablation"
SHOWN = 4  # held-out faces in the picture of the losses


def register(commands: Commands) -> None:
    """Adds the command."""
    summary = "train the recipe with one change at a time"
    parser = add_command(commands, "ablation", run, summary, extra="train")
    from olivetti_denoiser.train.ablation import NOT_SHARED, ROWS

    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"{', '.join(ROWS)} (all)")
    parser.add_argument(
        "--seeds", type=seed_list, default="0", metavar="N,N,…", help="seeds of each row (0)"
    )
    parser.add_argument("--output", default=FOLDER, help="where the runs live (%(default)s)")
    parser.add_argument("--save", metavar="FOLDER", help="keep the table in this model folder")
    shared = parser.add_argument_group("training options of every row, under what a row changes")
    add_config_options(shared, without=NOT_SHARED)


def seed_list(text: str) -> tuple[int, ...]:
    """Reads the seeds of `--seeds`."""
    try:
        return tuple(int(seed) for seed in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"whole numbers such as 0,1,2 would do. Received: {text}"
        ) from None


def run(options: argparse.Namespace) -> int:
    """Trains the rows and prints the table; what the trainings print goes to standard error.

    Raises:
        ValueError: an unknown row or an impossible option.
        FacesUnavailableError: there are no faces to train on.
    """
    from olivetti_denoiser.backend import prepare_training
    from olivetti_denoiser.train.ablation import ablation_rows, run_ablation, summary, table

    rows = ablation_rows(options.rows, given_options(options))
    prepare_training()
    from olivetti_denoiser.data.faces import as_arrays, reference_split

    faces = as_arrays(reference_split()["train"])
    with contextlib.redirect_stdout(sys.stderr):
        figures = run_ablation(rows, options.seeds, faces, options.output, say=print)
        found = summary(rows, options.seeds, figures)
        if options.save:
            _save(options, rows, faces, found)
    print(table(found), end="")
    return 0


def _save(options, rows: dict[str, dict[str, Any]], faces, found):
    """Keeps the table and the picture of the losses in a model folder."""
    from olivetti_denoiser.evaluate.plots import losses_grid
    from olivetti_denoiser.model_folder import LOSS_FACES
    from olivetti_denoiser.publish.update import update_release
    from olivetti_denoiser.train.ablation import HELD_OUT, restored_by_losses
    from olivetti_denoiser.train.fit import carve_validation

    shown = carve_validation(faces, HELD_OUT)[1].take(slice(SHOWN))
    restored = restored_by_losses(rows, options.seeds[0], shown, options.output)

    def draw(folder):
        losses_grid(shown.clean, shown.noisy, restored, folder / LOSS_FACES)

    print(f"Keeping the table in {update_release(options.save, {'ablation': found}, draw=draw)}")
