"""`denoiser restore`: remove the noise of a picture, of several, or of one from a pipe.

denoiser restore noisy.png restored.png
denoiser restore photos --recursive --output-dir restored
camera | denoiser restore - - --format png | viewer
"""

# ruff: noqa: PTH110, PTH112
from __future__ import annotations

import argparse
import errno
import json
import sys
import tempfile
import time
from collections import Counter
from os.path import exists, isdir  # Path's own raise where a name is too long
from pathlib import Path
from typing import TYPE_CHECKING, Any

from olivetti_denoiser.bundled import bundled
from olivetti_denoiser.cli.options import Commands, add_command
from olivetti_denoiser.cli.progress import Progress

if TYPE_CHECKING:
    from olivetti_denoiser.denoiser import Denoiser
    from olivetti_denoiser.images.read import PictureFile

PIPE = "-"
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)  # the next picture would fail as well
FAILED = 1  # the exit code


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
        "--format", metavar="png|jpeg|…", help="of what goes to a pipe, or of all in --output-dir"
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
    from olivetti_denoiser.denoiser import check_options

    check_options(options.sigma, options.strength, options.level_factor)
    ending = _ending(options.format)
    return _many(options, ending) if options.output_dir is not None else _one(options, ending)


def _one(options, ending):
    """One picture to one file; either may be a pipe."""
    _check_one(options)
    source, output = options.paths
    if output == PIPE:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"restored{ending}"
            picture = _read(source, path)
            _restore(_load(options), picture, path, options, Progress())
            with open(sys.stdout.fileno(), "wb", closefd=False) as pipe:
                pipe.write(path.read_bytes())
        return
    row = {"path": source, "output": output}
    try:
        picture = _read(source, Path(output))
        row |= _restore(_load(options), picture, Path(output), options, Progress())
    except (ValueError, OSError) as error:
        if options.json:
            _print(row | {"status": "failed", "message": _line(error)}, as_json=True)
        raise
    _print(row, options.json)


def _many(options, ending):
    """Pictures and folders to one folder; returns the exit code."""
    from olivetti_denoiser.cli.restore_files import plan_files

    if PIPE in options.paths:
        raise ValueError("--output-dir is for files, and - is a pipe (./- is a file called -)")
    plan = plan_files(options.paths, options.output_dir, options.recursive, ending)
    for note in plan.notes:
        print(note, file=sys.stderr)
    counts: Counter[str] = Counter()

    def report(source, **what):
        counts[what["status"]] += 1
        if what["status"] == "failed":
            print(f"denoiser: {what['message']}", file=sys.stderr)
        _print({"path": str(source)} | what, options.json)

    for source, message in plan.failures:
        report(source, status="failed", message=message)
    work = {}
    for output, source in plan.files.items():
        if exists(output) and not options.overwrite:
            message = "the output exists"
            report(source, output=str(output), status="skipped", message=message)
        else:
            work[output] = source
    denoiser, progress = _load(options) if work else None, Progress(len(work))
    for output, source in work.items():
        try:
            output.parent.mkdir(parents=True, exist_ok=True)
            picture = _read(source, output, named=True)
            what = _restore(denoiser, picture, output, options, progress)
        except (ValueError, OSError, RuntimeError, MemoryError) as error:
            if getattr(error, "errno", None) in FULL:
                raise
            message = _line(error)
            if str(source) not in message:
                message = f"{message.removesuffix(f'. Received: {output}')}. Received: {source}"
            what = {"status": "failed", "message": message}
        progress.before += 1
        report(source, output=str(output), **what)
    said = [f"{counts['restored']} restored"]
    if counts["skipped"]:
        said.append(f"{counts['skipped']} skipped, as they exist (--overwrite replaces them)")
    if counts["failed"]:
        said.append(f"{counts['failed']} failed")
    print(", ".join(said), file=sys.stderr)
    return FAILED if counts["failed"] else None


def _check_one(options):
    """Refuse what is no picture and file to write, before any work."""
    from olivetti_denoiser.images.write import check_ending

    received = f"Received: {' '.join(options.paths)}"
    if len(options.paths) > 2 or isdir(options.paths[0]):
        raise ValueError(f"several pictures, or a folder, need --output-dir DIR. {received}")
    if len(options.paths) < 2:
        raise ValueError(f"restore needs the file to write too, or --output-dir DIR. {received}")
    if options.recursive:
        raise ValueError(f"--recursive is for folders. {received}")
    source, output = options.paths
    if source == PIPE and sys.stdin.isatty():
        raise ValueError("- reads a picture from a pipe, and standard input is a terminal")
    if output == PIPE:
        if options.format is None:
            raise ValueError("a picture for a pipe needs --format, such as --format png")
        for name in ("json", "overwrite"):
            if getattr(options, name):
                raise ValueError(f"--{name} is for pictures that are written to files")
        if sys.stdout.isatty():
            raise ValueError("- writes a picture to a pipe, and standard output is a terminal")
        return
    if options.format is not None:
        raise ValueError(
            f"--format is for pipes and --output-dir; here the name says it. Received: {output}"
        )
    if isdir(output):
        raise ValueError(f"a file cannot replace a folder; --output-dir writes into it. {received}")
    check_ending(output)
    if not isdir(Path(output).parent):
        raise ValueError(
            f"there is no folder {str(Path(output).parent)!r} to write to; make it first. "
            f"Received: {output}"
        )
    if exists(output) and not options.overwrite:
        raise ValueError(f"the output exists; --overwrite replaces it. Received: {output}")


def _ending(name):
    """The ending of a format's files."""
    from olivetti_denoiser.images.write import check_ending

    if name is None:
        return None
    ending = f".{name.lower().removeprefix('.')}"
    try:
        check_ending(f"restored{ending}")
    except ValueError as error:
        reason = str(error).partition(" Received: ")[0]
        raise ValueError(f"{reason} Received: --format {name}") from None
    return ending


def _read(source, output: Path, named: bool = False) -> PictureFile:
    """Read a picture and say what its output will lack, each time with its name where asked."""
    from olivetti_denoiser.images.read import decode_picture, read_picture
    from olivetti_denoiser.images.write import check_output

    if source == PIPE:
        picture = decode_picture(sys.stdin.buffer.read(), "standard input")
    else:
        picture = read_picture(source)
    for note in (*picture.notes, *picture.frames_note, *check_output(picture, output)):
        print(f"{source}: {note}" if named else note, file=sys.stderr)
    return picture


def _load(options) -> Denoiser:
    from olivetti_denoiser.denoiser import Denoiser

    denoiser = Denoiser.from_pretrained(options.model or bundled("model_card"))
    return denoiser.only(options.network) if options.network else denoiser


def _restore(denoiser: Denoiser, picture, output: Path, options, progress) -> dict[str, Any]:
    """Restore a picture, write it, and return what `--json` says of it."""
    from olivetti_denoiser.images.write import save_picture

    started = time.monotonic()
    try:
        restored = denoiser.restore(
            picture.whole,
            sigma=options.sigma,
            strength=options.strength,
            mirror=options.mirror,
            level_factor=options.level_factor,
            progress=progress,
        )
    finally:
        progress.clear()
    save_picture(restored.image, output, picture)
    return {
        "status": "restored",
        "sigma": restored.sigma,
        "network": restored.network,
        "seconds": round(time.monotonic() - started, 3),
    }


def _print(row, as_json):
    if as_json:
        print(json.dumps(row), flush=True)
    elif row["status"] == "restored":
        print(row["output"], flush=True)


def _line(error):
    return " ".join(str(error).split()) or type(error).__name__
