"""What a memory is worth on a set of questions: routing, evidence, answers, its controls, its time and its weight.

Every question is routed, recalled and answered as a person would have it, and beside that with a shuffled Z (another
document's z is read on the same route) and with the gold document (an oracle for the route). Each finished question is
one line of ``rows.jsonl``: a run that is started again goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from core.corpus import sample
from core.corpus.store import fingerprint as passages_fingerprint
from core.corpus.types import Corpus, Question
from core.errors import TesseraError
from core.evaluation.memory_figures import ROWS_FILE, read_rows
from core.evaluation.metrics import coverage, exact_match, f1, rouge_l
from core.jobs import Progress, Work
from core.memory.controls import shuffled
from core.memory.modes import ZReader
from core.memory.selfstudy import evidence_for
from core.methods.base import Answer, Evidence, Method, answer
from core.methods.memory import LlmAsMemory
from core.methods.registry import open_method
from core.methods.resources import Resources
from core.stores.base import SearchRequest
from core.stores.bm25 import Bm25
from core.trace import Trace

STAGE = "Asking the memory"
_RECALLED = 5


@dataclass(frozen=True)
class MemoryQuestions:
    """What is asked.

    Attributes:
        held: Questions whose gold document the memory holds, each with its evidence.
        foreign: Questions about documents that it does not hold: the null slot should win.
    """

    held: tuple[Question, ...]
    foreign: tuple[Question, ...]


def sort_questions(
    questions: Sequence[Question], corpus: Corpus, held: Sequence[str], n: int | None = None
) -> MemoryQuestions:
    """Tells questions that the memory could answer from those it could not.

    Args:
        questions: Of a split or a file.
        corpus: The workspace's corpus; gives evidence where a question names none. With the sample corpus, the
            questions about its unseen passages are added to the foreign ones.
        held: Ids of the documents in the memory.
        n: Most questions of each kind.

    Raises:
        TesseraError: None is about a document of the memory.
    """
    ids, passages = set(held), {passage.id: passage for passage in corpus.passages}
    inside: list[Question] = []
    outside = [question for question in questions if question.passage_ids and not set(question.passage_ids) & ids]
    for question in questions:
        gold = [passage_id for passage_id in question.passage_ids if passage_id in ids]
        if gold and not question.evidence:
            found = [evidence_for(question, passages[i]) for i in gold if i in passages]
            question = replace(question, evidence=tuple(sentence for sentence in found if sentence))
        if gold:
            inside.append(question)
    if corpus.name == "sample" and passages_fingerprint(corpus.passages) == _sample_fingerprint():
        unseen = [question for _, asked in sample.load_unseen() for question in asked]
        outside += [question for question in unseen if not set(question.passage_ids) & ids]
    if not inside:
        raise TesseraError("None of the questions is about a document of this memory.", "Give other questions.")
    return MemoryQuestions(tuple(inside[:n]), tuple(outside[:n]))


def run_folder(resources: Resources, asked: MemoryQuestions, arm: LlmAsMemory) -> Path:
    """Where the rows of this run go: the same run finds the same folder again."""
    ws = resources.workspace
    facts = {
        "questions": [question.id for question in (*asked.held, *asked.foreign)],
        "artefacts": {kind: ws.fingerprint(kind) for kind in ("corpus", "index", "memory")},
        "model": arm.memory.lm.identity.fingerprint,
        "answerer": arm.answerer.fingerprint,
        "read": asdict(arm.reader.config),
        "top_k": resources.settings.top_k,
    }
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:12]
    return ws.path / "runs" / f"memory-{digest}"


def evaluate_memory(resources: Resources, asked: MemoryQuestions, arm: LlmAsMemory, folder: Path) -> Work:
    """Asks every question and appends what came of it to ``folder``.

    Args:
        resources: Of a workspace with a memory; RAG is timed beside it where there is an index.
        asked: See ``sort_questions``.
        arm: The open memory arm.
        folder: See ``run_folder``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    there = {row["id"] for row in read_rows(folder)}
    pending = [question for question in (*asked.held, *asked.foreign) if question.id not in there]
    foreign = {question.id for question in asked.foreign}
    total = len(asked.held) + len(asked.foreign)
    if not pending:
        yield Progress(STAGE, total, total)
        return
    rag = open_method("rag", resources) if resources.workspace.state("index").status == "ready" else None
    for method in filter(None, (arm, rag)):
        answer(method, pending[0].text)  # a warm-up that no clock sees
    control = ZReader(shuffled(arm.memory), arm.reader.config) if len(arm.memory.pool.ids) > 1 else None
    with tempfile.TemporaryDirectory() as scratch, (folder / ROWS_FILE).open("a", encoding="utf-8") as log:
        words = Bm25.create(Path(scratch), [p for p in resources.corpus.passages if p.id in set(arm.memory.pool.ids)])
        for done, question in enumerate(pending, start=total - len(pending) + 1):
            if question.id in foreign:
                row = _foreign_row(arm, question)
            else:
                row = _held_row(arm, question, control, rag, words)
            log.write(json.dumps(row, ensure_ascii=False) + "\n")
            log.flush()
            yield Progress(STAGE, done, total, question.text[:60])


