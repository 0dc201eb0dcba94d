"""Measured coefficients of this machine, per passage, token and question: from artefacts and a saved run.

Nothing is measured here: build times and sizes stand in the manifests, the time of every step in the traces of the
latest evaluation that asked RAG and CAG.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from core.artefacts import artefact
from core.cost import build_seconds
from core.errors import TesseraError
from core.evaluation.runs import list_runs, read_run
from core.evaluation.summary import answers_of, summarise
from core.labs.benchmarks import stores
from core.labs.benchmarks.store_verdict import Measured, WorkloadResult
from core.manifest import Manifest
from core.memory.pool import z_bytes
from core.messages import message
from core.statistics import Interval
from core.workspace import Workspace

RAG, CAG, MEMORY = "rag", "cag", "memory"
PROBED = 20
"""Cells that a search of many passages is reckoned to look into."""
_NUMBER_BYTES = 4
"""Of a number of a routing key, and of an entry in a document's list of keys."""
_LOOKED_UP, _MULTIPLIED = 120.0, 3.3
"""Multiplications of a prefill that take as long as looking up an entry of such a list, and as a number of a key that
is multiplied, which is slim: 4.0 and .11 nanoseconds beside .033, over 1,992 documents on one CPU core in float32."""
_AT_ONCE = 0.05
"""Share of a passage's prefill in which its z is looked up: 36 of 760 ms, over 7,718 passages of 172 tokens."""
_PARTS = ("mean", "lo", "hi", "n")
_NEEDED = ("embeddings", "partition", "blocks")


@dataclass(frozen=True)
class Coefficients:
    """Per unit, in seconds and bytes.

    Attributes:
        run: The evaluation that the times come from.
        model: The language model they were measured with.
        n: Questions that each method was asked.
        tokens: Of a passage.
        read: Passages that a question reads.
        question: Tokens that are prefilled behind stored blocks.
        answer: Tokens of an answer.
        text, vector, kv_token, z, key: Bytes of a passage's text and vector, of a token's keys and values, and of a
            document's z and routing keys; 0 without a memory.
        compared: Multiplications of a prefill that take as long as comparing a token with the keys of a document.
        embed, block_token, look_up, learn: Seconds to embed a passage, to compute a token's keys and values, and to
            give a document its z, looked up in the vocabulary or by training: one of the two is 0.
        encode, search, route: Seconds to encode a question, to search, and to route inside the model. Among so few
            passages as are measured, none of them depends on how many there are.
        load_byte: Seconds for each byte of blocks that is loaded and joined.
        prefill_token, decode_token: Seconds for each token.
        memory_tokens, recall_tokens: Tokens that memory prefills, soft ones and evidence included, and that it decodes
            before it answers.
        quality: F1 minus RAG's over n questions, by method.
        scan_byte: Seconds for each byte of vectors that a search reads, from the latest search bench; 0 without one.
        shared: Bytes of a memory that all its documents share, such as its LoRA.
        trained: Seconds of the training that taught to read z which are looked up, whatever the document: spent once.
    """

    run: str
    model: str
    machine: str
    n: int
    passages: int
    tokens: float
    read: float
    question: float
    answer: float
    text: float
    vector: float
    kv_token: float
    z: float
    key: float
    compared: float
    embed: float
    block_token: float
    look_up: float
    learn: float
    encode: float
    search: float
    route: float
    load_byte: float
    prefill_token: float
    decode_token: float
    memory_tokens: float
    recall_tokens: float
    quality: Mapping[str, Interval]
    scan_byte: float = 0.0
    shared: float = 0.0
    trained: float = 0.0


