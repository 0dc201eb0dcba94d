"""How a decoder reads z: the teacher-forced loss of a batch of sequences, and greedy decoding of a batch.

    head | soft tokens [m] | tail | target        the loss is taken on the target alone

The soft tokens are either part of the sequence, a soft prompt (Lester et al. 2021), or ``crossed``: memory that every
layer looks at, and that goes through none of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from transformers import DynamicCache, PreTrainedModel

from core.models.packing import PADDING, SHARED, packing_mask

_PAD = 0
CHUNK = 32


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


TailAndTarget = tuple[Sequence[int], Sequence[int]]
"""Ids of a question's tail, and of the evidence to predict."""


def evidence_losses(
    model: PreTrainedModel,
    head: Sequence[int],
    soft: torch.Tensor,
    questions: Sequence[Sequence[TailAndTarget]],
    cross: bool = False,
) -> list[torch.Tensor]:
    """Cross entropy of every target token of one or several questions to each z, which is read once.

    ``head | soft tokens | tail | target | tail | target ...``: a question sees the opening and itself alone, at the
    positions that it has when it is asked alone, so its losses are those of a sequence of its own.

    Args:
        soft: [documents, m, hidden], with gradient.
        questions: The questions to each document.
        cross: Whether the soft tokens are ``crossed``; then every document has one question.

    Returns:
        For each question the losses of its target tokens, in nats; documents and questions in their order.
    """
    start = 0 if cross else len(head) + soft.shape[1]
    ids, segments, positions, rows, columns = _pack(questions, start)
    embed = model.get_input_embeddings()
    inputs = embed(ids[:, start:].to(soft.device))
    options: dict[str, Any] = {"use_cache": False}
    if cross:
        options = {"use_cache": True, "past_key_values": crossed(model, head, soft)}
    else:
        opening = embed(torch.tensor(list(head), device=soft.device)).expand(len(questions), -1, -1)
        inputs = torch.cat([opening, soft.to(opening.dtype), inputs], 1)
    # Padding goes to the right: with causal attention nothing that counts looks at it, so single questions need no
    # mask.
    if any(len(pairs) > 1 for pairs in questions):
        options["attention_mask"] = packing_mask(segments, inputs.dtype).to(soft.device)
        options["position_ids"] = positions.to(soft.device)
    hidden = model.base_model(inputs_embeds=inputs, **options).last_hidden_state
    targets = [target for pairs in questions for _, target in pairs]
    wanted = torch.tensor([token for target in targets for token in target], device=soft.device)
    # The vocabulary projection costs as much as a quarter of the layers: it is run where a target is predicted.
    logits = model.get_output_embeddings()(hidden[rows, columns]).float()
    return list(cross_entropy(logits, wanted, reduction="none").split([len(target) for target in targets]))


def _pack(
    questions: Sequence[Sequence[TailAndTarget]], start: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, list[int], list[int]]:
    """Questions one after the other behind openings of ``start`` tokens.

    Returns:
        Ids, segments and positions [documents, T]; rows and columns of the states that predict a target token.
    """
    width = start + max(sum(len(tail) + len(target) for tail, target in pairs) for pairs in questions)
    ids = torch.full((len(questions), width), _PAD)
    positions = torch.arange(width).repeat(len(questions), 1)
    segments = torch.full((len(questions), width), PADDING)
    segments[:, :start] = SHARED
    rows: list[int] = []
    columns: list[int] = []
    for row, pairs in enumerate(questions):
        end = start
        for number, (tail, target) in enumerate(pairs, start=1):
            begin, end = end, end + len(tail) + len(target)
            ids[row, begin:end] = torch.tensor([*tail, *target])
            positions[row, begin:end] = torch.arange(start, start + end - begin)
            segments[row, begin:end] = number
            rows += [row] * len(target)
            columns += range(end - len(target) - 1, end - 1)
    return ids, segments, positions, rows, columns


@torch.inference_mode()
def greedy(
    model: PreTrainedModel,
    head: Sequence[int],
    soft: torch.Tensor,
    tails: Sequence[Sequence[int]],
    limit: int,
    stop: frozenset[int],
    bias: torch.Tensor | None = None,
    cross: bool = False,
) -> list[list[int]]:
    """Greedy continuations of a batch, at most ``limit`` ids each, end excluded.

    Args:
        soft: [batch, m, hidden].
        stop: Ids that end a sequence.
        bias: [batch, vocabulary], added to the logits before each choice.
    """
    if len(tails) > CHUNK:
        first, rest = slice(CHUNK), slice(CHUNK, None)
        return [
            ids
            for part in (first, rest)
            for ids in greedy(
                model, head, soft[part], tails[part], limit, stop, None if bias is None else bias[part], cross
            )
        ]
    if cross:
        cache = crossed(model, head, soft)
        inputs, mask = _left_padded(model, (), soft[:, :0], tails)
        mask = torch.cat([mask.new_ones(len(tails), len(head) + soft.shape[1]), mask], 1)
    else:
        cache = DynamicCache()
        inputs, mask = _left_padded(model, head, soft, tails)
    positions = (mask.cumsum(1) - 1).clamp(min=0)[:, -inputs.shape[1] :]
    generated: list[list[int]] = [[] for _ in tails]
    unfinished = set(range(len(tails)))
    for _ in range(limit):
        hidden = model.base_model(
            inputs_embeds=inputs, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True
        ).last_hidden_state
        logits = model.get_output_embeddings()(hidden[:, -1])
        tokens = (logits if bias is None else logits + bias).argmax(-1)
        for row in sorted(unfinished):
            token = int(tokens[row])
            if token in stop:
                unfinished.discard(row)
            else:
                generated[row].append(token)
        if not unfinished:
            break
        inputs = model.get_input_embeddings()(tokens)[:, None]
        mask = torch.cat([mask, mask.new_ones(len(tails), 1)], 1)
        positions = positions[:, -1:] + 1
    return generated


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
