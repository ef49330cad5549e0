"""What only the workflow `retrain.yml` calls; `denoiser --help` does not list these.

denoiser credentials --model OWNER/NAME                          # may this machine publish?
denoiser summary outputs/model --released OWNER/NAME model_card  # the new metrics, as Markdown
"""

from __future__ import annotations

import argparse
from typing import Any

from olivetti_denoiser.cli.options import (
    Commands,
    add_command,
    add_repositories,
    given_repositories,
)


def register(commands: Commands) -> None:
    """Add the two commands."""
    hidden: dict[str, Any] = {"extra": "evaluate", "listed": False}
    credentials = add_command(
        commands, "credentials", run_credentials, "find out whether this machine may publish",
        **hidden,
    )  # fmt: skip
    add_repositories(credentials)

    summary = add_command(
        commands, "summary", run_summary, "show a new model beside the released one", **hidden
    )
    summary.add_argument("folder", help="model folder, such as outputs/model")
    summary.add_argument(
        "--released",
        metavar="MODEL",
        nargs="+",
        default=(),
        help="where the released model may be, folders or OWNER/NAME; the first found counts",
    )


def run_credentials(options: argparse.Namespace) -> None:
    """Print whether this machine may publish, and why, as `$GITHUB_OUTPUT` takes it."""
    from olivetti_denoiser.publish.credentials import find_credentials

    found, why = find_credentials(given_repositories(options))
    print(f"publish={str(found).lower()}\nwhy={why}")


def run_summary(options: argparse.Namespace) -> None:
    """Print the new model's metrics beside the released ones."""
    from olivetti_denoiser.publish.summary import summary

    print(summary(options.folder, options.released), end="")
