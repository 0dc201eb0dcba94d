"""What each precision of a KV cache weighs, how fast it loads, and what it does to answers, on real questions.

Cells are prefilled once and written in every precision, so that all rows differ in nothing but the format. The
reference is the cache in the model's own number format.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, median

import torch

from core.corpus.types import Passage, Question
from core.errors import TesseraError
from core.jobs import Progress, Work, WorkClock
from core.kvcache.build import add_cell
from core.kvcache.compose import cut
from core.kvcache.identity import CacheIdentity, cell_key, chosen_precision
from core.kvcache.store import CacheStore, CellEntry, Index
from core.labs.benchmarks.cache_loading import LoadTimes, measure_loading
from core.metrics import exact_match, f1
from core.models.language_model import LanguageModel

COMPARED = ("float32", "bfloat16", "fp8", "int8", "int4")


@dataclass(frozen=True)
class PrecisionRow:
    """One precision.

    Attributes:
        bytes_per_1000_tokens: Size on disk.
        cold_ms: Median load with an empty page cache; None where that cannot be had.
        warm_ms: Median load from the page cache, decoding included.
        read_ms: Median of reading the bytes alone, warm: the floor.
        mapped_ms: Median of mapping the file without touching it: what is often reported as loading.
        touched_ms: Median of mapping it and touching every byte.
        max_logit_error: Largest difference of a logit after the question, over all questions.
        mean_logit_error: Mean difference of all logits after the question.
        same_answer: Share of questions answered in the same words as with the reference.
    """

    precision: str
    bytes_per_1000_tokens: float
    cold_ms: float | None
    warm_ms: float
    read_ms: float
    mapped_ms: float
    touched_ms: float
    max_logit_error: float
    mean_logit_error: float
    same_answer: float
    em: float
    f1: float


@dataclass(frozen=True)
class RoutedQuestion:
    """A question and the cell it is routed to."""

    question: Question
    cell: int


@dataclass(frozen=True)
class _Reply:
    text: str
    logits: torch.Tensor


def precision_table(
    lm: LanguageModel,
    cells: Sequence[Sequence[Passage]],
    questions: Sequence[RoutedQuestion],
    limit: int,
    repeats: int = 3,
) -> Work:
    """Writes the cells of the questions in every precision into a temporary folder, and asks.

    Yields:
        A step per cell and per question; the last one has the table as ``rows``.

    Raises:
        TesseraError: There is no question.
    """
    if not questions:
        raise TesseraError("There is no question to ask.", "Give --questions, or another --split.")
    reference = chosen_precision("auto", lm.dtype)
    names = [reference, *(name for name in COMPARED if name != reference)]
    used = sorted({entry.cell for entry in questions})
    with tempfile.TemporaryDirectory(prefix="tessera-precision-") as folder:
        stores = {name: CacheStore(Path(folder) / name) for name in names}
        yield from _write(lm, cells, used, stores)
        replies: dict[str, list[_Reply]] = {}
        times: dict[str, list[LoadTimes]] = defaultdict(list)
        for done, (name, store) in enumerate(stores.items()):
            yield Progress("Loading and asking", done * len(questions), len(names) * len(questions), name)
            times[name] = [measure_loading(store, lm, cell, repeats) for cell in used]
            replies[name] = yield from _ask(lm, store, questions, limit, done, len(names), name)
        rows = [_row(name, stores[name], times[name], replies[name], replies[reference], questions) for name in names]
    total = len(names) * len(questions)
    order = [row for name in COMPARED for row in rows if row.precision == name]
    order += [row for row in rows if row.precision not in COMPARED]
    data = {"reference": reference, "cells": len(used), "n": len(questions), "rows": [asdict(row) for row in order]}
    yield Progress("Loading and asking", total, total, "", data)


def choose_questions(routed: Sequence[RoutedQuestion], cells: int, questions: int) -> list[RoutedQuestion]:
    """The first ``questions`` questions that fall into the first ``cells`` cells met."""
    used: set[int] = set()
    chosen = []
    for entry in routed:
        if len(used) < cells:
            used.add(entry.cell)
        if entry.cell in used:
            chosen.append(entry)
    return chosen[:questions]


def _write(
    lm: LanguageModel, cells: Sequence[Sequence[Passage]], used: Sequence[int], stores: dict[str, CacheStore]
) -> Work:
    indexes = {name: Index(CacheIdentity.of(lm, name), {}) for name in stores}
    for done, cell in enumerate(used):
        yield Progress("Prefilling cells", done, len(used), f"cell {cell}")
        passages = cells[cell]
        ids, passage_ids = lm.prompt.context(passages), tuple(passage.id for passage in passages)
        session = lm.session()
        for _ in session.prefill_steps(ids):
            yield Progress("Prefilling cells", done, len(used), f"cell {cell}")
        entry = CellEntry(cell, cell_key(ids, passage_ids), passage_ids, len(ids))
        for name, store in stores.items():
            add_cell(store.storage, indexes[name], entry, cut(session.cache, 0, session.length), WorkClock())
    for name, store in stores.items():
        store.write_index(indexes[name])
    yield Progress("Prefilling cells", len(used), len(used))


def _ask(
    lm: LanguageModel,
    store: CacheStore,
    questions: Sequence[RoutedQuestion],
    limit: int,
    turn: int,
    turns: int,
    name: str,
) -> Generator[Progress, None, list[_Reply]]:
    replies = []
    for entry in questions:
        session = lm.session(store.load(entry.cell, lm).cache())
        session.prefill(lm.prompt.tail(entry.question.text))
        logits = session.next_logits.float().cpu().clone()
        text = lm.text(session.decode(limit))
        replies.append(_Reply(text, logits))
        yield Progress("Loading and asking", turn * len(questions) + len(replies), turns * len(questions), name)
    return replies


def _row(
    name: str,
    store: CacheStore,
    times: Sequence[LoadTimes],
    replies: Sequence[_Reply],
    references: Sequence[_Reply],
    questions: Sequence[RoutedQuestion],
) -> PrecisionRow:
    states = store.states()
    errors = [(ours.logits - theirs.logits).abs() for ours, theirs in zip(replies, references, strict=True)]
    golds = [entry.question.answers for entry in questions]
    cold = [loaded.cold for loaded in times if loaded.cold is not None]
    return PrecisionRow(
        precision=name,
        bytes_per_1000_tokens=1000 * sum(state.bytes for state in states) / sum(state.tokens for state in states),
        cold_ms=median(cold) if cold else None,
        warm_ms=median(loaded.warm for loaded in times),
        read_ms=median(loaded.read for loaded in times),
        mapped_ms=median(loaded.mapped for loaded in times),
        touched_ms=median(loaded.touched for loaded in times),
        max_logit_error=max(float(error.max()) for error in errors),
        mean_logit_error=mean(float(error.mean()) for error in errors),
        same_answer=mean(float(ours.text == theirs.text) for ours, theirs in zip(replies, references, strict=True)),
        em=mean(float(exact_match(reply.text, gold)) for reply, gold in zip(replies, golds, strict=True)),
        f1=mean(float(f1(reply.text, gold)) for reply, gold in zip(replies, golds, strict=True)),
    )
