"""Which pictures `denoiser restore --output-dir` reads and writes, checked before any work.

>>> plan = plan_files(["photos"], "restored", recursive=True, ending=None)  # doctest: +SKIP
>>> plan.files                                                              # doctest: +SKIP
{PosixPath('restored/cats/a.png'): PosixPath('photos/cats/a.png')}
"""

# ruff: noqa: PTH110, PTH112
from __future__ import annotations

import glob
import os
import sys
from collections.abc import Iterable, Sequence
from os.path import exists, isdir  # Path's own raise where a name is too long
from pathlib import Path
from typing import NamedTuple

from olivetti_denoiser.data.picture_folder import in_words, list_folder, subfolders
from olivetti_denoiser.images.write import ENDINGS, check_ending

NAMED = 3  # files that a complaint names
CASELESS = sys.platform in ("win32", "darwin")  # where a.png and A.png are one file


class Plan(NamedTuple):
    """What is to be done.

    Attributes:
        files: the picture to read for each file to write.
        notes: what is left out, sentences.
        failures: pictures that cannot be written under their own ending and folders that cannot
            be listed, with the reason.
    """

    files: dict[Path, Path]
    notes: list[str]
    failures: list[tuple[Path, str]]


def plan_files(arguments: Sequence[str], folder: str, recursive: bool, ending: str | None) -> Plan:
    """Find the pictures and say where each is to go.

    A file keeps its name, and one from a folder its place below that folder. Hidden files and
    folders are left out; links are read as what they lead to.

    Args:
        arguments: paths of pictures and folders, or patterns such as photos/*.png.
        folder: the folder to write to, which need not exist.
        recursive: whether to take what is in subfolders.
        ending: the ending of all files to write, such as ".png"; None keeps each picture's own.

    Raises:
        ValueError: there is nothing to read, or a file cannot or must not be written.
    """
    into = Path(folder)
    if exists(into) and not isdir(into):
        raise ValueError(f"--output-dir must be a folder, and this is a file. Received: {folder}")
    paths = _expanded(arguments)
    if recursive and not any(map(isdir, paths)):
        raise ValueError("--recursive is for folders. Received: files alone")
    found, notes, failures = _found(paths, into, recursive)
    files: dict[Path, Path] = {}
    taken: dict[str, Path] = {}
    for place, source in found:
        output = into / (place.with_suffix(ending) if ending else place)
        try:
            check_ending(output)
        except ValueError as error:
            reason = str(error).partition(". Received: ")[0].removesuffix("; .png would do")
            advice = "" if output.suffix.lower() in ENDINGS else "; --format png would do"
            failures.append((source, f"{reason}{advice}. Received: {source}"))
            continue
        name = str(output).casefold() if CASELESS else str(output)
        if name not in taken:
            files[output] = taken[name] = source
        elif not _same(taken[name], source):
            raise ValueError(
                f"two pictures would become {output}; restore them into different folders. "
                f"Received: {taken[name]} and {source}"
            )
    _check_originals(files)
    if not files and not failures:
        raise ValueError(f"there are no pictures in {_names(arguments)}. {' '.join(notes)}".strip())
    return Plan(files, notes, failures)


def _expanded(arguments: Sequence[str]) -> list[Path]:
    """The paths, with patterns filled in, as the shell of Windows leaves them to programs."""
    paths: list[Path] = []
    missing = []
    for argument in arguments:
        matches = [argument] if os.path.lexists(argument) else sorted(glob.glob(argument))  # noqa: PTH207
        paths += map(Path, matches)
        if not matches:
            missing.append(argument)
    if missing:
        raise ValueError(f"there is no such picture or folder. Received: {_names(missing)}")
    return paths


def _found(paths: Sequence[Path], into: Path, recursive: bool):
    """Pairs of a file's place below the output folder and the picture; notes; failures."""
    found, notes, failures, real = [], [], [], os.path.realpath(into)
    for path in paths:
        if not isdir(path):
            found.append((Path(path.name), path))
            continue
        if os.path.realpath(path) == real:
            if len(paths) == 1:
                raise ValueError(
                    f"--output-dir must be another folder than the pictures'. Received: {into}"
                )
            notes.append(f"{path} is written to and not read.")  # of photos/*, for one
            continue
        listing = list_folder(str(path), recursive, real)
        found += [(Path(name), path / name) for name in listing.pictures]
        failures += [(Path(name), _unlisted(name)) for name in listing.unreadable]
        if listing.others:
            notes.append(f"Not pictures in {path}: {in_words(listing.others)}.")
        if recursive or str(path) in listing.unreadable:
            continue
        if any(os.path.realpath(path / name) != real for name in subfolders(path)):
            notes.append(f"Subfolders of {path} are left out; --recursive takes them.")
    return found, notes, failures


def _unlisted(folder: str) -> str:
    return f"the folder cannot be listed. Received: {folder}"


def _check_originals(files: dict[Path, Path]) -> None:
    """No picture that is read is written to, by whatever name."""
    read = {identity for source in files.values() if (identity := _identity(source))}
    for output, source in files.items():
        if _identity(output) in read:
            raise ValueError(
                f"{output} is one of the pictures that are read; --output-dir must be another "
                f"folder. Received: {source}"
            )


def _same(one: Path, other: Path) -> bool:
    return _identity(one) == _identity(other) is not None


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _names(paths: Iterable[str | Path]) -> str:
    """The first names, and how many more there are."""
    names = [str(path) for path in paths]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
