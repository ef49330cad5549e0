"""The working tree's folders, and a copy of it, as a clone would be."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "model_card"
EXAMPLES = ROOT / "space" / "examples"
PORTRAIT = EXAMPLES / "drawn_1_portrait.png"
FACES_NEARBY = ROOT.parent / "shared" / "data" / "scikit_learn_data"


def copy_checkout(folder: Path) -> Path:
    """Copies every file that git tracks or does not ignore, and returns the folder."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout.splitlines()  # fmt: skip
    for name in listed:
        if (ROOT / name).is_file():  # a file deleted since the last commit is still listed
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


def link_environment(target: Path, prefix: Path) -> None:
    """Make a virtual environment that is the present one, as the workflow's install step leaves it.

    The stamp says that it is complete, so `make` has nothing to install; if it tried all the same,
    it would meet a `uv` that refuses.
    """
    (target / "bin").mkdir(parents=True)
    for path in prefix.iterdir():
        if path.name != "bin" and not path.name.startswith("."):
            (target / path.name).symlink_to(path)
    for path in (prefix / "bin").iterdir():
        if path.name != "uv":
            (target / "bin" / path.name).symlink_to(path)
    (target / "bin" / "uv").write_text(
        "#!/bin/sh\necho 'nothing should be installed' >&2\nexit 1\n"
    )
    (target / "bin" / "uv").chmod(0o755)
    for stamp in (".all", ".demo"):
        (target / stamp).touch()
