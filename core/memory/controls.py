"""The controls that tell memory from guessing, and one measurement of all of them on the same questions.

right      the document the router chose, its own z
shuffled   the same route, but every document's z swapped with another's: what the LoRA alone knows
no_z       the same route, nothing in the place of z
oracle     the gold document, its own z: what routing costs
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from core.corpus.types import Question
from core.errors import TesseraError
from core.evaluation.metrics import coverage, rouge_l
from core.memory.frame import NOT_IN_MEMORY
from core.memory.model import Memory
from core.memory.router import Routing

CONTROLS = ("right", "shuffled", "forced", "no_z", "oracle")


@dataclass(frozen=True)
class Measured:
    """How good the evidence of one control is.

    Attributes:
        rouge_l: Mean ROUGE-L to the gold evidence.
        coverage: Share of evidence that contains an accepted answer.
        refused: Share of questions answered with "not in memory".
        said: Evidence by question, in their order.
    """

    rouge_l: float
    coverage: float
    refused: float
    said: tuple[str, ...]


@dataclass(frozen=True)
class ControlReport:
    """Routing and evidence of a memory on a set of questions.

    Attributes:
        questions: How many were asked: those whose gold documents the memory holds.
        recall_at_1: Share whose first document is a gold one.
        recall_at_5: Share with a gold one among the first five.
        null_rate: Share for which the null slot outweighed every document.
        controls: Control name to its figures.
        routed_right_said_wrong: Share with the right document, but without an accepted answer in the evidence.
    """

    questions: int
    recall_at_1: float
    recall_at_5: float
    null_rate: float
    controls: dict[str, Measured]
    routed_right_said_wrong: float

    @property
    def specificity(self) -> float:
        """ROUGE-L with the right z minus with a shuffled one."""
        return self.controls["right"].rouge_l - self.controls["shuffled"].rouge_l


def derangement(count: int, seed: int) -> list[int]:
    """A permutation that leaves nothing in its place.

    Raises:
        TesseraError: There are fewer than two things to permute.
    """
    if count < 2:
        raise TesseraError("A single document cannot be shuffled.", "Give the memory a second one.")
    order = list(range(count))
    random.Random(seed).shuffle(order)
    # A cycle through a random order moves every element.
    moved = [0] * count
    for here, there in zip(order, [*order[1:], order[0]], strict=True):
        moved[here] = there
    return moved


def shuffled(memory: Memory, seed: int = 0) -> Memory:
    """A memory that routes as before and then reads another document's z."""
    moved = derangement(len(memory.pool.ids), seed)
    return memory.reading(replace(memory.pool, z=memory.pool.z[moved]))


def without_z(memory: Memory) -> Memory:
    """A memory that routes as before and then reads nothing: no soft token at all."""
    return memory.reading(replace(memory.pool, z=memory.pool.z[:, :0]))


def measure_controls(
    memory: Memory,
    questions: Sequence[Question],
    controls: Sequence[str] = CONTROLS,
    seed: int = 0,
    on_step: Callable[[str], None] = lambda name: None,
) -> ControlReport:
    """Asks every question under every control.

    Args:
        memory: The memory.
        questions: With gold passages and evidence; those whose passages it does not hold are left out.
        controls: Some of ``CONTROLS``; "right" and "shuffled" are needed for ``specificity``.
        seed: Of the shuffle.
        on_step: Called with the name of each control before it is run.

    Raises:
        TesseraError: No question is left, or a control is unknown.
    """
    unknown = sorted(set(controls) - set(CONTROLS))
    if unknown:
        raise TesseraError(f"There is no control {unknown[0]!r}.", f"Choose from: {', '.join(CONTROLS)}.")
    held = set(memory.pool.ids)
    asked = [question for question in questions if set(question.passage_ids) & held]
    if not asked:
        raise TesseraError("None of the questions is about a document of this memory.", "Give other questions.")
    routes = [
        routing for start in range(0, len(asked), 64) for routing in memory.route_all(_texts(asked[start : start + 64]))
    ]
    chosen = [routing.documents[0].passage_id for routing in routes]
    gold = [next(i for i in question.passage_ids if i in held) for question in asked]
    readers: dict[str, Callable[[], tuple[Memory, list[str]]]] = {
        "right": lambda: (memory, chosen),
        "shuffled": lambda: (shuffled(memory, seed), chosen),
        "forced": lambda: (shuffled(memory, seed), chosen),
        "no_z": lambda: (without_z(memory), chosen),
        "oracle": lambda: (memory, gold),
    }
    measured: dict[str, Measured] = {}
    for name in controls:
        on_step(name)
        reader, ids = readers[name]()
        measured[name] = score(asked, reader.evidence(_texts(asked), ids, refuse=name != "forced"))
    return _report(asked, routes, measured)


def score(questions: Sequence[Question], said: Sequence[str]) -> Measured:
    """Scores evidence; of several gold sentences (two hops) the best match counts."""
    count = len(questions)
    pairs = list(zip(said, questions, strict=True))
    return Measured(
        rouge_l=sum(rouge_l(text, question.evidence) for text, question in pairs) / count,
        coverage=sum(coverage(text, question.answers) for text, question in pairs) / count,
        refused=sum(text == NOT_IN_MEMORY for text in said) / count,
        said=tuple(said),
    )


def _report(asked: Sequence[Question], routes: Sequence[Routing], measured: dict[str, Measured]) -> ControlReport:
    count = len(asked)
    first = [r.documents[0].passage_id in q.passage_ids for r, q in zip(routes, asked, strict=True)]
    five = [any(d.passage_id in q.passage_ids for d in r.documents[:5]) for r, q in zip(routes, asked, strict=True)]
    right = measured.get("right")
    wrong = (
        sum(
            ok and not coverage(text, question.answers)
            for ok, text, question in zip(first, right.said, asked, strict=True)
        )
        if right
        else 0
    )
    return ControlReport(
        questions=count,
        recall_at_1=sum(first) / count,
        recall_at_5=sum(five) / count,
        null_rate=sum(not routing.knows for routing in routes) / count,
        controls=measured,
        routed_right_said_wrong=wrong / count,
    )


def _texts(questions: Sequence[Question]) -> list[str]:
    return [question.text for question in questions]
