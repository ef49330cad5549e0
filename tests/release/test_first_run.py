"""README's first commands in a fresh clone: the demo, a program that calls it, the command line."""

from __future__ import annotations

import re
import subprocess

import pytest

from checkout import ROOT, copy_checkout
from code_blocks import blocks
from empty_environment import EmptyEnvironment, noisy_picture
from page_server import NEWCOMERS, PageServer

BLOCKS = blocks(ROOT / "README.md")


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A clone in which `make demo` has run, and the page that it serves."""
    folder = copy_checkout(tmp_path_factory.mktemp("clone"))
    with PageServer(folder, ["make", "demo"]) as page:
        yield folder, page


def test_a_program_calls_the_page(clone, tmp_path):
    folder, page = clone
    (block,) = (block for block in BLOCKS if "gradio_client" in block.code)
    program = EmptyEnvironment(tmp_path, NO_PROXY="127.0.0.1")
    program.install(*block.needs())
    (program.work / "space").symlink_to(folder / "space")
    code = block.code.replace("http://127.0.0.1:7860", page.url)
    assert "dB" in program.run("python", "-c", f"{code}\nprint(figures, verdict)")


def test_the_commands_lie_where_the_readme_says(clone):
    """Those of *On the command line* that need no model of one's own."""
    folder, _ = clone
    (block,) = (block for block in BLOCKS if "denoiser restore" in block.code)
    denoiser = folder / ".venv" / "bin" / "denoiser"
    noisy_picture(folder / "noisy.png")
    restore, demo = (
        re.search(rf"^\$ denoiser ({command} [^#\n]*)", block.code, re.M)[1].split()
        for command in ("restore", "demo")
    )
    subprocess.run([denoiser, *restore], cwd=folder, env=NEWCOMERS, check=True)
    assert (folder / restore[-1]).is_file()
    with PageServer(folder, [denoiser, *demo[:-1], "{port}"], GRADIO_SERVER_PORT=None):
        assert demo[-2] == "--port"
