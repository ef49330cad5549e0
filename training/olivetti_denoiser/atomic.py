"""Atomic writes: files and folders that take their place whole or not at all.

    >>> with atomic_file("restored.png") as path:        # doctest: +SKIP
    ...     image.save(path)
    >>> with atomic_folder("model_card") as folder:      # doctest: +SKIP
    ...     model.save(folder)

The new content lies beside its target and is renamed once everything has gone well, so a failure,
a full disk or a killed process leaves the target as it was. A folder is replaced by two renames; a
process killed between them leaves the old folder under a hidden name, and the next writer of that
folder puts it back.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

PART = ".denoiser-part-"  # how the names of unfinished files and folders begin
ABANDONED = 3600.0  # seconds after which the writer of an unfinished file is taken for dead


@contextlib.contextmanager
def atomic_file(target: str | Path) -> Iterator[Path]:
    """Yield a new file to write to, which replaces the target at the end of the block.

    It has the target's suffix, from which many writers take the format, and its permissions.
    A link stays a link: the file that it leads to is replaced.

    Args:
        target: The file to write; its folder has to exist.

    Raises:
        OSError: The target is a folder or a device, may not be written, or the disk is full; the
            target is as it was.
    """
    check_writable(target)
    target = Path(os.path.realpath(target))
    part = _beside(target)
    part.touch(exist_ok=False)
    try:
        if target.exists():
            shutil.copymode(target, part)
        yield part
        _flush(part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def atomic_write(target: str | Path, content: str | bytes) -> None:
    """Write a file as `atomic_file` does; text as UTF-8.

    Raises:
        OSError: See `atomic_file`.
    """
    with atomic_file(target) as path:
        path.write_bytes(content.encode() if isinstance(content, str) else content)


@contextlib.contextmanager
def atomic_folder(
    target: str | Path, ignore: Callable[[str, list[str]], set[str]] | None = None
) -> Iterator[Path]:
    """Yield a copy of a folder to work on, which replaces it at the end of the block.

    Args:
        target: The folder to write; it and its parents are created where missing.
        ignore: Which files not to take along, as for `shutil.copytree`.

    Raises:
        OSError: The target is a file, may not be written, or the disk is full; it is as it was.
    """
    target = Path(os.path.realpath(target))
    target.parent.mkdir(parents=True, exist_ok=True)
    old, stage = target.with_name(f".{target.name}.old"), _beside(target)
    if old.exists() and not target.exists():  # a writer was killed between the two renames
        old.rename(target)
    stage.mkdir()
    try:
        if target.exists():
            shutil.copytree(target, stage, ignore=ignore, dirs_exist_ok=True)
            os.utime(stage)  # not the target's time, by which the copy would look abandoned
        yield stage
        for path in stage.rglob("*"):
            with contextlib.suppress(PermissionError):  # a protected copy is on the disk already
                if path.is_file() and not path.is_symlink():
                    _flush(path)
        shutil.rmtree(old, ignore_errors=True)
        if target.exists():
            target.rename(old)
        try:
            stage.rename(target)
        except BaseException:  # Ctrl-C, too
            if old.exists():
                old.rename(target)
            raise
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def check_writable(target: str | Path) -> None:
    """Refuse, before any work, a file that `atomic_file` could not replace.

    Args:
        target: The file to write; it need not exist.

    Raises:
        OSError: Its name is too long for the file system, it is a folder or a device, or it may
            not be written.
    """
    target = Path(os.path.realpath(target))
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISREG(target.stat().st_mode):
            raise OSError(f"only a plain file can be replaced. Received: {target}")
    for path in (target, target.parent):
        if path.exists() and not os.access(path, os.W_OK):
            raise PermissionError(f"{path} is protected from being written. Received: {target}")


def _beside(target):
    """Return a free hidden name beside the target, with its suffix."""
    _remove_abandoned(target.parent)
    return target.with_name(f"{PART}{secrets.token_hex(8)}{target.suffix}")


@lru_cache(maxsize=1)  # once for a folder of 10,000 pictures
def _remove_abandoned(folder):
    """Remove the unfinished files and folders of killed writers."""
    for path in folder.glob(f"{PART}*"):
        with contextlib.suppress(OSError):  # another writer's, who has just finished
            if time.time() - path.lstat().st_mtime > ABANDONED:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _flush(path):
    """Wait until a file is on the disk; Windows does so only through a handle that may write."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())
