"""From token ids to a loss: several questions share one reading of their passages, and only answers are scored.

    context | tail answer | tail answer | tail answer

Every question sees the context and itself, never another question, and sits at the position it would have alone: the
loss is that of as many separate prompts, for little more than the price of one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

_IGNORED = -100
_STEP = 32
_CONTEXT, _PADDING = 0, -1


@dataclass(frozen=True)
class Tokens:
    """Ids of one example.

    Attributes:
        context: What all questions share.
        turns: Ids of each question's tail, and of its answer with the stop id.
    """

    context: list[int]
    turns: tuple[tuple[list[int], list[int]], ...]

    def __len__(self) -> int:
        return len(self.context) + sum(len(tail) + len(answer) - 1 for tail, answer in self.turns)

    @property
    def answer_tokens(self) -> int:
        """Tokens that are scored."""
        return sum(len(answer) for _, answer in self.turns)


def micro_batches(tokens: Sequence[Tokens], most: int) -> Iterator[list[Tokens]]:
    """Groups examples of like length, so that a group's padded size stays within ``most`` tokens where possible."""
    group: list[Tokens] = []
    for example in sorted(tokens, key=len):
        if group and len(example) * (len(group) + 1) > most:
            yield group
            group = []
        group.append(example)
    yield group


def answer_loss(model: Any, batch: Sequence[Tokens], pad: int, device: torch.device) -> torch.Tensor:
    """Summed cross-entropy of the answers' tokens, in nats; a scalar.

    Args:
        model: A decoder ``model.model`` with a head ``model.lm_head``.
        batch: Examples, padded on the right to a common length.
        pad: Id to pad with; it is never seen by a token that counts.
        device: Where the model is.
    """
    # Few different widths: matrix kernels are prepared, and memory is laid out, anew for every new shape.
    width = math.ceil(max(map(len, batch)) / _STEP) * _STEP
    ids = torch.full((len(batch), width), pad)
    labels = torch.full((len(batch), width), _IGNORED)
    positions = torch.zeros((len(batch), width), dtype=torch.long)
    segments = torch.full((len(batch), width), _PADDING)
    for row, example in enumerate(batch):
        end = len(example.context)
        ids[row, :end] = torch.tensor(example.context)
        positions[row, :end] = torch.arange(end)
        segments[row, :end] = _CONTEXT
        for turn, (tail, answer) in enumerate(example.turns, start=1):
            start, end = end, end + len(tail) + len(answer) - 1
            ids[row, start:end] = torch.tensor(tail + answer[:-1])
            labels[row, start + len(tail) - 1 : end] = torch.tensor(answer)
            positions[row, start:end] = len(example.context) + torch.arange(end - start)
            segments[row, start:end] = turn
    hidden = model.model(
        input_ids=ids.to(device),
        position_ids=positions.to(device),
        attention_mask=_mask(segments, model.get_input_embeddings().weight.dtype).to(device),
        use_cache=False,
    ).last_hidden_state
    labels = labels.to(device)
    asked = labels != _IGNORED
    return functional.cross_entropy(model.lm_head(hidden[asked]).float(), labels[asked], reduction="sum")


def _mask(segments: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Additive attention mask [batch, 1, width, width] of ``segments`` [batch, width].

    A token sees the past of its own segment, and of the context.
    """
    own = segments[:, :, None] == segments[:, None, :]
    seen = (own | (segments == _CONTEXT)[:, None, :]).tril()
    return torch.zeros(seen.shape, dtype=dtype).masked_fill(~seen, torch.finfo(dtype).min)[:, None]
