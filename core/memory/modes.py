"""How z gets in front of a question.

    prefix   head | z | z | ... | tail      the routed z are prefilled as soft tokens with every question
    kv       keys and values of the same head and z, computed once a document and kept; only the tail is prefilled
    all      head | every z of the memory | tail, kept likewise: where it fits the context, nothing has to be routed
    cross    the layers look at the routed z themselves, see ``core.memory.reading.crossed``; kept likewise

A soft prompt and its keys and values are the same thing, so the first two say the same. The second trades memory for
time: 2 x layers x kv heads x head dim numbers a soft token, about twenty times z itself. The third reads what it was
never trained to read: several z, and a shuffled Z is no control there, being the same z in another order. The fourth
has to be trained for.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from core.errors import TesseraError
from core.memory.config import READ_MODES
from core.memory.model import Memory
from core.models.kv_buffer import Layers, new_buffer
from core.models.session import Session
from core.trace import Tracer


@dataclass(frozen=True)
class ReadConfig:
    """How Z is read.

    Attributes:
        mode: One of ``READ_MODES``.
        top_r: How many routed documents are read at once, best first.
        budget: Most bytes of keys and values that stay in memory.

    Raises:
        TesseraError: A value is out of range.
    """

    mode: str = READ_MODES[0]
    top_r: int = 1
    budget: int = 1_000_000_000

    def __post_init__(self) -> None:
        if self.mode not in READ_MODES:
            raise TesseraError(f"The read mode is {self.mode!r}.", f"Choose one of: {', '.join(READ_MODES)}.")
        for name in ("top_r", "budget"):
            if getattr(self, name) < 1:
                raise TesseraError(f"{name} is {getattr(self, name)}.", "Give a number above 0.")


class ZReader:
    """Opens a sequence in which documents have been read and a question asked.

    Args:
        memory: Holds the documents.
        config: How they are read.

    Attributes:
        bytes: Size of the keys and values it keeps.

    Raises:
        TesseraError: The memory was trained to be read in another way.
    """

    def __init__(self, memory: Memory, config: ReadConfig) -> None:
        if (config.mode == "cross") != memory.crosses:
            trained = memory.card.config.read
            raise TesseraError(
                f"The read mode is {config.mode!r}, and this memory was trained to be read by {trained!r}.",
                f"Read it by {trained!r}, or train a memory with `read: {config.mode}` in its preset.",
            )
        self._memory, self.config = memory, config
        self._kept: OrderedDict[tuple[str, ...], tuple[Layers, int]] = OrderedDict()
        self.bytes = 0

    def open(self, question: str, passage_ids: Sequence[str], tracer: Tracer) -> Session:
        """A session that continues with the evidence; counts on ``tracer`` what it took.

        Raises:
            TesseraError: The memory does not hold one of the documents.
            ModelError: The z that are read are more than the model's context holds.
        """
        lm, memory = self._memory.lm, self._memory
        ids = self._shown(passage_ids)
        tail = memory.frame.tail(question)
        tracer.bytes_touched += sum(memory.pool.z[memory.pool.row(passage_id)].nbytes for passage_id in ids)
        if self.config.mode == "prefix":
            session = lm.session()
            session.feed_embeddings(torch.cat([memory.opening(ids), memory.embed(tail)]))
            tracer.prompt_tokens += session.length
            return session
        held, size = self._keys_and_values(ids, tracer)
        session = lm.session(new_buffer(len(held), held))
        tracer.bytes_touched += size
        for _ in session.feed(tail):
            pass
        tracer.prompt_tokens += len(tail)
        return session

    def recall(self, question: str, passage_ids: Sequence[str]) -> str:
        """The whole evidence, untimed: for controls."""
        session = self.open(question, passage_ids, Tracer())
        ids = session.decode(self._memory.card.config.evidence_tokens, bias=self.bias(passage_ids))
        return "".join(self._memory.lm.stream_text(ids)).strip()

    def bias(self, passage_ids: Sequence[str]) -> torch.Tensor | None:
        """``Memory.bias`` of all that is read when these documents were routed."""
        return self._memory.bias(self._shown(passage_ids))

    def _shown(self, passage_ids: Sequence[str]) -> tuple[str, ...]:
        return self._memory.pool.ids if self.config.mode == "all" else tuple(passage_ids)

    def _keys_and_values(self, ids: tuple[str, ...], tracer: Tracer) -> tuple[Layers, int]:
        """Those of ``head | z``, kept from an earlier question or computed now."""
        if ids in self._kept:
            self._kept.move_to_end(ids)
            held, size = self._kept[ids]
            tracer.cached_tokens += held[0][0].shape[-2]
            return held, size
        session = self._memory.opened(ids)
        tracer.prompt_tokens += session.length
        layers: list[Any] = session.cache.layers
        held = [(layer.keys.clone(), layer.values.clone()) for layer in layers]
        size = sum(tensor.nbytes for pair in held for tensor in pair)
        self._kept[ids] = (held, size)
        self.bytes += size
        while self.bytes > self.config.budget and len(self._kept) > 1:
            _, (_, freed) = self._kept.popitem(last=False)
            self.bytes -= freed
        return held, size
