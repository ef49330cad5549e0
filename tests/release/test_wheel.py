"""The wheel, installed as README and cards say into an environment that holds nothing else."""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from checkout import ROOT, copy_checkout
from code_blocks import blocks
from empty_environment import UV, EmptyEnvironment, noisy_picture
from local_hub import LocalHub
from page_server import PageServer

README, CARDS = ROOT / "README.md", sorted((ROOT / "model_card").rglob("README.md"))
OURS = re.compile(r"^(?:olivetti-denoiser|\.)(?:\[([\w,]+)\])?(?: @ git\+https://\S+)?$")
PICTURES = {"noisy.png": "L", "noisy.jpg": "RGB", "noisy.tif": "L"}
TINY = ["--epochs=1", "--steps-per-epoch=2", "--channels=8,16", "--blocks=1,1"]
# Every Python block that needs our package or Keras, and how old its packages are; what calls the
# page is in test_first_run.py.
PYTHON = [
    pytest.param(block, age, id=f"{path.relative_to(ROOT)} {number} {age}")
    for path in (README, *CARDS)
    for number, block in enumerate(blocks(path))
    if block.language == "python" and "gradio_client" not in block.code
    for age in (
        ("newest", "oldest") if "import Denoiser" in block.code and path == README else ("newest",)
    )
]


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


def test_the_wheel_holds_what_the_commands_need(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    package = "olivetti_denoiser/"
    for name in ("py.typed", "templates/model_card.md", "bundled/model_card/model.weights.h5",
                 "bundled/space/app.py", "bundled/space/page/__init__.py"):  # fmt: skip
        assert package + name in names
    source = ROOT / "training"
    modules = (path.relative_to(source) for path in source.glob(f"{package}**/*.py"))
    assert {path.as_posix() for path in modules} <= names
    unwanted = ("__pycache__", "node_modules", "/tests/")
    assert not [name for name in names if any(part in name for part in unwanted)]


@pytest.fixture(scope="module")
def hub():
    """A Hub that has the released model under the name that README and cards give it."""
    with LocalHub() as hub:
        hub.add_model("OWNER/olivetti-denoiser", ROOT / "model_card", tag="v1.0.0")
        yield hub


@pytest.fixture(scope="module")
def environment(wheel, hub, tmp_path_factory):
    """Makes the environment of some packages, at the oldest or newest versions allowed, once."""

    @functools.cache
    def make(needs, age="newest"):
        folder = tmp_path_factory.mktemp(age)
        variables = {"HF_ENDPOINT": hub.endpoint, "HF_HUB_DISABLE_XET": "1"}
        made = EmptyEnvironment(folder, NO_PROXY="127.0.0.1", **variables)
        for need in needs:
            ours = OURS.match(need)
            extras = ours[1] or "" if ours else ""
            if ours and age == "oldest":
                given = [f"--extra={extra}" for extra in extras.split(",") if extra]
                made.install("--resolution=lowest-direct", "-r", ROOT / "pyproject.toml", *given)
                made.install("--no-deps", wheel)
            else:
                made.install(f"olivetti-denoiser[{extras}] @ {wheel.as_uri()}" if ours else need)
        for name, mode in PICTURES.items():
            noisy_picture(made.work / name, mode)
        return made

    return make


@pytest.mark.parametrize(("block", "age"), PYTHON)
def test_a_block_runs_where_only_what_it_names_is_installed(environment, block, age):
    """Its reader brings `array` and `noisy`, as the files noisy.png and noisy.jpg."""
    assert block.needs(), f"the block does not say what to install:\n{block.code}"
    given = "import numpy\narray = numpy.full((64, 64), 99, 'uint8')\n"
    channels = 3 if "×3" in block.code else 1
    given += f"noisy = numpy.full((1, 64, 64, {channels}), 0.5, 'float32')\n"
    backend = re.search(r"KERAS_BACKEND=(\w+)", block.before)
    variables = {"KERAS_BACKEND": backend[1]} if backend else {}
    end = "\nprint(numpy.asarray(restored).std())"
    said = environment(tuple(block.needs()), age).run(
        "python", "-c", given + block.code + end, **variables
    )
    assert float(said.splitlines()[-1]) < 20


@pytest.mark.parametrize(
    "age", [pytest.param("newest", marks=pytest.mark.smoke), pytest.param("oldest")]
)
def test_the_command_line_restores_pictures(environment, age):
    (needs,) = {tuple(b.needs()) for b in blocks(README) if "import Denoiser" in b.code}
    made = environment(needs, age)
    for name, mode in PICTURES.items():
        noisy = noisy_picture(made.work / name, mode)
        assert made.run("denoiser", "restore", name, f"out_{name}").strip() == f"out_{name}"
        restored = np.asarray(Image.open(made.work / f"out_{name}"))
        assert restored.shape == noisy.shape and restored.std() < noisy.std() / 2


def test_with_all_extras_it_serves_measures_and_trains(faces, wheel, tmp_path):
    """At the pinned versions, in a folder that is no checkout."""
    data = os.environ.get("SCIKIT_LEARN_DATA") or str(Path.home() / "scikit_learn_data")
    made = EmptyEnvironment(tmp_path, HF_HUB_OFFLINE="1", SCIKIT_LEARN_DATA=data)
    wanted = f"olivetti-denoiser[train,space] @ {wheel.as_uri()}"
    made.install("--constraint", ROOT / "requirements.txt", wanted)

    with PageServer(made.work, [made.bin / "denoiser", "demo"]) as page:
        answer = httpx.get(f"{page.url}/gradio_api/info", timeout=60)
    assert "/denoise" in answer.json()["named_endpoints"]

    made.run("denoiser", "train", "--preset", "quick", *TINY)
    model = made.work / "outputs" / "model"
    assert (model / "README.md").is_file() and (model / "model.weights.h5").is_file()
    noisy_picture(made.work / "noisy.png")
    made.run("denoiser", "restore", "noisy.png", "again.png", "--model", model)
    metrics = json.loads(made.run("denoiser", "evaluate", "--json"))
    assert round(metrics["parts"]["test"]["methods"]["model"]["psnr"]["mean"], 1) == 30.2
