"""The methods by name. To add one, write a module with its ``MethodSpec`` beside this and add the spec here."""

from __future__ import annotations

from core.errors import TesseraError
from core.messages import message
from core.methods.base import Method
from core.methods.bm25 import BM25
from core.methods.cag import CAG
from core.methods.cag_cell import CAG_CELL
from core.methods.closed_book import CLOSED_BOOK
from core.methods.memory import MEMORY
from core.methods.memory_blocks import MEMORY_BLOCKS
from core.methods.oracle import ORACLE
from core.methods.rag import RAG
from core.methods.rag_blocks import RAG_BLOCKS
from core.methods.redis_rag import REDIS_RAG
from core.methods.resources import Resources
from core.methods.shuffled_memory import SHUFFLED_MEMORY
from core.methods.spec import MethodSpec
from core.methods.wrong_cell import WRONG_CELL
from core.settings import Settings

METHODS: dict[str, MethodSpec] = {
    spec.name: spec
    for spec in (
        RAG,
        CAG,
        RAG_BLOCKS,
        CAG_CELL,
        MEMORY,
        MEMORY_BLOCKS,
        REDIS_RAG,
        CLOSED_BOOK,
        BM25,
        ORACLE,
        WRONG_CELL,
        SHUFFLED_MEMORY,
    )
}
BASELINE = RAG.name
"""The method that the others are compared with."""


def find_method(name: str) -> MethodSpec:
    """The spec of a method.

    Raises:
        TesseraError: There is no method of that name.
    """
    if name not in METHODS:
        raise TesseraError(
            message("There is no method {name!r}.", name=name),
            message("Choose from: {names}.", names=", ".join(METHODS)),
        )
    return METHODS[name]


def offered_methods(settings: Settings) -> tuple[str, ...]:
    """Names of the methods that can answer where the settings run the language model."""
    return tuple(name for name, spec in METHODS.items() if spec.runs_on(settings))


def usual_methods() -> tuple[str, ...]:
    """Names of the methods that are selected by default."""
    return tuple(name for name, spec in METHODS.items() if spec.usual)


def main_methods() -> tuple[str, ...]:
    """Names of the default methods without baselines and controls."""
    return tuple(name for name in usual_methods() if METHODS[name].role == "method")


def evaluated_methods(settings: Settings) -> tuple[str, ...]:
    """Names of the methods evaluated by default: the usual ones and all that need no further artefacts."""
    built = {kind for name in usual_methods() for kind in METHODS[name].needs}
    specs = (METHODS[name] for name in offered_methods(settings))
    return tuple(
        spec.name
        for spec in specs
        if spec.usual or (spec.role != "control" and not spec.makes and built.issuperset(spec.needs))
    )


def open_method(name: str, resources: Resources) -> Method:
    """Opens a method by name.

    Raises:
        TesseraError: There is no method of that name, or what it needs is missing or stale.
    """
    return find_method(name).on(resources.settings).open(resources)
