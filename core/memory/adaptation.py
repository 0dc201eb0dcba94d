"""Adding, editing and removing single documents of a memory: only their z changes, all trained weights stay.

memory = with_document(memory, passage)
for progress in adapt(memory, passage, questions, AdaptConfig()):
    ...
memory.save(folder)
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from core.corpus.sentences import whole_sentences
from core.corpus.types import Passage, Question, texts
from core.errors import TesseraError, require_positive
from core.jobs import Progress, Work
from core.memory.lora import gradient_pass
from core.memory.model import Memory
from core.memory.pool import MemoryPool, as_stored
from core.memory.prompt import NOT_IN_MEMORY
from core.memory.self_study import evidence_for, self_study_question
from core.memory.soft_prompt import evidence_losses
from core.memory.store import Card
from core.memory.z_reader import batch_evidence
from core.messages import message
from core.metrics import coverage, rouge_l

STAGE = "Learning the document"
ROUTING = 0.3
"""Weight of the routing loss relative to the evidence loss."""

_Pair = tuple[str, str]
"""A question, and the evidence to say."""


@dataclass(frozen=True)
class AdaptConfig:
    """Settings of training one document.

    Attributes:
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
        require_positive(self, "steps", "batch", "rate", "look_every")


def with_document(memory: Memory, passage: Passage, z: torch.Tensor | None = None) -> Memory:
    """A memory that also holds ``passage``; the other documents keep their bits.

    Args:
        z: [m, z_dim] that this memory had learned of it; its first z by default.

    Raises:
        TesseraError: It already holds a document of that id, or the text is empty.
    """
    pool = memory.pool.with_row(passage.id, passage.title, document_z(memory, passage) if z is None else z)
    return memory.with_pool(pool, replace(memory.card, learned=(*memory.card.learned, passage.id)))


def with_edited(memory: Memory, passage: Passage, z: torch.Tensor | None = None) -> Memory:
    """A memory in which the document of that id is another text.

    Args:
        z: [m, z_dim] that this memory had learned of it; its first z by default.

    Raises:
        TesseraError: It holds no document of that id, or the text is empty.
    """
    pool = memory.pool.with_other(passage.id, passage.title, document_z(memory, passage) if z is None else z)
    learned = (*(i for i in memory.card.learned if i != passage.id), passage.id)
    return memory.with_pool(pool, replace(memory.card, learned=learned))


def without_document(memory: Memory, passage_id: str) -> Memory:
    """A memory that has forgotten one document.

    Raises:
        TesseraError: It does not hold it, or holds nothing else.
    """
    return memory.with_pool(*without_row(memory.pool, memory.card, passage_id))


def without_row(pool: MemoryPool, card: Card, passage_id: str) -> tuple[MemoryPool, Card]:
    """Z and card of a memory without one document, which takes no model.

    Raises:
        TesseraError: It does not hold it, or holds nothing else.
    """
    if len(pool.ids) == 1:
        raise TesseraError("This is the only document the memory holds.", "Delete the memory instead.")
    learned = tuple(i for i in card.learned if i != passage_id)
    return pool.without_row(passage_id), replace(card, learned=learned)


def document_z(memory: Memory, passage: Passage) -> torch.Tensor:
    """The untrained first z [m, z_dim] of a document, rounded as on disk."""
    words = memory.codec.words(memory.prompt, texts([passage])[0], memory.router.idf)
    return as_stored(memory.codec.first(words), memory.card.config.z_format)


def adapt(
    memory: Memory,
    passage: Passage,
    questions: Sequence[Question] = (),
    config: AdaptConfig = AdaptConfig(),
    held_out: Sequence[Question] = (),
) -> Work:
    """Trains the z of one document in ``memory`` in place; closing the generator keeps the z trained so far.

    Args:
        memory: Holds the document already, with its first z; see ``with_document``.
        questions: Questions about it that may be learned from.
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
        yield Progress(STAGE, step, config.steps, message("loss {loss:.3f}", loss=data["loss"]) if step else "", data)


def _step(
    memory: Memory, passage_id: str, z: torch.Tensor, optimiser: torch.optim.Optimizer, pairs: list[_Pair]
) -> tuple[float, float]:
    """One step on evidence and routing together, since z serves both: better evidence must not worsen routing."""
    prompt, config = memory.prompt, memory.card.config
    questions = [(prompt.tail(question), prompt.target(text, config.evidence_tokens)) for question, text in pairs]
    # All of them are put to one reading of z, which is longer than all of them; cross-attention puts one to each.
    groups = [[one] for one in questions] if config.crosses else [questions]
    soft = memory.projector(memory.codec.read(z)).to(memory.lm.device).expand(len(groups), -1, -1)
    optimiser.zero_grad(set_to_none=True)
    routing = memory.routing_loss([question for question, _ in pairs], passage_id, z)
    with gradient_pass(memory.lm.model):
        reading = torch.cat(evidence_losses(memory.lm.model, prompt.head, soft, groups, config.crosses)).mean()
        # Only z asks for a gradient: the projector's share is thrown away, so that nothing else can move.
        (z.grad,) = torch.autograd.grad(reading + ROUTING * routing, [z])
    optimiser.step()
    return float(reading.detach()), float(routing.detach())


class _Study:
    """Draws batches of pairs about one document: half self-study, half its given questions."""

    def __init__(self, passage: Passage, questions: Sequence[Question], seed: int) -> None:
        self._title, self._sentences = passage.title, whole_sentences(passage.text)
        pairs = [(question.text, evidence_for(question, passage)) for question in questions]
        self._given = [(text, sentence) for text, sentence in pairs if sentence]
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
    evidence = batch_evidence(memory, [question.text for question in questions], [passage.id] * len(questions))
    golds = [question.evidence or (evidence_for(question, passage) or "",) for question in questions]
    count = len(questions)
    return {
        "evidence": {question.id: text for question, text in zip(questions, evidence, strict=True)},
        "rouge_l": sum(map(rouge_l, evidence, golds)) / count,
        "coverage": sum(coverage(text, q.answers) for text, q in zip(evidence, questions, strict=True)) / count,
        "refusals": sum(text == NOT_IN_MEMORY for text in evidence) / count,
    }
