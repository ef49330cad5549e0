"""Which pictures `denoiser restore --output-dir` reads and writes, checked before any work.

>>> plan = plan_files(["photos"], "restored", recursive=True, ending=None)  # doctest: +SKIP
>>> plan.files                                                              # doctest: +SKIP
{PosixPath('restored/cats/a.png'): PosixPath('photos/cats/a.png')}
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from os.path import exists, isdir  # Path's own raise where a name is too long
from pathlib import Path
from typing import NamedTuple

from olivetti_denoiser.data.picture_folder import in_words, list_folder

CASELESS = sys.platform in ("win32", "darwin")  # where a.png and A.png are one file


class Plan(NamedTuple):
    """The pictures to restore.

    Attributes:
        files: The picture to read for each file to write.
        notes: What is left out, sentences.
        failures: Pictures that cannot be read and folders that cannot be listed, with the reason.
    """

    files: dict[Path, Path]
    notes: list[str]
    failures: list[tuple[Path, str]]


def plan_files(arguments: Sequence[str], folder: str, recursive: bool, ending: str | None) -> Plan:
    """Find the pictures and say where each is to go.

    A file keeps its name, and one from a folder its place below that folder. Hidden files and
    folders are left out; a link is read as its target.

    Args:
        arguments: Paths of pictures and folders.
        folder: The folder to write to, which need not exist.
        recursive: Whether to take subfolders along.
        ending: The ending of all files to write, such as ".png"; None keeps each picture's own.

    Raises:
        ValueError: There is nothing to read, or a file must not be written.
    """
    into, plan = Path(folder), Plan({}, [], [])
    if exists(into) and not isdir(into):  # noqa: PTH110, PTH112
        raise ValueError(f"--output-dir must be a folder, and this is a file. Received: {folder}")
    if missing := [argument for argument in arguments if not os.path.lexists(argument)]:
        raise ValueError(f"there is no such picture or folder. Received: {missing[0]}")
    paths = list(map(Path, arguments))
    if recursive and not any(map(isdir, paths)):
        raise ValueError("--recursive is for folders. Received: files alone")
    taken: dict[str, Path] = {}
    for place, source in _found(paths, into.resolve(), recursive, plan):
        output = into / (place.with_suffix(ending) if ending else place)
        name = str(output).casefold() if CASELESS else str(output)
        other = taken.setdefault(name, source)
        if _identity(other) != _identity(source):
            raise ValueError(
                f"two pictures would become {output}; restore them into different folders. "
                f"Received: {other} and {source}"
            )
        if other is source:
            plan.files[output] = source
    read = set(map(_identity, plan.files.values())) - {None}
    for output in plan.files:
        if _identity(output) in read:
            raise ValueError(
                f"{output} is one of the pictures that are read; --output-dir must be another "
                f"folder. Received: {folder}"
            )
    if not plan.files and not plan.failures:
        raise ValueError(
            f"there are no pictures in {paths[0]}, apart from {into}. {' '.join(plan.notes)}"
        )
    return plan


def _found(paths: Sequence[Path], into: Path, recursive: bool, plan: Plan):
    """Yield each file's place below the output folder and the picture; note the rest in `plan`."""
    for path in paths:
        if not isdir(path):  # noqa: PTH112
            yield Path(path.name), path
            continue
        listing = list_folder(path, recursive, into)
        yield from ((place, path / place) for place in listing.pictures)
        for place in listing.unreadable:
            plan.failures.append((place, f"the folder cannot be listed. Received: {place}"))
        if listing.others:
            plan.notes.append(f"Not pictures in {path}: {in_words(listing.others)}.")
        if recursive or path in listing.unreadable or path.resolve() == into:
            continue
        below = (name for name in path.iterdir() if name.is_dir() and name.name[0] != ".")
        if any(folder.resolve() != into for folder in below):
            plan.notes.append(f"Subfolders of {path} are left out; --recursive takes them.")


def _identity(path: Path) -> tuple[int, int] | None:
    """Return an identity that all names of one file share; None where there is no file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
