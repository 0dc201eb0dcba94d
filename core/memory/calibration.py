"""When is a question "not in memory"? The null slot's threshold, set on questions the router has not learned from.

A document wins over the null slot when its similarity is above the slot's. The training sets the slot on questions it
also learns to route, which come out more similar than any new question does: too many new ones are then turned away.
Held-out questions give the threshold at which few of those whose document is held are turned away; the same questions
with their documents left out tell how many foreign ones it then catches. No gradient, a second or two.

A question turned away wrongly costs its answer, while one let through wrongly still meets a reader that may refuse:
hence the small share of ``FALSE_NULLS``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import torch

from core.corpus.types import Question
from core.errors import TesseraError
from core.memory.model import Memory

FALSE_NULLS = 0.025
"""Most held-out questions about held documents that the null slot may win."""
FEWEST = 20
"""Held-out questions below which a threshold would be chance."""


@dataclass(frozen=True)
class NullFigures:
    """What a threshold does to a set of questions.

    Attributes:
        threshold: Similarity that a document has to beat.
        questions: How many were looked at.
        false_nulls: Share of them that the null slot wins although the document is held.
        caught: Share that it wins when their documents are left out.
    """

    threshold: float
    questions: int
    false_nulls: float
    caught: float

    def figures(self) -> dict[str, float]:
        """Plain values, for a card."""
        return {f"null_{name}": round(float(value), 4) for name, value in asdict(self).items()}


@torch.inference_mode()
def best_similarities(memory: Memory, questions: Sequence[Question]) -> tuple[torch.Tensor, torch.Tensor]:
    """The best similarity of each question [q], with all documents and with its own left out.

    Raises:
        TesseraError: There are fewer than ``FEWEST`` questions about documents of the memory.
    """
    rows = {passage_id: row for row, passage_id in enumerate(memory.pool.ids)}
    asked = [question for question in questions if any(i in rows for i in question.passage_ids)]
    if len(asked) < FEWEST:
        raise TesseraError(
            f"{len(asked)} held-out questions are too few to calibrate on.",
            f"Give the corpus at least {FEWEST} dev questions about its passages.",
        )
    similar = memory.similarities([question.text for question in asked])
    own = torch.zeros_like(similar, dtype=torch.bool)
    for i, question in enumerate(asked):
        own[i, [rows[passage_id] for passage_id in question.passage_ids if passage_id in rows]] = True
    return similar.amax(1), similar.masked_fill(own, -1.0).amax(1)


def judge(threshold: float, held: torch.Tensor, left_out: torch.Tensor) -> NullFigures:
    """What ``threshold`` does, given ``best_similarities``."""
    wins = (float((held <= threshold).float().mean()), float((left_out <= threshold).float().mean()))
    return NullFigures(threshold, len(held), *wins)


def threshold_for(held: torch.Tensor) -> float:
    """Midway between the last question that may be turned away and the first that may not."""
    ordered = held.sort().values
    allowed = int(FALSE_NULLS * len(ordered))
    below = ordered[max(0, allowed - 1)] if allowed else ordered[0] - 1e-3
    return float((below + ordered[allowed]) / 2)


def calibrate_null(memory: Memory, questions: Sequence[Question]) -> tuple[NullFigures, NullFigures]:
    """Sets the null slot of a memory and notes it on its card; everything else keeps its bits.

    Args:
        memory: Trained.
        questions: Held-out ones, not learned from.

    Returns:
        What the slot did before, and what it does now.

    Raises:
        TesseraError: There are too few questions.
    """
    held, left_out = best_similarities(memory, questions)
    before = judge(memory.router.null.item(), held, left_out)
    threshold = threshold_for(held)
    with torch.no_grad():
        memory.router.null.fill_(threshold)
    after = judge(memory.router.null.item(), held, left_out)
    memory.card = replace(memory.card, training={**memory.card.training, **after.figures()})
    return before, after


def enough(memory: Memory, questions: Sequence[Question]) -> bool:
    """Whether there are questions enough about its documents."""
    held = set(memory.pool.ids)
    return sum(bool(held & set(question.passage_ids)) for question in questions) >= FEWEST
