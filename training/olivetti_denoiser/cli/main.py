"""The command line's entry: it registers the commands and turns errors into exit codes.

    denoiser train | evaluate | export | restore | demo | publish

Exit codes: 0 done, 1 failed, 2 a wrong argument, 3 refused or stopped.
"""

from __future__ import annotations

import argparse
import sys

from olivetti_denoiser import __version__
from olivetti_denoiser.cli import demo, evaluate, export, publish, restore, train, workflow
from olivetti_denoiser.cli.options import FAILED, WRONG_ARGUMENT, OneLineParser
from olivetti_denoiser.errors import RunStoppedError

DONE, REFUSED = 0, 3
GROUPS = (train, evaluate, export, restore, demo, publish, workflow)


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code.

    Args:
        arguments: The command line without the program's name; None takes `sys.argv`.
    """
    options = build_parser().parse_args(arguments)
    try:
        return options.run(options) or DONE
    except KeyboardInterrupt:
        return _complain("stopped; the same command goes on where it was", REFUSED)
    except RunStoppedError as error:
        return _complain(error, REFUSED)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package == __package__.partition(".")[0]:
            raise  # a fault of ours
        return _complain(
            f"{options.command} needs the package {package!r}, which is not installed; "
            f'pip install "olivetti-denoiser[{options.extra}]" brings it',
            FAILED,
        )
    except ValueError as error:
        return _complain(error, WRONG_ARGUMENT)
    except (RuntimeError, OSError) as error:
        return _complain(error, FAILED)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = OneLineParser(
        prog="denoiser",
        description="Train, evaluate and use a Residual U-Net that removes noise from pictures.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=OneLineParser)
    for group in GROUPS:
        group.register(commands)
    return parser


def _complain(error, code):
    print(f"denoiser: {' '.join(str(error).split())}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
