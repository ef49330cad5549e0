"""Robust access to the Hugging Face Hub: verified downloads, clear errors, retries.

    >>> folder = download("owner/olivetti-denoiser", "model.weights.h5", revision="v1.0.0")
    >>> commit = patiently(lambda: api.create_commit(...))

The client trusts a download of the right size, so a flipped bit passes it. `download` compares
every file with the checksums in the commit's own listing, which the client caches: the check
needs no network, so files that were damaged on disk are found as well.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from olivetti_denoiser.errors import DamagedFileError

T = TypeVar("T")
logger = logging.getLogger(__name__)

REPO_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
TOKEN = re.compile(r"hf_[A-Za-z0-9]{20,}|hf_(?:jwt|oauth)_[\w.-]{20,}")
ADDRESSES = {"model": "", "dataset": "datasets/", "space": "spaces/"}

# What the Hub answers while it is busy: a rate limit, another commit in progress, a restart.
BUSY = (408, 409, 429, 500, 502, 503, 504)
WAITS = (1, 2, 4, 8)  # seconds; the client itself waits as long where it does retry
LONGEST_WAIT = 120.0
REFUSALS = {
    401: "does not accept the token, or there is none: log in with `hf auth login` or set HF_TOKEN",
    402: "wants a paid plan for it: create it on the website, or publish without it",
    403: "refuses access: the token lacks the right to it",
}


def check_repo_id(repo_id: str) -> str:
    """Return the repository's name if it reads OWNER/NAME.

    Raises:
        ValueError: It does not.
    """
    if not REPO_ID.fullmatch(repo_id) or "--" in repo_id or ".." in repo_id:
        raise ValueError(
            f"a repository on the Hub is named OWNER/NAME, of letters, digits, '-', '_' and '.'. "
            f"Received: {repo_id!r}"
        )
    return repo_id


def address(repo_id: str, kind: str = "model") -> str:
    """Return the address at which a browser shows a repository."""
    from huggingface_hub import constants

    return f"{constants.ENDPOINT}/{ADDRESSES[kind]}{repo_id}"


def download(
    repo_id: str,
    *patterns: str,
    kind: str = "model",
    revision: str | None = None,
    local_files_only: bool = False,
    **options: Any,
) -> Path:
    """Download the files that match, from one commit, and check every byte.

    A damaged file is downloaded once more. Without a network the cache answers.

    Args:
        repo_id: OWNER/NAME.
        patterns: File names or globs; those that match nothing are left out.
        kind: "model", "dataset" or "space".
        revision: Tag, branch or commit; the default branch when None.
        local_files_only: Never touch the network.
        **options: Those of the client's `snapshot_download`: `token`, `cache_dir` and
            `force_download`.

    Returns:
        The snapshot's folder; its name is the commit.

    Raises:
        ValueError: No such repository or revision.
        PermissionError: The token is wrong or not enough.
        ConnectionError: The Hub does not answer and the cache holds no copy, or a part of one.
        DamagedFileError: A file is damaged and a fresh copy cannot be had.
    """
    from huggingface_hub import snapshot_download

    check_repo_id(repo_id)

    def fetch(only: tuple[str, ...], **more: Any) -> Path:
        asked: dict[str, Any] = {"repo_type": kind, "revision": revision, **options, **more}
        asked |= {"local_files_only": local_files_only, "allow_patterns": list(only)}
        try:
            return Path(patiently(lambda: snapshot_download(repo_id, **asked)))
        except Exception as error:
            raise explained(error, repo_id, kind, revision) from error

    folder = fetch(patterns)
    damaged = _damaged(folder, repo_id, kind, options.get("cache_dir"))
    if damaged and not local_files_only:
        logger.warning("Damaged, downloading again: %s", ", ".join(damaged))
        with contextlib.suppress(OSError, ValueError):  # no fresh copy: the damage stands
            folder = fetch(damaged, force_download=True)
        damaged = _damaged(folder, repo_id, kind, options.get("cache_dir"))
    if damaged:
        raise DamagedFileError(
            f"{', '.join(damaged)} of {repo_id} at {folder.name[:7]} is damaged: its checksum is "
            "not the one that the commit lists. A later download, with the network, may be whole."
        )
    return folder


def _damaged(folder: Path, repo_id: str, kind: str, cache_dir) -> tuple[str, ...]:
    """Return the downloaded files whose bytes are not those of the commit."""
    from huggingface_hub import errors, get_cached_repo_tree
    from huggingface_hub.utils.sha import git_hash

    def is_whole(file) -> bool:
        path = folder / file.path
        content = path.read_bytes()
        sha256 = hashlib.sha256(content).hexdigest()
        # What git keeps in place of a large file (git-lfs, docs/spec.md).
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\n"
        pointer_id = git_hash(f"{pointer}size {len(content)}\n".encode())
        # The cache names its copy after the checksum that came with the download.
        listed = {file.blob_id, path.resolve().name}
        return not listed.isdisjoint((sha256, git_hash(content), pointer_id))

    try:
        listing = get_cached_repo_tree(
            repo_id, repo_type=kind, revision=folder.name, cache_dir=cache_dir
        )
    except errors.CachedRepoTreeNotFoundError:  # cached file by file, by another program
        return ()
    there = [file for file in listing if (folder / file.path).is_file()]
    return tuple(file.path for file in there if not is_whole(file))


def patiently(operation: Callable[[], T]) -> T:
    """Run an operation on the Hub, again after a pause whenever the Hub is only busy.

    The client retries uploads by itself, but neither the creation of a repository nor a commit
    nor a tag. A `Retry-After` header sets the pause, if there is one.

    Args:
        operation: What to do; must be safe to do twice.
    """
    for wait in WAITS:
        try:
            return operation()
        except Exception as error:
            if not is_busy(error):
                raise
            response = _response(error)
            asked = response.headers.get("Retry-After", "") if response is not None else ""
            pause = min(float(asked), LONGEST_WAIT) if asked.isdigit() else wait
            logger.warning("%s; trying again in %g s", first_line(error), pause)
            time.sleep(pause)
    return operation()


def status_of(error: BaseException) -> int | None:
    """Return the HTTP status behind an error, or None."""
    response = _response(error)
    return None if response is None else response.status_code


def is_busy(error: BaseException) -> bool:
    """Tell whether an error passes by itself: a busy Hub or a connection that broke off.

    A connection that cannot be made in the first place is not among them.
    """
    import httpx2

    if (status := status_of(error)) is not None:
        return status in BUSY
    if _comes_of(error, httpx2.ConnectError, httpx2.ConnectTimeout):
        return False
    # The client's words for a body that was cut short.
    cut = any("Consistency check failed" in str(link) for link in _chain(error))
    return cut or _comes_of(error, httpx2.TransportError, json.JSONDecodeError)


def explained(
    error: Exception, repo_id: str, kind: str = "model", revision: str | None = None
) -> Exception:
    """Return the built-in error that says in one line what the client's error means.

    Args:
        error: What the client raised.
        repo_id: The repository that was asked for.
        kind: "model", "dataset" or "space".
        revision: The revision that was asked for, if any.
    """
    import httpx2
    from huggingface_hub import constants, errors

    where, name = constants.ENDPOINT, f"{kind} repository {repo_id}"
    without_token = isinstance(error, errors.LocalTokenNotFoundError)
    status = 401 if without_token else status_of(error)
    if isinstance(error, errors.RevisionNotFoundError):
        return ValueError(f"{name} has no such revision. Received: revision={revision!r}")
    gated = isinstance(error, errors.GatedRepoError)
    if isinstance(error, errors.RepositoryNotFoundError) and not gated:
        return ValueError(
            f"{where} shows no {name}: it does not exist, or it is private and needs the token of "
            f"somebody who may see it (`hf auth login`, HF_TOKEN). Received: {repo_id!r}"
        )
    if status in REFUSALS:
        said = TOKEN.sub("hf_…", getattr(error, "server_message", None) or "").splitlines()
        more = f" ({said[0]})" if said else ""
        return PermissionError(f"{where} {REFUSALS[status]}. Received: {name}{more}")
    if isinstance(error, errors.IncompleteSnapshotError):
        return ConnectionError(
            f"the cache holds only a part of it: allow the network once. Received: {name}"
        )
    uncached = _comes_of(error, errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled)
    if uncached or status in BUSY or _comes_of(error, httpx2.TransportError):
        answer = f"answers {status}" if status else "does not answer, or was not asked"
        copy = " and the cache holds no copy" if uncached else ""
        return ConnectionError(
            f"{where} {answer}{copy}: allow the network, check the connection and try again. "
            f"Received: {name}" + (f" at {revision}" if revision else "")
        )
    return OSError(f"{name}: {first_line(error)}")


def first_line(error: BaseException) -> str:
    """Return an error's message as one line that holds no token."""
    texts = [line.strip() for link in _chain(error) for line in str(link).splitlines()]
    return TOKEN.sub("hf_…", " ".join(dict.fromkeys(filter(None, texts)))[:300])


def _response(error: BaseException):
    """Return the Hub's answer behind an error, or None."""
    found = (getattr(link, "response", None) for link in _chain(error))
    return next((response for response in found if response is not None), None)


def _comes_of(error: BaseException, *kinds: type[BaseException]) -> bool:
    """Tell whether an error is of such a kind, or what caused it."""
    return any(isinstance(link, kinds) for link in _chain(error))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what caused it: uploads in threads wrap what the Hub answered."""
    while error is not None:
        yield error
        error = error.__cause__
