"""Files and folders that take their place whole or not at all.

    >>> with whole_file("restored.png") as path:         # doctest: +SKIP
    ...     image.save(path)
    >>> with whole_folder("model_card") as folder:       # doctest: +SKIP
    ...     model.save(folder)

What is written lies beside its target and is renamed once everything has gone well, so a failure,
a full disk or a killed process leaves the target as it was.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ABANDONED = 3600.0  # seconds after which an unfinished file's writer is taken for dead


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
    target = Path(os.path.realpath(target))
    _refuse_what_cannot_be_replaced(target)
    part = _beside(target)
    part.touch(exist_ok=False)
    try:
        if target.exists():
            shutil.copymode(target, part)
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())
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

    Between two renames the target is absent, never partial.

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
    stage = _beside(target)
    stage.mkdir()
    try:
        if target.exists():
            shutil.copytree(target, stage, ignore=ignore, dirs_exist_ok=True)
            os.utime(stage)  # not the target's time, by which the copy would look abandoned
        yield stage
        for folder, _, names in os.walk(stage):
            for name in names:
                if not Path(folder, name).is_symlink():
                    with Path(folder, name).open("rb") as file:
                        os.fsync(file.fileno())
            _folder_to_disk(folder)
        _swap(stage, target)
        _folder_to_disk(target.parent)
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _swap(stage, target):
    """Renames the stage to the target, and back what was there if that fails."""
    if not target.exists():
        stage.rename(target)
        return
    old = _beside(target)
    target.rename(old)
    try:
        stage.rename(target)
    except OSError:
        old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _beside(target):
    """A free hidden name beside the target; what a killed process left under one is removed."""
    start, end = f".{target.stem[:100]}-", f".part{target.suffix}"
    left = re.compile(rf"{re.escape(start)}[0-9a-f]{{16}}{re.escape(end)}")
    for path in target.parent.iterdir():
        if left.fullmatch(path.name):
            with contextlib.suppress(OSError):  # another writer's, who has just finished
                if time.time() - path.lstat().st_mtime > ABANDONED:
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
    return target.with_name(f"{start}{secrets.token_hex(8)}{end}")


def _refuse_what_cannot_be_replaced(target):
    """Refuses what a rename would replace where a writer would have stopped."""
    if target.is_dir():
        raise IsADirectoryError(f"a file cannot replace a folder. Received: {target}")
    if target.exists() and not target.is_file():
        raise OSError(f"only a plain file can be replaced. Received: {target}")
    if target.exists() and not os.access(target, os.W_OK):
        raise PermissionError(f"the file is protected from being written. Received: {target}")


def _folder_to_disk(folder):
    """Asks for a folder's names to be on the disk, where the file system knows such a wish."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
