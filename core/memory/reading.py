"""How a decoder reads z: the teacher-forced loss of a batch of sequences, and greedy decoding of a batch.

    head | soft tokens [m] | tail | target        the loss is taken on the target alone

The soft tokens are either part of the sequence, a soft prompt (Lester et al. 2021), or ``crossed``: memory that every
layer looks at, and that goes through none of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

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


def crossed(model: PreTrainedModel, head: Sequence[int], soft: torch.Tensor) -> DynamicCache:
    """Keys and values of ``head | soft tokens`` for cross-attention over Z.

    Every layer makes keys and values of the soft tokens themselves, with its own maps and at their positions in the
    sequence, and what follows attends to them together with itself (as in Memorizing Transformers; Wu et al. 2022,
    section 3.1). A soft prompt would first go through all the layers below.

    Args:
        model: A decoder whose layers have ``input_layernorm`` and ``self_attn``.
        head: Ids before the soft tokens; they go through the layers as usual.
        soft: [batch, m, hidden], with gradient.

    Returns:
        For each layer keys and values [batch, kv_heads, len(head) + m, head_dim].
    """
    decoder: Any = model.base_model
    opening = decoder.embed_tokens(torch.tensor(list(head), device=soft.device)).expand(len(soft), -1, -1)
    cache = DynamicCache()
    decoder(inputs_embeds=opening, past_key_values=cache, use_cache=True)
    if soft.shape[1]:
        soft = soft.to(opening.dtype)
        positions = torch.arange(len(head), len(head) + soft.shape[1], device=soft.device)
        rotary = decoder.rotary_emb(soft, positions[None])
        for layer in decoder.layers:
            # What the soft tokens themselves would attend to is thrown away: only their keys and values are wanted.
            layer.self_attn(
                layer.input_layernorm(soft), position_embeddings=rotary, attention_mask=None, past_key_values=cache
            )
    return cache


def target_losses(
    model: PreTrainedModel,
    head: Sequence[int],
    soft: torch.Tensor,
    tails: Sequence[Sequence[int]],
    targets: Sequence[Sequence[int]],
    cross: bool = False,
) -> list[torch.Tensor]:
    """Cross entropy of every target token.

    Args:
        model: A decoder with a head.
        head: Ids before the soft tokens.
        soft: [batch, m, hidden], with gradient.
        tails: Ids after them, a list for each sequence.
        targets: Ids to predict, a list for each sequence.
        cross: Whether the soft tokens are ``crossed``.

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
    start = 0 if cross else len(head) + soft.shape[1]
    for i, (tail, target) in enumerate(zip(tails, targets, strict=True)):
        ids[i, : len(tail) + len(target)] = torch.tensor([*tail, *target], device=device)
        rows += [i] * len(target)
        columns += range(start + len(tail) - 1, start + len(tail) - 1 + len(target))
    if cross:
        cache = crossed(model, head, soft)
        hidden = model.base_model(inputs_embeds=embed(ids), past_key_values=cache, use_cache=True).last_hidden_state
        return _losses_at(model, hidden[rows, columns], targets)
    opening = embed(torch.tensor(list(head), device=device)).expand(len(tails), -1, -1)
    inputs = torch.cat([opening, soft.to(opening.dtype), embed(ids)], 1)
    hidden = model.base_model(inputs_embeds=inputs, use_cache=False).last_hidden_state
    return _losses_at(model, hidden[rows, columns], targets)


def _losses_at(model: PreTrainedModel, states: torch.Tensor, targets: Sequence[Sequence[int]]) -> list[torch.Tensor]:
    """Cross entropy of targets, from the states [tokens, hidden] that predict them.

    The vocabulary projection is run on these states only: it costs as much as a quarter of the layers.
    """
    wanted = torch.tensor([token for target in targets for token in target], device=states.device)
    losses = cross_entropy(model.get_output_embeddings()(states).float(), wanted, reduction="none")
    return list(losses.split([len(target) for target in targets]))


Asked = Sequence[tuple[Sequence[int], Sequence[int]]]
"""Tail and target of every question that is asked of one z."""


