"""Training batches: several questions share one context, and the loss covers only their answers.

    head | passage | passage | tail answer | tail answer | tail answer

Every question attends to the context and itself, not to other questions, and has the positions it would have alone. The
loss therefore equals that of separate prompts, for little more than the cost of one.

Under **full attention** the context is one text. Under **block attention** there are two passes, as when answering from
cached blocks (see ``core.kvcache.compose.join``; a test compares the two): first every passage attends to the head and
itself, right after the head; then its keys are rotated to its final position, where the questions attend to them.
Gradients flow through the rotation.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional
from transformers import DynamicCache

from core.models.packing import PADDING, SHARED, packing_mask
from core.models.rerotate import block_offsets, rotary_frequencies, rotate, rotation

_IGNORED = -100
_STEP = 32


@dataclass(frozen=True)
class Tokens:
    """Token ids of one example.

    Attributes:
        context: Head and passages, shared by all questions.
        pairs: For each question, the ids of its tail and of its answer with the stop id.
        blocks: Lengths of the passages, which end the context, under block attention; empty under full attention.
    """

    context: list[int]
    pairs: tuple[tuple[list[int], list[int]], ...]
    blocks: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.context) + sum(len(tail) + len(answer) - 1 for tail, answer in self.pairs)

    @property
    def answer_tokens(self) -> int:
        """Number of tokens in the loss."""
        return sum(len(answer) for _, answer in self.pairs)


def micro_batches(tokens: Sequence[Tokens], limit: int) -> Iterator[list[Tokens]]:
    """Groups examples of similar length so that a group has at most ``limit`` tokens with padding, if possible.

    Examples with blocks are alone in a group: padding would cost as much as batching their two passes saves.
    """
    group: list[Tokens] = []
    for example in sorted(tokens, key=len):
        if example.blocks:
            yield [example]
            continue
        if group and len(example) * (len(group) + 1) > limit:
            yield group
            group = []
        group.append(example)
    if group:
        yield group


def answer_loss(model: Any, batch: Sequence[Tokens], pad: int) -> torch.Tensor:
    """Summed cross-entropy of the answer tokens in nats, a scalar; for the arguments see ``answer_logits``."""
    logits, labels = answer_logits(model, batch, pad)
    return functional.cross_entropy(logits.float(), labels, reduction="sum")


def answer_logits(model: Any, batch: Sequence[Tokens], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Runs a batch through the model.

    Args:
        model: A decoder ``model.model`` with a head ``model.lm_head``.
        batch: One example, or several without blocks, padded on the right to a common length.
        pad: Id to pad with; no other token attends to padding.

    Returns:
        Logits [n, vocabulary] before each of the batch's n answer tokens, row by row, and those tokens [n].
    """
    hidden, labels = _read_blocks(model, batch[0], pad) if batch[0].blocks else _read_in_full(model, batch, pad)
    in_loss = labels != _IGNORED
    return model.lm_head(hidden[in_loss]), labels[in_loss]


def _read_in_full(model: Any, batch: Sequence[Tokens], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    packed = _Packed(len(batch), max(map(len, batch)), pad)
    for row, example in enumerate(batch):
        packed.put(row, example.context, SHARED)
        packed.put_pairs(row, example)
    return packed.read(model), packed.labels.to(model.device)


def _read_blocks(model: Any, example: Tokens, pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Hidden states and labels [1, T] of the questions of an example with blocks."""
    head = len(example.context) - sum(example.blocks)
    blocks = _Packed(1, len(example.context), pad)
    blocks.put(0, example.context[:head], SHARED)
    end = head
    for number, length in enumerate(example.blocks, start=1):
        blocks.put(0, example.context[end : end + length], number, position=head)
        end += length
    cache = DynamicCache()
    blocks.read(model, cache)
    by = rotation(block_offsets(example.blocks).to(model.device), rotary_frequencies(model))
    rotated = DynamicCache()
    layers: list[Any] = cache.layers
    for number, layer in enumerate(layers):
        # The padding of the first pass is cut off: the questions follow the last passage directly.
        keys, values = layer.keys[..., :end, :], layer.values[..., :end, :]
        rotated.update(torch.cat([keys[..., :head, :], rotate(keys[..., head:, :], by)], dim=-2), values, number)
    questions = _Packed(1, len(example) - len(example.context), pad, past=end)
    questions.put_pairs(0, example)
    return questions.read(model, rotated), questions.labels.to(model.device)


class _Packed:
    """A batch as tensors [rows, width]: token ids, labels, positions, and segments for ``packing_mask``.

    Args:
        rows: Number of examples.
        width: Tokens of the longest example; rounded up.
        past: Number of tokens already in the cache, to which all rows attend.
    """

    def __init__(self, rows: int, width: int, pad: int, past: int = 0) -> None:
        # Few different widths, because kernels are prepared and memory is allocated anew for every new shape.
        width = math.ceil(width / _STEP) * _STEP
        self.ids = torch.full((rows, width), pad)
        self.labels = torch.full((rows, width), _IGNORED)
        self.positions = torch.zeros((rows, width), dtype=torch.long)
        self.segments = torch.full((rows, width), PADDING)
        self._past = past
        self._filled = [0] * rows

    def put(self, row: int, ids: Sequence[int], segment: int, position: int | None = None) -> None:
        """Appends a segment to a row, with positions from ``position`` on or following the row's content."""
        start, length = self._filled[row], len(ids)
        first = self._past + start if position is None else position
        self.ids[row, start : start + length] = torch.tensor(ids, dtype=torch.long)
        self.positions[row, start : start + length] = first + torch.arange(length)
        self.segments[row, start : start + length] = segment
        self._filled[row] += length

    def put_pairs(self, row: int, example: Tokens) -> None:
        """Appends the questions of an example, each at the position after the context, with its answer as labels."""
        after_context = self._past + self._filled[row]
        for segment, (tail, answer) in enumerate(example.pairs, start=1):
            self.put(row, tail + answer[:-1], segment, position=after_context)
            end = self._filled[row]
            self.labels[row, end - len(answer) : end] = torch.tensor(answer)

    def read(self, model: Any, cache: DynamicCache | None = None) -> torch.Tensor:
        """Hidden states [rows, width, hidden] of the tokens after those in ``cache``, to which they are appended."""
        before = torch.full((len(self.ids), self._past), SHARED)
        mask = packing_mask(torch.cat([before, self.segments], dim=1), model.get_input_embeddings().weight.dtype)
        hidden: torch.Tensor = model.model(
            input_ids=self.ids.to(model.device),
            position_ids=self.positions.to(model.device),
            attention_mask=mask[:, :, self._past :].to(model.device),
            past_key_values=cache,
            use_cache=cache is not None,
        ).last_hidden_state
        return hidden
