"""Where the cells of caches and blocks are stored: beside their manifest, or under the storage URL of the settings.

    <storage URL>/smollm2-135m-reader-bfloat16-1f3c9a2e/     all cells of one model, adapter and number format
        cell-<digest of tokens and passages>-....safetensors
        cells-<number>.json                                  the index of one workspace's build

A storage URL is shared, so nothing under it is named after a workspace. The workspace keeps the manifest and a file
``location`` with the URL of its index and the mark of its folder. A copy of the workspace has another mark, which shows
that the index belongs to the original.
"""

from __future__ import annotations

import uuid
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from core.errors import ArtefactStale
from core.jobs import Progress, Work
from core.kvcache.store import INDEX, CacheStore, CellEntry, Index
from core.manifest import MANIFEST, write_atomically
from core.workspace import folder_mark

LOCATION = "location"
"""File beside a manifest that holds the URL of the cells; absent when they are in the same folder."""


def location_for(folder: Path, url: str) -> str:
    """URL of the index that a build of ``folder`` writes under the storage URL ``url``; empty without such a URL."""
    if not url:
        return ""
    shared, current = f"{url.rstrip('/')}/{folder.name}", location_of(folder)
    if current.rpartition("/")[0] == shared and is_own(folder):
        return current
    return f"{shared}/cells-{uuid.uuid4().hex[:12]}.json"


def location_of(folder: Path) -> str:
    """URL of the index of the cells of ``folder``; empty when they are in the folder itself."""
    return (_lines(folder) or [""])[0]


def is_own(folder: Path) -> bool:
    """Whether ``folder`` owns its index; false for the copy of a folder with shared storage."""
    lines = _lines(folder)
    return not lines or lines[1:] == [folder_mark(folder)]


def store_of(folder: Path) -> CacheStore:
    """The store of the cells of ``folder``, whose parent is named after their kind."""
    return CacheStore(location_of(folder) or folder, folder.parent.name)


def migrate(folder: Path, location: str) -> Work:
    """Moves finished cells to ``location``, where the next build will look for them.

    When the storage URL has changed since the last build, the cells are copied to the new location. At the old one,
    only cells that no other index lists are deleted.
    """
    current = location_of(folder)
    if current == location:
        return
    kind = folder.parent.name
    old, new = CacheStore(current or folder, kind), CacheStore(location or folder, kind)
    index = _readable_index(old)
    # Within the same storage, the build reuses the cells by itself.
    if index and old.storage.location != new.storage.location and _readable_index(new) is None:
        yield from _copy(old, new, index)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).unlink(missing_ok=True)
    was_own = is_own(folder)
    _write_location(folder, location)
    if not current:
        for name in old.storage.sizes():
            if name == INDEX or name.startswith("cell-"):
                old.storage.delete(name)
    elif was_own and old.shared:
        old.release()


def _lines(folder: Path) -> list[str]:
    path = folder / LOCATION
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


def _write_location(folder: Path, location: str) -> None:
    if location:
        write_atomically(folder / LOCATION, f"{location}\n{folder_mark(folder)}\n".encode())
    else:
        (folder / LOCATION).unlink(missing_ok=True)


def _copy(old: CacheStore, new: CacheStore, index: Index) -> Work:
    copied: dict[int, CellEntry] = {}
    for entry in index.cells.values():
        if entry.sha256:
            with suppress(ArtefactStale):  # a damaged cell is not copied; the build computes it again
                moved = replace(entry, file=new.unbuilt(entry).file)
                new.storage.write(moved.name, old.read_verified(entry).tobytes())
                copied[entry.cell] = moved
        yield Progress("Moving cells", len(copied), len(index.cells), new.storage.location)
    new.write_index(Index(index.identity, copied))


def _readable_index(store: CacheStore) -> Index | None:
    try:
        return store.index()
    except ArtefactStale:
        return None