def coefficients(ws: Workspace) -> Coefficients:
    """The coefficients of a workspace.

    Raises:
        TesseraError: No evaluation has asked RAG and CAG in this process.
        ArtefactMissing: It is not built.
    """
    for kind in _NEEDED:
        ws.require(kind, read=False)
    latest = latest_run(ws)
    if latest is None:
        raise TesseraError(
            message("No evaluation in {name!r} has asked RAG and CAG with the model in this process.", name=ws.name),
            "Evaluate rag, cag and memory on some questions: the plan takes the time of every step from there.",
        )
    folder, run = latest
    answers = {name: list(rows.values()) for name, rows in answers_of(folder).items() if name in (RAG, CAG, MEMORY)}
    rag, cag, memory = (answers.get(name, []) for name in (RAG, CAG, MEMORY))
    made = {kind: ws.manifest(kind) for kind in (*_NEEDED, "memory", "corpus")}
    count = int(_of(made["corpus"], "passages"))
    blocks = made["blocks"]
    tokens = _of(blocks, "tokens")
    documents = int(memory[0]["details"]["documents"]) if memory else 0
    recalled = [row["trace"]["generated_tokens"] for row in memory]
    answer = median(row["trace"]["generated_tokens"] for row in rag)
    kv_token = _of(blocks, "bytes") / tokens
    z = made["memory"] if documents else None
    key, compared = _keys(z) if z else (0.0, 0.0)
    prefill_token = _per_unit(rag, ("prefill",), lambda row: row["trace"]["prompt_tokens"])
    passage_s = tokens / count * prefill_token
    look_up, learn, trained = _giving_z(z, documents, passage_s) if z else (0.0, 0.0, 0.0)
    return Coefficients(
        run=folder.name,
        model=run["model"]["name"],
        machine=f"{run['machine']['processor']}, {run['machine']['device']}",
        n=min(len(rag), len(cag)),
        passages=count,
        tokens=tokens / count,
        read=median(len(row["evidence"]) for row in cag),
        question=median(row["trace"]["prompt_tokens"] for row in cag),
        answer=answer,
        text=ws.folder("corpus").joinpath("passages.jsonl").stat().st_size / count,
        vector=4 * _of(made["embeddings"], "dim"),
        kv_token=kv_token,
        z=float(z_bytes(z.params)) if z else 0.0,
        key=key,
        compared=compared,
        embed=build_seconds(made["embeddings"]) / count,
        block_token=build_seconds(blocks) / tokens,
        look_up=look_up,
        learn=learn,
        encode=_median_s(rag, ("encode",)),
        search=_median_s(rag, ("retrieve",)),
        route=_median_s(memory, ("route",)) if memory else 0.0,
        load_byte=_per_unit(cag, ("load blocks", "join"), lambda row: row["trace"]["cached_tokens"] * kv_token),
        prefill_token=prefill_token,
        decode_token=_per_unit(rag, ("decode",), lambda row: row["trace"]["generated_tokens"]),
        memory_tokens=median(row["trace"]["prompt_tokens"] for row in memory) if memory else 0.0,
        recall_tokens=max(0.0, median(recalled) - answer) if recalled else 0.0,
        quality=_quality(folder),
        scan_byte=_scan_byte(ws, 4 * _of(made["embeddings"], "dim")),
        shared=float(artefact("memory").shared_bytes(z.files)) if z else 0.0,
        trained=trained,
    )


def _keys(made: Manifest) -> tuple[float, float]:
    """``key`` and ``compared`` of a memory: z that are looked up name words, whose keys all documents share."""
    m, dim = _of(made, "m"), _of(made, "router_dim")
    if made.params.get("vocabulary"):
        return m * _NUMBER_BYTES, m * _LOOKED_UP
    return m * dim * _NUMBER_BYTES, m * dim * _MULTIPLIED


def _giving_z(made: Manifest, documents: int, passage_s: float) -> tuple[float, float, float]:
    """``look_up``, ``learn`` and ``trained`` of a memory, where prefilling a passage takes ``passage_s``."""
    took = build_seconds(made)
    if not made.params.get("vocabulary"):
        return 0.0, took / documents, 0.0
    if _of(made, "steps") or _of(made, "router_steps"):
        return _AT_ONCE * passage_s, 0.0, took
    return took / documents, 0.0, 0.0


def looked_at(passages: float, probed: int = PROBED) -> float:
    """Vectors that a search looks at: all of few; of many, the centroids and so many cells behind them."""
    return min(passages, (1 + probed) * math.sqrt(passages))


def ivf_row(tested: WorkloadResult) -> Measured | None:
    """What a search bench measured at the setting nearest to the one that a plan reckons with."""
    rows = [row for row in tested.rows if row.store == "faiss-ivf"]
    return min(rows, key=lambda row: abs(row.options["nprobe"] - PROBED), default=None)


def _scan_byte(ws: Workspace, vector: float) -> float:
    bench = stores.load(ws)
    row = ivf_row(bench.tested[0]) if bench else None  # over the workspace's own passages
    if not bench or not row:
        return 0.0
    return row.p50_ms / 1000 / (looked_at(bench.tested[0].n, row.options["nprobe"]) * vector)


def latest_run(ws: Workspace) -> tuple[Path, dict[str, Any]] | None:
    """Folder and facts of the latest evaluation that asked RAG and CAG in this process; None where there is none."""
    for folder in list_runs(ws):
        run = read_run(folder)
        served = run["machine"]["device"].startswith("a server")
        if not served and all(answers_of(folder, [name]) for name in (RAG, CAG)):
            return folder, run
    return None


def _of(manifest: Manifest | None, name: str) -> float:
    return float(manifest.params[name]) if manifest else 0.0


def _spent_s(row: Mapping[str, Any], spans: Sequence[str]) -> float:
    return sum(span["ms"] for span in row["trace"]["spans"] if span["name"] in spans) / 1000


def _median_s(rows: Sequence[Mapping[str, Any]], spans: Sequence[str]) -> float:
    return median(_spent_s(row, spans) for row in rows)


def _per_unit(rows: Sequence[Mapping[str, Any]], spans: Sequence[str], units: Callable[[Any], float]) -> float:
    return median(_spent_s(row, spans) / max(1.0, units(row)) for row in rows)


def _quality(folder: Path) -> dict[str, Interval]:
    differences = summarise(folder, [RAG, CAG, MEMORY])[f"differences_to_{RAG}"]
    return {name: Interval(**{part: scores["f1"][part] for part in _PARTS}) for name, scores in differences.items()}
