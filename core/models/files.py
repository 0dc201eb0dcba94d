"""Digests of files; a file's digest is remembered in this process while its size and modification time stay."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

_BLOCK = 1 << 20


def digest_of(folder: Path, pattern: str) -> str:
    """Digest of all files of a folder that match ``pattern``, names included; 16 hex digits."""
    total = hashlib.sha256()
    for path in sorted(folder.glob(pattern)):
        status = path.stat()
        total.update(f"{path.name} {_file_digest(path, status.st_size, status.st_mtime_ns)}\n".encode())
    return total.hexdigest()[:16]


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


@lru_cache(maxsize=256)
def _file_digest(path: Path, size: int, modified_ns: int) -> str:
    """``sha256_of``, remembered while size and modification time stay the same."""
    del size, modified_ns
    return sha256_of(path)
