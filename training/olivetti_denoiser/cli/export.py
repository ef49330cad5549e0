"""`denoiser export`: write the ONNX files of a network that is there for Keras alone.

denoiser export outputs/model
"""

from __future__ import annotations

import argparse

from olivetti_denoiser.cli.options import Commands, add_command


def register(commands: Commands) -> None:
    """Add the command."""
    summary = "write the ONNX files of a model folder that lacks them"
    export = add_command(commands, "export", run, summary, extra="train")
    export.add_argument("folder", help="model folder with Keras's files")


def run(options: argparse.Namespace) -> None:
    """Write the files and say how far they are from Keras."""
    from olivetti_denoiser.network.backend import prepare_training
    from olivetti_denoiser.release import ONNX

    prepare_training()
    from olivetti_denoiser.network.export import write_exports
    from olivetti_denoiser.network.saving import load_folder

    difference = write_exports(load_folder(options.folder), options.folder)
    print(f"{options.folder}/{ONNX}: at most {difference:.1e} away from Keras")
