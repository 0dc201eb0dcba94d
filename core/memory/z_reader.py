"""Reading z: how it is put before a question, and decoding evidence from it.

    prefix   head | z | z | ... | tail      the routed z are prefilled as soft tokens with every question
    kv       keys and values of the same head and z, computed once a document and kept; only the tail is prefilled
    cross    the layers look at the routed z themselves, see ``core.memory.soft_prompt.crossed``; kept likewise

A soft prompt and its keys and values are the same thing, so the first two give the same evidence. The second trades
memory for time: 2 x layers x kv heads x head dim numbers a soft token, about twenty times z itself. The third has to be
trained for. ``core.memory.answer_reader`` reads the answer itself off z.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from core.errors import TesseraError, require_known, require_positive
from core.memory.config import READ_MODES
from core.memory.model import Memory
from core.memory.opening_cache import OpeningCache, size_of
from core.memory.soft_prompt import crossed, greedy
from core.messages import message
from core.models.budget import Budget
from core.models.kv_buffer import Layers, new_buffer
from core.models.session import Session
from core.trace import Tracer

_BUDGET = 1_000_000_000


@dataclass(frozen=True)
class ReadConfig:
    """How Z is read.

    Attributes:
        mode: One of ``READ_MODES``.
        top_r: How many routed documents are read at once, best first.
        sentences: Answer first: how many sentences of a z are read before the rest, those nearest to the question; 0
            reads the whole z at once, None as many as the settings say.

    Raises:
        TesseraError: A value is out of range.
    """

    mode: str = READ_MODES[0]
    top_r: int = 1
    sentences: int | None = None

    def __post_init__(self) -> None:
        require_known("The read mode is {name!r}.", self.mode, READ_MODES)
        require_positive(self, "top_r")
        if self.sentences is not None and self.sentences < 0:
            raise TesseraError("There are no fewer than 0 sentences to read.", "Give 3, or 0 for the whole z.")


class ZReader:
    """Opens sessions over documents and a question, ready to decode evidence.

    Args:
        config: How they are read; without it, as the memory was trained.
        budget: What their keys and values may take in memory, shared with other caches; without it, 1 GB.

    Attributes:
        kept: Their keys and values in memory.

    Raises:
        TesseraError: The memory was trained to be read in another mode.
    """

    def __init__(self, memory: Memory, config: ReadConfig | None = None, budget: Budget | None = None) -> None:
        trained = memory.card.config.read
        self._memory, self.config = memory, config or ReadConfig(trained)
        if (self.config.mode == "cross") != memory.card.config.crosses:
            raise TesseraError(
                message(
                    "The read mode is {mode}, and this memory was trained to be read by {trained}.",
                    mode=repr(self.config.mode),
                    trained=repr(trained),
                ),
                message(
                    "Read it by {trained}, or train a memory with `read: {mode}` in its preset.",
                    trained=repr(trained),
                    mode=self.config.mode,
                ),
            )
        self.kept = OpeningCache(budget or Budget(_BUDGET))

    def open(self, question: str, passage_ids: Sequence[str], tracer: Tracer) -> Session:
        """A session that continues with the evidence; counts on ``tracer`` what it took.

        Raises:
            TesseraError: The memory does not hold one of the documents.
            ModelError: The z that are read are more than the model's context holds.
        """
        lm, memory = self._memory.lm, self._memory
        ids = tuple(passage_ids)
        tail = memory.prompt.tail(question)
        tracer.bytes_touched += memory.pool.z[memory.pool.rows(ids)].nbytes
        if self.config.mode == "prefix":
            session = lm.session()
            session.prefill_embeddings(torch.cat([_opening(memory, ids), lm.embed(tail)]))
            tracer.prompt_tokens += session.length
            return session
        layers = self._keys_and_values(ids, tracer)
        session = lm.session(new_buffer(len(layers), layers))
        tracer.bytes_touched += size_of(layers)
        session.prefill(tail)
        tracer.prompt_tokens += len(tail)
        return session

    def stream(self, question: str, passage_ids: Sequence[str]) -> Iterator[str]:
        """Pieces of the evidence, untimed; closing the iterator stops the model at once.

        Raises:
            TesseraError: The memory does not hold one of the documents.
        """
        session = self.open(question, passage_ids, Tracer())
        ids = session.decode(self._memory.card.config.evidence_tokens, bias=self.bias(passage_ids))
        return self._memory.lm.stream_text(ids)

    def evidence(self, question: str, passage_ids: Sequence[str]) -> str:
        """The whole evidence, untimed."""
        return "".join(self.stream(question, passage_ids)).strip()

    def bias(self, passage_ids: Sequence[str]) -> torch.Tensor | None:
        """What is added to the logits [vocabulary] while evidence is written; None where all tokens are allowed."""
        return evidence_bias(self._memory, passage_ids)

    def _keys_and_values(self, ids: tuple[str, ...], tracer: Tracer) -> Layers:
        """Keys and values of ``head | z``, cached or computed now."""
        layers = self.kept.get(ids)
        if layers is not None:
            tracer.cached_tokens += layers[0][0].shape[-2]
            return layers
        layers = self._read(ids)
        tracer.prompt_tokens += layers[0][0].shape[-2]
        self.kept.put(ids, layers)
        return layers

    @torch.inference_mode()
    def _read(self, ids: Sequence[str]) -> Layers:
        """Keys and values of ``head | z`` of documents, computed now."""
        memory = self._memory
        cache: Any
        if self.config.mode == "cross":
            soft = memory.soft_tokens(ids).flatten(0, 1)[None]
            cache = crossed(memory.lm.model, memory.prompt.head, soft)
        else:
            session = memory.lm.session()
            session.prefill_embeddings(_opening(memory, ids))
            cache = session.cache
        return [(layer.keys, layer.values) for layer in cache.layers]


@torch.inference_mode()
def batch_evidence(memory: Memory, questions: Sequence[str], passage_ids: Sequence[str]) -> list[str]:
    """Evidence of several questions, each from the z of one document, decoded as a batch.

    Raises:
        TesseraError: The memory does not hold one of the documents.
    """
    if not questions:
        return []
    config = memory.card.config
    biases = [evidence_bias(memory, [passage_id]) for passage_id in passage_ids]
    generated = greedy(
        memory.lm.model,
        memory.prompt.head,
        memory.soft_tokens(passage_ids),
        [memory.prompt.tail(question) for question in questions],
        config.evidence_tokens,
        memory.lm.stop_ids,
        bias=torch.stack([bias for bias in biases if bias is not None]) if config.lexicon else None,
        cross=config.crosses,
    )
    return [memory.prompt.decode(ids) for ids in generated]


@torch.inference_mode()
def evidence_bias(memory: Memory, passage_ids: Sequence[str]) -> torch.Tensor | None:
    """A penalty on tokens that the z of documents do not speak of [vocabulary]; None where the memory has none."""
    penalty = memory.card.config.lexicon
    if not penalty:
        return None
    return memory.lexicon.bias(torch.cat([memory.lexicon_ids(passage_id) for passage_id in passage_ids]), penalty)


def shuffled(memory: Memory, seed: int = 0) -> Memory:
    """The control: a memory that routes as before and then reads another document's z.

    Raises:
        TesseraError: It holds a single document.
    """
    moved = derangement(len(memory.pool.ids), seed)
    return memory.with_pool(replace(memory.pool, z=memory.pool.z[moved]), memory.card, memory.index)


def derangement(count: int, seed: int) -> list[int]:
    """A permutation without a fixed point.

    Raises:
        TesseraError: There are fewer than two things to permute.
    """
    if count < 2:
        raise TesseraError("A single document cannot be shuffled.", "Give the memory a second one.")
    order = list(range(count))
    random.Random(seed).shuffle(order)
    # A cycle through a random order moves every element.
    successors = dict(zip(order, [*order[1:], order[0]], strict=True))
    return [successors[row] for row in range(count)]


@torch.inference_mode()
def _opening(memory: Memory, passage_ids: Sequence[str]) -> torch.Tensor:
    """Embeddings [T, hidden] of ``head | z | z ...``: what is read before a question is."""
    head = memory.lm.embed(memory.prompt.head)
    return torch.cat([head, *memory.soft_tokens(passage_ids).to(head)])
