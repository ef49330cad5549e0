"""The package: light to import, choosing nothing for its caller, shadowed by nobody's file."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
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


def test_importing_the_package_loads_nothing_beside_python_and_itself():
    """However busy the machine, unlike a time."""
    code = """
import sys
before = {*sys.modules}
import olivetti_denoiser
print(*{name.split(".")[0] for name in {*sys.modules} - before} - sys.stdlib_module_names)
"""
    assert run("-c", code).stdout.split() == ["olivetti_denoiser"]


def test_importing_the_denoiser_loads_no_keras_and_chooses_no_backend():
    code = """
import json, os, sys
from olivetti_denoiser import Denoiser
print(json.dumps([Denoiser.__name__, "keras" in sys.modules, "KERAS_BACKEND" in os.environ]))
"""
    assert json.loads(run("-c", code).stdout) == ["Denoiser", False, False]


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


def test_an_unknown_name_is_an_attribute_error():
    import olivetti_denoiser

    with pytest.raises(AttributeError, match="no attribute 'Noiser'"):
        _ = olivetti_denoiser.Noiser


def public_functions(body, of_class=False):
    """The public functions of a module, and the public and special methods of its classes."""
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public_functions(node.body, of_class=True)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            special = of_class and node.name.startswith("__")
            if special or not node.name.startswith("_"):
                yield node, of_class


def without_types(node, of_class):
    """The parameters of a function that have no type, and "return" where its result has none."""
    names = node.args
    positional = [*names.posonlyargs, *names.args]
    static = any(getattr(one, "id", "") == "staticmethod" for one in node.decorator_list)
    if of_class and not static:
        positional = positional[1:]
    given = [*positional, *names.kwonlyargs, names.vararg, names.kwarg]
    found = [one.arg for one in given if one is not None and one.annotation is None]
    return found + ["return"] * (node.returns is None and node.name != "__init__")


def test_every_public_function_says_the_types_of_its_parameters_and_its_result():
    """Mypy checks the types that are there; whether they are there is checked here."""
    files = [*PACKAGE.rglob("*.py"), *(ROOT / "space" / "page").rglob("*.py")]
    functions = [
        (f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", without_types(node, of_class))
        for path in files
        for node, of_class in public_functions(ast.parse(path.read_text("utf-8")).body)
    ]
    assert len(functions) > 300
    assert [(where, missing) for where, missing in functions if missing] == []


def test_an_untyped_function_is_found():
    code = "class A:\n def f(self, a: int, *b, c, **d) -> int: ...\n def _g(self, a): ...\n"
    code += "def h(): ..."
    found = [without_types(*function) for function in public_functions(ast.parse(code).body)]
    assert found == [["c", "b", "d"], ["return"]]
