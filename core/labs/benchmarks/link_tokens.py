"""What independent blocks lose against the full prefill, and what link tokens take back; see ``core.kvcache.link``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from core.kvcache.compose import head_layers, join, length, passage_block
from core.kvcache.link import divergence, link, link_positions
from core.methods.resources import Resources
from core.models.embeddings import load_vectors
from core.trace import Tracer


@dataclass(frozen=True)
class LinkPoint:
    """Quality and cost of linking a number of tokens of every block.

    Attributes:
        link_tokens: Tokens of every block computed anew; None is all of them.
        reused: Tokens taken from blocks as they are.
        kl: KL divergence in nats of the next-token distribution from the one after a full prefill.
        same: Whether the full prefill gives the same answer.
        ttft_ms: Joining, linking and the question, in ms, blocks being in memory.
    """

    link_tokens: int | None
    recomputed: int
    reused: int
    kl: float
    answer: str
    same: bool
    ttft_ms: float


def sweep(resources: Resources, question: str, counts: Sequence[int | None]) -> Iterator[LinkPoint]:
    """From independent blocks to the exact prefill: what every number of link tokens gives.

    Args:
        resources: Needs the artefacts corpus and embeddings; blocks of the nearest passages are computed here.
        counts: Link tokens per block; None links all.

    Raises:
        ArtefactMissing: One of them is not there.
        ArtefactStale: The passages were embedded by another encoder.
    """
    lm, encoder = resources.language_model(), resources.models.encoder()
    resources.workspace.require("embeddings", {"encoder": encoder.fingerprint})
    nearest = np.argsort(-(load_vectors(resources.workspace) @ encoder.encode_query(question)), kind="stable")
    passages = [resources.corpus.passages[row] for row in nearest[: resources.settings.top_k]]
    head, limit = head_layers(lm), resources.settings.max_new_tokens
    blocks = [passage_block(lm, head, lm.prompt.passage(passage)) for passage in passages]
    ids, tail = lm.prompt.context(passages), lm.prompt.tail(question)
    full = lm.session()
    full.prefill(ids + tail)
    target = full.next_logits
    exact = lm.text(full.decode(limit))
    for count in counts:
        tracer = Tracer(lm.synchronise)
        session = join(lm, head, blocks, ids)
        tokens = len(ids) if count is None else count
        positions = link_positions(len(lm.prompt.head), [length(block) for block in blocks], tokens)
        for _ in link(lm, session.cache, ids, positions):
            pass
        session.prefill(tail)
        logits, ttft = session.next_logits, tracer.finish().total_ms
        answer = lm.text(session.decode(limit))
        kl = divergence(target, logits)
        yield LinkPoint(count, len(positions), len(ids) - len(positions), kl, answer, answer == exact, ttft)
