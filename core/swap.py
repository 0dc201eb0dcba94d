"""Atomic replacement of folders: at any moment, and after any crash, the old content or the new one is there.

    .memory-x1y2z3_4/        temporary folder beside the folder to replace
      fresh/                 the new content; once synced, it swaps names with memory/ and then is the old content
      old/                   where names cannot be swapped, the old content is here while the new one is renamed

Linux and macOS can swap two names in one system call. Where that is not supported, ``current`` finds the old folder
between the two renames, and ``settle`` restores it after a crash.
"""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_OLD = "old"
_SUFFIX = r"-[a-z0-9_]{8}"
_LEFT_FILE = re.compile(rf"\.(tmp\w{{6}}|.+{_SUFFIX})")
"""Names that ``tempfile`` and safetensors give to incomplete files."""
_AT_FDCWD, _LINUX_EXCHANGE, _MAC_SWAP = -100, 2, 2


@contextmanager
def scratch_for(target: Path) -> Iterator[Path]:
    """A temporary folder beside ``target`` for preparing its new content."""
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def install(fresh: Path, target: Path) -> Path | None:
    """Replaces ``target`` by ``fresh``, a folder in its scratch folder; returns where the old content is now.

    The content is synced to disk before the swap, and the names after it.

    Raises:
        OSError: The disk cannot be written; ``target`` is unchanged.
    """
    _sync_tree(fresh)
    replaces = target.exists()
    if not replaces:
        fresh.replace(target)
    elif not _exchanged(fresh, target):
        old = fresh.parent / _OLD
        target.replace(old)
        try:
            fresh.replace(target)
        except BaseException:
            old.replace(target)
            raise
        old.replace(fresh)  # a reader that found it here must not go on reading it while its files are removed
    _sync(target.parent)
    return fresh if replaces else None


def remove(folder: Path) -> None:
    """Removes a folder atomically."""
    with scratch_for(folder) as scratch:
        folder.replace(scratch / folder.name)


def current(target: Path) -> Path:
    """Where the content of ``target`` is: under its name, or where an unfinished swap has put it."""
    if not target.exists() and (aside := _put_aside(target)) and not target.exists():
        return aside
    return target


def holding(target: Path, name: str) -> Path | None:
    """Where the content of ``target`` is, if it contains a file of that name; retries while a swap is going on."""
    while True:
        folder = current(target)
        if (folder / name).is_file():
            return folder
        if current(target) == folder and not (folder / name).is_file():
            return None


def scratches(root: Path, names: re.Pattern[str]) -> list[Path]:
    """Scratch folders in ``root`` for targets whose names match."""
    left = re.compile(rf"\.(?:{names.pattern}){_SUFFIX}")
    return [Path(entry) for entry in os.scandir(root) if left.fullmatch(entry.name)] if root.is_dir() else []


def half_written(folder: Path) -> list[Path]:
    """Incomplete files in ``folder``, left by a writer that was killed."""
    return [Path(entry) for entry in os.scandir(folder) if _LEFT_FILE.fullmatch(entry.name)] if folder.is_dir() else []


def settle(scratch: Path) -> None:
    """Cleans up a scratch folder after a crash; restores the old content if the new one was not yet renamed."""
    target = scratch.parent / re.sub(_SUFFIX + "$", "", scratch.name[1:])
    if (scratch / _OLD).is_dir() and not target.exists():
        (scratch / _OLD).replace(target)
        _sync(target.parent)
    shutil.rmtree(scratch, ignore_errors=True)


def _put_aside(target: Path) -> Path | None:
    folders = [path / _OLD for path in scratches(target.parent, re.compile(re.escape(target.name)))]
    return max((path for path in folders if path.is_dir()), key=lambda path: path.stat().st_mtime, default=None)


def _exchanged(one: Path, other: Path) -> bool:
    """Swaps two names atomically; returns False if the system or the disk does not support it."""
    libc: Any = ctypes.CDLL(None) if os.name == "posix" else None
    first, second = os.fsencode(one), os.fsencode(other)
    if sys.platform == "darwin" and hasattr(libc, "renamex_np"):
        return bool(libc.renamex_np(first, second, _MAC_SWAP) == 0)
    if sys.platform == "linux" and hasattr(libc, "renameat2"):
        return bool(libc.renameat2(_AT_FDCWD, first, _AT_FDCWD, second, _LINUX_EXCHANGE) == 0)
    return False


def _sync_tree(folder: Path) -> None:
    for path in folder.rglob("*"):
        _sync(path)
    _sync(folder)


def _sync(path: Path) -> None:
    if os.name != "posix" and path.is_dir():
        return  # Windows syncs folders itself and does not allow opening them
    handle = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
