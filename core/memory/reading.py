"""How a decoder reads z: the teacher-forced loss of a batch of sequences, and greedy decoding of a batch.

head | soft tokens [m] | tail | target        the loss is taken on the target alone
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch.nn.functional import cross_entropy
from transformers import DynamicCache, PreTrainedModel

_PAD = 0
CHUNK = 32


@contextmanager
def short_attention(model: PreTrainedModel) -> Iterator[None]:
    """Plain attention inside the body: on a CPU the fused kernel's backward is ten times slower at ~70 tokens."""
    before = model.config._attn_implementation
    if model.device.type == "cpu":
        model.set_attn_implementation("eager")
    try:
        yield
    finally:
        model.set_attn_implementation(before)


def target_losses(
    model: PreTrainedModel,
    head: Sequence[int],
    soft: torch.Tensor,
    tails: Sequence[Sequence[int]],
    targets: Sequence[Sequence[int]],
) -> list[torch.Tensor]:
    """Cross entropy of every target token.

    Args:
        model: A decoder with a head.
        head: Ids before the soft tokens.
        soft: [batch, m, hidden], with gradient.
        tails: Ids after them, a list for each sequence.
        targets: Ids to predict, a list for each sequence.

    Returns:
        For each sequence the losses of its target tokens, in nats.
    """
    embed = model.get_input_embeddings()
    device = soft.device
    # Padding goes to the right: with causal attention nothing that counts ever looks at it, so no mask is needed.
    width = max(len(tail) + len(target) for tail, target in zip(tails, targets, strict=True))
    ids = torch.full((len(tails), width), _PAD, device=device)
    rows: list[int] = []
    columns: list[int] = []
    wanted: list[int] = []
    start = len(head) + soft.shape[1]
    for i, (tail, target) in enumerate(zip(tails, targets, strict=True)):
        ids[i, : len(tail) + len(target)] = torch.tensor([*tail, *target], device=device)
        rows += [i] * len(target)
        columns += range(start + len(tail) - 1, start + len(tail) - 1 + len(target))
        wanted += target
    opening = embed(torch.tensor(list(head), device=device)).expand(len(tails), -1, -1)
    inputs = torch.cat([opening, soft.to(opening.dtype), embed(ids)], 1)
    hidden = model.base_model(inputs_embeds=inputs, use_cache=False).last_hidden_state
    # The vocabulary projection is run on the target positions only: it costs as much as a quarter of the layers.
    logits = model.get_output_embeddings()(hidden[rows, columns]).float()
    losses = cross_entropy(logits, torch.tensor(wanted, device=device), reduction="none")
    return list(losses.split([len(target) for target in targets]))


@torch.inference_mode()
def greedy(
    model: PreTrainedModel,
    head: Sequence[int],
    soft: torch.Tensor,
    tails: Sequence[Sequence[int]],
    limit: int,
    stop: frozenset[int],
    never_first: int | None = None,
) -> list[list[int]]:
    """Greedy continuations of a batch, at most ``limit`` ids each, end excluded.

    Args:
        model: A decoder with a head.
        head: Ids before the soft tokens.
        soft: [batch, m, hidden].
        tails: Ids after them.
        limit: Most new tokens.
        stop: Ids that end a sequence.
        never_first: Id that no sequence may begin with.
    """
    said: list[list[int]] = []
    for at in range(0, len(tails), CHUNK):
        said += _greedy_chunk(model, head, soft[at : at + CHUNK], tails[at : at + CHUNK], limit, stop, never_first)
    return said


def _greedy_chunk(
    model: PreTrainedModel,
    head: Sequence[int],
    soft: torch.Tensor,
    tails: Sequence[Sequence[int]],
    limit: int,
    stop: frozenset[int],
    never_first: int | None,
) -> list[list[int]]:
    inputs, mask = _left_padded(model, head, soft, tails)
    cache = DynamicCache()
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    said: list[list[int]] = [[] for _ in tails]
    open_rows = set(range(len(tails)))
    for step in range(limit):
        hidden = model.base_model(
            inputs_embeds=inputs, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True
        ).last_hidden_state
        logits = model.get_output_embeddings()(hidden[:, -1])
        if step == 0 and never_first is not None:
            logits[:, never_first] = -torch.inf
        tokens = logits.argmax(-1)
        for row in sorted(open_rows):
            token = int(tokens[row])
            if token in stop:
                open_rows.discard(row)
            else:
                said[row].append(token)
        if not open_rows:
            break
        inputs = model.get_input_embeddings()(tokens)[:, None]
        mask = torch.cat([mask, mask.new_ones(len(tails), 1)], 1)
        positions = positions[:, -1:] + 1
    return said


def _left_padded(
    model: PreTrainedModel, head: Sequence[int], soft: torch.Tensor, tails: Sequence[Sequence[int]]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Embeddings [batch, T, hidden] and mask [batch, T] of head + soft + tail, padded on the left."""
    embed = model.get_input_embeddings()
    device = soft.device
    width = len(head) + soft.shape[1] + max(len(tail) for tail in tails)
    opening = embed(torch.tensor(list(head), device=device))
    inputs = opening.new_zeros(len(tails), width, opening.shape[1])
    mask = torch.zeros(len(tails), width, dtype=torch.long, device=device)
    for row, tail in enumerate(tails):
        whole = torch.cat([opening, soft[row].to(opening), embed(torch.tensor(list(tail), device=device))])
        inputs[row, width - len(whole) :] = whole
        mask[row, width - len(whole) :] = 1
    return inputs, mask
