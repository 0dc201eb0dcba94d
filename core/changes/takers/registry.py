"""The arms that can take up a change, by name. Adding one is one file beside this and one line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.changes.takers.base import Place, Taker
from core.changes.takers.bm25 import Bm25Taker
from core.changes.takers.cag import CagTaker
from core.changes.takers.memory import MemoryTaker
from core.changes.takers.rag import RagTaker
from core.errors import TesseraError


@dataclass(frozen=True)
class TakerSpec:
    """How an arm comes to take up a change.

    Attributes:
        needs: Artefact kinds that it works on, copied for it; they must be ready.
        make: Makes it for a copy.
    """

    needs: tuple[str, ...]
    make: Callable[[Place], Taker]


TAKERS: dict[str, TakerSpec] = {
    "rag": TakerSpec(("corpus", "embeddings"), RagTaker),
    "cag": TakerSpec(("corpus", "embeddings", "partition", "caches"), CagTaker),
    "memory": TakerSpec(("corpus", "memory"), MemoryTaker),
    "bm25": TakerSpec(("corpus",), Bm25Taker),
}
WAYS = ("rag", "cag", "memory")
"""The three that are compared."""


def parse_arms(names: str) -> tuple[str, ...]:
    """Arms from their names, comma-separated.

    Raises:
        TesseraError: There is none, or one that cannot take up a change.
    """
    asked = tuple(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))
    for name in asked or ("",):
        if name not in TAKERS:
            raise TesseraError(
                f"There is no arm {name!r} that takes up a change.", f"Choose from: {', '.join(TAKERS)}."
            )
    return asked
