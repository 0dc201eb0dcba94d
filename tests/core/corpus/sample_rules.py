"""What the sample promises, checked: run by the tests, and by whoever changes ``data/sample``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import regex
from numpy.typing import NDArray

from core.corpus.folder import read_folder
from core.corpus.sample import load_unseen
from core.corpus.sentences import sentences
from core.corpus.types import Corpus, Passage, Question

SPLITS = ("train", "dev", "test")
MIN_PASSAGES = 96
MIN_TOPICS = 8
MIN_PER_TOPIC = 8
MIN_QUESTIONS = 4
WORDS = (70, 130)
MIN_UNSEEN = 5
ALIKE = 0.6
"""Jaccard similarity of word sets from which two questions may be one in other words."""
_WORD = regex.compile(r"\w+")


def validate_sample(folder: Path) -> list[str]:
    """Everything that is wrong with the sample in ``folder``; empty when all is well.

    Raises:
        CorpusError: A file is missing or broken, or a question names a passage that is not there.
    """
    corpus = read_folder(folder)
    unseen = load_unseen(folder)
    problems = [
        *_check_passages(corpus.passages),
        *_check_counts(corpus),
        *_check_splits(corpus.questions),
        *_check_unseen(corpus, unseen),
    ]
    texts = {passage.id: passage for passage in (*corpus.passages, *(passage for passage, _ in unseen))}
    asked = [*(question for group in corpus.questions.values() for question in group)]
    asked += [question for _, questions in unseen for question in questions]
    return [*problems, *(problem for question in asked for problem in _check_question(question, texts))]


def _check_passages(passages: Iterable[Passage]) -> Iterator[str]:
    for passage in passages:
        words = len(passage.text.split())
        if not WORDS[0] <= words <= WORDS[1]:
            yield f"{passage.id} has {words} words."
        if not passage.title or not passage.topic:
            yield f"{passage.id} has no title or no topic."
    for title, number in Counter(passage.title.casefold() for passage in passages).items():
        if number > 1:
            yield f"{number} passages have the title {title!r}."


def _check_counts(corpus: Corpus) -> Iterator[str]:
    if len(corpus.passages) < MIN_PASSAGES:
        yield f"There are only {len(corpus.passages)} passages."
    topics = Counter(passage.topic for passage in corpus.passages)
    if len(topics) < MIN_TOPICS:
        yield f"There are only {len(topics)} topics."
    yield from (f"Topic {topic!r} has only {n} passages." for topic, n in topics.items() if n < MIN_PER_TOPIC)
    asked = Counter(name for group in corpus.questions.values() for q in group for name in set(q.passage_ids))
    for passage in corpus.passages:
        if asked[passage.id] < MIN_QUESTIONS:
            yield f"{passage.id} has only {asked[passage.id]} questions."


def _check_splits(questions: Mapping[str, tuple[Question, ...]]) -> Iterator[str]:
    if set(questions) != set(SPLITS):
        yield f"The splits are {', '.join(questions)}."
    for split, group in questions.items():
        if not any(len(question.passage_ids) > 1 for question in group):
            yield f"{split} has no two-hop question."
    for (split, group), (other_split, other_group) in combinations(questions.items(), 2):
        for one, other, why in _same_questions(group, other_group):
            yield f"{one.id} ({split}) and {other.id} ({other_split}) {why}."


def _same_questions(
    group: Sequence[Question], other_group: Sequence[Question]
) -> Iterator[tuple[Question, Question, str]]:
    """Pairs that may be the same question, and why."""
    ids = {question.id: question for question in group}
    answered_by = {question.evidence[-1]: question for question in group if question.evidence}
    for other in other_group:
        if other.id in ids:
            yield ids[other.id], other, "have the same id"
        if other.evidence and other.evidence[-1] in answered_by:
            yield answered_by[other.evidence[-1]], other, "are answered by the same sentence"
    likeness = alike([question.text for question in group], [question.text for question in other_group])
    for row, column in np.argwhere(likeness >= ALIKE):
        yield group[row], other_group[column], "are worded alike"


def alike(texts: Sequence[str], others: Sequence[str]) -> NDArray[np.float64]:
    """Jaccard similarity [texts, others] of the word sets of two lists of texts, 0 to 1."""
    words = [set(_WORD.findall(text.casefold())) for text in (*texts, *others)]
    columns = {word: column for column, word in enumerate(sorted(set().union(*words)))}
    present = np.zeros((len(words), len(columns)))
    for row, in_text in enumerate(words):
        present[row, [columns[word] for word in in_text]] = 1
    one, other = present[: len(texts)], present[len(texts) :]
    common = one @ other.T
    either = one.sum(axis=1)[:, None] + other.sum(axis=1)[None, :] - common
    return common / np.maximum(either, 1)


def _check_question(question: Question, passages: Mapping[str, Passage]) -> Iterator[str]:
    if not question.answers or not question.passage_ids:
        yield f"{question.id} has no answer or no passage."
        return
    if len(question.evidence) != len(question.passage_ids):
        yield f"{question.id} has {len(question.evidence)} sentences for {len(question.passage_ids)} passages."
        return
    for name, sentence in zip(question.passage_ids, question.evidence, strict=True):
        if sentence not in sentences(passages[name].text):
            yield f"The evidence of {question.id} is no sentence of {name}."
    for answer in question.answers:
        if answer.casefold() not in question.evidence[-1].casefold():
            yield f"The answer {answer!r} of {question.id} is not in its evidence."


def _check_unseen(corpus: Corpus, unseen: tuple[tuple[Passage, tuple[Question, ...]], ...]) -> Iterator[str]:
    if len(unseen) < MIN_UNSEEN:
        yield f"There are only {len(unseen)} unseen passages."
    passages = [passage for passage, _ in unseen]
    yield from _check_passages(passages)
    known = {name for passage in corpus.passages for name in (passage.id, passage.title.casefold())}
    for passage, questions in unseen:
        if passage.id in known or passage.title.casefold() in known:
            yield f"The unseen passage {passage.id} is in the sample."
        if len(questions) < MIN_QUESTIONS:
            yield f"The unseen passage {passage.id} has only {len(questions)} questions."
        if any(question.passage_ids != (passage.id,) for question in questions):
            yield f"A question about the unseen passage {passage.id} names another passage."