def shared_losses(
    model: PreTrainedModel, head: Sequence[int], soft: torch.Tensor, asked: Sequence[Asked], cross: bool = False
) -> list[torch.Tensor]:
    """``target_losses`` of several questions to each z, for the price of reading that z once.

    ``head | soft tokens | tail | target | tail | target ...``: a question sees the opening and itself alone, at the
    positions that it has when it is asked alone, so its losses are those of a sequence of its own.

    Args:
        model: A decoder with a head.
        head: Ids before the soft tokens.
        soft: [documents, m, hidden], with gradient.
        asked: What is asked of each document.
        cross: Whether the soft tokens are ``crossed``; then every document is asked one question.

    Returns:
        The losses of every question's target tokens, documents and questions in their order.
    """
    if all(len(pairs) == 1 for pairs in asked):
        tails, targets = [pairs[0][0] for pairs in asked], [pairs[0][1] for pairs in asked]
        return target_losses(model, head, soft, tails, targets, cross)
    device = soft.device
    ids, owner, positions, rows, columns = _laid_out(asked, len(head) + soft.shape[1])
    embed = model.get_input_embeddings()
    opening = embed(torch.tensor(list(head), device=device)).expand(len(asked), -1, -1)
    inputs = torch.cat([opening, soft.to(opening.dtype), embed(ids.to(device))], 1)
    hidden = model.base_model(
        inputs_embeds=inputs,
        attention_mask=_own_and_opening(owner, inputs.dtype).to(device),
        position_ids=positions.to(device),
        use_cache=False,
    ).last_hidden_state
    return _losses_at(model, hidden[rows, columns], [target for pairs in asked for _, target in pairs])


def _laid_out(
    asked: Sequence[Asked], start: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, list[int], list[int]]:
    """Questions one after the other behind openings of ``start`` tokens.

    Returns:
        Ids [documents, T - start]; whose a token is [documents, T]: 0 the opening's, then a number a question, -1
        padding; positions [documents, T]; rows and columns of the states that predict a target token.
    """
    width = start + max(sum(len(tail) + len(target) for tail, target in pairs) for pairs in asked)
    ids = torch.full((len(asked), width - start), _PAD)
    positions = torch.arange(width).repeat(len(asked), 1)
    owner = torch.full((len(asked), width), -1)
    owner[:, :start] = 0
    rows: list[int] = []
    columns: list[int] = []
    for row, pairs in enumerate(asked):
        at = start
        for number, (tail, target) in enumerate(pairs, start=1):
            end = at + len(tail) + len(target)
            ids[row, at - start : end - start] = torch.tensor([*tail, *target])
            positions[row, at:end] = torch.arange(start, start + end - at)
            owner[row, at:end] = number
            rows += [row] * len(target)
            columns += range(end - len(target) - 1, end - 1)
            at = end
    return ids, owner, positions, rows, columns


def _own_and_opening(owner: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Additive mask [rows, 1, T, T]: earlier tokens of the same owner [rows, T], and the opening's."""
    seen = (owner[:, None, :] == owner[:, :, None]) | (owner[:, None, :] == 0)
    seen = seen & torch.ones(owner.shape[1], owner.shape[1], dtype=torch.bool).tril()
    mask = torch.zeros(seen.shape, dtype=dtype).masked_fill(~seen, torch.finfo(dtype).min)
    return mask[:, None]


@torch.inference_mode()
def greedy(
    model: PreTrainedModel,
    head: Sequence[int],
    soft: torch.Tensor,
    tails: Sequence[Sequence[int]],
    limit: int,
    stop: frozenset[int],
    never_first: int | None = None,
    bias: torch.Tensor | None = None,
    cross: bool = False,
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
        bias: [batch, vocabulary], added to the logits before each choice.
        cross: Whether the soft tokens are ``crossed``.
    """
    said: list[list[int]] = []
    for at in range(0, len(tails), CHUNK):
        part = slice(at, at + CHUNK)
        own = None if bias is None else bias[part]
        said += _greedy_chunk(model, head, soft[part], tails[part], limit, stop, never_first, own, cross)
    return said


def _greedy_chunk(
    model: PreTrainedModel,
    head: Sequence[int],
    soft: torch.Tensor,
    tails: Sequence[Sequence[int]],
    limit: int,
    stop: frozenset[int],
    never_first: int | None,
    bias: torch.Tensor | None,
    cross: bool,
) -> list[list[int]]:
    if cross:
        cache = crossed(model, head, soft)
        inputs, mask = _left_padded(model, (), soft[:, :0], tails)
        mask = torch.cat([mask.new_ones(len(tails), len(head) + soft.shape[1]), mask], 1)
    else:
        cache = DynamicCache()
        inputs, mask = _left_padded(model, head, soft, tails)
    positions = (mask.cumsum(1) - 1).clamp(min=0)[:, -inputs.shape[1] :]
    said: list[list[int]] = [[] for _ in tails]
    open_rows = set(range(len(tails)))
    for step in range(limit):
        hidden = model.base_model(
            inputs_embeds=inputs, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True
        ).last_hidden_state
        logits = model.get_output_embeddings()(hidden[:, -1])
        if bias is not None:
            logits = logits + bias
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
    opening = embed(torch.tensor(list(head), dtype=torch.long, device=device))
    inputs = opening.new_zeros(len(tails), width, opening.shape[1])
    mask = torch.zeros(len(tails), width, dtype=torch.long, device=device)
    for row, tail in enumerate(tails):
        whole = torch.cat([opening, soft[row].to(opening), embed(torch.tensor(list(tail), device=device))])
        inputs[row, width - len(whole) :] = whole
        mask[row, width - len(whole) :] = 1
    return inputs, mask
