"""Measures whether a cache answers exactly as the text it was computed from.

Everything is computed in float32, where differences can only come from the order of additions; the number format that
the settings ask for is reported beside it, without a bound: rounding is a property of the format, not of the cache.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from transformers import DynamicCache

from core.corpus.types import Passage
from core.jobs import Progress, Work, finish
from core.kvcache.blocks import block_ids, build_blocks
from core.kvcache.build import build_cells
from core.kvcache.compose import head_layers, join
from core.kvcache.store import CacheStore
from core.kvcache.variants import BLOCKS
from core.models.language_model import LanguageModel
from core.models.session import Session
from core.models.variant import ModelVariant
from core.settings import Settings
from core.voronoi.partition import load_cells
from core.workspace import Workspace

LOGIT_BOUND = 1e-4
KEY_BOUND = 1e-4
CONTROL_BOUND = 1e-2
STAGE = "Checking exactness"
_ANSWER_TOKENS = 24
_BLOCKS = 3


@dataclass(frozen=True)
class Check:
    """One thing that was measured.

    Attributes:
        relation: How the number must stand to the bound; empty when it is only reported.
        bound: The bound; 0 when it is only reported.
        passed: Whether it does; None when it is only reported.
    """

    name: str
    unit: str
    value: float
    relation: Literal["<=", ">=", ""]
    bound: float
    passed: bool | None
    dtype: str


def verify(cells: Sequence[list[Passage]], load: Callable[[str], LanguageModel], dtype: str, count: int = 2) -> Work:
    """Builds caches of a few cells in a temporary folder and compares them with the prefill of the same tokens.

    Args:
        cells: Passages of every cell, from the largest to the smallest.
        dtype: The format that the settings ask for; measured, too, when it is another one than float32.
        count: How many cells to check, spread evenly.

    Yields:
        A step per check; its ``data`` is the ``Check`` as a dict.
    """
    chosen = _spread(cells, count)
    questions = [f"What do the passages say about {cell[0].title or 'it'}?" for cell in chosen]
    total = (5 if len(chosen) > 1 else 4) + (0 if dtype == "float32" else 2)
    yield Progress(STAGE, 0, total, "loading the model in float32")
    for done, check in enumerate(_all_checks(load, dtype, chosen, questions), start=1):
        yield Progress(STAGE, done, total, check.name, asdict(check))


def verify_workspace(ws: Workspace, settings: Settings, count: int = 2) -> Work:
    """See ``verify``, with the cells of a workspace and the model of some settings.

    Raises:
        ArtefactMissing: There is no partition.
    """
    variant = ModelVariant.of(settings)
    cells = load_cells(ws)
    return verify(
        cells, lambda dtype: LanguageModel.load(replace(variant, dtype=dtype), settings), variant.dtype, count
    )


def _all_checks(
    load: Callable[[str], LanguageModel], dtype: str, cells: Sequence[list[Passage]], questions: Sequence[str]
) -> Iterator[Check]:
    lm = load("float32")
    yield from check_cells(lm, cells, questions)
    yield from check_blocks(lm, cells[0])
    if dtype != "float32":
        yield from check_cells(load(dtype), cells, questions, bounded=False)


def check_cells(
    lm: LanguageModel, cells: Sequence[list[Passage]], questions: Sequence[str], bounded: bool = True
) -> Iterator[Check]:
    """Caches of whole cells: the same logits, the same answer, and not by chance.

    Args:
        bounded: Hold the numbers to their bounds, and check storage and a control, too.
    """
    with tempfile.TemporaryDirectory(prefix="tessera-verify-") as scratch:
        finish(build_cells(Path(scratch), lm, cells, {}))
        store = CacheStore(Path(scratch))
        pairs = list(enumerate(zip(cells, questions, strict=True)))
        exact = [_against_prefill(lm, store, number, *pair) for number, pair in pairs]
        wrong = (
            [_of_another_cell(lm, store, number, question) for number, (_, question) in pairs] if len(cells) > 1 else []
        )
        stored = store.load(len(cells) - 1, lm).layers
    dtype, logits = lm.identity.dtype, "largest difference of a logit"
    largest, changed = max(difference for difference, _ in exact), sum(not same for _, same in exact)
    if not bounded:
        yield Check("Cell cache against prefill", logits, largest, "", 0.0, None, dtype)
        yield Check("The same greedy answer", "answers that differ", changed, "", 0.0, None, dtype)
        return
    yield _at_most("Cell cache against prefill", logits, largest, LOGIT_BOUND, dtype)
    yield _at_most("The same greedy answer", "answers that differ", changed, 0, dtype)
    if wrong:
        apart = min(wrong) >= CONTROL_BOUND
        yield Check("Control: another cell's cache", logits, min(wrong), ">=", CONTROL_BOUND, apart, dtype)
    bits = _differing(_prefilled(lm, lm.prompt.context(cells[-1])).cache.layers, stored)
    yield _at_most("Saved and loaded", "numbers that differ", bits, 0, dtype)


def _against_prefill(
    lm: LanguageModel, store: CacheStore, number: int, passages: Sequence[Passage], question: str
) -> tuple[float, bool]:
    """Largest difference of a logit, and whether the greedy answers are the same."""
    context, tail = lm.prompt.context(passages), lm.prompt.tail(question)
    # In one piece, not in the chunks that the cache was built in: other shapes add in another order.
    whole, cached = lm.session(), lm.session(store.load(number, lm, context).cache(), context)
    whole.prefill(context + tail, len(context + tail))
    cached.prefill(tail)
    difference = _distance(whole, cached)
    return difference, list(whole.decode(_ANSWER_TOKENS)) == list(cached.decode(_ANSWER_TOKENS))


def _of_another_cell(lm: LanguageModel, store: CacheStore, number: int, question: str) -> float:
    """How far the next cell's cache is from this one's: if it were near, exactness would mean nothing."""
    count = len(store.states())
    right, other = (lm.session(store.load(cell, lm).cache()) for cell in (number, (number + 1) % count))
    right.prefill(lm.prompt.tail(question))
    other.prefill(lm.prompt.tail(question))
    return _distance(right, other)


def check_blocks(lm: LanguageModel, passages: Sequence[Passage]) -> Iterator[Check]:
    """Stored blocks: what a prefill with a mask between passages computes."""
    dtype, head = lm.identity.dtype, head_layers(lm)
    with tempfile.TemporaryDirectory(prefix="tessera-verify-") as scratch:
        finish(build_blocks(Path(scratch), lm, passages[:_BLOCKS], {}))
        store = CacheStore(Path(scratch), BLOCKS)
        blocks = [store.load(row, lm, block_ids(lm, passage)).layers for row, passage in enumerate(passages[:_BLOCKS])]
    segments = [lm.prompt.passage(passage) for passage in passages[:_BLOCKS]]
    apart = _block_error(lm, join(lm, head, blocks).cache, segments)
    yield _at_most(
        "Joined blocks against a block mask", "largest difference by the largest number", apart, KEY_BOUND, dtype
    )


@torch.inference_mode()
def _block_error(lm: LanguageModel, joined: DynamicCache, segments: Sequence[Sequence[int]]) -> float:
    """Joined blocks against one prefill with a mask between passages; relative to the largest number of a layer.

    In the prefill every passage counts its positions from the head; then the model itself says how far its keys turn.
    """
    ids = [*lm.prompt.head, *(token for segment in segments for token in segment)]
    mask = torch.ones(len(ids), len(ids), dtype=torch.bool, device=lm.device).tril()
    positions = torch.arange(len(ids), device=lm.device)
    head = start = len(lm.prompt.head)
    for segment in segments:
        mask[start : start + len(segment), head:start] = False
        positions[start : start + len(segment)] -= start - head
        start += len(segment)
    output = lm.model(
        input_ids=torch.tensor([ids], device=lm.device),
        attention_mask=mask[None, None],
        position_ids=positions[None],
        use_cache=True,
        logits_to_keep=1,
    )
    offsets = torch.arange(len(ids), device=lm.device) - positions
    pairs: Iterator[tuple[Any, Any]] = zip(joined.layers, output.past_key_values.layers, strict=True)
    return max(
        max(_relative(ours.keys, _rotated(lm, theirs.keys, offsets)), _relative(ours.values, theirs.values))
        for ours, theirs in pairs
    )


def _rotated(lm: LanguageModel, keys: torch.Tensor, by: torch.Tensor) -> torch.Tensor:
    """Keys moved by the model's own rotary embedding, as it turns what stands at the positions ``by``."""
    rotary = lm.model.get_decoder().rotary_emb
    cos, sin = (part / rotary.attention_scaling for part in rotary(keys, by[None]))
    first, second = keys.chunk(2, dim=-1)
    return keys * cos + torch.cat([-second, first], dim=-1) * sin


def _relative(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).abs().max() / other.abs().max())


def _differing(layers: Sequence[Any], stored: Sequence[tuple[torch.Tensor, torch.Tensor]]) -> int:
    pairs = zip(layers, stored, strict=True)
    return sum(int((layer.keys != k).sum()) + int((layer.values != v).sum()) for layer, (k, v) in pairs)


def _spread(cells: Sequence[list[Passage]], count: int) -> list[list[Passage]]:
    if count >= len(cells):
        return list(cells)
    return [cells[round(i * (len(cells) - 1) / max(1, count - 1))] for i in range(count)]


def _prefilled(lm: LanguageModel, ids: Sequence[int]) -> Session:
    session = lm.session()
    session.prefill(ids)
    return session


def _distance(one: Session, other: Session) -> float:
    return float((one.next_logits.float() - other.next_logits.float()).abs().max())


def _at_most(name: str, unit: str, value: float, bound: float, dtype: str) -> Check:
    return Check(name, unit, float(value), "<=", bound, value <= bound, dtype)
