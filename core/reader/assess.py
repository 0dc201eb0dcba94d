"""How well a model reads: EM, F1 and coverage with the right passage alone and with the encoder's top k.

Run it with ``python -m app assess-reader``. Questions are answered one by one, exactly as the RAG arm answers them, so
that no padding or batching comes between the figures and what a person sees.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from core.corpus.types import Corpus, Passage, Question, texts
from core.errors import TesseraError
from core.evaluation.metrics import coverage, exact_match, f1
from core.jobs import Progress, Work
from core.models.encoder import Encoder, Vectors, encode_in_batches
from core.models.language_model import LanguageModel

CLOSED_BOOK = "closed book"
RIGHT_PASSAGE = "right passage"


@dataclass(frozen=True)
class AssessConfig:
    """What is measured.

    Attributes:
        ks: Numbers of retrieved passages to read.
        right_passage: Whether to read the gold passages alone, too.
        closed_book: Whether to ask without passages, too.
        questions: Most questions; drawn by the seed when there are more.
        best_last: Puts the best passage next to the question instead of first.
        max_new_tokens: Longest answer in tokens.
        seed: Draws the questions.
    """

    ks: tuple[int, ...] = (1, 3, 5, 10)
    right_passage: bool = True
    closed_book: bool = True
    questions: int = 100
    best_last: bool = False
    max_new_tokens: int = 48
    seed: int = 0


@dataclass(frozen=True)
class ReadingScore:
    """Means over the questions of one setting; all but ``n`` and ``seconds`` are shares in [0, 1].

    Attributes:
        setting: ``CLOSED_BOOK``, ``RIGHT_PASSAGE`` or "top k".
        n: Questions.
        em: Exact match.
        f1: Token F1.
        coverage: Answers that contain a gold answer.
        found: Prompts that held all gold passages.
        seconds: Mean time of an answer, retrieval left out.
    """

    setting: str
    n: int
    em: float
    f1: float
    coverage: float
    found: float
    seconds: float


def assess_reader(
    lm: LanguageModel, encoder: Encoder, corpus: Corpus, questions: Sequence[Question], config: AssessConfig
) -> Work:
    """Asks the questions in every setting.

    Args:
        lm: With or without the reader adapter.
        encoder: Finds the passages.
        corpus: What it finds them in.
        questions: With gold passages of the corpus.
        config: What to measure.

    Yields:
        A step per question; the last step of each setting carries ``data={"scores": [...]}``, the finished
        ``ReadingScore`` of all settings so far as plain dictionaries.

    Raises:
        TesseraError: No question has its gold passages in the corpus.
    """
    asked = _draw(corpus, questions, config)
    vectors: list[Vectors] = []
    if config.ks:
        for batch in encode_in_batches(encoder, texts(corpus.passages)):
            vectors.append(batch)
            yield Progress("Embedding passages", sum(map(len, vectors)), len(corpus.passages))
    ranking = _rank(encoder, np.concatenate(vectors), asked, max(config.ks)) if vectors else []
    scores: list[ReadingScore] = []
    for setting, contexts in _settings(corpus, asked, ranking, config):
        results: list[_Result] = []
        for question, passages in zip(asked, contexts, strict=True):
            results.append(_ask(lm, question, passages, config))
            finished = len(results) == len(asked)
            if finished:
                scores.append(_mean(setting, results))
            data = {"scores": [asdict(score) for score in scores]} if finished else {}
            yield Progress(f"Reading: {setting}", len(results), len(asked), results[-1].text[:60], data)


@dataclass(frozen=True)
class _Result:
    text: str
    em: float
    f1: float
    coverage: float
    found: float
    seconds: float


def _draw(corpus: Corpus, questions: Sequence[Question], config: AssessConfig) -> list[Question]:
    known = corpus.index()
    usable = [question for question in questions if question.passage_ids and set(question.passage_ids) <= known.keys()]
    if not usable:
        raise TesseraError(
            f"No question has its gold passages in {corpus.name}.", "Give questions with passage_id or passage_ids."
        )
    if len(usable) <= config.questions:
        return usable
    return random.Random(config.seed).sample(usable, config.questions)


def _rank(encoder: Encoder, vectors: Vectors, questions: Sequence[Question], most: int) -> list[list[int]]:
    """Rows of the ``most`` nearest passages of each question, best first."""
    similar = [vectors @ encoder.encode_query(question.text) for question in questions]
    return [np.argsort(-row, kind="stable")[:most].tolist() for row in similar]


def _settings(
    corpus: Corpus, questions: Sequence[Question], ranking: Sequence[Sequence[int]], config: AssessConfig
) -> Iterator[tuple[str, list[list[Passage]]]]:
    """Name of each setting and the passages of each question, in the prompt's order."""
    if config.closed_book:
        yield CLOSED_BOOK, [[] for _ in questions]
    if config.right_passage:
        row_of = corpus.index()
        gold = [[corpus.passages[row_of[i]] for i in question.passage_ids] for question in questions]
        yield RIGHT_PASSAGE, gold
    for k in config.ks:
        found = [[corpus.passages[row] for row in rows[:k]] for rows in ranking]
        yield f"top {k}", [passages[::-1] for passages in found] if config.best_last else found


def _ask(lm: LanguageModel, question: Question, passages: Sequence[Passage], config: AssessConfig) -> _Result:
    began = time.perf_counter()
    session = lm.session()
    for _ in session.feed(lm.prompt.context(passages) + lm.prompt.tail(question.text)):
        pass
    text = "".join(lm.stream_text(session.decode(config.max_new_tokens))).strip()
    seconds = time.perf_counter() - began
    held = {passage.id for passage in passages}
    return _Result(
        text=text,
        em=exact_match(text, question.answers),
        f1=f1(text, question.answers),
        coverage=coverage(text, question.answers),
        found=float(set(question.passage_ids) <= held),
        seconds=seconds,
    )


def _mean(setting: str, results: Sequence[_Result]) -> ReadingScore:
    def mean(name: str) -> float:
        return sum(getattr(result, name) for result in results) / len(results)

    names = ("em", "f1", "coverage", "found", "seconds")
    return ReadingScore(setting=setting, n=len(results), **{name: mean(name) for name in names})
