"""Whatever the encoding of standard output, no command ends because of what it has to print."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from page_server import MODEL, PageServer

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = ("train", "evaluate", "export", "restore", "demo", "publish", "summary")


def run(*arguments, encoding, module="olivetti_denoiser", cwd=ROOT):
    """Runs a module as Windows would: output redirected, in a code page, strict."""
    return subprocess.run(
        [sys.executable, "-m", module, *map(os.fspath, arguments)],
        capture_output=True,
        cwd=cwd,
        env=os.environ | {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"},
        timeout=300,
    )


@pytest.fixture
def noisy(tmp_path):
    """A folder whose name few code pages have, with a noisy picture in it."""
    folder = tmp_path / "写真"
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(90, 160, (48, 48, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "noisy.png")
    return folder / "noisy.png"


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_printed_in_the_oldest_code_page(command):
    done = run(command, "--help", encoding="cp437")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"usage: denoiser")


@pytest.mark.parametrize(
    ("encoding", "printed"),
    [
        ("cp1252", rb"\u5199\u771f"),  # western Windows has no Japanese
        ("ascii", rb"\u5199\u771f"),  # the C locale
        ("cp932", "写真".encode("cp932")),  # Japanese Windows has it
    ],
)
def test_a_path_is_printed_as_far_as_the_encoding_goes(noisy, encoding, printed):
    output = noisy.with_name("restored.png")
    done = run("restore", noisy, output, "--model", MODEL, encoding=encoding)
    assert (done.returncode, output.exists()) == (0, True), done.stderr
    assert done.stdout.strip().endswith(printed + os.sep.encode() + b"restored.png")


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode on Windows")
def test_a_name_that_is_no_unicode_is_printed(noisy):
    output = os.fsencode(noisy.parent) + b"/\xff.png"
    done = run("restore", noisy, output, "--model", MODEL, encoding="utf-8")
    assert (done.returncode, Path(os.fsdecode(output)).exists()) == (0, True), done.stderr
    assert done.stdout.strip().endswith(rb"\udcff.png")


@pytest.mark.skipif(os.name == "nt", reason="no such shell")
@pytest.mark.parametrize(("closed", "code"), [("2>&-", 0), ("<&- >&- 2>&-", 0), ("<&-", 2)])
def test_a_stream_that_is_closed_ends_no_command(noisy, closed, code):
    source = noisy if code == 0 else "-"  # of which nothing comes
    output = noisy.with_name("restored.png")
    command = [sys.executable, "-m", "olivetti_denoiser", "restore", source, output]
    done = subprocess.run(["sh", "-c", f'"$@" {closed}', "-", *command], capture_output=True)
    assert (done.returncode, output.exists()) == (code, code == 0), done.stderr
    assert b"Traceback" not in done.stderr


def test_the_tables_are_printed_when_the_work_is_done(noisy):
    done = run(
        "evaluate", MODEL / "colour", "--pictures", noisy.parent, "--crop", "32", encoding="cp1252"
    )
    assert done.returncode == 0, done.stderr
    assert rb"\u221e" in done.stdout and b"\xd7" in done.stdout  # ∞ is not in cp1252, × is


def test_the_page_starts_whatever_its_log_can_hold(tmp_path):
    with PageServer(MODEL, tmp_path, PYTHONIOENCODING="ascii", PYTHONUTF8="0") as page:
        assert "Serving the built-in networks" in page.text()
