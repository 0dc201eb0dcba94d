"""Digests of files, texts and plain data; a file's digest is remembered in this process until the file is touched."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path

_BLOCK = 1 << 20


def text_digest(text: str, length: int = 16) -> str:
    """The first hex digits of a text's SHA-256."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:length]


def json_digest(facts: object, length: int = 16) -> str:
    """The first hex digits of the SHA-256 of plain data; the order of keys does not matter."""
    return text_digest(json.dumps(facts, sort_keys=True, default=str), length)


def digest_of(folder: Path, pattern: str) -> str:
    """Digest of all files of a folder that match ``pattern``, names included; 16 hex digits."""
    total = hashlib.sha256()
    for path in sorted(folder.glob(pattern)):
        total.update(f"{path.name} {remembered_sha256(path)}\n".encode())
    return total.hexdigest()[:16]


def remembered_sha256(path: Path) -> str:
    """``sha256_of``, read once while the file's size, modification time and inode stay the same."""
    status = path.stat()
    return _sha256(path, status.st_size, status.st_mtime_ns, status.st_ino)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def order_header(path: Path) -> None:
    """Sorts the metadata of a safetensors file, which the library writes in another order in every process.

    Then the same tensors are the same bytes and have the same digest. The header keeps its length.
    """
    with path.open("r+b") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
        header["__metadata__"] = dict(sorted(header.get("__metadata__", {}).items()))
        text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode().ljust(size)
        if len(text) != size:
            raise ValueError(f"the header of {path.name} would grow")
        file.seek(8)
        file.write(text)


@lru_cache(maxsize=4096)
def _sha256(path: Path, size: int, modified_ns: int, inode: int) -> str:
    del size, modified_ns, inode
    return sha256_of(path)
