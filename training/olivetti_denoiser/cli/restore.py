"""`denoiser restore`: remove the noise of one picture.

denoiser restore noisy.png restored.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

from olivetti_denoiser.bundled import bundled
from olivetti_denoiser.cli.options import Commands, add_command


def register(commands: Commands) -> None:
    """Adds the command."""
    summary = "remove the noise of one picture"
    restore = add_command(commands, "restore", run, summary, extra="openvino")
    restore.add_argument("picture", help="picture file of any size")
    restore.add_argument("output", help="picture file to write, such as restored.png")
    restore.add_argument("--model", help="model folder, or OWNER/NAME (the bundled one)")
    restore.add_argument("--sigma", type=float, help="noise level from 0 to 1 (estimated)")
    restore.add_argument("--strength", type=float, default=1.0, help="0 untouched to 1 full")
    restore.add_argument(
        "--mirror",
        action=argparse.BooleanOptionalAction,
        help="average with the mirror image or not (what the model does by itself)",
    )
    restore.add_argument("--overwrite", action="store_true", help="replace an existing output")


def run(options: argparse.Namespace) -> None:
    """Restores the picture and prints the path of the new file."""
    from olivetti_denoiser.atomic import whole_file
    from olivetti_denoiser.denoiser import Denoiser

    output = Path(options.output)
    if output.exists() and not options.overwrite:
        raise ValueError(f"the output exists; --overwrite replaces it. Received: {output}")
    denoiser = Denoiser.from_pretrained(options.model or bundled("model_card"))
    picture = denoiser(
        options.picture, sigma=options.sigma, strength=options.strength, mirror=options.mirror
    )
    try:
        with whole_file(output) as beside:
            picture.save(beside)
    except (KeyError, ValueError):
        raise ValueError(
            f"a {picture.mode} picture is not written in that format; .png would do. "
            f"Received: {output}"
        ) from None
    print(output)
