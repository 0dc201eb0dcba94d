"""Evaluation of a reader: EM, F1 and coverage with the gold passage alone and with the encoder's top k.

Every setting is measured under each given kind of attention. Questions are answered one by one, as the methods answer
them, without padding or batching. **Refusing** is measured on the same questions twice: with the nearest passages, and
with the nearest passages that do not contain an answer.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

import numpy as np

from core.corpus.types import Corpus, Passage, Question, texts
from core.errors import TesseraError
from core.jobs import Progress, Work
from core.messages import message
from core.metrics import coverage, exact_match, f1
from core.models.encoder import Encoder, Vectors, encode_in_batches
from core.models.language_model import LanguageModel
from core.models.prompt import NOT_FOUND
from core.models.session import Session
from core.models.side_by_side import SideBySide
from core.trace import timed

CLOSED_BOOK = "closed book"
RIGHT_PASSAGE = "right passage"
FULL = "full"
BLOCKS = "blocks"
ALONE = "alone"

Reading = Callable[[Sequence[Passage], str], Session]
"""Prefills passages and a question under some kind of attention; returns the session to decode the answer from."""


@dataclass(frozen=True)
class AssessConfig:
    """What is measured.

    Attributes:
        ks: Numbers of retrieved passages to read.
        right_passage: Whether to also read the gold passages alone.
        closed_book: Whether to also ask without passages.
        refuse_k: Number of passages without an answer to measure refusing with; 0 leaves it out.
        questions: Most questions; if there are more, they are sampled.
    """

    ks: tuple[int, ...] = (1, 3, 5, 10)
    right_passage: bool = True
    closed_book: bool = True
    refuse_k: int = 3
    questions: int = 100
    max_new_tokens: int = 48
    seed: int = 0


@dataclass(frozen=True)
class ReadingScore:
    """Means over the questions of one setting; all but ``n`` and ``seconds`` are shares in [0, 1].

    Attributes:
        setting: ``CLOSED_BOOK``, ``RIGHT_PASSAGE``, "top k", or "top k without answer".
        coverage: Answers that contain a gold answer.
        found: Prompts that contain all gold passages.
        refused: Answers that are ``NOT_FOUND``.
        refused_wrongly: Refusals although the prompt contains all gold passages.
        seconds: Mean time of an answer without retrieval.
    """

    setting: str
    attention: str
    n: int
    em: float
    f1: float
    coverage: float
    found: float
    refused: float
    refused_wrongly: float
    seconds: float


@dataclass(frozen=True)
class Refusing:
    """Precision and recall of refusals, over as many prompts with an answer as without one.

    Attributes:
        n: Number of prompts without an answer.
        precision: Share of the refusals that were right; 1 if there were none.
        recall: Share of the questions without an answer that were refused.
    """

    attention: str
    k: int
    n: int
    precision: float
    recall: float


def assess_reader(
    lm: LanguageModel,
    encoder: Encoder,
    corpus: Corpus,
    questions: Sequence[Question],
    config: AssessConfig,
    readings: Mapping[str, Reading] | None = None,
) -> Work:
    """Answers the questions in every setting.

    Args:
        questions: Questions with gold passages in the corpus.
        readings: Kinds of attention by name; None means full attention only.

    Yields:
        Progress per question; the last step of each setting has ``data={"scores": [...], "refusing": [...]}``: the
        ``ReadingScore`` of all settings so far and ``Refusing``, as dictionaries.

    Raises:
        TesseraError: No question has its gold passages in the corpus.
    """
    sample = _sample(corpus, questions, config)
    vectors: list[Vectors] = []
    if config.ks or config.refuse_k:
        for batch in encode_in_batches(encoder, texts(corpus.passages)):
            vectors.append(batch)
            yield Progress("Embedding passages", sum(map(len, vectors)), len(corpus.passages))
    ranking = _rank(encoder, np.concatenate(vectors), sample) if vectors else []
    scores: list[ReadingScore] = []
    readings = readings or {FULL: read_in_full(lm)}
    for setting, contexts in _settings(corpus, sample, ranking, config):
        for attention, reading in readings.items():
            results: list[_Result] = []
            stage = message("Reading: {setting}, {attention}", setting=setting, attention=attention)
            for question, passages in zip(sample, contexts, strict=True):
                results.append(_answer(lm, reading, question, passages, config))
                finished = len(results) == len(sample)
                if finished:
                    scores.append(_mean(setting, attention, results))
                data = _data(scores, config) if finished else {}
                yield Progress(stage, len(results), len(sample), results[-1].text[:60], data)


def read_in_full(lm: LanguageModel) -> Reading:
    """Full attention: one prompt, in which every passage attends to those before it."""

    def prefill(passages: Sequence[Passage], question: str) -> Session:
        session = lm.session()
        session.prefill(lm.prompt.context(passages) + lm.prompt.tail(question))
        return session

    return prefill


def read_alone(lm: LanguageModel) -> Reading:
    """Each passage alone, and the answer from one of them: what both kinds of attention come to."""

    def prefill(passages: Sequence[Passage], question: str) -> Session:
        if len(passages) < 2:
            return read_in_full(lm)(passages, question)
        side = SideBySide(lm, [lm.prompt.passage(passage) for passage in passages])
        return side.ask(lm.prompt.tail(question))

    return prefill


def _data(scores: Sequence[ReadingScore], config: AssessConfig) -> dict[str, Any]:
    named = {(score.setting, score.attention): score for score in scores}
    refusing = [
        _refusing(named[_top(config.refuse_k), score.attention], score, config.refuse_k)
        for score in scores
        if score.setting == _without_answer(config.refuse_k)
    ]
    return {"scores": [asdict(score) for score in scores], "refusing": [asdict(each) for each in refusing]}


def _refusing(answerable: ReadingScore, unanswerable: ReadingScore, k: int) -> Refusing:
    right, wrong = unanswerable.refused * unanswerable.n, answerable.refused_wrongly * answerable.n
    precision = right / (right + wrong) if right + wrong else 1.0
    return Refusing(unanswerable.attention, k, unanswerable.n, precision, unanswerable.refused)


def _top(k: int) -> str:
    return f"top {k}"


def _without_answer(k: int) -> str:
    return f"top {k} without answer"


@dataclass(frozen=True)
class _Result:
    text: str
    em: float
    f1: float
    coverage: float
    found: float
    refused: float
    refused_wrongly: float
    seconds: float


def _sample(corpus: Corpus, questions: Sequence[Question], config: AssessConfig) -> list[Question]:
    known = corpus.index()
    answerable = [question for question in questions if question.answers and question.passage_ids]
    usable = [question for question in answerable if set(question.passage_ids) <= known.keys()]
    if not usable:
        raise TesseraError(
            message("No question has its gold passages in {corpus}.", corpus=corpus.name),
            "Give questions with passage_id or passage_ids.",
        )
    if len(usable) <= config.questions:
        return usable
    return random.Random(config.seed).sample(usable, config.questions)


def _rank(encoder: Encoder, vectors: Vectors, questions: Sequence[Question]) -> list[list[int]]:
    """Rows of all passages for each question, nearest first."""
    similar = [vectors @ encoder.encode_query(question.text) for question in questions]
    return [np.argsort(-row, kind="stable").tolist() for row in similar]


def _settings(
    corpus: Corpus, questions: Sequence[Question], ranking: Sequence[Sequence[int]], config: AssessConfig
) -> Iterator[tuple[str, list[list[Passage]]]]:
    """Name of each setting, and the passages of each question in prompt order."""
    if config.closed_book:
        yield CLOSED_BOOK, [[] for _ in questions]
    if config.right_passage:
        row_of = corpus.index()
        gold = [[corpus.passages[row_of[i]] for i in question.passage_ids] for question in questions]
        yield RIGHT_PASSAGE, gold
    refuse = (config.refuse_k,) if ranking and config.refuse_k else ()
    for k in dict.fromkeys((*config.ks, *refuse)):
        yield _top(k), [[corpus.passages[row] for row in rows[:k]] for rows in ranking]
    for k in refuse:
        yield (
            _without_answer(k),
            [_unanswering(corpus, question, rows, k) for question, rows in zip(questions, ranking, strict=True)],
        )


def _unanswering(corpus: Corpus, question: Question, rows: Sequence[int], k: int) -> list[Passage]:
    """The k nearest passages that are not gold and contain no answer."""
    ranked = (corpus.passages[row] for row in rows)
    return list(
        islice((p for p in ranked if p.id not in question.passage_ids and not coverage(p.text, question.answers)), k)
    )


def _answer(
    lm: LanguageModel, reading: Reading, question: Question, passages: Sequence[Passage], config: AssessConfig
) -> _Result:
    def read() -> str:
        session = reading(passages, question.text)
        return "".join(lm.stream_text(session.decode(config.max_new_tokens))).strip()

    text, ms = timed(read)
    found = float(set(question.passage_ids) <= {passage.id for passage in passages})
    refused = exact_match(text, [NOT_FOUND])
    return _Result(
        text=text,
        em=exact_match(text, question.answers),
        f1=f1(text, question.answers),
        coverage=coverage(text, question.answers),
        found=found,
        refused=refused,
        refused_wrongly=refused * found,
        seconds=ms / 1000,
    )


def _mean(setting: str, attention: str, results: Sequence[_Result]) -> ReadingScore:
    def mean(name: str) -> float:
        return sum(getattr(result, name) for result in results) / len(results)

    names = ("em", "f1", "coverage", "found", "refused", "refused_wrongly", "seconds")
    return ReadingScore(setting, attention, len(results), **{name: mean(name) for name in names})
