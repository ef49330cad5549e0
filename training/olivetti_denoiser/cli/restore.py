"""`denoiser restore`: remove the noise of a picture, of several, or of one from a pipe.

denoiser restore noisy.png restored.png
denoiser restore photos --recursive --output-dir restored
camera | denoiser restore - - --format png | viewer
"""

# ruff: noqa: PTH110, PTH112
from __future__ import annotations

import argparse
import json
import secrets
import sys
import tempfile
import time
from collections import Counter
from os.path import exists, isdir  # Path's own raise where a name is too long
from pathlib import Path
from typing import Any

from olivetti_denoiser.atomic import atomic_write
from olivetti_denoiser.bundled import bundled
from olivetti_denoiser.cli.options import FAILED, WRONG_ARGUMENT, Commands, add_command

PIPE = "-"


def register(commands: Commands) -> None:
    """Add the command."""
    summary = "remove the noise of pictures"
    restore = add_command(commands, "restore", run, summary, extra="images")
    restore.usage = (
        "denoiser restore [OPTIONS] PICTURE OUTPUT\n"
        "       denoiser restore [OPTIONS] PICTURE|FOLDER ... --output-dir DIR"
    )
    restore.add_argument(
        "paths", metavar="PICTURE", nargs="+", help="picture files or folders; - is a pipe"
    )
    restore.add_argument("--output-dir", metavar="DIR", help="write to this folder, names kept")
    restore.add_argument("--recursive", action="store_true", help="take subfolders along")
    restore.add_argument("--overwrite", action="store_true", help="replace existing outputs")
    restore.add_argument(
        "--format",
        metavar="png|jpeg|…",
        help="of a picture for a pipe, or of all in --output-dir",
    )
    restore.add_argument("--json", action="store_true", help="say it as JSON, a line a picture")
    restore.add_argument(
        "--model", metavar="MODEL", help="model folder, or OWNER/NAME (the bundled one)"
    )
    restore.add_argument(
        "--network", choices=("gray", "colour"), help="which network (by the picture's noise)"
    )
    restore.add_argument("--sigma", type=float, help="noise level from 0 to 1 (estimated)")
    restore.add_argument("--strength", type=float, default=1.0, help="0 untouched to 1 full")
    restore.add_argument(
        "--level-factor",
        type=float,
        default=1.0,
        help="restore as if the noise were so many times the estimate: 0.5 keeps more grain, "
        "1.5 is smoother (%(default)s)",
    )
    restore.add_argument(
        "--mirror",
        action=argparse.BooleanOptionalAction,
        help="average with the mirror image or not (what the model does by itself)",
    )


def run(options: argparse.Namespace) -> int | None:
    """Restore the pictures and print the path of each new file."""
    from olivetti_denoiser.cli.restore_files import Plan, plan_files
    from olivetti_denoiser.denoiser import check_options
    from olivetti_denoiser.images.write import format_of

    check_options(options.sigma, options.strength, options.level_factor)
    ending, unnamed = None, Path()
    if options.format is not None:
        ending = f".{options.format.lower().removeprefix('.')}"
        unnamed = Path(tempfile.gettempdir()) / (secrets.token_hex(8) + ending)  # never written
        format_of(f"restored{ending}")
    if options.output_dir is not None:
        if PIPE in options.paths:
            raise ValueError("--output-dir is for files, and - is a pipe (./- is a file called -)")
        plan = plan_files(options.paths, options.output_dir, options.recursive, ending)
    else:
        _check_one(options)
        source, output = options.paths
        plan = Plan({unnamed if output == PIPE else Path(output): source}, [], [])
    return _restore_all(plan, options)