def _held_row(
    arm: LlmAsMemory, question: Question, control: ZReader | None, rag: Method | None, words: Bm25
) -> dict[str, Any]:
    result = answer(arm, question.text)
    (piece,) = result.evidence
    routed = list(result.details["routing"])
    gold, read = set(question.passage_ids), result.details["read"]
    oracle = [i for i in question.passage_ids if i in set(arm.memory.pool.ids)][: len(read)]
    found = words.search(SearchRequest(k=1, text=question.text))
    right = _scored(question, piece.text, result.text)
    return {
        "id": question.id,
        "question": question.text,
        "routed": routed[:_RECALLED],
        "knows": _knows(result),
        "recall_at_1": float(routed[0] in gold),
        "recall_at_5": float(bool(gold & set(routed[:_RECALLED]))),
        "bm25_recall_at_1": float(bool(found) and found[0].passage_id in gold),
        "right": right,
        "shuffled": right if control is None else _control(arm, control, question, read),
        # Where gold documents were read, reading them a second time would say the same.
        "oracle": right if set(read) <= gold else _control(arm, arm.reader, question, oracle),
        "evidence_ms": _end_of(result.trace, "evidence"),
        "memory_ms": result.trace.total_ms,
        "rag_ms": answer(rag, question.text).trace.total_ms if rag else None,
    }


def _foreign_row(arm: LlmAsMemory, question: Question) -> dict[str, Any]:
    routing = arm.memory.route(question.text, 1)
    said = arm.reader.recall(question.text, [routing.documents[0].passage_id])
    return {"id": question.id, "question": question.text, "knows": routing.knows, "evidence": said}


def _control(arm: LlmAsMemory, reader: ZReader, question: Question, read: Sequence[str]) -> dict[str, Any]:
    """Evidence from another z than the routed one, and what is answered from it."""
    said = reader.recall(question.text, read)
    piece = Evidence(read[0], arm.title_of(read), said, 0.0)
    return _scored(question, said, arm.answer_from(question.text, piece))


def _scored(question: Question, said: str, answered: str) -> dict[str, Any]:
    return {
        "evidence": said,
        "answer": answered,
        "rouge_l": rouge_l(said, question.evidence),
        "coverage": coverage(said, question.answers),
        "em": exact_match(answered, question.answers),
        "f1": f1(answered, question.answers),
    }


def _knows(result: Answer) -> bool:
    return bool(next(iter(result.details["routing"].values())) > result.details["not_in_memory"])


def _end_of(trace: Trace, name: str) -> float:
    return next(span.start_ms + span.ms for span in trace.spans if span.name == name)


def _sample_fingerprint() -> str:
    return passages_fingerprint(sample.load_sample().passages)
