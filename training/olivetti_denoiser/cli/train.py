"""`denoiser train`: train a model and write its folder.

denoiser train --output outputs/model
denoiser train --preset quick --epochs 3 --output outputs/quick
denoiser train --preset colour --max-minutes 330 --output outputs/colour
"""

from __future__ import annotations

import argparse
import math
import sys
from contextlib import redirect_stdout
from dataclasses import fields
from typing import Any

from olivetti_denoiser.cli.options import Commands, add_command, add_json, print_metrics
from olivetti_denoiser.config import PRESETS, TrainingConfig

# Settings that a training in colour does not read.
ONLY_IN_GRAY = ("shift", "flip", "warp", "mix", "collage", "contrast", "brightness")


def register(commands: Commands) -> None:
    """Add the command."""
    summary = "train a model and write its folder"
    parser = add_command(commands, "train", run, summary, extra="train")
    parser.add_argument(
        "--output", default="outputs/model", help="model folder to write (%(default)s)"
    )
    parser.add_argument("--config", metavar="FILE", help="JSON file with any of the options below")
    parser.add_argument(
        "--preset", choices=PRESETS, default="default", help="settings to start from (%(default)s)"
    )
    parser.add_argument(
        "--dataset",
        metavar="OWNER/NAME|FOLDER",
        help="pictures to learn from: an image dataset on the Hub, or a folder (the faces)",
    )
    parser.add_argument(
        "--image-column", metavar="NAME", help="the dataset's column of pictures (the only one)"
    )
    parser.add_argument(
        "--split",
        metavar="NAME",
        help="the dataset's split to learn from (train, or the only one); of the faces: reference, "
        "which shares people between its parts, or subjects, which does not (reference)",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace a finished model; start a run anew"
    )
    parser.add_argument(
        "--distributed",
        action="store_true",
        help="train together with the other processes that srun, mpirun, Kubernetes or "
        "KERAS_DISTRIBUTION_* variables started; on JAX",
    )
    parser.add_argument(
        "--max-minutes",
        type=float,
        metavar="N",
        help="end the training within N minutes, over fewer steps where all would take longer",
    )
    add_json(parser)
    add_config_options(parser.add_argument_group("training options, over --config and --preset"))


def add_config_options(group: argparse._ArgumentGroup) -> None:
    """Add an option for each field of `TrainingConfig`, absent from the result unless given."""
    for option in fields(TrainingConfig):
        name, default = option.name, option.default
        how: dict[str, Any] = {"dest": name, "default": argparse.SUPPRESS}
        shown = ",".join(map(str, default)) if isinstance(default, tuple) else default
        how["help"] = f"{option.metadata['help']} ({shown})"
        if isinstance(default, bool):
            how["action"] = argparse.BooleanOptionalAction
        elif isinstance(default, tuple):
            how |= {"type": _whole_numbers, "metavar": "N,N,…"}
        elif isinstance(default, str):
            how["metavar"] = "|".join(option.metadata["choices"])
        else:
            how |= {"type": _number, "metavar": "N" if isinstance(default, int) else "X"}
        group.add_argument(f"--{name.replace('_', '-')}", **how)


def _number(text):
    """Return a number as JSON would have it, so that 3 stays whole; its bounds are the config's."""
    try:
        return int(text)
    except ValueError:
        return float(text)


def _whole_numbers(text):
    return tuple(int(part) for part in text.split(","))


_number.__name__, _whole_numbers.__name__ = "number", "list of whole numbers"


def config_of(options: argparse.Namespace) -> TrainingConfig:
    """Return the settings that the options of `denoiser train` give.

    Raises:
        ValueError: An impossible setting, or a file that cannot be read.
    """
    names = {option.name for option in fields(TrainingConfig)}
    given = {name: value for name, value in vars(options).items() if name in names}
    config = TrainingConfig.from_options(given, path=options.config, preset=options.preset)
    unread = ONLY_IN_GRAY if config.planes == 3 else ("pool",)
    for name in set(given) & set(unread):
        kind = "in gray, --planes 1" if name in ONLY_IN_GRAY else "in colour, --planes 3"
        raise ValueError(f"--{name} is for a training {kind}. Received: {name}={given[name]}")
    return config


def run(options: argparse.Namespace) -> None:
    """Train, write the model folder and print its metrics."""
    config, minutes = config_of(options), options.max_minutes
    if minutes is not None and not 0 < minutes < math.inf:
        raise ValueError(f"--max-minutes must be a number above 0. Received: {minutes}")
    from olivetti_denoiser.network.backend import BACKENDS, prepare_training

    prepare_training(("jax",) if options.distributed else BACKENDS)
    from olivetti_denoiser.publish.write import write_model_folder
    from olivetti_denoiser.train.run import train

    with redirect_stdout(sys.stderr if options.json else sys.stdout):
        trained = train(
            config,
            options.output,
            dataset=options.dataset,
            image_column=options.image_column,
            split=options.split,
            overwrite=options.overwrite,
            distributed=options.distributed,
            max_minutes=minutes,
        )
        if trained:
            print(f"Writing {write_model_folder(options.output, trained)}")
    if trained:
        print_metrics(trained.metrics, options.json)
