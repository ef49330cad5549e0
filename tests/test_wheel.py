"""The wheel: built from a clone, installed alone, and used in an empty folder."""

from __future__ import annotations

import json
import os
import site
import socket
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

import numpy as np
import pytest
from PIL import Image

from checkout import ROOT, copy_checkout

UV = Path(sys.executable).parent / "uv"
TINY = ["--epochs=1", "--steps-per-epoch=2", "--channels=8,16", "--blocks=1,1"]
OURS = ("PYTHONPATH", "VIRTUAL_ENV", "KERAS_BACKEND", "HF_HOME", "HF_TOKEN", "MODEL_ID")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from the sdist, which is built from a copy of the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    source = copy_checkout(folder / "source")
    command = [UV, "build", "--no-build-isolation", "--python", sys.executable, "--out-dir"]
    subprocess.run([*command, folder / "dist", source], check=True, capture_output=True)
    (built,) = (folder / "dist").glob("*.whl")
    assert len(list((folder / "dist").glob("*.tar.gz"))) == 1
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Runs `denoiser` of an environment that has the wheel, in a folder of its own.

    The environment sees the other packages of the running one, by a path without its .pth files:
    so not the project's own installation in it.
    """
    folder = tmp_path_factory.mktemp("installed")
    environment, work, home = (folder / name for name in ("environment", "work", "home"))
    work.mkdir()
    home.mkdir()
    subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, environment], check=True)
    python = environment / "bin" / "python"
    subprocess.run(
        [UV, "pip", "install", "--quiet", "--no-deps", "--offline", "--compile-bytecode",
         "--python", python, wheel],
        check=True,
    )  # fmt: skip
    (library,) = (environment / "lib").glob("python*/site-packages")
    noisy = np.random.default_rng(0).normal(128, 25, (64, 64)).clip(0, 255).astype(np.uint8)
    Image.fromarray(noisy).save(work / "noisy.png")
    (library / "others.pth").write_text("\n".join(site.getsitepackages()))
    return Installed(environment / "bin", work, home)


class Installed:
    """An environment's programs, run in an empty folder with an empty home."""

    def __init__(self, programs, work, home):
        self.programs, self.work = programs, work
        self.variables = {key: value for key, value in os.environ.items() if key not in OURS}
        self.variables |= {"HOME": str(home), "HF_HUB_OFFLINE": "1"}

    def run(self, program, *arguments):
        done = subprocess.run(
            [self.programs / program, *map(str, arguments)],
            cwd=self.work,
            env=self.variables,
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def test_the_wheel_holds_what_the_commands_need(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    package = "olivetti_denoiser/"
    for name in ("py.typed", "templates/model_card.md", "bundled/model_card/model.weights.h5",
                 "bundled/space/app.py", "bundled/space/page/__init__.py"):  # fmt: skip
        assert package + name in names
    source = ROOT / "training"
    modules = {path.relative_to(source).as_posix() for path in source.rglob("*.py")}
    assert modules and modules <= names
    unwanted = ("__pycache__", "node_modules", "/tests/")
    assert not [name for name in names if any(part in name for part in unwanted)]


def test_the_installed_package_is_the_wheels(installed):
    where = installed.run("python", "-c", "import olivetti_denoiser as o; print(o.__file__)")
    assert Path(where.strip()).is_relative_to(installed.programs.parent)
    assert "restore" in installed.run("denoiser", "--help")


def test_restore_uses_the_bundled_model(installed):
    noisy = np.asarray(Image.open(installed.work / "noisy.png"))
    assert installed.run("denoiser", "restore", "noisy.png", "out.png").strip() == "out.png"
    assert np.asarray(Image.open(installed.work / "out.png")).std() < noisy.std() / 2


def test_demo_serves_the_page(installed):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [installed.programs / "denoiser", "demo", "--port", str(port)]
    with (installed.work / "demo.log").open("w+") as log:
        page = subprocess.Popen(
            command, cwd=installed.work, env=installed.variables, stdout=log, stderr=log
        )
        try:
            said = _answer(f"http://127.0.0.1:{port}/gradio_api/info", page)
        finally:
            page.terminate()
            page.wait(30)
    assert "/denoise" in json.loads(said)["named_endpoints"]
    assert "Serving" in (installed.work / "demo.log").read_text()


def _answer(address, page):
    opener, end = build_opener(ProxyHandler({})), time.monotonic() + 240
    while True:
        assert page.poll() is None and time.monotonic() < end, "the page does not start"
        try:
            return opener.open(address, timeout=30).read()
        except OSError:
            time.sleep(0.5)


@pytest.mark.slow
def test_evaluate_measures_the_bundled_model(faces, installed):
    metrics = json.loads(installed.run("denoiser", "evaluate", "--json"))
    assert round(metrics["parts"]["test"]["methods"]["model"]["psnr"]["mean"], 1) == 30.2


@pytest.mark.slow
def test_train_ends_with_a_model_folder_and_its_card(faces, installed):
    output = installed.work / "outputs" / "model"
    installed.run("denoiser", "train", "--preset", "quick", *TINY)
    assert (output / "README.md").is_file() and (output / "model.weights.h5").is_file()
    installed.run("denoiser", "restore", "noisy.png", "again.png", "--model", output)
