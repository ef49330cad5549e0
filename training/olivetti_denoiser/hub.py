"""The Hugging Face Hub when it fails: verified downloads, clear errors, retries.

    >>> folder = download("owner/olivetti-denoiser", "model.weights.h5", revision="v1.0.0")
    >>> commit = patiently(lambda: api.create_commit(...))

The client trusts a download of the right size, so a flipped bit passes it. `download` compares
every file with the checksums in the commit's own listing, which the client caches: the check
needs no network, so files that were damaged on disk are found as well.
"""

from __future__ import annotations

import contextlib
import fnmatch
import hashlib
import json
import logging
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

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


def check_repo_id(repo_id: str) -> str:
    """Return the repository's name if it reads OWNER/NAME.

    Raises:
        ValueError: it does not.
    """
    if not REPO_ID.fullmatch(repo_id) or "--" in repo_id or ".." in repo_id:
        raise ValueError(
            f"a repository on the Hub is named OWNER/NAME, of letters, digits, '-', '_' and '.'. "
            f"Received: {repo_id!r}"
        )
    return repo_id


def address(repo_id: str, kind: str = "model", revision: str | None = None) -> str:
    """Return the address at which a browser shows a repository."""
    from huggingface_hub import constants

    page = f"{constants.ENDPOINT}/{ADDRESSES[kind]}{repo_id}"
    return page + (f"/tree/{revision}" if revision else "")


def content_ids(content: bytes) -> frozenset[str]:
    """Return the ids under which the Hub may list a file with this content.

    They are git's id of the content, and for large files, which are kept beside git, the content's
    SHA-256 and git's id of the pointer that stands for it
    (https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md).
    """
    from huggingface_hub.utils.sha import git_hash

    sha256 = hashlib.sha256(content).hexdigest()
    pointer = (
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {len(content)}\n"
    ).encode()
    return frozenset((sha256, git_hash(content), git_hash(pointer)))


def download(
    repo_id: str,
    *patterns: str,
    revision: str | None = None,
    token: str | bool | None = None,
    cache_dir: str | Path | None = None,
    local_files_only: bool = False,
    force_download: bool = False,
    kind: str = "model",
) -> Path:
    """Download the files that match, from one commit, and check every byte.

    A damaged file is downloaded once more. Without a network the cache answers.

    Args:
        repo_id: OWNER/NAME.
        patterns: File names or globs; those that match nothing are left out.
        revision: Tag, branch or commit; the default branch when None.
        token: Access token, or None for the one that the client finds itself.
        cache_dir: Where to keep downloads, or None for the client's own cache.
        local_files_only: Never touch the network.
        force_download: Download even what is cached.
        kind: "model", "dataset" or "space".

    Returns:
        The snapshot's folder; its name is the commit.

    Raises:
        ValueError: no such repository or revision.
        PermissionError: the token is wrong or not enough.
        ConnectionError: the Hub does not answer and the cache holds no copy, or a part of one.
        DamagedFileError: a file is damaged and a fresh copy cannot be had.
    """
    from huggingface_hub import errors, snapshot_download

    check_repo_id(repo_id)

    def fetch(force: bool = False, only: tuple[str, ...] = patterns) -> Path:
        try:
            folder = patiently(
                lambda: snapshot_download(
                    repo_id,
                    repo_type=kind,
                    revision=revision,
                    token=token,
                    cache_dir=cache_dir,
                    local_files_only=local_files_only,
                    force_download=force,
                    allow_patterns=list(only),
                ),
                waits=WAITS[:3],
            )
        except errors.IncompleteSnapshotError as error:
            part = Path(error.snapshot_path)
            listing = _listing(part, repo_id, cache_dir, kind) or {}
            wanted = [path for path in listing if _matches(path, only)]
            absent = [path for path in wanted if not (part / path).is_file()]
            raise incomplete(repo_id, part, absent) from error
        except Exception as error:
            raise explained(error, repo_id, kind, revision) from error
        return Path(folder)

    folder = fetch(force=force_download)
    listing = _listing(folder, repo_id, cache_dir, kind)
    damaged = _damaged(folder, listing, patterns)
    if damaged and not local_files_only:
        logger.warning("Damaged, downloading again: %s", ", ".join(damaged))
        with contextlib.suppress(OSError, ValueError):  # no fresh copy: the damage stands
            folder = fetch(force=True, only=damaged)
        damaged = _damaged(folder, listing, patterns)
    if damaged:
        cure = "allow the network and load it again" if local_files_only else "try again later"
        raise DamagedFileError(
            f"{', '.join(damaged)} of {repo_id} at {folder.name[:7]} is damaged: its checksum is "
            f"not the one that the commit lists. To get a fresh copy, {cure}."
        )
    return folder


def incomplete(repo_id: str, folder: Path, absent: list[str]) -> ConnectionError:
    """Return the error that names what the cache lacks of a commit.

    Args:
        repo_id: The repository.
        folder: The snapshot's folder.
        absent: Paths in the repository.
    """
    return ConnectionError(
        f"the cache holds only a part of it, without {', '.join(absent)}: allow the network once. "
        f"Received: {repo_id!r} at {folder.name[:7]}"
    )


def is_listed(folder: Path, repo_id: str, cache_dir: str | Path | None = None) -> bool:
    """Tell whether the cache knows which files a model's commit has.

    It does not where another program has cached them one by one.

    Args:
        folder: The snapshot's folder, as `download` returned it.
        repo_id, cache_dir: As for `download`.
    """
    return _listing(folder, repo_id, cache_dir, "model") is not None


