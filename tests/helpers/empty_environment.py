"""An environment that holds what was installed into it and nothing else, as a newcomer's does.

    environment = EmptyEnvironment(folder)
    environment.install("olivetti-denoiser @ file:///…/olivetti_denoiser-0.1.0-py3-none-any.whl")
    environment.run("denoiser", "restore", "noisy.png", "restored.png")

Programs run in the folder `work`, with an empty home, and with no variable but those given.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

UV = Path(sys.executable).parent / "uv"


class EmptyEnvironment:
    """A virtual environment below a folder, with a home and a folder to work in.

    Args:
        folder: an empty folder.
        **variables: of its programs.
    """

    def __init__(self, folder, **variables):
        self.bin, self.work = folder / "environment" / "bin", folder / "work"
        (folder / "home").mkdir()
        self.work.mkdir()
        self.variables = {"PATH": f"{self.bin}:/usr/bin:/bin", "HOME": str(folder / "home")}
        self.variables |= variables
        subprocess.run(
            [UV, "venv", "--quiet", "--python", sys.executable, self.bin.parent], check=True
        )

    def install(self, *arguments) -> None:
        """Install with pip's arguments, as given; skip the test where nothing can be downloaded."""
        command = [UV, "pip", "install", "--quiet", "--python", self.bin / "python"]
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=1800)
        if "Failed to fetch" in done.stderr:
            pytest.skip(f"no package can be downloaded: {done.stderr.splitlines()[0]}")
        assert done.returncode == 0, done.stderr

    def run(self, program, *arguments, **variables) -> str:
        """Return what a program of the environment prints, once it ends well."""
        done = subprocess.run(
            [self.bin / program, *map(str, arguments)],
            cwd=self.work,
            env=self.variables | variables,
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def noisy_picture(path, mode="L") -> np.ndarray:
    """Write a noisy gray or colour picture of 64×64 pixels and return it, uint8."""
    shape = (64, 64) if mode == "L" else (64, 64, 3)
    noisy = np.random.default_rng(0).normal(128, 25, shape).clip(0, 255).astype(np.uint8)
    Image.fromarray(noisy).save(path)
    return noisy
