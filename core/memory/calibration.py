"""Calibrates the null slot's threshold ("not in memory") on held-out questions.

A document wins over the null slot if its similarity is above the slot's. Training sets the slot on questions that the
router also learns, whose similarities are higher than those of new questions, so that too many new ones are rejected.
Here held-out questions set the threshold at which few questions about documents in memory are rejected; the same
questions without their documents show how many foreign questions are then rejected.

A question rejected by mistake loses its answer, while one accepted by mistake can still be refused by the reader, hence
the small share of ``FALSE_NULLS``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import torch

from core.corpus.types import Question
from core.errors import TesseraError
from core.memory.model import Memory
from core.messages import message

FALSE_NULLS = 0.025
"""Largest share of held-out questions about documents in memory that the null slot may win."""
FEWEST = 20
"""Held-out questions below which a threshold would be chance."""
MOST = 256
"""Held-out questions that are looked at, spread over all: on thousands of documents a thousand would take minutes."""


@dataclass(frozen=True)
class NullFigures:
    """Figures of a threshold on a set of questions.

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
        """JSON values for the card."""
        return {f"null_{name}": round(float(value), 4) for name, value in asdict(self).items()}


@torch.inference_mode()
def best_similarities(memory: Memory, questions: Sequence[Question]) -> tuple[torch.Tensor, torch.Tensor]:
    """The best similarity of up to ``MOST`` questions [q], with all documents and with its own left out.

    Raises:
        TesseraError: There are fewer than ``FEWEST`` questions about documents of the memory.
    """
    rows = {passage_id: row for row, passage_id in enumerate(memory.pool.ids)}
    held = _about_held(memory, questions)
    if len(held) < FEWEST:
        raise TesseraError(
            message("{n} held-out questions are too few to calibrate on.", n=len(held)),
            message("Give the corpus at least {fewest} dev questions about its passages.", fewest=FEWEST),
        )
    held = held[:: -(-len(held) // MOST)]
    similar = memory.similarities([question.text for question in held])
    own = torch.zeros_like(similar, dtype=torch.bool)
    for i, question in enumerate(held):
        own[i, [rows[passage_id] for passage_id in question.passage_ids if passage_id in rows]] = True
    return similar.amax(1), similar.masked_fill(own, -1.0).amax(1)


def judge(threshold: float, held: torch.Tensor, left_out: torch.Tensor) -> NullFigures:
    """Figures of ``threshold``, given ``best_similarities``."""
    wins = (float((held <= threshold).float().mean()), float((left_out <= threshold).float().mean()))
    return NullFigures(threshold, len(held), *wins)


def threshold_for(held: torch.Tensor) -> float:
    """Midway between the last question that may be rejected and the first that may not."""
    ordered = held.sort().values
    allowed = int(FALSE_NULLS * len(ordered))
    below = ordered[max(0, allowed - 1)] if allowed else ordered[0] - 1e-3
    return float((below + ordered[allowed]) / 2)


def calibrate_null(memory: Memory, questions: Sequence[Question]) -> tuple[NullFigures, NullFigures]:
    """Sets the null slot of a memory and records it on its card; changes nothing else.

    Args:
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
    """Whether there are enough questions about its documents."""
    return len(_about_held(memory, questions)) >= FEWEST


def _about_held(memory: Memory, questions: Sequence[Question]) -> list[Question]:
    ids = set(memory.pool.ids)
    return [question for question in questions if ids & set(question.passage_ids)]
