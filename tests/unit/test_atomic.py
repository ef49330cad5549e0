"""Files that take their place whole or not at all: what fails leaves everything as it was."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from olivetti_denoiser import atomic
from olivetti_denoiser.atomic import check_target, whole_file, whole_folder, write_whole


def listing(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.*")}


@pytest.mark.parametrize("error", [ValueError, OSError, KeyboardInterrupt])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, error):
    target = tmp_path / "picture.png"
    target.write_bytes(b"old")
    with pytest.raises(error), whole_file(target) as path:
        path.write_bytes(b"half of the new")
        raise error
    assert listing(tmp_path) == {"picture.png": b"old"}
    with pytest.raises(error), whole_file(tmp_path / "new.png") as path:
        raise error
    assert listing(tmp_path) == {"picture.png": b"old"}


def test_a_written_file_has_the_targets_suffix_permissions_and_link(tmp_path):
    target, link = tmp_path / "secret.tar.gz", tmp_path / "link.gz"
    target.write_bytes(b"old")
    target.chmod(0o640)
    link.symlink_to(target)
    with whole_file(link) as path:
        assert path.suffix == ".gz" and path.parent == tmp_path
        assert target.read_bytes() == b"old"
        path.write_bytes(b"new")
    assert link.is_symlink() and target.read_bytes() == b"new"
    assert target.stat().st_mode & 0o777 == 0o640
    write_whole(tmp_path / "other.txt", "σ")
    assert (tmp_path / "other.txt").read_text(encoding="utf-8") == "σ"
    (tmp_path / "plain").touch()  # a new file is as private as the process's others
    assert (tmp_path / "other.txt").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_full_disk_leaves_the_old_file(tmp_path):
    """A limit on the size of files fails as a full disk does: in the middle of a write."""
    code = (
        "import resource, signal, sys; from olivetti_denoiser.atomic import write_whole\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "write_whole(sys.argv[1], bytes(100_000))"
    )
    target = tmp_path / "weights.bin"
    target.write_bytes(b"old")
    done = subprocess.run([sys.executable, "-c", code, target], capture_output=True, text=True)
    assert "File too large" in done.stderr
    assert listing(tmp_path) == {"weights.bin": b"old"}


def test_what_a_killed_process_left_is_removed_when_it_is_old(tmp_path):
    target = tmp_path / "state.npz"
    left = [atomic._beside(target, "part") for _ in range(2)]
    mine = tmp_path / ".state-of-mine.part.npz"
    for path in (*left, mine):
        path.write_bytes(b"half")
    for path in (left[0], mine):
        os.utime(path, (0, time.time() - 2 * atomic.ABANDONED))
    write_whole(target, b"new")
    assert not left[0].exists()
    assert left[1].exists() and mine.exists()  # another writer's, and one of nobody's


def test_many_writers_of_one_file_leave_one_whole_file(tmp_path):
    target = tmp_path / "shared.bin"
    contents = [bytes([number]) * 50_000 for number in range(32)]
    with ThreadPoolExecutor(16) as writers:
        list(writers.map(lambda content: write_whole(target, content), contents * 8))
    assert target.read_bytes() in contents
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_a_device_and_a_protected_file_are_not_replaced(tmp_path, monkeypatch):
    fifo = tmp_path / "fifo.png"
    os.mkfifo(fifo)
    (tmp_path / "folder.png").mkdir()
    for path in (fifo, tmp_path / "folder.png"):
        with pytest.raises(OSError, match="Received: "), whole_file(path):
            pass
    protected = tmp_path / "protected.png"
    protected.write_bytes(b"old")
    refused = {protected}  # root may write anything
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) not in refused)
    with pytest.raises(PermissionError, match="protected"), whole_file(protected):
        pass
    assert protected.read_bytes() == b"old"
    refused = {tmp_path}
    with pytest.raises(PermissionError, match="the folder is protected"):
        check_target(tmp_path / "new.png")
    assert fifo.is_fifo()


def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir(mode=0o750)
    for name in ("kept.txt", "config.json"):
        (folder / name).write_text("old")
    before = listing(tmp_path)

    def ignore(_, names):
        return {"config.json"} & set(names)

    with pytest.raises(ValueError), whole_folder(folder, ignore) as stage:
        (stage / "config.json").write_text("new")
        raise ValueError
    assert listing(tmp_path) == before
    with whole_folder(folder, ignore) as stage:
        assert [path.name for path in stage.iterdir()] == ["kept.txt"]
        (stage / "config.json").write_text("new")
        assert listing(folder) == {"kept.txt": b"old", "config.json": b"old"}
    assert listing(tmp_path) == {"model/kept.txt": b"old", "model/config.json": b"new"}
    assert folder.stat().st_mode & 0o777 == 0o750


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_a_rename_that_fails_puts_the_old_folder_back(tmp_path, monkeypatch, error):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "kept.txt").write_text("old")
    rename = Path.rename

    def refuse(path, target):
        if ".part" in path.name and Path(target) == folder and (path / "new.txt").exists():
            raise error("no")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(error, match="no"), whole_folder(folder) as stage:
        (stage / "new.txt").write_text("new")
    assert listing(tmp_path) == {"model/kept.txt": b"old"}


KILLED = """
import os, sys
from pathlib import Path
from olivetti_denoiser.atomic import whole_folder

