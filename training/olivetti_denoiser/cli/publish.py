"""`denoiser publish`: publish a model folder to the Hub, with its dataset and its demo.

denoiser publish model_card --model OWNER/olivetti-denoiser --tag v1.0.0 --dry-run
"""

from __future__ import annotations

import argparse

from olivetti_denoiser.cli.options import Commands, add_command, add_repositories


def register(commands: Commands) -> None:
    """Add the command."""
    summary = "publish a model folder to the Hub"
    publish = add_command(commands, "publish", run, summary, extra="evaluate")
    publish.add_argument("folder", help="model folder, such as model_card")
    add_repositories(publish, required=["model"])
    publish.add_argument("--dry-run", action="store_true", help="list every file and touch nothing")
    publish.add_argument("--tag", metavar="vX.Y.Z", help="tag of the model's commit")
    publish.add_argument("--private", action="store_true", help="make new repositories private")
    publish.add_argument(
        "--allow-regression", action="store_true", help="publish over a better model"
    )


def run(options: argparse.Namespace) -> None:
    """Publish the folder; what it did is printed on the way."""
    from olivetti_denoiser.publish.publish import publish

    publish(
        options.folder,
        model=options.model,
        dataset=options.dataset,
        space=options.space,
        tag=options.tag,
        private=options.private,
        dry_run=options.dry_run,
        allow_regression=options.allow_regression,
    )
