"""What the Hub on loopback holds: repositories, their commits, and how a request is refused."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from huggingface_hub.utils.sha import git_hash
from starlette.exceptions import HTTPException

LFS_SUFFIXES = (".h5", ".onnx", ".parquet", ".png")
PREFIXES = {"models": "", "datasets": "datasets/", "spaces": "spaces/"}


def refusal(status: int, message: str, code: str = "", **headers: str) -> HTTPException:
    """Return what ends a request with a status, words for what is wrong and the Hub's code."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    headers |= {"X-Error-Message": message, "X-Error-Code": code}
    return HTTPException(status, message, headers)


@dataclass(frozen=True)
class Commit:
    oid: str
    title: str
    files: dict[str, bytes]

    @cached_property
    def listing(self) -> dict[str, dict]:
        """Return what the Hub tells of each file and folder, by its path."""
        folders = {str(folder) for path in self.files for folder in Path(path).parents} - {"."}
        found = {
            path: {"type": "directory", "oid": "0" * 40, "size": 0, "path": path}
            for path in folders
        }
        for path, content in self.files.items():
            size = len(content)
            found[path] = {"type": "file", "oid": git_hash(content), "size": size, "path": path}
            if path.endswith(LFS_SUFFIXES):  # git keeps a pointer in the file's place
                oid = hashlib.sha256(content).hexdigest()
                text = "version https://git-lfs.github.com/spec/v1"
                pointer = f"{text}\noid sha256:{oid}\nsize {size}\n".encode()
                lfs = {"oid": oid, "size": size, "pointerSize": len(pointer)}
                found[path] |= {"oid": git_hash(pointer), "lfs": lfs}
        return found


@dataclass
class Repository:
    kind: str
    id: str
    private: bool = False
    gated: bool = False  # its page is public, its files are not
    sdk: str | None = None
    commits: list[Commit] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    variables: dict[str, dict] = field(default_factory=dict)

    @property
    def head(self) -> Commit:
        return self.commits[-1]

    @property
    def address(self) -> str:
        return PREFIXES[self.kind] + self.id

    def at(self, revision: str) -> Commit:
        oid = self.head.oid if revision == "main" else self.tags.get(revision, revision)
        for commit in self.commits:
            if commit.oid == oid:
                return commit
        raise refusal(404, "Revision not found", "RevisionNotFound")

    def add(self, files: dict[str, bytes], title: str) -> Commit:
        self.commits.append(Commit(secrets.token_hex(20), title, files))
        return self.head