def _listing(folder: Path, repo_id: str, cache_dir, kind: str) -> dict[str, str] | None:
    """Return the commit's files and their ids, or None where the cache does not know them."""
    from huggingface_hub import get_cached_repo_tree
    from huggingface_hub.errors import CachedRepoTreeNotFoundError

    try:
        listing = get_cached_repo_tree(
            repo_id, repo_type=kind, revision=folder.name, cache_dir=cache_dir
        )
    except CachedRepoTreeNotFoundError:  # cached file by file, by another program
        return None
    return {file.path: file.blob_id for file in listing if hasattr(file, "blob_id")}


def _matches(path: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatch(path, pattern) for pattern in patterns)


def _damaged(folder: Path, listing: dict | None, patterns: tuple[str, ...]) -> tuple[str, ...]:
    """Return the downloaded files whose bytes are not those of the commit."""
    return tuple(
        path
        for path, blob_id in (listing or {}).items()
        if _matches(path, patterns)
        and (folder / path).is_file()
        # The cache names its copy after the checksum that came with the download.
        and not {blob_id, (folder / path).resolve().name}
        & content_ids((folder / path).read_bytes())
    )


def patiently(
    operation: Callable[[], T],
    *,
    waits: tuple[float, ...] = WAITS,
    also: tuple[int, ...] = (),
) -> T:
    """Run an operation on the Hub, again after a pause whenever the Hub is only busy.

    The client retries uploads by itself, but neither the creation of a repository nor a commit
    nor a tag. A `Retry-After` header sets the pause, if there is one.

    Args:
        operation: What to do; must be safe to do twice.
        waits: Pauses in seconds; one more attempt than there are pauses.
        also: HTTP statuses that are worth another attempt here, beside those of a busy Hub.
    """
    for wait in waits:
        try:
            return operation()
        except Exception as error:
            if not is_busy(error) and status_of(error) not in also:
                raise
            asked = _retry_after(error)
            pause = wait if asked is None else min(asked, LONGEST_WAIT)
            logger.warning("%s; trying again in %g s", first_line(error), pause)
            time.sleep(pause)
    return operation()


def status_of(error: BaseException) -> int | None:
    """Return the HTTP status behind an error, or None."""
    for link in _chain(error):
        response = getattr(link, "response", None)
        if response is not None:
            return response.status_code
    return None


def is_busy(error: BaseException) -> bool:
    """Tell whether an error passes by itself: a busy Hub or a connection that broke off.

    A connection that cannot be made in the first place is not among them.
    """
    import httpx2

    if (status := status_of(error)) is not None:
        return status in BUSY
    links = tuple(_chain(error))
    if any(isinstance(link, httpx2.ConnectError | httpx2.ConnectTimeout) for link in links):
        return False
    return any(
        isinstance(link, httpx2.TransportError | json.JSONDecodeError)
        or "Consistency check failed" in str(link)  # the client's words for a body cut short
        for link in links
    )


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
    status = status_of(error)
    if isinstance(error, errors.RevisionNotFoundError):
        return ValueError(
            f"{name} has no such revision; a tag, a branch or a whole commit would do. "
            f"Received: revision={revision!r}"
        )
    if isinstance(error, errors.GatedRepoError) or status == 403:
        return PermissionError(
            f"{where} refuses access to the {name}: the token lacks the right to it"
            f"{_server_said(error)}."
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        hint = (
            "it does not exist, or it is private: log in with `hf auth login` or set HF_TOKEN"
            if status == 401
            else "it does not exist, or it is private and the token may not see it"
        )
        return ValueError(f"{where} shows no {name}: {hint}. Received: {repo_id!r}")
    if status == 401 or isinstance(error, errors.LocalTokenNotFoundError):
        return PermissionError(
            f"{where} does not accept the token, or there is none, for the {name}: "
            "log in with `hf auth login` or set HF_TOKEN to a valid one."
        )
    if status == 402:
        return PermissionError(
            f"{where} wants a paid plan for the {name}{_server_said(error)}: create it on the "
            "website, or publish without it."
        )
    # LocalEntryNotFoundError: neither the Hub nor the cache could help.
    links = tuple(_chain(error))
    lost = (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled)
    uncached = any(isinstance(link, lost) for link in links)
    silent = any(isinstance(link, httpx2.TransportError) for link in links)
    if uncached or silent or status in BUSY:
        asked = silent or status is not None
        answer = f"answers {status}" if status else "does not answer" if asked else "was not asked"
        cure = "check the connection and try again" if asked else "allow the network once"
        what = f"{name} at {revision}" if revision else name
        copy = " and the cache holds no copy" if uncached else ""
        return ConnectionError(f"{where} {answer}{copy}: {cure}. Received: {what}")
    return OSError(f"{name}: {first_line(error)}")


def first_line(error: BaseException) -> str:
    """Return an error's message as one line that holds no token."""
    texts = [line.strip() for link in _chain(error) for line in str(link).splitlines()]
    return TOKEN.sub("hf_…", " ".join(dict.fromkeys(filter(None, texts)))[:300])


def _server_said(error: BaseException) -> str:
    said = getattr(error, "server_message", None)
    return f" ({TOKEN.sub('hf_…', said.splitlines()[0])})" if said else ""


def _retry_after(error: BaseException) -> float | None:
    for link in _chain(error):
        response = getattr(link, "response", None)
        value = response.headers.get("Retry-After", "") if response is not None else ""
        if value.isdigit():
            return float(value)
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what caused it: uploads in threads wrap what the Hub answered."""
    while error is not None:
        yield error
        error = error.__cause__
