"""Evaluation of a memory on a set of questions: routing, evidence, answers, controls, latency and size.

Every question is routed and answered as usual, then with a shuffled Z (the z of another document on the same route) and
with the gold document (an oracle for the route). Each finished question is one line of ``rows.jsonl``, so that a
restarted run continues where it stopped.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from core import jsonl
from core.corpus.sample import is_sample, load_unseen
from core.corpus.types import Corpus, Question
from core.digests import json_digest
from core.errors import TesseraError
from core.evaluation.memory_figures import ROWS_FILE, read_rows
from core.jobs import Progress, Work
from core.memory.self_study import evidence_for
from core.memory.z_reader import shuffled
from core.methods.base import Answer, Method, answer
from core.methods.memory import LlmAsMemory
from core.methods.registry import open_method
from core.methods.resources import Resources
from core.metrics import coverage, exact_match, f1, rouge_l
from core.stores.base import SearchRequest
from core.stores.bm25 import Bm25

STAGE = "Asking the memory"
_REPORTED = 5


@dataclass(frozen=True)
class MemoryQuestions:
    """The questions of an evaluation.

    Attributes:
        in_memory: Questions whose gold document is in the memory, each with its evidence.
        foreign: Questions about documents that are not in the memory: the null slot should win.
    """

    in_memory: tuple[Question, ...]
    foreign: tuple[Question, ...]


def sort_questions(
    questions: Sequence[Question], corpus: Corpus, documents: Sequence[str], n: int | None = None
) -> MemoryQuestions:
    """Separates questions about documents in the memory from questions about other documents.

    Args:
        corpus: The workspace's corpus, from which missing evidence is taken. With the sample corpus, the questions
            about its unseen passages are added to the foreign ones.

    Raises:
        TesseraError: No question is about a document in the memory.
    """
    ids, passages = set(documents), {passage.id: passage for passage in corpus.passages}
    inside: list[Question] = []
    outside = [question for question in questions if question.passage_ids and not set(question.passage_ids) & ids]
    for question in (question for question in questions if question.answers):
        gold = [passage_id for passage_id in question.passage_ids if passage_id in ids]
        if gold and not question.evidence:
            sentences = [evidence_for(question, passages[i]) for i in gold if i in passages]
            question = replace(question, evidence=tuple(filter(None, sentences)))
        if gold:
            inside.append(question)
    if is_sample(corpus):
        unseen = [question for _, questions in load_unseen() for question in questions]
        outside += [question for question in unseen if not set(question.passage_ids) & ids]
    if not inside:
        raise TesseraError("None of the questions is about a document of this memory.", "Give other questions.")
    return MemoryQuestions(tuple(inside[:n]), tuple(outside[:n]))


def run_folder(resources: Resources, questions: MemoryQuestions, method: LlmAsMemory) -> Path:
    """Folder of the rows of this run; the same for the same questions, artefacts and settings."""
    ws = resources.workspace
    facts = {
        "questions": [question.id for question in (*questions.in_memory, *questions.foreign)],
        "artefacts": {kind: ws.fingerprint(kind) for kind in ("corpus", "index", "memory")},
        "model": method.memory.lm.identity.fingerprint,
        "answerer": method.engine.identity.fingerprint,
        "read": asdict(method.reader.config) | {"order": method.order, "quotes": method.quotes},
        "top_k": resources.settings.top_k,
        "in_turn": method.in_turn,
    }
    digest = json_digest(facts, 12)
    return ws.path / "runs" / f"memory-{digest}"


def evaluate_memory(resources: Resources, questions: MemoryQuestions, method: LlmAsMemory, folder: Path) -> Work:
    """Answers every question and appends its row to ``folder``.

    Args:
        resources: A workspace with a memory, and the models; RAG is timed, too, if there is an index.
    """
    folder.mkdir(parents=True, exist_ok=True)
    finished = {row["id"] for row in read_rows(folder)}
    pending = [question for question in (*questions.in_memory, *questions.foreign) if question.id not in finished]
    foreign = {question.id for question in questions.foreign}
    total = len(questions.in_memory) + len(questions.foreign)
    if not pending:
        yield Progress(STAGE, total, total)
        return
    rag = open_method("rag", resources) if resources.workspace.state("index").status == "ready" else None
    for each in filter(None, (method, rag)):
        answer(each, pending[0].text)  # warm-up, not timed
    control = method.reading(shuffled(method.memory)) if len(method.memory.pool.ids) > 1 else None
    with tempfile.TemporaryDirectory() as scratch:
        bm25 = Bm25.create(Path(scratch), [p for p in resources.corpus.passages if p.id in set(method.memory.pool.ids)])
        for done, question in enumerate(pending, start=total - len(pending) + 1):
            if question.id in foreign:
                row = _foreign_row(method, question)
            else:
                row = _memory_row(method, question, control, rag, bm25)
            jsonl.append(folder / ROWS_FILE, row)
            yield Progress(STAGE, done, total, question.text[:60])


def _memory_row(
    method: LlmAsMemory, question: Question, control: LlmAsMemory | None, rag: Method | None, bm25: Bm25
) -> dict[str, Any]:
    result = answer(method, question.text)
    (evidence,) = result.evidence
    routed = list(result.details["routing"])
    gold, read = set(question.passage_ids), result.details["read"]
    oracle = [i for i in question.passage_ids if i in set(method.memory.pool.ids)][: len(read)]
    hits = bm25.search(SearchRequest(k=1, text=question.text))
    right = _scored(question, evidence.text, result.text)
    theirs = answer(rag, question.text).trace if rag else None
    return {
        "id": question.id,
        "question": question.text,
        "routed": routed[:_REPORTED],
        "knows": _knows(result),
        "recall_at_1": float(routed[0] in gold),
        "recall_at_5": float(bool(gold & set(routed[:_REPORTED]))),
        "bm25_recall_at_1": float(bool(hits) and hits[0].passage_id in gold),
        "right": right,
        "shuffled": right if control is None else _control(control, question, read),
        # If only gold documents were read, the oracle would give the same answer.
        "oracle": right if set(read) <= gold else _control(method, question, oracle),
        "read_mode": result.details["read_mode"],
        "order": result.details["order"],
        "evidence_ms": result.details["evidence_ms"],
        "ttft_ms": result.trace.ttft_ms,
        "total_ms": result.trace.total_ms,
        "rag_ttft_ms": theirs.ttft_ms if theirs else None,
        "rag_ms": theirs.total_ms if theirs else None,
    }


def _foreign_row(method: LlmAsMemory, question: Question) -> dict[str, Any]:
    result = answer(method, question.text)
    written = {"evidence": result.evidence[0].text, "answer": result.text}
    return {"id": question.id, "question": question.text, "knows": _knows(result), **written}


def _control(method: LlmAsMemory, question: Question, read: Sequence[str]) -> dict[str, Any]:
    """Evidence and answer from another z than the routed one."""
    evidence, answer_text = method.answer_from(question.text, read)
    return _scored(question, evidence.text, answer_text)


def _scored(question: Question, evidence: str, answer_text: str) -> dict[str, Any]:
    return {
        "evidence": evidence,
        "answer": answer_text,
        "rouge_l": rouge_l(evidence, question.evidence),
        "coverage": coverage(evidence, question.answers),
        "em": exact_match(answer_text, question.answers),
        "f1": f1(answer_text, question.answers),
    }


def _knows(result: Answer) -> bool:
    return bool(next(iter(result.details["routing"].values())) > result.details["null_weight"])