def _restore_all(plan, options) -> int | None:
    """Restore each picture of a plan and return the exit code."""
    from tqdm import tqdm

    single, counts, denoiser = options.output_dir is None, Counter[str](), None
    bar = tqdm(
        total=len(plan.files),
        disable=None,  # where standard error is no terminal
        leave=False,
        bar_format="{percentage:3.0f} % |{bar}| about {remaining} left",
    )

    def report(**row):
        bar.clear()
        counts[row["status"]] += 1
        if row["status"] == "failed":
            print(f"denoiser: {row['message']}", file=sys.stderr)
        if options.json:
            print(json.dumps(row), flush=True)
        elif row["status"] == "restored" and options.paths[-1] != PIPE:
            print(row["output"], flush=True)

    for note in plan.notes:
        print(note, file=sys.stderr)
    for source, message in plan.failures:
        report(path=str(source), status="failed", message=message)
    with bar:
        for number, (output, source) in enumerate(plan.files.items()):
            paths = {"path": str(source), "output": str(output)}
            if not (single or options.overwrite) and exists(output):
                report(**paths, status="skipped", message="the output exists")
                continue
            denoiser = denoiser or _load(options)
            try:
                result = _restore(denoiser, source, output, options, bar, number)
            except (ValueError, OSError, RuntimeError, MemoryError) as error:
                message = " ".join(str(error).split()) or type(error).__name__
                if str(source) not in message and source != PIPE:
                    message = f"{source}: {message}"
                report(**paths, status="failed", message=message)
                if single and isinstance(error, ValueError):
                    return WRONG_ARGUMENT
            else:
                report(**paths, status="restored", **result)
    if not single:
        said = "{restored} restored, {failed} failed, {skipped} skipped (--overwrite replaces them)"
        print(said.format_map(counts), file=sys.stderr)
    return FAILED if counts["failed"] else None


def _restore(denoiser, source, output: Path, options, bar, number: int) -> dict[str, Any]:
    """Restore a picture, write it, and return its facts for `--json`."""
    from olivetti_denoiser.images.read import decode_picture, read_picture
    from olivetti_denoiser.images.write import WRITTEN, check_output, encode_picture

    if output.suffix.lower() not in WRITTEN:  # of a picture in a folder, which keeps its name
        raise ValueError(f"{output.suffix} is read and not written; --format png would do")
    if source == PIPE:
        picture = decode_picture(sys.stdin.buffer.read(), "standard input")
    else:
        picture = read_picture(source)
    for note in (*picture.notes, *check_output(picture, output)):
        bar.clear()
        print(f"{source}: {note}" if options.output_dir else note, file=sys.stderr)
    started = time.monotonic()
    restored = denoiser.restore(
        picture.whole,
        sigma=options.sigma,
        strength=options.strength,
        mirror=options.mirror,
        level_factor=options.level_factor,
        progress=lambda done, total: bar.update(number + done / total - bar.n),
    )
    content = encode_picture(restored.image, output, picture)
    if options.paths[-1] == PIPE:
        with open(sys.stdout.fileno(), "wb", closefd=False) as pipe:
            pipe.write(content)
    else:
        output.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(output, content)
    seconds = round(time.monotonic() - started, 3)
    return {"sigma": restored.sigma, "network": restored.network, "seconds": seconds}


def _check_one(options):
    """Refuse, before any work, arguments that are not one picture and a file to write."""
    from olivetti_denoiser.images.write import check_ending

    received = f"Received: {' '.join(options.paths)}"
    if len(options.paths) != 2 or isdir(options.paths[0]) or options.recursive:
        raise ValueError(
            "restore takes a picture and the file to write, or several pictures and folders with "
            f"--output-dir DIR, and --recursive there. {received}"
        )
    source, output = options.paths
    if (source == PIPE and sys.stdin.isatty()) or (output == PIPE and sys.stdout.isatty()):
        raise ValueError("- is a picture in a pipe, and here it would be the terminal")
    if output == PIPE:
        if options.format is None or options.json or options.overwrite:
            raise ValueError(
                "a picture for a pipe needs --format, such as --format png, and takes neither "
                f"--json nor --overwrite. {received}"
            )
        return
    if options.format is not None:
        raise ValueError(
            f"--format is for pipes and --output-dir; here the name says it. Received: {output}"
        )
    if isdir(output):
        raise ValueError(f"a file cannot replace a folder; --output-dir writes into it. {received}")
    check_ending(output)
    if exists(output) and not options.overwrite:
        raise ValueError(f"the output exists; --overwrite replaces it. Received: {output}")


def _load(options):
    """Return the denoiser that the options ask for."""
    from olivetti_denoiser.denoiser import Denoiser

    denoiser = Denoiser.from_pretrained(options.model or bundled("model_card"))
    return denoiser.only(options.network) if options.network else denoiser
