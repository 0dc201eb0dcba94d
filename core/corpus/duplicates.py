"""Duplicate passages: same title and text in their normal form; one is kept, the others are counted."""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.corpus.types import Corpus, Passage
from core.normalise import folded


@dataclass(frozen=True)
class Distinct:
    """A corpus without duplicates.

    Attributes:
        corpus: Every passage once; gold passages of questions point to the one that was kept.
        removed: How many passages there are less.
    """

    corpus: Corpus
    removed: int


def same_passage_key(title: str, text: str) -> tuple[str, str]:
    """Equal for passages whose title and text differ only in letter case, spacing or Unicode form.

    The title counts: "Closed on Mondays." under another library's name is another fact.
    """
    return folded(title), folded(text)


def without_duplicates(corpus: Corpus) -> Distinct:
    """Keeps the first of every passage."""
    first: dict[tuple[str, str], str] = {}
    duplicate_of: dict[str, str] = {}
    unique: list[Passage] = []
    for passage in corpus.passages:
        key = same_passage_key(passage.title, passage.text)
        if key in first:
            duplicate_of[passage.id] = first[key]
        else:
            first[key] = passage.id
            unique.append(passage)
    questions = {
        split: tuple(question.about(duplicate_of) for question in group) for split, group in corpus.questions.items()
    }
    known = {**corpus.duplicate_of, **duplicate_of}
    distinct = replace(corpus, passages=tuple(unique), questions=questions, duplicate_of=known)
    return Distinct(distinct, len(duplicate_of))
