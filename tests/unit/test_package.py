"""The package: light to import, choosing nothing for its caller, shadowed by nobody's file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "training" / "olivetti_denoiser"
VARIABLES = {key: value for key, value in os.environ.items() if key != "KERAS_BACKEND"}
VARIABLES["PYTHONPATH"] = str(ROOT / "training")


def run(*arguments, cwd=ROOT):
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True, text=True, check=True, cwd=cwd, env=VARIABLES,
    )  # fmt: skip


def test_an_import_loads_what_it_needs_alone():
    """However busy the machine, unlike a time."""
    names = "{name.split('.')[0] for name in sys.modules}"
    code = f"import sys; before = {names}; import olivetti_denoiser; print(*{names} - before)"
    loaded = set(run("-c", code).stdout.split())
    assert loaded - sys.stdlib_module_names == {"olivetti_denoiser"}
    code = "from olivetti_denoiser import Denoiser; Denoiser.from_pretrained('model_card')"
    loaded = run("-c", f"import sys; {code}; print(*sys.modules)").stdout.split()
    assert not {"keras", "tensorflow", "jax", "cv2", "pandas", "datasets"} & set(loaded)


def test_no_file_of_a_user_is_taken_for_one_of_ours(tmp_path):
    """`python -m` looks into the current folder first: our modules have names of their own."""
    names = {path.stem for path in PACKAGE.rglob("*.py")} - {"__init__", "__main__"}
    names |= {path.name for path in PACKAGE.iterdir() if path.is_dir()} - {"__pycache__"}
    assert {"config", "noise", "train", "data"} <= names
    for name in sorted({*names, "training", "page", "space", "app"}):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the file of a user is run')")
    Image.fromarray(np.full((64, 64), 99, np.uint8)).save(tmp_path / "in.png")
    restore = ["restore", "in.png", "out.png", "--model", str(ROOT / "model_card")]
    assert run("-m", "olivetti_denoiser", *restore, cwd=tmp_path).stdout.strip() == "out.png"
