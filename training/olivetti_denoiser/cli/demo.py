"""`denoiser demo`: open the demo page.

denoiser demo --port 8080
"""

from __future__ import annotations

import argparse
import os

from olivetti_denoiser.bundled import bundled
from olivetti_denoiser.cli.options import Commands, add_command

VARIABLES = {
    "host": "GRADIO_SERVER_NAME",
    "port": "GRADIO_SERVER_PORT",
    "model": "MODEL_ID",
    "revision": "MODEL_REVISION",
}


def register(commands: Commands) -> None:
    """Add the command."""
    demo = add_command(commands, "demo", run, "open the demo page", extra="space")
    demo.add_argument("--host", help="address to bind (127.0.0.1)")
    demo.add_argument("--port", type=int, help="port to bind (7860 or the next free one)")
    demo.add_argument("--model", metavar="OWNER/NAME", help="model on the Hub (the bundled one)")
    demo.add_argument("--revision", help="tag, branch or commit of that model")


def run(options: argparse.Namespace) -> None:
    """Run the Space's `app.py` in this process, until Ctrl-C."""
    import runpy

    if options.revision and not (options.model or os.environ.get(VARIABLES["model"])):
        raise ValueError(f"--revision needs --model OWNER/NAME. Received: {options.revision}")
    if options.port is not None and not 0 < options.port < 65536:
        raise ValueError(f"a port is a number from 1 to 65535. Received: --port {options.port}")
    for name, variable in VARIABLES.items():
        value = getattr(options, name)
        if value is not None:
            os.environ[variable] = str(value)
    runpy.run_path(str(bundled("space") / "app.py"), run_name="__main__")
