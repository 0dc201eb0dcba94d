"""Which of the passages that were found are read: a small model reads one better than the same one beside others."""

from __future__ import annotations

from collections.abc import Sequence

from core.corpus.text import tokenise
from core.corpus.types import Passage


def worth_reading(
    question: str, candidates: Sequence[tuple[Passage, float]], cutoff: float, unrelated: float = 0.0
) -> list[int]:
    """The passages that match the question nearly as well as the first, and of rows of a table those it means.

    A passage that matches much less costs more than it brings; where several match, as for questions that need two,
    all of them are read.

    Args:
        candidates: Passages and their scores, the best first.
        cutoff: Least share of the best score; 0 reads all.
        unrelated: Where scores begin; see ``core.models.presets.unrelated_cosine``.

    Returns:
        Their numbers in ``candidates``, at least one where there is a passage.
    """
    if not cutoff:
        return list(range(len(candidates)))
    meant = meant_rows(question, [passage for passage, _ in candidates])
    least = cutoff * (candidates[meant[0]][1] - unrelated) + unrelated if meant else 0.0
    behind = (place for place, number in enumerate(meant) if place and candidates[number][1] < least)
    return meant[: next(behind, len(meant))]


def meant_rows(question: str, passages: Sequence[Passage]) -> list[int]:
    """Numbers of all passages but rows that share less with the question than another row of their table does.

    Rows read alike, so that a model takes the value of one for that of the next, most of all from blocks that have not
    seen each other. "The limit for methanol" shares "limit" with every row and "methanol" with one. A question that
    names two rows shares something else with each, and one that names none the same with all: these stay.
    """
    words = set(tokenise(question, all_words=True))
    shared = [words.intersection(tokenise(p.text, all_words=True)) if p.row else set() for p in passages]

    def is_beaten(number: int) -> bool:
        return any(
            shared[number] < shared[other] and _table(passages[number]) == _table(passage)
            for other, passage in enumerate(passages)
            if passage.row
        )

    return [number for number, passage in enumerate(passages) if not (passage.row and is_beaten(number))]


def _table(passage: Passage) -> tuple[str, str] | None:
    return (passage.source.file, passage.source.section) if passage.source else None
