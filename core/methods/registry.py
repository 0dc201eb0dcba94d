"""The arms of the comparison, by name. Adding one is one file beside this and one line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from core.errors import TesseraError
from core.methods.base import Method
from core.methods.bm25 import Bm25Rag
from core.methods.cag import Cag
from core.methods.closed_book import ClosedBook
from core.methods.composed import Composed
from core.methods.memory import LlmAsMemory
from core.methods.oracle import Oracle
from core.methods.rag import Rag
from core.methods.redis_rag import RedisRag
from core.methods.resources import Resources
from core.methods.shuffled_memory import ShuffledMemory
from core.methods.wrong_cell import WrongCell

Role = Literal["way", "baseline", "control"]


@dataclass(frozen=True)
class MethodSpec:
    """How an arm is shown and opened.

    Attributes:
        label: Its name for people.
        summary: What it does, in one sentence.
        needs: Artefact kinds that must be ready.
        open: Loads what it needs; raises a TesseraError with a remedy when it cannot.
        role: One of the three ways that are compared, a baseline, or a control that keeps the comparison honest.
        asks_gold: Whether it can only answer questions whose gold passages are known.
    """

    label: str
    summary: str
    needs: tuple[str, ...]
    open: Callable[[Resources], Method]
    role: Role = "way"
    asks_gold: bool = False


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
        role="baseline",
    ),
    "closed-book": MethodSpec(
        "Closed book", "Answers from the weights alone: the control.", (), ClosedBook, role="control"
    ),
    "bm25": MethodSpec(
        "BM25 + LLM",
        "Finds passages by the words they share with the question and puts their text in the prompt.",
        ("corpus",),
        Bm25Rag,
        role="baseline",
    ),
    "oracle": MethodSpec(
        "Oracle passage",
        "Reads the gold passages alone: what is wrong here is not the fault of any retrieval.",
        ("corpus",),
        Oracle,
        role="control",
        asks_gold=True,
    ),
    "wrong-cell": MethodSpec(
        "Wrong cell",
        "CAG with the nearest cell that holds no gold passage: what it gets right, the cache did not tell it.",
        ("corpus", "embeddings", "partition", "caches"),
        WrongCell,
        role="control",
        asks_gold=True,
    ),
    "shuffled-memory": MethodSpec(
        "Shuffled memory",
        "Routes as the memory does, then reads another document's Z: only the difference to it is memory.",
        ("corpus", "memory"),
        ShuffledMemory,
        role="control",
    ),
}


def open_method(name: str, resources: Resources) -> Method:
    """Opens an arm by name.

    Raises:
        TesseraError: There is no arm of that name, or what it needs is missing or stale.
    """
    if name not in METHODS:
        raise TesseraError(f"There is no method {name!r}.", f"Choose from: {', '.join(METHODS)}.")
    return METHODS[name].open(resources)
