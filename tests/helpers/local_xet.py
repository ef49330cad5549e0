"""Xet storage in folders: what the client's own `hf_xet` writes and reads, without a server.

    store = XetStore(folder)
    store.to_write()            # an address for an upload
    store.take(sha256)          # what was uploaded: its Xet hash and its content
    store.to_read(xet_hash)     # an address for its download

`hf_xet` takes an address `local://FOLDER` in the place of a server's. It keeps a database there
that can be open once at a time, so that every upload and every download gets a folder of its own.
"""

from __future__ import annotations

import itertools
import shutil
import struct
from pathlib import Path

HEADER, ENTRY = 48, 48  # bytes of a shard's header, and of each of its records
VERIFIED, DESCRIBED = 1 << 31, 1 << 30  # flags of a file's record: what follows its segments


class XetStore:
    """The content of every file that was uploaded, below one folder."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._numbers = itertools.count()
        self._places: dict[str, Path] = {}  # by the Xet hash

    def to_write(self) -> str:
        """Return the address of a new, empty folder."""
        return f"local://{self._new()}"

    def to_read(self, xet_hash: str) -> str:
        """Return the address of a folder that holds this file, a copy of the one it came in."""
        target = self._new()
        shutil.copytree(self._places[xet_hash] / "xet", target / "xet")
        return f"local://{target}"

    def take(self, sha256: str) -> tuple[str, bytes] | None:
        """Return the Xet hash and the content of an uploaded file; None where it is not there."""
        import hf_xet

        for shard in sorted(self.folder.glob("*/xet/xorbs/shards/*.mdb")):
            if found := files_of_shard(shard).get(sha256):
                xet_hash, size = found
                self._places[xet_hash] = shard.parents[3]
                target = self._new() / "content"
                with hf_xet.XetSession().new_file_download_group(
                    endpoint=self.to_read(xet_hash),
                    token="none",  # noqa: S106
                    token_expiry_unix_secs=1 << 40,
                ) as group:
                    group.start_download_file(hf_xet.XetFileInfo(xet_hash, size), str(target))
                return xet_hash, target.read_bytes()
        return None

    def _new(self):
        folder = self.folder / str(next(self._numbers))
        folder.mkdir()
        return folder


def files_of_shard(shard: Path) -> dict[str, tuple[str, int]]:
    """Return the Xet hash and the size of every file of a shard, by its SHA-256.

    The form is that of https://huggingface.co/docs/xet/shard: records of 48 bytes, a file's own
    first, then its segments, what verifies each of them, and the file's SHA-256.
    """
    content, files, position = shard.read_bytes(), {}, HEADER
    while content[position : position + 32] != b"\xff" * 32:
        name, flags, count = struct.unpack_from("<32sII", content, position)
        segments = position + ENTRY
        size = sum(
            struct.unpack_from("<I", content, segments + number * ENTRY + 36)[0]
            for number in range(count)
        )
        position = segments + count * ENTRY * (2 if flags & VERIFIED else 1)
        if flags & DESCRIBED:
            files[as_hex(content[position : position + 32])] = (as_hex(name), size)
            position += ENTRY
    return files


def as_hex(value: bytes) -> str:
    """Return a hash as it is written: four little-endian numbers."""
    return "".join(f"{number:016x}" for number in struct.unpack("<4Q", value))
