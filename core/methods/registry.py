"""The arms of the comparison, by name. Adding one is one file beside this and one line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.errors import TesseraError
from core.methods.base import Method
from core.methods.cag import Cag
from core.methods.closed_book import ClosedBook
from core.methods.composed import Composed
from core.methods.memory import LlmAsMemory
from core.methods.rag import Rag
from core.methods.redis_rag import RedisRag
from core.methods.resources import Resources


@dataclass(frozen=True)
class MethodSpec:
    """How an arm is shown and opened.

    Attributes:
        label: Its name for people.
        summary: What it does, in one sentence.
        needs: Artefact kinds that must be ready.
        open: Loads what it needs; raises a TesseraError with a remedy when it cannot.
    """

    label: str
    summary: str
    needs: tuple[str, ...]
    open: Callable[[Resources], Method]


METHODS: dict[str, MethodSpec] = {
    "rag": MethodSpec(
        "Standard RAG",
        "Finds the nearest passages and puts their text in the prompt.",
        ("corpus", "embeddings", "index"),
        Rag,
    ),
    "cag": MethodSpec(
        "KV-cache CAG",
        "Opens the nearest Voronoi cell and continues from its stored KV cache.",
        ("corpus", "embeddings", "partition", "caches"),
        Cag,
    ),
    "composed": MethodSpec(
        "KV-cache CAG, composed",
        "Joins stored blocks of the best passages in the nearest Voronoi cells.",
        ("corpus", "embeddings", "partition", "blocks"),
        Composed,
    ),
    "memory": MethodSpec(
        "LLM-as-Memory",
        "Routes the question over Z inside the model, writes the evidence from Z, and answers from it.",
        ("corpus", "memory"),
        LlmAsMemory,
    ),
    "redis-rag": MethodSpec(
        "Redis RAG",
        "Finds passages in Redis by vector and words together, and can answer from a cache.",
        ("corpus", "embeddings"),
        RedisRag,
    ),
    "closed-book": MethodSpec("Closed book", "Answers from the weights alone: the control.", (), ClosedBook),
}


def open_method(name: str, resources: Resources) -> Method:
    """Opens an arm by name.

    Raises:
        TesseraError: There is no arm of that name, or what it needs is missing or stale.
    """
    if name not in METHODS:
        raise TesseraError(f"There is no method {name!r}.", f"Choose from: {', '.join(METHODS)}.")
    return METHODS[name].open(resources)
