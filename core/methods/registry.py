"""The methods by name, and all that is known of each before it is opened.

To add one, write its module beside this and its ``MethodSpec`` here. A module is imported when its method is opened:
who asks what methods there are loads no model library.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

from core.artefacts import index_kind
from core.errors import TesseraError, require_known
from core.messages import message
from core.methods.spec import MethodSpec, MethodStyle, OnServer
from core.settings import Settings

if TYPE_CHECKING:
    from core.methods.base import Method
    from core.methods.resources import Resources

_FROM_BLOCKS = ("hits", "resident", "reused_tokens", "prefilled_tokens", "answered_from")
"""Whether each block was in memory, whether all were, token counts, and which passage the answer is from."""
_FROM_CELLS = ("cells", "nearest", "probed", "of_cells", "margin")
_PREFIXES = OnServer(
    opens="core.methods.prefix_cag:PrefixCag",
    reads=("corpus", "embeddings", "partition", "prefixes"),
    facts=(*_FROM_CELLS, "cell", "sent"),
    makes=("prefixes",),
)
_REDIS_INDEX = index_kind("redis")
RAG = MethodSpec(
    name="rag",
    label="Standard RAG",
    summary="Finds the nearest passages and puts their text in the prompt.",
    opens="core.methods.rag:Rag",
    role="method",
    reads=("corpus", "index"),
    keeps_text=True,
    style=MethodStyle("#2f7fc1", "article", "circle"),
    facts=("store", "top_k", "answered_from"),
    by_default=True,
)
CAG = MethodSpec(
    name="cag",
    label="KV-cache CAG",
    summary="Looks into the nearest Voronoi cells and joins the stored KV blocks of their best passages.",
    opens="core.methods.cag:Cag",
    role="method",
    reads=("corpus", "embeddings", "partition", "blocks"),
    keeps_text=False,
    style=MethodStyle("#c27a0a", "hexagon", "hexagon"),
    facts=(*_FROM_CELLS, *_FROM_BLOCKS),
    settings=("nprobe",),
    by_default=True,
    served=_PREFIXES,
)
RAG_BLOCKS = MethodSpec(
    name="rag_blocks",
    label="RAG + blocks",
    summary="Finds the nearest passages as standard RAG does and joins their stored KV blocks.",
    opens="core.methods.rag_blocks:RagBlocks",
    role="baseline",
    reads=("corpus", "index", "blocks"),
    keeps_text=False,
    style=MethodStyle("#a0522d", "join", "hexagon2"),
    facts=("store", "top_k", *_FROM_BLOCKS),
)
CAG_CELL = MethodSpec(
    name="cag_cell",
    label="CAG (whole cell)",
    summary="Opens the nearest Voronoi cell and continues from its stored KV cache, which stands for its text exactly.",
    opens="core.methods.cag_cell:CagCell",
    role="method",
    reads=("corpus", "partition", "caches"),
    keeps_text=False,
    style=MethodStyle("#8a5a00", "hive", "hexagon2-open"),
    facts=("cell", "nearest", "margin", "resident", "reused_tokens", "prefilled_tokens"),
    served=replace(_PREFIXES, opens="core.methods.prefix_cag:PrefixCell"),
)
MEMORY = MethodSpec(
    name="memory",
    label="LLM-as-Memory",
    summary="Keeps every document as small vectors, its z. The model finds the right z itself, answers from it, and "
    "shows what it says.",
    opens="core.methods.memory:LlmAsMemory",
    role="method",
    reads=("memory",),
    keeps_text=False,
    style=MethodStyle("#a84f93", "blur_on", "diamond"),
    facts=(
        "routing",
        "titles",
        "null_weight",
        "documents",
        "read",
        "readings",
        "training_steps",
        "read_mode",
        "order",
        "quoted",
        "evidence_ms",
        "kv_bytes",
        "answerer",
        "evidence_by",
    ),
    settings=("memory_order", "z_sentences"),
    reads_z=True,
    by_default=True,
)
MEMORY_BLOCKS = MethodSpec(
    name="memory_blocks",
    label="Memory + blocks",
    summary="Routes the question over Z inside the model and joins the stored KV blocks of the documents it chose.",
    opens="core.methods.memory_blocks:MemoryBlocks",
    role="method",
    reads=("corpus", "memory", "blocks"),
    keeps_text=False,
    style=MethodStyle("#5b6bbf", "hub", "diamond-tall"),
    facts=("null_weight", "documents", *_FROM_BLOCKS),
)
REDIS_RAG = MethodSpec(
    name="redis-rag",
    label="Redis RAG",
    summary="Finds passages in Redis by vector and words together, and can answer from a cache.",
    opens="core.methods.redis_rag:RedisRag",
    role="baseline",
    reads=("corpus", _REDIS_INDEX),
    keeps_text=True,
    style=MethodStyle("#b5533c", "bolt", "triangle-up"),
    facts=(
        "store",
        "top_k",
        "keyword_percent",
        "cache",
        "cache_question",
        "cache_distance",
        "saved_ms",
        "cache_error",
        "metrics_error",
        "answered_from",
    ),
    makes=(_REDIS_INDEX,),
)
CLOSED_BOOK = MethodSpec(
    name="closed-book",
    label="Closed book",
    summary="Answers from the weights alone: the control.",
    opens="core.methods.closed_book:ClosedBook",
    role="control",
    reads=(),
    keeps_text=False,
    style=MethodStyle("#7d8590", "block", "x"),
    facts=(),
    by_default=True,
)
BM25 = MethodSpec(
    name="bm25",
    label="BM25 + LLM",
    summary="Finds passages by the words they share with the question and puts their text in the prompt.",
    opens="core.methods.bm25:Bm25Rag",
    role="baseline",
    reads=("corpus",),
    keeps_text=True,
    style=MethodStyle("#3b9188", "match_word", "square"),
    facts=("store", "top_k", "answered_from"),
)
ORACLE = MethodSpec(
    name="oracle",
    label="Oracle passage",
    summary="Reads the gold passages alone: what is wrong here is not the fault of any retrieval.",
    opens="core.methods.oracle:Oracle",
    role="control",
    reads=("corpus",),
    keeps_text=True,
    style=MethodStyle("#6a8f2c", "verified", "star"),
    facts=(),
    asks_gold=True,
)
WRONG_CELL = MethodSpec(
    name="wrong-cell",
    label="Wrong cell",
    summary="CAG in the nearest cells that hold no gold passage: what it gets right, its blocks did not tell it.",
    opens="core.methods.wrong_cell:WrongCell",
    role="control",
    reads=CAG.reads,
    keeps_text=False,
    style=MethodStyle("#8a6d3b", "wrong_location", "hexagon-open"),
    facts=CAG.facts,
    settings=CAG.settings,
    asks_gold=True,
    served=replace(_PREFIXES, opens="core.methods.wrong_cell:WrongPrefix"),
)
SHUFFLED_MEMORY = MethodSpec(
    name="shuffled-memory",
    label="Shuffled memory",
    summary="Routes as the memory does, then reads another document's Z: only the difference to it is memory.",
    opens="core.methods.shuffled_memory:ShuffledMemory",
    role="control",
    reads=("memory",),
    keeps_text=False,
    style=MethodStyle("#7d6bc4", "shuffle", "diamond-open"),
    facts=MEMORY.facts,
    settings=MEMORY.settings,
    reads_z=True,
)
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
    require_known("There is no method {name!r}.", name, METHODS)
    return METHODS[name]


def require_some(names: Collection[object]) -> None:
    """Refuses an empty list of methods.

    Raises:
        TesseraError: It is empty; the remedy names all methods.
    """
    if not names:
        raise TesseraError("No method was named.", message("Choose one of: {names}.", names=", ".join(METHODS)))


def offered_methods(settings: Settings) -> tuple[str, ...]:
    """Names of the methods that can answer where the settings run the language model."""
    return tuple(name for name, spec in METHODS.items() if spec.runs_on(settings))


def default_methods() -> tuple[str, ...]:
    """Names of the methods that are selected by default."""
    return tuple(name for name, spec in METHODS.items() if spec.by_default)


def main_methods() -> tuple[str, ...]:
    """Names of the default methods without baselines and controls."""
    return tuple(name for name in default_methods() if METHODS[name].role == "method")


def evaluated_methods(settings: Settings) -> tuple[str, ...]:
    """Names of the methods evaluated by default: the usual ones and all that need no further artefacts."""
    built = {kind for name in default_methods() for kind in METHODS[name].needs}
    specs = (METHODS[name] for name in offered_methods(settings))
    return tuple(
        spec.name
        for spec in specs
        if spec.by_default or (spec.role != "control" and not spec.makes and built.issuperset(spec.needs))
    )


def open_method(name: str, resources: Resources) -> Method:
    """Opens a method by name.

    Raises:
        TesseraError: There is no method of that name, or what it needs is missing or stale.
    """
    return find_method(name).on(resources.settings).open(resources)
