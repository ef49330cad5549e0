"""`denoiser restore`: one picture, folders, pipes, lines of JSON, Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from olivetti_denoiser.cli.main import main
from olivetti_denoiser.images.high_bit_depth import encode_tiff16
from olivetti_denoiser.images.read import read_picture

RNG = np.random.default_rng(0)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder, which the command runs in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def add_picture(name, mode="L", side=48) -> Path:
    """Write a noisy picture, with the folders above it."""
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (side, side) if mode == "L" else (side, side, 3)
    pixels = RNG.normal(128, 25, shape).clip(0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def files_below(folder) -> set[str]:
    """Every file below a folder, hidden ones too."""
    return {
        path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file()
    }


def started(*arguments) -> subprocess.Popen:
    """A process of the command line, with pipes."""
    command = [sys.executable, "-m", "olivetti_denoiser", "restore", *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe)


def test_a_folder_goes_to_a_folder_and_what_is_no_picture_is_said(here, capsys):
    for name in ("in/a.png", "in/sub/b.jpg", "in/sub/.hidden.png", "in/.trash/c.png", "d/é 1.png"):
        add_picture(name)
    Path("in/list.txt").write_text("mine")
    os.mkfifo("in/pipe.png")  # which would be waited for
    Path("in/sub/again").symlink_to("..", target_is_directory=True)
    Path("in/link.png").symlink_to(Path("d/é 1.png").resolve())
    command = ["restore", "in/", "d/é 1.png", "in/a.png", "--output-dir", "in/out"]

    assert main(command) == 0
    assert files_below("in/out") == {"a.png", "link.png", "é 1.png"}
    said = capsys.readouterr()
    assert sorted(said.out.splitlines()) == sorted(
        str(Path("in/out") / name) for name in files_below("in/out")
    )
    assert "Not pictures in in: 1 .txt, 1 pipe." in said.err
    assert "Subfolders of in are left out; --recursive takes them." in said.err
    assert said.err.splitlines()[-1].startswith("3 restored, 0 failed")

    first = Path("in/out/a.png").stat().st_mtime_ns
    assert main([*command, "--recursive"]) == 0  # which neither reads in/out nor runs in circles
    assert files_below("in/out") == {"a.png", "link.png", "é 1.png", "sub/b.jpg"}
    assert Path("in/out/a.png").stat().st_mtime_ns == first
    assert "1 restored, 0 failed, 3 skipped (--overwrite" in capsys.readouterr().err
    assert main([*command, "--overwrite"]) == 0
    assert Path("in/out/a.png").stat().st_mtime_ns > first


def test_bad_files_are_named_and_the_good_ones_done(here, capsys, monkeypatch):
    for name in ("in/a.png", "in/c.dib", "in/d.png", "in/z.png", "in/closed/b.png"):
        add_picture(name)
    Path("in/b.png").write_bytes(Path("in/a.png").read_bytes()[:-60])
    Path("in/e.png").symlink_to("nowhere")
    Image.fromarray(np.full((4, 4), 300, np.float32)).save("in/g.tif")
    Path("out/d.png").mkdir(parents=True)  # where a file is to be
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    command = ["restore", "in", "--recursive", "--output-dir", "out", "--overwrite", "--json"]
    assert main(command) == 1
    said = capsys.readouterr()
    rows = {row["path"]: row for row in map(json.loads, said.out.splitlines())}
    assert [rows[f"in/{name}"]["status"] for name in ("a.png", "z.png")] == ["restored"] * 2
    for name in ("b.png", "c.dib", "d.png", "e.png", "g.tif", "closed"):
        row = rows[str(Path("in") / name)]
        assert row["status"] == "failed" and name in row["message"]
        assert f"denoiser: {row['message']}" in said.err.splitlines()
    assert "--format png would do" in rows[str(Path("in/c.dib"))]["message"]
    assert said.err.splitlines()[-1].startswith("2 restored, 6 failed")
    assert files_below("out") == {"a.png", "z.png"}


REFUSED = [  # arguments after `restore`, and words of the refusal
    (["a.png"], "and the file to write, or several pictures and folders with --output-dir DIR"),
    (["a.png", "in"], "a file cannot replace a folder; --output-dir writes into it"),
    (["a.png", "other/x.png"], "the output exists; --overwrite replaces it"),
    (["a.png", "b.png", "--format=png"], "here the name says it. Received: b.png"),
    (["a.png", "-", "--format=png", "--json"], "takes neither --json nor --overwrite"),
    (["-", "--output-dir=out"], "- is a pipe"),
    (["a.png", "--output-dir=a.png"], "this is a file. Received: a.png"),
    (["a.png", "n" * 300, "no.png", "--output-dir=out"], "such picture or folder. Received: nnn"),
    (["in", "--output-dir=link"], "there are no pictures in in, apart from link"),
    (["a.png", "--output-dir=.", "--overwrite"], "a.png is one of the pictures that are read"),
    (["in", "other", "--output-dir=out"], "would become out/x.png; restore them into different"),
    (["in", "--output-dir=out", "--sigma=7"], "sigma must be a number from 0 to 1. Received: 7.0"),
    (["a.png", "b.png"], "'there-is-none'"),
]


@pytest.mark.parametrize(("arguments", "words"), REFUSED, ids=lambda value: str(value)[:60])
def test_what_cannot_be_meant_is_refused_before_any_work(arguments, words, here, capsys):
    for name in ("a.png", "in/x.png", "in/a.webp", "other/x.png"):
        add_picture(name)
    Path("link").symlink_to("in", target_is_directory=True)
    before = files_below(here)
    assert main(["restore", *arguments, "--model", "there-is-none"]) == 2
    said = capsys.readouterr()
    assert words in said.err.replace(os.sep, "/")
    assert said.out == "" and len(said.err.splitlines()) == 1
    assert files_below(here) == before


def test_16_bits_are_kept_and_what_is_left_out_is_said(here, capsys):
    pages = [Image.new("CMYK", (48, 48))] * 2
    pages[0].save("scan.tif", save_all=True, append_images=pages[1:])
    Path("deep.tif").write_bytes(encode_tiff16(RNG.integers(0, 65536, (48, 48, 3), np.uint16)))
    assert main(["restore", "deep.tif", "scan.tif", "--output-dir=out", "--format=png"]) == 0
    assert "scan.tif: Only the first of 2 pages is used." in capsys.readouterr().err
    assert read_picture("out/deep.png").pixels16 is not None


def test_the_network_can_be_named(here, capsys):
    add_picture("a.png", "RGB")
    for network in ("gray", "colour"):
        command = ["restore", "a.png", f"{network}.png", "--network", network, "--json"]
        assert main(command) == 0
        row = json.loads(capsys.readouterr().out)
        assert row.keys() == {"path", "output", "status", "sigma", "network", "seconds"}
        assert (row["network"], row["status"]) == (network, "restored")
    assert Path("gray.png").read_bytes() != Path("colour.png").read_bytes()


def test_a_pipe_holds_the_picture_and_nothing_else(here):
    picture = add_picture("a.png", "RGB")
    assert main(["restore", "a.png", "whole.png"]) == 0
    content, said = started("-", "-", "--format", "PNG").communicate(picture.read_bytes())
    assert content == Path("whole.png").read_bytes(), said
    unread = started("a.png", "-", "--format", "png")
    unread.stdout.close()
    assert unread.stderr.read().decode().splitlines() == ["denoiser: a.png: [Errno 32] Broken pipe"]
    assert unread.wait(60) == 1


def test_a_stopped_run_leaves_no_half_file_and_goes_on(here, capsys):
    for number in range(16):
        add_picture(f"in/{number:02}.png", "RGB", side=120)
    command = ["in", "--output-dir", "out"]
    running = started(*command)
    end = time.monotonic() + 120
    while not list(Path("out").glob("[!.]*.png")) and time.monotonic() < end:
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    said = running.communicate(timeout=120)[1].decode()
    assert running.returncode == 3 and "the same command goes on" in said.splitlines()[-1]
    done = files_below("out")
    assert 0 < len(done) < 16 and done <= files_below("in")
    for name in done:
        Image.open(f"out/{name}").load()
    assert main(["restore", *command]) == 0
    assert f"{16 - len(done)} restored, 0 failed, {len(done)} skipped" in capsys.readouterr().err
    assert files_below("out") == files_below("in")
