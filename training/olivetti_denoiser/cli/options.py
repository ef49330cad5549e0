"""What several commands share: their parser, common options, and how figures are printed."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn, cast

from olivetti_denoiser.release import Metrics

FAILED, WRONG_ARGUMENT = 1, 2  # exit codes
REPOSITORIES = {  # on the Hub, by their kind
    "model": "repository of the model",
    "dataset": "repository of the faces",
    "space": "repository of the demo: a Gradio Space, or a static one where the plan has none",
}
Commands = argparse._SubParsersAction  # the type of `add_subparsers`; it has no public name
Run = Callable[[argparse.Namespace], "int | None"]


class OneLineParser(argparse.ArgumentParser):
    """A parser whose complaint is one line."""

    def error(self, message: str) -> NoReturn:
        """End the program with exit code 2."""
        self.exit(WRONG_ARGUMENT, f"{self.prog}: {message} (see {self.prog} --help)\n")


def add_command(
    commands: Commands, name: str, run: Run, summary: str, *, extra: str, listed: bool = True
) -> argparse.ArgumentParser:
    """Add a command.

    Args:
        commands: What `add_subparsers` returned.
        name: The command's name.
        run: Receives the parsed options; returns an exit code, or None for 0.
        summary: One line for `--help`.
        extra: The extra of `pyproject.toml` that installs what the command needs.
        listed: Whether `denoiser --help` shows it.

    Returns:
        The command's parser.
    """
    shown: dict[str, Any] = {"help": summary} if listed else {}
    command = commands.add_parser(name, description=summary, allow_abbrev=False, **shown)
    command.set_defaults(run=run, command=name, extra=extra)
    return command


def add_repositories(command: argparse.ArgumentParser, required: Sequence[str] = ()) -> None:
    """Add `--model`, `--dataset` and `--space`, repositories on the Hub."""
    for kind, help in REPOSITORIES.items():
        command.add_argument(
            f"--{kind}", metavar="OWNER/NAME", help=help, required=kind in required
        )


def given_repositories(options: argparse.Namespace) -> dict[str, str]:
    """Return {kind: OWNER/NAME} of the repositories that were given."""
    return {kind: getattr(options, kind) for kind in REPOSITORIES if getattr(options, kind)}


def add_json(command: argparse.ArgumentParser) -> None:
    """Add `--json`."""
    command.add_argument("--json", action="store_true", help="print the figures as JSON")


def print_metrics(metrics: Mapping[str, Any], as_json: bool) -> None:
    """Print the metrics of an evaluation: one line of JSON, or tables."""
    if as_json:
        print(json.dumps(metrics))
        return
    from olivetti_denoiser.evaluate.tables import table

    print(table(cast(Metrics, metrics)))
