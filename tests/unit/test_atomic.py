"""Atomic writes: a failure leaves everything as it was, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from olivetti_denoiser import atomic
from olivetti_denoiser.atomic import atomic_file, atomic_folder, atomic_write, check_writable

LONG_AGO = time.time() - 2 * atomic.ABANDONED


@pytest.fixture(autouse=True)
def as_a_new_process():
    atomic._remove_abandoned.cache_clear()


def listing(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, hidden ones too."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, error):
    target = tmp_path / "picture.png"
    for before in ({}, {"picture.png": b"old"}):
        for name, content in before.items():
            (tmp_path / name).write_bytes(content)
        with pytest.raises(error), atomic_file(target) as path:
            path.write_bytes(b"half of the new")
            raise error
        assert listing(tmp_path) == before


def test_a_written_file_has_the_targets_suffix_permissions_and_link(tmp_path):
    target, link = tmp_path / "secret.tar.gz", tmp_path / "link.gz"
    target.write_bytes(b"old")
    target.chmod(0o640)
    link.symlink_to(target)
    with atomic_file(link) as path:
        assert path.suffix == ".gz" and path.parent == tmp_path
        assert target.read_bytes() == b"old"
        path.write_bytes(b"new")
    assert link.is_symlink() and target.read_bytes() == b"new"
    assert target.stat().st_mode & 0o777 == 0o640
    atomic_write(tmp_path / ("写" * 78 + ".txt"), "σ")  # 238 bytes of the 255 of a name
    (tmp_path / "plain").touch()  # a new file is as private as the process's other files
    assert (tmp_path / ("写" * 78 + ".txt")).read_text(encoding="utf-8") == "σ"
    assert (tmp_path / ("写" * 78 + ".txt")).stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_an_unfinished_file_is_removed_when_it_is_old(tmp_path):
    left = [tmp_path / f"{atomic.PART}{number}.npz" for number in range(2)]
    mine = tmp_path / ".state-of-mine.part.npz"
    for path in (*left, mine):
        path.write_bytes(b"half")
    for path in (left[0], mine):
        os.utime(path, (0, LONG_AGO))
    atomic_write(tmp_path / "state.npz", b"new")
    assert not left[0].exists()
    assert left[1].exists() and mine.exists()  # another writer's, and one of nobody's


def test_many_writers_of_one_file_leave_one_whole_file(tmp_path):
    target = tmp_path / "shared.bin"
    contents = [bytes([number]) * 50_000 for number in range(32)]
    with ThreadPoolExecutor(16) as writers:
        list(writers.map(lambda content: atomic_write(target, content), contents * 2))
    assert target.read_bytes() in contents
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_a_device_and_a_protected_file_are_not_replaced(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "fifo.png")
    (tmp_path / "folder.png").mkdir()
    for name in ("fifo.png", "folder.png", "写" * 90 + ".png"):  # the last is too long
        with pytest.raises(OSError, match=name[:5]), atomic_file(tmp_path / name):
            pass
    protected = tmp_path / "protected.png"
    protected.write_bytes(b"old")
    for refused in (protected, tmp_path):  # root may write anything
        monkeypatch.setattr(os, "access", lambda path, mode, refused=refused: path != refused)
        with pytest.raises(PermissionError, match="protected"):
            check_writable(protected)


def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir(mode=0o750)
    for name in ("kept.txt", "config.json"):
        (folder / name).write_text("old")
    (folder / "kept.txt").chmod(0o400)
    before = listing(tmp_path)

    def ignore(_, names):
        return {"config.json"} & set(names)

    with pytest.raises(ValueError), atomic_folder(folder, ignore) as stage:
        (stage / "config.json").write_text("new")
        raise ValueError
    assert listing(tmp_path) == before
    os.utime(folder, (LONG_AGO, LONG_AGO))  # its copy is no unfinished one for all that
    with atomic_folder(folder, ignore) as stage:
        assert [path.name for path in stage.iterdir()] == ["kept.txt"]
        atomic_write(stage.parent / "other", b"")
        (stage / "config.json").write_text("new")
        assert listing(folder) == {"kept.txt": b"old", "config.json": b"old"}
    (tmp_path / "other").unlink()
    assert listing(tmp_path) == {"model/kept.txt": b"old", "model/config.json": b"new"}
    assert folder.stat().st_mode & 0o777 == 0o750


def test_two_writers_of_one_folder_do_not_mix(tmp_path):
    folder = tmp_path / "model"
    with atomic_folder(folder) as first:
        (first / "a").write_text("first")
        with atomic_folder(folder) as second:
            (second / "a").write_text("second")
        (first / "b").write_text("first")
    assert listing(folder) == {"a": b"first", "b": b"first"}


def test_a_rename_that_fails_puts_the_old_folder_back(tmp_path, monkeypatch):
    folder, rename = tmp_path / "model", Path.rename
    folder.mkdir()
    (folder / "kept.txt").write_text("old")

    def refuse(path, target):
        if path.name.startswith(atomic.PART):
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(KeyboardInterrupt), atomic_folder(folder) as stage:
        (stage / "new.txt").write_text("new")
    assert listing(tmp_path) == {"model/kept.txt": b"old"}


KILLED = """
import os, sys
from pathlib import Path
from olivetti_denoiser.atomic import atomic_folder

rename = Path.rename
def killed(path, target):
    rename(path, target)
    os.kill(os.getpid(), 9)
Path.rename = killed
with atomic_folder(sys.argv[1]) as stage:
    (stage / "weights.txt").write_text("new")
"""


def test_a_process_killed_between_the_renames_loses_no_folder(tmp_path):
    """The target is absent then: its only copy is put back, however old it is."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "weights.txt").write_text("old")
    done = subprocess.run([sys.executable, "-c", KILLED, folder])
    assert (done.returncode, folder.exists()) == (-9, False)
    for left in tmp_path.glob(".*"):
        os.utime(left, (LONG_AGO, LONG_AGO))
    with pytest.raises(ValueError), atomic_folder(folder) as stage:
        assert (stage / "weights.txt").read_text() == "old"
        raise ValueError
    assert listing(tmp_path) == {"model/weights.txt": b"old"}
    with atomic_folder(folder) as stage:
        (stage / "weights.txt").write_text("newer")
    assert listing(tmp_path) == {"model/weights.txt": b"newer"}
