"""`denoiser restore` for more than one picture: folders, pipes, lines of JSON, Ctrl-C."""

from __future__ import annotations

import io
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

from checkout import ROOT
from olivetti_denoiser.cli import restore_files
from olivetti_denoiser.cli.main import main
from olivetti_denoiser.cli.progress import Progress
from olivetti_denoiser.data.picture_folder import list_folder

RNG = np.random.default_rng(0)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder, which the command runs in."""
    monkeypatch.chdir(tmp_path)
    list_folder.cache_clear()  # as a new process would
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


def started(*arguments, **options) -> subprocess.Popen:
    """A process of the command line, with pipes."""
    return subprocess.Popen(
        [sys.executable, "-m", "olivetti_denoiser", "restore", *map(str, arguments)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options,
    )  # fmt: skip


def test_a_folder_goes_to_a_folder_and_what_is_no_picture_is_said(here, capsys):
    for name in ("in/a.png", "in/sub/b.jpg", "in/sub/.hidden.png", "in/.trash/c.png", "d/é 1.png"):
        add_picture(name)
    Path("in/list.txt").write_text("mine")
    Path("in/sub/again").symlink_to("..", target_is_directory=True)
    Path("in/link.png").symlink_to(Path("d/é 1.png").resolve())
    command = ["restore", "in/", "d/é 1.png", "--output-dir", "in/out"]

    assert main(command) == 0
    assert files_below("in/out") == {"a.png", "link.png", "é 1.png"}
    said = capsys.readouterr()
    assert sorted(said.out.splitlines()) == sorted(
        str(Path("in/out") / name) for name in files_below("in/out")
    )
    assert "Not pictures in in: 1 .txt." in said.err
    assert "Subfolders of in are left out; --recursive takes them." in said.err
    assert said.err.splitlines()[-1] == "3 restored"

    list_folder.cache_clear()
    first = Path("in/out/a.png").stat().st_mtime_ns
    assert main([*command, "--recursive"]) == 0  # which neither reads in/out nor runs in circles
    assert files_below("in/out") == {"a.png", "link.png", "é 1.png", "sub/b.jpg"}
    assert Path("in/out/a.png").stat().st_mtime_ns == first
    assert "1 restored, 3 skipped, as they exist (--overwrite" in capsys.readouterr().err
    assert main([*command, "--overwrite"]) == 0
    assert Path("in/out/a.png").stat().st_mtime_ns > first


def test_bad_files_are_named_and_the_others_done(here, capsys):
    for name in ("in/a.png", "in/c.dib", "in/d.png", "in/e.png", "in/z.png"):
        add_picture(name)
    Path("in/b.png").write_bytes(Path("in/a.png").read_bytes()[:-60])
    Path("in/e.png").unlink()
    Path("in/e.png").symlink_to("nowhere")
    Path("out/d.png").mkdir(parents=True)  # where a file is to be
    command = ["restore", "in", "--output-dir", "out", "--json"]
    assert main([*command, "--overwrite"]) == 1
    said = capsys.readouterr()
    rows = {row["path"]: row for row in map(json.loads, said.out.splitlines())}
    assert [rows[f"in/{name}"]["status"] for name in ("a.png", "z.png")] == ["restored"] * 2
    for name in ("b.png", "c.dib", "d.png", "e.png"):
        row = rows[str(Path("in") / name)]
        assert row["status"] == "failed" and name in row["message"]
        assert f"denoiser: {row['message']}" in said.err.splitlines()
    assert "--format png would do" in rows[str(Path("in/c.dib"))]["message"]
    assert said.err.splitlines()[-1] == "2 restored, 4 failed"
    assert files_below("out") == {"a.png", "z.png"}


def test_another_format_is_advised_only_where_it_would_do(here):
    add_picture("in/a.png")
    Path("taken").touch()
    plan = restore_files.plan_files(["in"], "taken/out", False, None)
    assert [message for _, message in plan.failures] == [
        f"[Errno 20] Not a directory: '{here}/taken/out/a.png'. Received: in/a.png"
    ]


def test_a_full_disk_stops_the_run(here, monkeypatch, capsys):
    for name in ("in/a.png", "in/b.png"):
        add_picture(name)

    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    assert main(["restore", "in", "--output-dir", "out"]) == 1
    said = capsys.readouterr().err
    assert said.count("No space left") == 1 and "failed" not in said
    assert not files_below("out")


REFUSED = [  # arguments after `restore`, and what is said
    (["a.png"], "the file to write too, or --output-dir DIR. Received: a.png"),
    (["a.png", "b.png", "c.png"], "several pictures, or a folder, need --output-dir"),
    (["in", "out.png"], "several pictures, or a folder, need --output-dir"),
    (["a.png", "in"], "a file cannot replace a folder; --output-dir writes into it"),
    (["n" * 300, "--output-dir=out"], "there is no such picture or folder. Received: nnn"),
    (["a.png", "b.png", "--recursive"], "--recursive is for folders"),
    (["a.png", "--recursive", "--output-dir=out"], "--recursive is for folders"),
    (["a.png", "b.png", "--format=png"], "here the name says it. Received: b.png"),
    (["a.png", "-"], "needs --format"),
    (["a.png", "-", "--format=png", "--json"], "--json is for pictures that are written to files"),
    (["a.png", "-", "--format=png", "--overwrite"], "--overwrite is for pictures"),
    (["a.png", "-", "--format=docx"], ". Received: --format docx"),
    (["-", "--output-dir=out"], "- is a pipe"),
    (["a.png", "--output-dir=a.png"], "this is a file. Received: a.png"),
    (["a.png", "no.png", "no/*.png", "--output-dir=out"], "Received: no.png, no/*.png"),
    (["in", "--output-dir=in"], "another folder than the pictures'. Received: in"),
    (["in", "--output-dir=link"], "another folder than the pictures'. Received: link"),
    (["a.png", "--output-dir=.", "--overwrite"], "a.png is one of the pictures that are read"),
    (["in", "other", "--output-dir=out"], "would become out/x.png; restore them into different"),
    (["in", "a.png", "--format=jpg", "--output-dir=out"], "Received: in/a.webp and a.png"),
    (["empty", "--output-dir=out"], "no pictures in empty. Not pictures in empty: 1 .txt."),
    (["in", "--output-dir=out", "--sigma=7"], "sigma must be a number from 0 to 1. Received: 7.0"),
    (["in", "--output-dir=out", "--strength=nan"], "strength must be a number from 0 to 1"),
    (["in", "--output-dir=out", "--network=blue"], "invalid choice: 'blue'"),
]


@pytest.mark.parametrize(("arguments", "words"), REFUSED, ids=lambda value: str(value)[:60])
def test_what_cannot_be_meant_is_refused_before_any_work(arguments, words, here, capsys):
    for name in ("a.png", "in/x.png", "in/a.webp", "other/x.png"):
        add_picture(name)
    Path("link").symlink_to("in", target_is_directory=True)
    Path("empty").mkdir()
    Path("empty/list.txt").touch()
    before = files_below(here)
    try:
        code = main(["restore", *arguments, "--model", "there-is-none"])
    except SystemExit as refused:  # argparse's own
        code = refused.code
    said = capsys.readouterr()
    assert code == 2 and words in said.err.replace(os.sep, "/")
    assert said.out == "" and len(said.err.splitlines()) == 1
    assert files_below(here) == before


def test_names_that_differ_in_case_alone_collide_where_they_are_one_file(here, monkeypatch):
    for name in ("one/a.png", "two/A.png"):
        add_picture(name)
    assert len(restore_files.plan_files(["one", "two"], "out", False, None).files) == 2
    monkeypatch.setattr(restore_files, "CASELESS", True)
    with pytest.raises(ValueError, match="two pictures would become"):
        restore_files.plan_files(["one", "two"], "out", False, None)


def test_patterns_that_no_shell_filled_in_and_files_named_twice(here):
    add_picture("in/a.png")
    add_picture("in/b [1].png")
    plan = restore_files.plan_files(["in/*.png", "in/b [1].png", "in"], "out", False, None)
    assert {output.name for output in plan.files} == {"a.png", "b [1].png"}
    Path("in/out").mkdir()
    plan = restore_files.plan_files(["in/*"], "in/out", False, ".tif")  # as of a second run
    assert {output.name for output in plan.files} == {"a.tif", "b [1].tif"}


def test_a_folder_that_cannot_be_listed_fails(here, monkeypatch, capsys):
    add_picture("in/a.png")
    add_picture("in/closed/b.png")
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert main(["restore", "in", "--recursive", "--output-dir", "out"]) == 1
    assert "the folder cannot be listed. Received: in/closed" in capsys.readouterr().err
    assert files_below("out") == {"a.png"}


def test_the_network_can_be_named(here, capsys):
    add_picture("a.png", "RGB")
    for network in ("gray", "colour"):
        command = ["restore", "a.png", f"{network}.png", "--network", network, "--json"]
        assert main(command) == 0
        row = json.loads(capsys.readouterr().out)
        assert row.keys() == {"path", "output", "status", "sigma", "network", "seconds"}
        assert (row["network"], row["status"]) == (network, "restored")
        assert 0 < row["sigma"] < 1 and row["seconds"] > 0
    assert Path("gray.png").read_bytes() != Path("colour.png").read_bytes()
    command = [
        "restore",
        "a.png",
        "b.png",
        "--model",
        str(ROOT / "model_card" / "colour"),
        "--json",
    ]
    assert main([*command, "--network", "gray"]) == 2
    said = capsys.readouterr()
    assert "network must be colour. Received: 'gray'" in said.err
    assert json.loads(said.out)["status"] == "failed"


def test_a_pipe_holds_the_picture_and_nothing_else(here):
    picture = add_picture("a.png", "RGB", side=600)
    assert main(["restore", "a.png", "whole.png"]) == 0
    piped = started("-", "-", "--format", "PNG")
    content, said = piped.communicate(picture.read_bytes(), timeout=120)
    assert piped.returncode == 0, said
    assert content == Path("whole.png").read_bytes()
    to_file = started("-", "from pipe.jpg")
    content, said = to_file.communicate(picture.read_bytes(), timeout=120)
    assert (to_file.returncode, content.decode().strip()) == (0, "from pipe.jpg"), said
    assert Image.open("from pipe.jpg").size == (600, 600)
    broken = started("-", "-", "--format", "png")
    content, said = broken.communicate(b"no picture", timeout=120)
    assert (broken.returncode, content) == (2, b"")
    assert said.decode().strip().endswith("Received: standard input")


def test_a_pipe_that_nobody_reads_ends_in_one_line(here):
    add_picture("a.png")
    unread = started("a.png", "-", "--format", "png")
    unread.stdout.close()
    assert unread.stderr.read().decode().splitlines() == ["denoiser: [Errno 32] Broken pipe"]
    assert unread.wait(60) == 1


def test_a_stopped_run_leaves_no_half_file_and_goes_on(here):
    for number in range(12):
        add_picture(f"in/{number:02}.png", "RGB", side=500)
    command = ["in", "--output-dir", "out"]
    running = started(*command)
    end = time.monotonic() + 120
    while not list(Path("out").glob("[!.]*.png")) and time.monotonic() < end:
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    said = running.communicate(timeout=120)[1].decode()
    assert running.returncode == 3 and "the same command goes on" in said.splitlines()[-1]
    done = files_below("out")
    assert 0 < len(done) < 12 and done <= files_below("in")
    for name in done:
        Image.open(f"out/{name}").load()

    going_on = started(*command)
    said = going_on.communicate(timeout=120)[1].decode()
    assert f"{12 - len(done)} restored, {len(done)} skipped" in said
    assert files_below("out") == files_below("in")


class Terminal(io.StringIO):
    """A terminal of 40 columns."""

    def isatty(self):
        return True


def test_progress_counts_pictures_and_tiles_in_one_line_of_a_terminal(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", "40")
    progress = Progress(pictures=3)
    progress(1, 2)
    progress.before += 1
    progress(2, 2)
    progress.clear()
    lines = terminal.getvalue().split("\r")
    assert lines[1].startswith("picture 1 of 3, 1 of 2 tiles, about")
    assert lines[2].startswith("picture 2 of 3, 2 of 2 tiles, about")
    assert all(len(line) < 40 for line in lines) and "\n" not in terminal.getvalue()
    assert lines[-1] == "" and lines[-2].strip() == ""
