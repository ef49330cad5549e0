"""Files and folders that take their place whole or not at all.

    >>> with whole_file("restored.png") as path:         # doctest: +SKIP
    ...     image.save(path)
    >>> with whole_folder("model_card") as folder:       # doctest: +SKIP
    ...     model.save(folder)

What is written lies beside its target and is renamed once everything has gone well, so a failure,
a full disk or a killed process leaves the target as it was. A folder is replaced by two renames; a
process killed between them leaves the old folder under a hidden name, and the next writer of that
folder puts it back.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ABANDONED = 3600.0  # seconds after which an unfinished file's writer is taken for dead
LONGEST_NAME = 255  # bytes, of nearly every file system


@contextlib.contextmanager
def whole_file(target: str | Path) -> Iterator[Path]:
    """Gives a new file to write to, which replaces the target at the end of the block.

    It has the target's suffix, from which many writers take the format, and its permissions.
    A link stays a link: the file that it leads to is replaced.

    Args:
        target: the file to write; its folder has to exist.

    Yields:
        The path to write to, an empty file beside the target.

    Raises:
        OSError: the target is a folder or a device, may not be written, or the disk is full; the
            target is as it was.
    """
    check_target(target)
    target = Path(os.path.realpath(target))
    _remove_abandoned(target)
    part = _beside(target, "part")
    part.touch(exist_ok=False)
    try:
        if target.exists():
            shutil.copymode(target, part)
        yield part
        _to_disk(part)
        part.replace(target)
        _folder_to_disk(target.parent)
    finally:
        part.unlink(missing_ok=True)


def write_whole(target: str | Path, content: str | bytes) -> None:
    """Writes a file as `whole_file` does; text as UTF-8.

    Args:
        target: the file to write.
        content: all of it.

    Raises:
        OSError: see `whole_file`.
    """
    with whole_file(target) as path:
        path.write_bytes(content.encode() if isinstance(content, str) else content)


@contextlib.contextmanager
def whole_folder(
    target: str | Path, ignore: Callable[[str, list[str]], set[str]] | None = None
) -> Iterator[Path]:
    """Gives a copy of a folder to work on, which replaces it at the end of the block.

    Between two renames the target is absent, never partial. Where a process was killed between
    them, the folder that it had moved away is put back first.

    Args:
        target: the folder to write; it and its parents are created where missing.
        ignore: which files not to take along, as for `shutil.copytree`.

    Yields:
        The folder to work on, beside the target.

    Raises:
        OSError: the target is a file, may not be written, or the disk is full; it is as it was.
    """
    target = Path(os.path.realpath(target))
    target.parent.mkdir(parents=True, exist_ok=True)
    _put_back(target)
    _remove_abandoned(target)
    stage = _beside(target, "part")
    stage.mkdir()
    try:
        if target.exists():
            shutil.copytree(target, stage, ignore=ignore, dirs_exist_ok=True)
            os.utime(stage)  # not the target's time, by which the copy would look abandoned
        yield stage
        for folder, _, names in os.walk(stage):
            for name in names:
                if not Path(folder, name).is_symlink():
                    _to_disk(Path(folder, name))
            _folder_to_disk(folder)
        _swap(stage, target)
        _folder_to_disk(target.parent)
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def check_target(target: str | Path) -> None:
    """Refuse what `whole_file` could not replace, before any work.

    Args:
        target: the file to write; it need not exist.

    Raises:
        OSError: its name is too long for the file system, it is a folder or a device, or it may
            not be written.
    """
    target = Path(os.path.realpath(target))
    if target.parent.is_dir() and not os.access(target.parent, os.W_OK):
        raise PermissionError(f"the folder is protected from being written. Received: {target}")
    length = len(os.fsencode(target.name))
    try:
        target.stat()
    except FileNotFoundError:
        return
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG or length <= LONGEST_NAME:
            raise
        raise OSError(
            f"the file's name has {length} bytes, and {LONGEST_NAME} is the most; a shorter one "
            f"would do. Received: {target}"
        ) from None
    if target.is_dir():
        raise IsADirectoryError(f"a file cannot replace a folder. Received: {target}")
    if not target.is_file():
        raise OSError(f"only a plain file can be replaced. Received: {target}")
    if not os.access(target, os.W_OK):
        raise PermissionError(f"the file is protected from being written. Received: {target}")


def _swap(stage, target):
    """Renames the stage to the target, and back what was there if that fails."""
    if not target.exists():
        stage.rename(target)
        return
    old = _beside(target, "old")
    target.rename(old)
    try:
        stage.rename(target)
    except BaseException:  # Ctrl-C, too
        with contextlib.suppress(OSError):  # another writer has filled the place
            old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _put_back(target):
    """Gives a folder its name back where its writer was killed between the two renames."""
    for old in _left(target, "old"):
        with contextlib.suppress(OSError):  # another writer does the same
            if not target.exists():
                old.rename(target)


def _remove_abandoned(target):
    """Removes what killed writers left; of a folder's old copies those that have a successor."""
    for path in _left(target, "part"):
        with contextlib.suppress(OSError):  # another writer's, who has just finished
            if time.time() - path.lstat().st_mtime > ABANDONED:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in _left(target, "old"):
        if target.exists():
            shutil.rmtree(path, ignore_errors=True)


def _beside(target, kind):
    """A free hidden name beside the target, with its suffix and short whatever the target's is."""
    suffix = target.suffix if len(os.fsencode(target.suffix)) <= 32 else ""
    return target.with_name(f"{_start(target)}{secrets.token_hex(8)}.{kind}{suffix}")


def _left(target, kind):
    """What lies beside the target under names of `_beside`."""
    return [
        path
        for path in target.parent.iterdir()
        if path.name.startswith(_start(target)) and f".{kind}" in path.name
    ]


def _start(target):
    """How the names of `_beside` begin: 78 Japanese letters are 234 bytes of 255, so by a hash."""
    return f".{hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]}-"


def _to_disk(path):
    """Asks for a file to be on the disk; Windows does so only through a handle that may write."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except PermissionError:  # a copy of a file that is protected from being written
        descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EBADF:  # Windows, which then writes it when it likes
            raise
    finally:
        os.close(descriptor)


def _folder_to_disk(folder):
    """Asks for a folder's names to be on the disk, where the file system knows such a wish."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
