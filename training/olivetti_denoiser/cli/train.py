"""`denoiser train`: train a model and write its folder.

denoiser train --output outputs/model
denoiser train --preset quick --epochs 3 --output outputs/quick
denoiser train --preset colour --max-minutes 330 --output outputs/colour
"""

from __future__ import annotations

import argparse
import contextlib
import math

from olivetti_denoiser.cli.options import (
    ONLY_IN_GRAY,
    Commands,
    add_command,
    add_config_options,
    add_json,
    given_options,
    print_metrics,
    quiet_output,
)
from olivetti_denoiser.config import PRESETS, TrainingConfig


def register(commands: Commands) -> None:
    """Add the command."""
    summary = "train a model and write its folder"
    add_options(add_command(commands, "train", run, summary, extra="train"))


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `denoiser train`."""
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
        type=minutes,
        metavar="N",
        help="end the training within N minutes, over fewer steps where all would take longer",
    )
    add_json(parser)
    add_config_options(parser.add_argument_group("training options, over --config and --preset"))


def minutes(text: str) -> float:
    """Read `--max-minutes`.

    Raises:
        argparse.ArgumentTypeError: It is no number of minutes.
    """
    with contextlib.suppress(ValueError):
        if 0 < float(text) < math.inf:
            return float(text)
    raise argparse.ArgumentTypeError(f"a number above 0 would do. Received: {text}")


def config_of(options: argparse.Namespace) -> TrainingConfig:
    """Return the settings that the options of `denoiser train` give.

    Raises:
        ValueError: An impossible setting, or a file that cannot be read.
    """
    given = given_options(options)
    config = TrainingConfig.from_options(given, path=options.config, preset=options.preset)
    unread = ONLY_IN_GRAY if config.planes == 3 else ("pool",)
    for name in set(given) & set(unread):
        kind = "in gray, --planes 1" if name in ONLY_IN_GRAY else "in colour, --planes 3"
        raise ValueError(f"--{name} is for a training {kind}. Received: {name}={given[name]}")
    return config


def run(options: argparse.Namespace) -> None:
    """Train, write the model folder and print its metrics."""
    config = config_of(options)
    prepare(options.distributed)
    from olivetti_denoiser.publish.write import write_model_folder
    from olivetti_denoiser.train.run import train

    with quiet_output(options.json):
        trained = train(
            config,
            options.output,
            dataset=options.dataset,
            image_column=options.image_column,
            split=options.split,
            overwrite=options.overwrite,
            distributed=options.distributed,
            max_minutes=options.max_minutes,
        )
        if trained:
            print(f"Writing {write_model_folder(options.output, trained)}")
    if trained:
        print_metrics(trained.metrics, options.json)


def prepare(distributed: bool = False) -> None:
    """Choose the backend to train on; several processes train on JAX alone."""
    from olivetti_denoiser.network.backend import BACKENDS, prepare_training

    prepare_training(("jax",) if distributed else BACKENDS)
