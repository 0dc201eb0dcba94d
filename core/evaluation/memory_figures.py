"""The figures of a memory evaluation, computed from its saved rows without any model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import mean, median
from typing import Any

from core import jsonl
from core.evaluation.grounding import is_refusal
from core.evaluation.variants import Storage, text_bytes
from core.memory import store
from core.memory.prompt import NOT_IN_MEMORY
from core.workspace import Workspace

ROWS_FILE = "rows.jsonl"
CONTROLS = ("right", "shuffled", "oracle")


def read_rows(folder: Path) -> list[dict[str, Any]]:
    """The rows of a run; an incomplete last line is passed over."""
    return list(jsonl.read(folder / ROWS_FILE))


def summarise(folder: Path, ws: Workspace) -> dict[str, Any]:
    """The figures of a run as one flat dictionary; the README explains each.

    ``rouge_l``, ``coverage``, ``em`` and ``f1`` are means over the questions whose gold document is held: ROUGE-L and
    answer coverage of the evidence, EM and F1 of the answer. ``routed_right_said_wrong`` is the share with a gold
    document first and no accepted answer in the evidence. ``null_precision`` is, of all questions for which the null
    slot outweighed every document, the share whose document is not in memory: 0 when it never won, None when no
    question about a foreign document was asked. Times are medians in ms: to the first and last token of the answer, to
    the last token of the evidence, and to the first and last token of RAG's answer. Bytes are those of the files on
    disk: of one document, and carried over to 1,000 documents, what grows with the documents in proportion, what does
    not (LoRA, projector, router) once; RAG's with the texts it must keep.
    """
    rows = read_rows(folder)
    own, foreign = [row for row in rows if "right" in row], [row for row in rows if "right" not in row]
    documents = len(store.load_pool(ws.require("memory")).ids)
    scores = {name: _means(own, name) for name in CONTROLS}
    nulls = sum(not row["knows"] for row in rows)
    right_nulls = sum(not row["knows"] for row in foreign)
    return {
        "n_documents": documents,
        "n_questions": len(own),
        "recall_at_1": mean(row["recall_at_1"] for row in own),
        "recall_at_5": mean(row["recall_at_5"] for row in own),
        "bm25_recall_at_1": mean(row["bm25_recall_at_1"] for row in own),
        **{name: scores["right"][name] for name in ("rouge_l", "coverage", "em", "f1")},
        "shuffled": {name: scores["shuffled"][name] for name in ("rouge_l", "coverage", "em")},
        "oracle": {name: scores["oracle"][name] for name in ("rouge_l", "coverage", "em")},
        "routed_right_said_wrong": mean(row["recall_at_1"] * (1 - row["right"]["coverage"]) for row in own),
        "null_precision": (right_nulls / nulls if nulls else 0.0) if foreign else None,
        "read_mode": own[0]["read_mode"],
        "order": own[0]["order"],
        **{name: _median(own, name) for name in ("ttft_ms", "total_ms", "evidence_ms", "rag_ttft_ms", "rag_ms")},
        **_weights(ws, documents),
    }


def null_figures(folder: Path) -> dict[str, float | int | None]:
    """Rejections by the null slot and by the reader, for questions about documents in memory and about others.

    Returns:
        ``false_nulls`` and ``refused``: shares of the questions about documents in memory that the null slot won, and
        whose evidence or answer was a refusal. ``foreign_questions``: number of questions about other documents;
        ``foreign_caught`` and ``foreign_stopped``: shares of these that the null slot won, and that either of the two
        rejected; None if there are none.
    """
    rows = read_rows(folder)
    own, foreign = [row for row in rows if "right" in row], [row for row in rows if "right" not in row]
    return {
        "false_nulls": mean(not row["knows"] for row in own),
        "refused": mean(_refuses(row["right"]) for row in own),
        "foreign_questions": len(foreign),
        "foreign_caught": mean(not row["knows"] for row in foreign) if foreign else None,
        "foreign_stopped": mean(not row["knows"] or _refuses(row) for row in foreign) if foreign else None,
    }


def _refuses(said: dict[str, Any]) -> bool:
    return said["evidence"] == NOT_IN_MEMORY or is_refusal(said["answer"])


def _median(rows: Sequence[dict[str, Any]], name: str) -> float | None:
    """None where it was not measured."""
    measured = [row[name] for row in rows if row[name] is not None]
    return median(measured) if measured else None


def _means(rows: Sequence[dict[str, Any]], control: str) -> dict[str, float]:
    return {name: mean(row[control][name] for row in rows) for name in ("rouge_l", "coverage", "em", "f1")}


def _weights(ws: Workspace, documents: int) -> dict[str, float | None]:
    memory = Storage.of({"memory": ws.state("memory")}, documents)
    index, corpus = ws.state("index"), ws.manifest("corpus")
    rag = None
    if index.status == "ready" and corpus is not None:
        rag = Storage.of({"index": index}, int(corpus.params["passages"]), text_bytes(ws)).per_1000
    return {
        "bytes_per_document": memory.per_document,
        "bytes_per_1000_documents": memory.per_1000,
        "store_bytes_per_1000_documents": rag,
    }
