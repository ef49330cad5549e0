"""`denoiser launch`: train and publish as a job of Hugging Face.

denoiser launch --flavor a10g-small --model OWNER/olivetti-denoiser -- --epochs 100
"""

from __future__ import annotations

import argparse

from olivetti_denoiser.cli import train
from olivetti_denoiser.cli.options import (
    Commands,
    OneLineParser,
    add_command,
    add_release,
    add_repositories,
    given_repositories,
)

HELP = {
    "model": "publish the model there",
    "dataset": "publish the split there too",
    "space": "publish the demo there too",
}


def register(commands: Commands) -> None:
    """Adds the command."""
    summary = "train and publish as a job of Hugging Face"
    launch = add_command(commands, "launch", run, summary, extra="openvino")
    launch.add_argument("--flavor", required=True, help="machine to rent, such as a10g-small")
    launch.add_argument("--image", help="Docker image with Python, pip and git (python:3.12)")
    launch.add_argument(
        "--source", metavar="URL@TAG", help="code to train with (this checkout's remote and branch)"
    )
    launch.add_argument("--timeout", help="longest time that the job may take, 90m or 6h (6h)")
    add_repositories(launch, HELP)
    add_release(launch)
    launch.add_argument(
        "train", nargs="*", metavar="-- TRAIN OPTION", help="options of `denoiser train`, after --"
    )


def run(options: argparse.Namespace) -> int:
    """Starts the job, shows its log and returns its exit code."""
    from olivetti_denoiser.publish.job import launch

    parser = OneLineParser(prog="denoiser train", allow_abbrev=False)
    train.add_options(parser)
    given = parser.parse_args(options.train)
    train.config_of(given)  # a wrong option is better known now than in the job
    if given.distributed:
        raise ValueError("a job is one machine, whose GPUs all take part. Received: --distributed")
    wishes = {name: getattr(options, name) for name in ("image", "source", "timeout")}
    return launch(
        options.train,
        flavor=options.flavor,
        publish=_publishing(options),
        config=given.config,
        **{name: value for name, value in wishes.items() if value},
    )


def _publishing(options):
    """The options of `denoiser publish` among those of `denoiser launch`."""
    given = [(f"--{kind}", name) for kind, name in given_repositories(options).items()]
    if options.space and options.space_sdk != "auto":
        given.append(("--space-sdk", options.space_sdk))
    if options.tag:
        given.append(("--tag", options.tag))
    flags = ("private", "allow_regression")
    given += [(f"--{name.replace('_', '-')}",) for name in flags if getattr(options, name)]
    if given and not options.model:
        raise ValueError(
            f"publishing needs --model OWNER/NAME. Received: {' '.join(given[0])} without it"
        )
    return [part for option in given for part in option]
