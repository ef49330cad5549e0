"""What several commands share: their parser, common options, and how figures are printed.

>>> parser = OneLineParser(prog="denoiser train")
>>> add_config_options(parser.add_argument_group("training options"))
>>> given_options(parser.parse_args(["--epochs", "3"]))
{'epochs': 3}
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any, NoReturn, cast

from olivetti_denoiser.config import TrainingConfig
from olivetti_denoiser.release import Metrics

WRONG_ARGUMENT = 2  # the exit code
REPOSITORIES = {  # on the Hub, by their kind
    "model": "repository of the model",
    "dataset": "repository of the faces",
    "space": "repository of the demo: a Gradio Space, or a static one where the plan has none",
}
# Settings that a training in colour does not read.
ONLY_IN_GRAY = ("shift", "flip", "warp", "mix", "collage", "contrast", "brightness")
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


def add_config_options(group: argparse._ArgumentGroup) -> None:
    """Add an option for each field of `TrainingConfig`, absent from the result unless given."""
    for option in fields(TrainingConfig):
        name, default = option.name, option.default
        how: dict[str, Any] = {"dest": name, "default": argparse.SUPPRESS}
        how["help"] = f"{option.metadata['help']} ({_shown(default)})"
        if isinstance(default, bool):
            how["action"] = argparse.BooleanOptionalAction
        elif isinstance(default, tuple):
            how |= {"type": _whole_numbers, "metavar": "N,N,…"}
        elif isinstance(default, str):
            how["metavar"] = "|".join(option.metadata["choices"])
        else:
            how |= {"type": _number, "metavar": "N" if isinstance(default, int) else "X"}
        group.add_argument(f"--{name.replace('_', '-')}", **how)


def given_options(options: argparse.Namespace) -> dict[str, Any]:
    """Return {name: value} of the options of `add_config_options` that were given."""
    names = {option.name for option in fields(TrainingConfig)}
    return {name: value for name, value in vars(options).items() if name in names}


def _shown(default):
    return ",".join(map(str, default)) if isinstance(default, tuple) else default


def _number(text):
    """Return a number as JSON would have it, so that 3 stays whole; its bounds are the config's."""
    try:
        return int(text)
    except ValueError:
        return float(text)


def _whole_numbers(text):
    return tuple(int(part) for part in text.split(","))


_number.__name__, _whole_numbers.__name__ = "number", "list of whole numbers"


def print_metrics(metrics: Mapping[str, Any], as_json: bool) -> None:
    """Print the metrics of an evaluation: one line of JSON, or tables."""
    if as_json:
        print(json.dumps(metrics))
        return
    from olivetti_denoiser.evaluate.tables import table

    print(table(cast(Metrics, metrics)))
