"""Question pools that the reader may be trained on: passages, and the train questions about them that fit.

Only ``questions_train.jsonl`` is opened: dev and test questions of the same folder are never seen.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from core.corpus.folder import PASSAGES_FILE, read_passages, read_questions
from core.corpus.intake import read_file
from core.corpus.types import Passage, Question, texts
from core.evaluation.metrics import f1, normalise
from core.jobs import Progress
from core.models.encoder import Encoder, Vectors, encode_in_batches

TRAIN_FILE = "questions_train.jsonl"
CONTEXT_WORDS = 12
"""Words either side of an answer that belong to its evidence where no evidence is given."""
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True)
class PoolSource:
    """Where a pool is, and how much of it is wanted.

    Attributes:
        folder: Holds ``passages.jsonl`` and ``questions_train.jsonl``, as ``data/sample`` does.
        share: Relative frequency of the pool among the examples.
        closed_book: Whether its questions may be asked without passages; not those of a fictional world.
    """

    folder: Path
    share: float = 1.0
    closed_book: bool = True


@dataclass(frozen=True)
class Pool:
    """Passages and the questions that may be trained on.

    Attributes:
        source: Where they come from.
        passages: In a fixed order.
        questions: With the shortest accepted answer first, and as evidence what a cut must leave whole.
        vectors: Unit vectors of the passages [n, dim].
    """

    source: PoolSource
    passages: tuple[Passage, ...]
    questions: tuple[Question, ...]
    vectors: Vectors


def load_pool(source: PoolSource, encoder: Encoder, longest_answer: int) -> Generator[Progress, None, Pool]:
    """Reads a pool and embeds its passages; the generator's value is the pool.

    Args:
        source: Which pool.
        encoder: Encodes the passages.
        longest_answer: Most words of an answer; questions without so short an answer are left out.

    Raises:
        CorpusError: A file is missing or a line of it cannot be read.
    """
    folder = source.folder
    found = read_passages(PASSAGES_FILE, read_file(folder / PASSAGES_FILE))
    passages = tuple(_tidy(passage) for passage in found)
    by_id = {passage.id: passage for passage in passages}
    asked = read_questions(TRAIN_FILE, read_file(folder / TRAIN_FILE), by_id)
    questions = tuple(filter(None, (_trainable(question, by_id, longest_answer) for question in asked)))
    vectors: list[Vectors] = []
    for batch in encode_in_batches(encoder, texts(passages)):
        vectors.append(batch)
        yield Progress(f"Embedding {folder.name}", sum(map(len, vectors)), len(passages))
    return Pool(source, passages, questions, np.concatenate(vectors))


def _tidy(passage: Passage) -> Passage:
    """Single spaces, and no web address as a title: the model would learn to read answers out of addresses."""
    title = "" if passage.title.startswith("http") else passage.title
    return replace(passage, title=title, text=_SPACES.sub(" ", passage.text).strip())


def _trainable(question: Question, passages: Mapping[str, Passage], longest_answer: int) -> Question | None:
    """The question with its shortest answer first and what to keep of each gold passage, or None if it does not fit.

    Left out are long answers, answers that no gold passage contains, and questions whose annotators disagree.
    """
    cleaned = {_SPACES.sub(" ", answer).strip(" .,;:") for answer in question.answers} - {""}
    answers = tuple(sorted(cleaned, key=lambda answer: (len(answer.split()), len(answer), answer)))
    gold = [passages[identifier].text for identifier in question.passage_ids]
    if not answers or len(answers[0].split()) > longest_answer:
        return None
    if any(f1(answers[0], [answer]) == 0 for answer in answers[1:]):
        return None
    if not any(_occurrences(text, answers[0]) for text in gold):
        return None
    evidence = tuple(_SPACES.sub(" ", text).strip() for text in question.evidence)
    if not evidence or not all(any(piece in text for text in gold) for piece in evidence):
        evidence = tuple(_stretch(text, question.text, answers[0]) for text in gold)
    return replace(question, answers=answers, evidence=evidence)


def _occurrences(text: str, answer: str) -> list[int]:
    """Where ``answer`` stands in ``text`` as whole words."""
    return [match.start() for match in re.finditer(rf"(?<!\w){re.escape(answer)}(?!\w)", text)]


def _stretch(text: str, question: str, answer: str) -> str:
    """The answer with the words around it; where it occurs more than once, the place most like the question."""
    asked = set(normalise(question).split())
    stretches = []
    for at in _occurrences(text, answer):
        before, after = text[:at].split(" "), text[at:].split(" ")
        stretches.append(" ".join(before[-CONTEXT_WORDS:]) + " ".join(after[: len(answer.split()) + CONTEXT_WORDS]))
    return max(stretches, key=lambda stretch: len(asked & set(normalise(stretch).split())), default="")
