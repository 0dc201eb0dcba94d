"""The same passage twice: found by its text after normalisation, kept once, counted."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace

from core.corpus.types import Corpus, Passage


@dataclass(frozen=True)
class Distinct:
    """A corpus without duplicates.

    Attributes:
        corpus: Every text once; gold passages of questions point to the one that was kept.
        kept_for: Id of each passage that was removed, to the id of the one that was kept.
    """

    corpus: Corpus
    kept_for: dict[str, str]


def same_text_key(text: str) -> str:
    """Equal for texts that differ only in letter case, spacing or Unicode form (NFKC)."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def without_duplicates(corpus: Corpus) -> Distinct:
    """Keeps the first passage of every text."""
    first: dict[str, str] = {}
    kept_for: dict[str, str] = {}
    kept: list[Passage] = []
    for passage in corpus.passages:
        key = same_text_key(passage.text)
        if key in first:
            kept_for[passage.id] = first[key]
        else:
            first[key] = passage.id
            kept.append(passage)
    questions = {
        split: tuple(
            replace(question, passage_ids=tuple(kept_for.get(name, name) for name in question.passage_ids))
            for question in group
        )
        for split, group in corpus.questions.items()
    }
    return Distinct(replace(corpus, passages=tuple(kept), questions=questions), kept_for)
