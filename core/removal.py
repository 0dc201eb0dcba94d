"""Deleting a workspace with all that it keeps elsewhere: what that is, and the deletion itself; renaming one.

    its folder     corpus, indexes, caches, memory, runs, feedback
    a Redis        indexes, answers, counters, feedback
    a storage URL  cells of caches and blocks that no other workspace needs; LanceDB tables

The copy of a workspace points to what its original keeps elsewhere; that stays when the copy is deleted.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.artefacts import ARTEFACTS, INDEX_PREFIX, artefact
from core.errors import TesseraError
from core.kvcache.location import is_own
from core.kvcache.variants import delete_variant, list_variants
from core.messages import Message, message
from core.stores.redis.answer_keys import forget, key_of, move, stored_counts
from core.stores.redis.connection import Connection, connection
from core.stores.registry import STORES
from core.units import size
from core.workspace import Workspace, named_workspace

_CELLS = tuple(kind for kind, spec in ARTEFACTS.items() if spec.varied)


@dataclass(frozen=True)
class Belonging:
    """Something that goes with a workspace.

    Attributes:
        what: What it is, and how much.
        stays: Whether it is left where it is, because it belongs to the workspace that this one is a copy of.
    """

    what: Message
    where: str
    stays: bool = False


def belongings(ws: Workspace) -> list[Belonging]:
    """All that goes with a workspace, its folder first.

    Raises:
        TesseraError: A server or storage that holds some of it cannot be reached.
    """
    files = [path for path in ws.path.rglob("*") if path.is_file()]
    weight = size(sum(path.stat().st_size for path in files))
    parts = [Belonging(message("{n:,} files, {size}", n=len(files), size=weight), str(ws.path))]
    for kind in _CELLS:
        for variant in list_variants(ws, kind):
            if variant.location:
                what = message("{label}, {size}", label=message(artefact(kind).label), size=size(variant.bytes))
                parts.append(Belonging(what, variant.location, not is_own(variant.folder)))
    for store, folder in indexes(ws):
        outside = STORES[store].external_location(folder)
        if outside:
            place, is_ours = outside
            parts.append(Belonging(message("{store} index", store=message(STORES[store].label)), place, not is_ours))
    server = server_in_use()
    if server:
        for name, count in stored_counts(server, key_of(ws)).items():
            parts.append(Belonging(message("{n:,} {name}", n=count, name=message(name)), server.place))
    return parts


def delete_workspace(ws: Workspace) -> None:
    """Deletes a workspace with all of ``belongings`` that does not stay; its folder last, so that it can be repeated.

    Raises:
        WorkspaceBusy: Something is being built in it.
        TesseraError: A server or storage cannot be reached; what is not deleted yet can be deleted later.
    """
    with ws.lock():
        for kind in _CELLS:
            for variant in list_variants(ws, kind):
                delete_variant(ws, variant.name, kind)
        for store, folder in indexes(ws):
            STORES[store].drop(folder)
            shutil.rmtree(folder)
        server = server_in_use()
        if server:
            forget(server, key_of(ws))
        shutil.rmtree(ws.path)


def rename_workspace(ws: Workspace, name: str) -> Workspace:
    """Gives a workspace another name in the folder where it is; answers kept in Redis are forgotten.

    Raises:
        WorkspaceBusy: Something is being built in it.
        TesseraError: The name cannot be, is taken, or a server that holds some of it cannot be reached.
    """
    renamed = named_workspace(name, ws.path.parent)
    if renamed.path.exists():
        raise TesseraError(message("There is a workspace {name!r} already.", name=name), "Choose another name.")
    with ws.lock():
        if server := server_in_use():
            move(server, key_of(ws), key_of(renamed))
    ws.path.rename(renamed.path)
    return renamed


def indexes(ws: Workspace) -> Iterator[tuple[str, Path]]:
    """Indexes of other stores than the default, which keeps nothing elsewhere, each with its store."""
    for folder in sorted(ws.path.glob(f"{INDEX_PREFIX}*")):
        if folder.name.removeprefix(INDEX_PREFIX) in STORES:
            yield folder.name.removeprefix(INDEX_PREFIX), folder


def server_in_use() -> Connection | None:
    """The Redis that may hold keys of a workspace; None if no server is running (none is started to find out)."""
    server = connection()
    return server if server.holds_something() else None
