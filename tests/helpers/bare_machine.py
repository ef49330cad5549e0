"""README's `make test` on a machine that has nothing else: a skip is allowed, a failure is not.

    python tests/helpers/bare_machine.py [OPTIONS OF PYTEST]

A copy of the working tree is tested by the packages of the running Python, with an empty home, with
no variables, and with the programs below alone: so no faces, no Chromium, Node or mpirun.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from checkout import copy_checkout, link_environment

# What a shell, make and a clone need.
PROGRAMS = [
    *("bash", "env", "git", "make", "sh"),
    *("basename", "cat", "chmod", "cp", "dirname", "false", "grep", "head", "kill", "ln", "ls"),
    *("mkdir", "mv", "rm", "sed", "sleep", "tail", "tee", "touch", "true", "uname"),
]


def main(options: list[str]) -> int:
    """Return the exit status of `make test`."""
    with tempfile.TemporaryDirectory(prefix="bare-") as folder:
        machine = Path(folder)
        programs, home, clone = (machine / name for name in ("programs", "home", "clone"))
        for made in (programs, home, clone):
            made.mkdir()
        for name in PROGRAMS:
            (programs / name).symlink_to(shutil.which(name))
        copy_checkout(clone)
        link_environment(clone / ".venv", Path(sys.prefix))
        uv = clone / ".venv" / "bin" / "uv"  # a test builds the wheel with it
        uv.unlink()
        uv.symlink_to(Path(sys.prefix) / "bin" / "uv")
        variables = {
            "PATH": str(programs),
            "HOME": str(home),
            "PYTHONPATH": str(clone / "training"),
        }
        for command in (
            ["git", "init", "--quiet"],
            ["git", "add", "--all"],
            ["make", "test", f"ARGS={shlex.join(options)}"],
        ):
            done = subprocess.run(command, cwd=clone, env=variables)
            if done.returncode:
                break
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
