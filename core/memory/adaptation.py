"""Learning one new document: only its z moves, everything the model has learned stays as it is.

memory = memory.with_document(passage)
for progress in adapt(memory, passage, questions, AdaptConfig()):
    ...
memory.save(folder)
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from core.corpus.types import Passage, Question
from core.errors import TesseraError
from core.evaluation.metrics import coverage, rouge_l
from core.jobs import Progress, Work
from core.memory.frame import NOT_IN_MEMORY
from core.memory.model import Memory
from core.memory.reading import short_attention, target_losses
from core.memory.selfstudy import evidence_for, self_study_question, sentences
from core.said import said

STAGE = "Learning the document"
ROUTING = 0.3
"""Weight of the routing loss beside the evidence loss."""

_Pair = tuple[str, str]
"""A question, and the evidence to say."""


@dataclass(frozen=True)
class AdaptConfig:
    """How a new document is learned.

    Attributes:
        steps: Optimiser steps.
        batch: Examples per step.
        rate: Learning rate of AdamW on its z.
        look_every: Steps between two looks at the evidence it produces.
        seed: Seed of the self-study.
    """

    steps: int = 50
    batch: int = 8
    rate: float = 2e-2
    look_every: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "rate", "look_every"):
            if getattr(self, name) <= 0:
                raise TesseraError(f"{name} is {getattr(self, name)}.", "Give a number above 0.")


def adapt(
    memory: Memory,
    passage: Passage,
    questions: Sequence[Question] = (),
    config: AdaptConfig = AdaptConfig(),
    held_out: Sequence[Question] = (),
) -> Work:
    """Trains the z of one document in ``memory`` in place; stops where it is closed, with what it has learned so far.

    Args:
        memory: Holds the document already, with its first z; see ``Memory.with_document``.
        passage: The document.
        questions: Questions about it that may be learned from.
        config: Settings.
        held_out: Questions that are only looked at.

    Yields:
        Progress whose data hold ``step``, ``loss`` and ``routing_loss`` in nats; at a look also ``evidence`` (question
        id to text so far), ``rouge_l`` and ``coverage`` over the watched questions (``held_out``, else ``questions``),
        and ``first_right``: the step at which the first of them was answered, absent before.

    Raises:
        TesseraError: The memory does not hold the document.
    """
    watched = tuple(held_out or questions)
    study = _Study(passage, questions, config.seed)
    z = memory.pool.z[memory.pool.row(passage.id)].clone().requires_grad_()
    optimiser = torch.optim.AdamW([z], lr=config.rate, weight_decay=0.0)
    first_right: int | None = None
    for step in range(config.steps + 1):
        data: dict[str, object] = {"step": step}
        if step:
            for group in optimiser.param_groups:
                group["lr"] = config.rate * (1 - 0.9 * (step - 1) / config.steps)
            data["loss"], data["routing_loss"] = _step(memory, passage.id, z, optimiser, study.draw(config.batch))
            memory.set_z(passage.id, z.detach())
        if watched and (step % config.look_every == 0 or step == config.steps):
            data |= look(memory, passage, watched)
            if first_right is None and data["coverage"]:
                first_right = step
        if first_right is not None:
            data["first_right"] = first_right
        yield Progress(STAGE, step, config.steps, said("loss {loss:.3f}", loss=data["loss"]) if step else "", data)


def _step(
    memory: Memory, passage_id: str, z: torch.Tensor, optimiser: torch.optim.Optimizer, pairs: list[_Pair]
) -> tuple[float, float]:
    """A z is read and found by the same numbers: what makes it say more must not make it harder to find."""
    model, frame, limit = memory.lm.model, memory.frame, memory.card.config.evidence_tokens
    soft = memory.projector(z).to(memory.lm.device).expand(len(pairs), -1, -1)
    optimiser.zero_grad(set_to_none=True)
    with short_attention(model):
        tails = [frame.tail(question) for question, _ in pairs]
        targets = [frame.target(evidence, limit) for _, evidence in pairs]
        reading = torch.cat(target_losses(model, frame.head, soft, tails, targets, memory.crosses)).mean()
        routing = memory.routing_loss([question for question, _ in pairs], passage_id, z)
        # Only z asks for a gradient: the projector's share is thrown away, so that nothing else can move.
        (z.grad,) = torch.autograd.grad(reading + ROUTING * routing, [z])
    optimiser.step()
    return float(reading.detach()), float(routing.detach())


class _Study:
    """Draws batches of pairs about one document: half self-study, half its given questions."""

    def __init__(self, passage: Passage, questions: Sequence[Question], seed: int) -> None:
        self._title, self._sentences = passage.title, sentences(passage.text)
        found = [(question.text, evidence_for(question, passage)) for question in questions]
        self._given = [(text, sentence) for text, sentence in found if sentence]
        self._rng = random.Random(seed)

    def draw(self, size: int) -> list[_Pair]:
        pairs: list[_Pair] = []
        for _ in range(size):
            if self._given and self._rng.random() < 0.5:
                question, sentence = self._rng.choice(self._given)
            else:
                sentence = self._rng.choice(self._sentences)
                question = self_study_question(sentence, self._title, self._rng)
            pairs.append((question, sentence))
        return pairs


def look(memory: Memory, passage: Passage, questions: Sequence[Question]) -> dict[str, object]:
    """Evidence for questions from the document's z as it stands, and how good it is."""
    said = memory.evidence([question.text for question in questions], [passage.id] * len(questions))
    golds = [question.evidence or (evidence_for(question, passage) or "",) for question in questions]
    count = len(questions)
    return {
        "evidence": {question.id: text for question, text in zip(questions, said, strict=True)},
        "rouge_l": sum(rouge_l(text, gold) for text, gold in zip(said, golds, strict=True)) / count,
        "coverage": sum(coverage(text, q.answers) for text, q in zip(said, questions, strict=True)) / count,
        "refusals": sum(text == NOT_IN_MEMORY for text in said) / count,
    }
