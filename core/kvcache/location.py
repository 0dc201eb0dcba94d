"""Where the cells of caches and blocks are: beside their manifest, or under the storage URL of the settings.

With a storage URL the cells and their index lie under it, in a folder named after workspace, kind and variant; the
workspace keeps the manifest and a file ``location`` that says where they are.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from core.errors import ArtefactStale
from core.jobs import Progress, Work
from core.kvcache.cell_file import file_name
from core.kvcache.store import INDEX, CacheStore, CellEntry, Index
from core.workspace import MANIFEST, Workspace, write_atomically

LOCATION = "location"
"""File beside a manifest that holds the URL of the cells; absent where they are beside it."""
_UNPREFIXED = "caches"


def location_for(folder: Path, ws: Workspace, url: str) -> str:
    """URL of the cells that belong to ``folder``, under the storage URL ``url``; empty without one."""
    if not url:
        return ""
    kind = folder.parent.name
    name = folder.name if kind == _UNPREFIXED else f"{kind}-{folder.name}"
    return f"{url.rstrip('/')}/{ws.name}/{name}"


def location_of(folder: Path) -> str:
    """URL of the cells that belong to ``folder``; empty where they are in it."""
    path = folder / LOCATION
    return path.read_text(encoding="utf-8").strip() if path.is_file() else ""


def store_of(folder: Path) -> CacheStore:
    """The cells that belong to ``folder``, wherever they are."""
    return CacheStore(location_of(folder) or folder)


def take_in(folder: Path, location: str) -> Work:
    """Brings finished cells to where a build will look for them: call it before building.

    When the storage URL has changed since the last build, cells are copied to the new place; local ones are then
    removed, those in shared storage stay for whoever else uses them.
    """
    before = location_of(folder)
    if before == location:
        return
    old, new = CacheStore(before or folder), CacheStore(location or folder)
    index = _readable(old)
    if index and _readable(new) is None:
        yield from _copy(old, new, index)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).unlink(missing_ok=True)
    _write_location(folder, location)
    if not before:
        for name in old.storage.sizes():
            if name == INDEX or name.startswith("cell-"):
                old.storage.delete(name)


def _write_location(folder: Path, location: str) -> None:
    if location:
        write_atomically(folder / LOCATION, location.encode())
    else:
        (folder / LOCATION).unlink(missing_ok=True)


def _copy(old: CacheStore, new: CacheStore, index: Index) -> Work:
    moved: dict[int, CellEntry] = {}
    for entry in index.cells.values():
        if entry.sha256:
            with suppress(ArtefactStale):  # a damaged cell is not worth taking along: it is built again
                new.storage.write(file_name(entry.key), old.verified(entry).numpy().tobytes())
                moved[entry.cell] = entry
        yield Progress("Moving cells", len(moved), len(index.cells), new.storage.location)
    new.write_index(Index(index.built, moved))


def _readable(store: CacheStore) -> Index | None:
    try:
        return store.index()
    except ArtefactStale:
        return None  # a damaged index names nothing that could be taken over
