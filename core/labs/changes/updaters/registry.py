"""The methods that can take up a change, by name. Adding one is one file beside this and one line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.errors import require_known
from core.labs.changes.updaters.base import UpdateContext, Updater
from core.labs.changes.updaters.bm25 import Bm25Updater
from core.labs.changes.updaters.cag import CagUpdater
from core.labs.changes.updaters.memory import MemoryUpdater
from core.labs.changes.updaters.rag import RagUpdater
from core.normalise import comma_separated


@dataclass(frozen=True)
class UpdaterSpec:
    """How a method comes to take up a change.

    Attributes:
        needs: Artefact kinds that it works on, copied for it; they must be ready.
    """

    needs: tuple[str, ...]
    make: Callable[[UpdateContext], Updater]


UPDATERS: dict[str, UpdaterSpec] = {
    "rag": UpdaterSpec(("corpus", "embeddings"), RagUpdater),
    "cag": UpdaterSpec(("corpus", "embeddings", "partition", "blocks"), CagUpdater),
    "memory": UpdaterSpec(("corpus", "memory"), MemoryUpdater),
    "bm25": UpdaterSpec(("corpus",), Bm25Updater),
}
DEFAULT_METHODS = ("rag", "cag", "memory")
"""The three that are compared."""


def parse_methods(names: str) -> tuple[str, ...]:
    """Methods from their names, comma-separated.

    Raises:
        TesseraError: There is none, or one that cannot take up a change.
    """
    methods = tuple(dict.fromkeys(comma_separated(names)))
    for name in methods or ("",):
        require_known("There is no method {name!r} that takes up a change.", name, UPDATERS)
    return methods
