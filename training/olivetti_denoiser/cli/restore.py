"""`denoiser restore`: remove the noise of one picture.

denoiser restore noisy.png restored.png
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from olivetti_denoiser.bundled import bundled, colour_model
from olivetti_denoiser.cli.options import Commands, add_command

SAID_EVERY = 5.0  # seconds between two lines of progress


def register(commands: Commands) -> None:
    """Adds the command."""
    summary = "remove the noise of one picture"
    restore = add_command(commands, "restore", run, summary, extra="openvino")
    restore.add_argument("picture", help="picture file of any size")
    restore.add_argument("output", help="picture file to write, such as restored.png")
    restore.add_argument(
        "--model", help="model folder, or OWNER/NAME (the bundled one, for gray or for colour)"
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
    restore.add_argument("--overwrite", action="store_true", help="replace an existing output")


def run(options: argparse.Namespace) -> None:
    """Restores the picture and prints the path of the new file."""
    from olivetti_denoiser.picture_files import read_picture
    from olivetti_denoiser.save_picture import check_ending, check_output, save_picture

    output = Path(options.output)
    check_ending(output)
    if not output.parent.is_dir():
        raise ValueError(
            f"there is no folder {str(output.parent)!r} to write to; make it first. "
            f"Received: {output}"
        )
    if output.exists() and not options.overwrite:
        raise ValueError(f"the output exists; --overwrite replaces it. Received: {output}")
    picture = read_picture(options.picture)
    notes = [*picture.notes, *picture.frames_note, *check_output(picture, output)]
    for note in notes:
        print(note, file=sys.stderr)
    from olivetti_denoiser.denoiser import Denoiser

    denoiser = Denoiser.from_pretrained(options.model or bundled("model_card"))
    restored = denoiser(
        picture.whole,
        sigma=options.sigma,
        strength=options.strength,
        mirror=options.mirror,
        level_factor=options.level_factor,
        progress=Progress("tiles"),
    )
    save_picture(restored, output, picture)
    print(output)


def _model_for(image):
    """The bundled model for colour, unless the picture is gray or there is none."""
    from olivetti_denoiser.pillow_modes import is_gray

    colour = None if is_gray(image) else colour_model()
    return colour or bundled("model_card")


class Progress:
    """Says on standard error how far the work is: in place on a terminal, else now and then.

    Args:
        unit: what is counted.
    """

    def __init__(self, unit: str):
        self.unit, self.started = unit, time.monotonic()
        self.said = self.started

    def __call__(self, done: int, total: int) -> None:
        """Says it, with an estimate of the time that is left."""
        now = time.monotonic()
        left = (now - self.started) / done * (total - done)
        text = f"{done} of {total} {self.unit}, about {left:.0f} s left"
        if sys.stderr.isatty():
            print(f"\r{text}", end="\n" if done == total else "", file=sys.stderr, flush=True)
        elif now - self.said >= SAID_EVERY:
            self.said = now
            print(text, file=sys.stderr, flush=True)