count, rename = int(sys.argv[2]), Path.rename
def killed(path, target):
    global count
    count -= 1
    if not count:
        os.kill(os.getpid(), 9)
    return rename(path, target)
Path.rename = killed
with whole_folder(sys.argv[1]) as stage:
    (stage / "weights.txt").write_text("new")
"""


@pytest.mark.parametrize("at", [1, 2])
def test_a_process_killed_at_a_rename_loses_no_folder(tmp_path, at):
    """At the second the target is absent: its only copy is put back, however old it is."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "weights.txt").write_text("old")
    long_ago = time.time() - 2 * atomic.ABANDONED
    os.utime(folder, (long_ago, long_ago))
    done = subprocess.run([sys.executable, "-c", KILLED, folder, str(at)])
    assert (done.returncode, folder.exists()) == (-9, at == 1)
    with pytest.raises(ValueError), whole_folder(folder) as stage:
        assert (stage / "weights.txt").read_text() == "old"
        raise ValueError
    assert (folder / "weights.txt").read_text() == "old"
    for left in tmp_path.glob(".*"):
        os.utime(left, (long_ago, long_ago))
    with whole_folder(folder) as stage:
        (stage / "weights.txt").write_text("newer")
    assert listing(tmp_path) == {"model/weights.txt": b"newer"}
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.fixture
def as_on_windows(monkeypatch):
    """Flushes no file that was opened for reading, and opens no folder, as Windows."""
    import fcntl

    flush, open_one = os.fsync, os.open

    def fsync(file):
        number = file if isinstance(file, int) else file.fileno()
        if fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        flushed.append(str(Path(f"/proc/self/fd/{number}").readlink()))
        return flush(number)

    def no_folder(path, *arguments, **options):
        if os.path.isdir(path):  # noqa: PTH112
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return open_one(path, *arguments, **options)

    flushed: list[str] = []
    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "open", no_folder)
    return flushed


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="imitates Windows on Linux")
def test_where_only_a_handle_that_may_write_flushes_all_is_written(tmp_path, as_on_windows):
    write_whole(tmp_path / "picture.png", b"new")
    with whole_folder(tmp_path / "model") as stage:
        (stage / "colour").mkdir()
        (stage / "colour" / "weights.bin").write_bytes(b"w")
        (stage / "protected.bin").write_bytes(b"p")
        (stage / "protected.bin").chmod(0o400)
    assert listing(tmp_path) == {
        "picture.png": b"new",
        "model/colour/weights.bin": b"w",
        "model/protected.bin": b"p",
    }
    assert [Path(name).name for name in as_on_windows if "weights" in name] == ["weights.bin"]


@pytest.mark.parametrize("name", ["写" * 78 + ".png", "n" * 251 + ".png", "a." + "b" * 253])
def test_the_longest_names_that_the_file_system_takes_can_be_written(tmp_path, name):
    write_whole(tmp_path / name, b"new")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    (tmp_path / name).unlink()
    with whole_folder(tmp_path / name) as stage:
        (stage / "a.txt").write_text("x")
    with whole_folder(tmp_path / name) as stage:
        pass
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_longer_name_is_refused_in_bytes(tmp_path):
    with pytest.raises(OSError, match="274 bytes, and 255 is the most"):
        check_target(tmp_path / ("写" * 90 + ".png"))


def test_no_other_module_writes_files_by_itself():
    """Everything else that writes is a stream of its own or lies in a temporary folder."""
    package = Path(atomic.__file__).parent
    renames = [
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if ".replace(self" in (text := path.read_text(encoding="utf-8"))
        or "os.replace" in text
        or ".rename(" in text
    ]
    assert renames == ["atomic.py"]


def test_a_folder_that_was_written_long_ago_can_be_written_again(tmp_path):
    target = tmp_path / "model"
    target.mkdir()
    (target / "weights").write_text("old")
    long_ago = time.time() - 2 * atomic.ABANDONED
    os.utime(target, (long_ago, long_ago))
    with whole_folder(target) as stage:
        (stage / "weights").write_text("new")  # changes the file and not the folder's time
    assert (target / "weights").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
