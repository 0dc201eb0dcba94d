"""From token ids to a loss: padded batches of like length, and the cross-entropy of the answers alone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch.nn import functional

_IGNORED = -100
_STEP = 32

Tokens = tuple[list[int], list[int]]
"""Ids of a prompt and of its answer."""


def micro_batches(tokens: Sequence[Tokens], most: int) -> Iterator[list[Tokens]]:
    """Groups examples of like length, so that a group's padded size stays within ``most`` tokens where possible."""
    group: list[Tokens] = []
    for pair in sorted(tokens, key=lambda pair: len(pair[0]) + len(pair[1])):
        longest = len(pair[0]) + len(pair[1])
        if group and longest * (len(group) + 1) > most:
            yield group
            group = []
        group.append(pair)
    yield group


def answer_loss(decoder: Any, batch: Sequence[Tokens], pad: int, device: torch.device) -> torch.Tensor:
    """Summed cross-entropy of the answers' tokens, in nats; a scalar.

    Padding is on the right: causal attention never looks there, so no mask is needed.
    """
    longest = max(len(prompt) + len(target) for prompt, target in batch) - 1
    # Few different widths: matrix kernels are prepared, and memory is laid out, anew for every new shape.
    width = math.ceil(longest / _STEP) * _STEP
    ids = torch.full((len(batch), width), pad)
    labels = torch.full((len(batch), width), _IGNORED)
    for row, (prompt, target) in enumerate(batch):
        whole = prompt + target
        ids[row, : len(whole) - 1] = torch.tensor(whole[:-1])
        labels[row, len(prompt) - 1 : len(whole) - 1] = torch.tensor(target)
    ids, labels = ids.to(device), labels.to(device)
    hidden = decoder.model(input_ids=ids, use_cache=False).last_hidden_state
    asked = labels != _IGNORED
    logits = decoder.lm_head(hidden[asked])
    return functional.cross_entropy(logits.float(), labels[asked], reduction="sum")
