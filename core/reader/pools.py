"""Question pools for training the reader: passages, and the suitable train questions about them.

Only ``questions_train.jsonl`` is read, never the dev and test questions of the same folder.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from core.corpus.folder import PASSAGES_FILE, read_passages, read_questions
from core.corpus.limits import read_file
from core.corpus.types import Passage, Question, texts
from core.digests import text_digest
from core.jobs import Progress
from core.messages import message
from core.metrics import f1, normalise
from core.models.encoder import Encoder, Vectors, encode_in_batches

TRAIN_FILE = "questions_train.jsonl"
VECTORS_PREFIX = "vectors-"
CONTEXT_WORDS = 12
"""Words on either side of an answer that count as its evidence if no evidence is given."""
HELD_OUT_TITLES = frozenset(
    {
        "1973 oil crisis",
        "Chloroplast",
        "Economic inequality",
        "Fresno, California",
        "Immune system",
        "Jacksonville, Florida",
        "Oxygen",
        "Private school",
        "Steam engine",
        "University of Chicago",
    }
)
"""Articles of SQuAD 1.1 dev that are excluded from training, questions and passages alike, to separate reading from
recall: every fourth of the forty titles in alphabetical order, starting with the first."""
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True)
class PoolSource:
    """The folder of a pool, and how its examples are used.

    Attributes:
        folder: Contains ``passages.jsonl`` and ``questions_train.jsonl``, as ``data/sample`` does.
        share: Relative frequency of the pool among the examples.
        closed_book: Whether its questions may be asked without passages; not for a fictional world.
    """

    folder: Path
    share: float = 1.0
    closed_book: bool = True


@dataclass(frozen=True)
class Pool:
    """Passages and the questions to train on.

    Attributes:
        questions: Questions with the shortest accepted answer first; truncation keeps their evidence.
        vectors: Unit vectors of the passages [n, dim].
    """

    source: PoolSource
    passages: tuple[Passage, ...]
    questions: tuple[Question, ...]
    vectors: Vectors


def load_pool(
    source: PoolSource, encoder: Encoder, longest_answer: int, scratch: Path | None = None
) -> Generator[Progress, None, Pool]:
    """Reads a pool and embeds its passages; returns it without the held-out articles.

    Args:
        longest_answer: Most words of an answer; questions without such a short answer are left out.
        scratch: Folder to cache the vectors in, so that a resumed training need not compute them again.

    Raises:
        CorpusError: A file is missing or a line of it cannot be read.
    """
    folder = source.folder
    everything = read_passages(PASSAGES_FILE, read_file(folder / PASSAGES_FILE))
    by_id = {passage.id: _tidy(passage) for passage in everything}
    passages = tuple(passage for passage in by_id.values() if passage.title not in HELD_OUT_TITLES)
    ids = {passage.id for passage in passages}
    usable = [q for q in read_questions(TRAIN_FILE, read_file(folder / TRAIN_FILE), by_id) if ids >= {*q.passage_ids}]
    questions = tuple(filter(None, (_trainable(question, by_id, longest_answer) for question in usable)))
    vectors = yield from _embedded(passages, encoder, folder.name, scratch)
    return Pool(source, passages, questions, vectors)


def _embedded(
    passages: Sequence[Passage], encoder: Encoder, name: str, scratch: Path | None
) -> Generator[Progress, None, Vectors]:
    digest = text_digest("\0".join([encoder.fingerprint, *texts(passages)]))
    path = scratch / f"{VECTORS_PREFIX}{digest}.npy" if scratch is not None else None
    if path is not None and path.is_file():
        return np.asarray(np.load(path, allow_pickle=False))
    batches: list[Vectors] = []
    for batch in encode_in_batches(encoder, texts(passages)):
        batches.append(batch)
        yield Progress(message("Embedding {name}", name=name), sum(map(len, batches)), len(passages))
    vectors = np.concatenate(batches) if batches else np.zeros((0, encoder.dim), np.float32)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(f".{path.name}")
        np.save(fresh, vectors)
        fresh.replace(path)
    return vectors


def _tidy(passage: Passage) -> Passage:
    """Collapses spaces and removes a URL as title, from which the model would learn to read answers."""
    title = "" if passage.title.startswith("http") else passage.title
    return replace(passage, title=title, text=_SPACES.sub(" ", passage.text).strip())


def _trainable(question: Question, passages: Mapping[str, Passage], longest_answer: int) -> Question | None:
    """The question with its shortest answer first and with evidence, or None if it is not suitable.

    Not suitable are long answers, answers that no gold passage contains, and questions whose annotators disagree.
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
        evidence = tuple(_surroundings(text, question.text, answers[0]) for text in gold)
    return replace(question, answers=answers, evidence=evidence)


def _occurrences(text: str, answer: str) -> list[int]:
    """Offsets of ``answer`` in ``text`` as whole words."""
    return [match.start() for match in re.finditer(rf"(?<!\w){re.escape(answer)}(?!\w)", text)]


def _surroundings(text: str, question: str, answer: str) -> str:
    """The answer with the words around it; of several occurrences, the one that shares most words with the question."""
    question_words = set(normalise(question).split())
    excerpts = []
    for at in _occurrences(text, answer):
        before, after = text[:at].split(" "), text[at:].split(" ")
        excerpts.append(" ".join(before[-CONTEXT_WORDS:]) + " ".join(after[: len(answer.split()) + CONTEXT_WORDS]))
    return max(excerpts, key=lambda excerpt: len(question_words & set(normalise(excerpt).split())), default="")
