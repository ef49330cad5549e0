"""README's first commands in a fresh clone: the demo, a program that calls it, the command line."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import time

import pytest

from checkout import ROOT, copy_checkout
from code_blocks import blocks
from empty_environment import EmptyEnvironment, noisy_picture
from page_server import free_port

BLOCKS = blocks(ROOT / "README.md")
OURS = ("PYTHONPATH", "VIRTUAL_ENV", "KERAS_BACKEND", "HF_HOME", "HF_TOKEN", "MODEL_ID")
NEWCOMERS = {key: value for key, value in os.environ.items() if key not in OURS}


def wait_for(port, process, log):
    """Wait until somebody listens on a port of loopback, as long as the process runs."""
    end = time.monotonic() + 900
    while True:
        assert process.poll() is None and time.monotonic() < end, log.read_text()
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.5)


def serve(command, folder, port, **variables):
    """Start a command that serves the page, and wait until it does."""
    log = folder / "first_run.log"
    with log.open("w") as output:
        page = subprocess.Popen(
            command, cwd=folder, env=NEWCOMERS | variables, stdout=output, stderr=output,
            start_new_session=True,
        )  # fmt: skip
    try:
        wait_for(port, page, log)
    except BaseException:
        end(page)
        raise
    return page


def end(page):
    """End a command and what it has started."""
    os.killpg(page.pid, 15)
    page.wait(30)


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A clone in which `make demo` has run, and the port that its page listens on."""
    folder = copy_checkout(tmp_path_factory.mktemp("clone"))
    port = free_port()
    page = serve(["make", "demo"], folder, port, GRADIO_SERVER_PORT=str(port))
    yield folder, port
    end(page)


def test_a_program_calls_the_page(clone, tmp_path):
    folder, port = clone
    (block,) = (block for block in BLOCKS if "gradio_client" in block.code)
    program = EmptyEnvironment(tmp_path, NO_PROXY="127.0.0.1")
    program.install(*block.needs())
    (program.work / "space").symlink_to(folder / "space")
    code = block.code.replace("127.0.0.1:7860", f"127.0.0.1:{port}")
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
    port = free_port()
    assert demo[-2] == "--port"
    end(serve([denoiser, *demo[:-1], str(port)], folder, port))
