"""The steps of the tour, in order. Adding one is one file beside this and one entry here."""

from __future__ import annotations

from app.learn import cell, cost, embed, failures, inject, kv_cache, rag, routing, training, z
from app.learn.base import Step

STEPS: tuple[Step, ...] = (
    embed.STEP,
    rag.STEP,
    cell.STEP,
    kv_cache.STEP,
    inject.STEP,
    z.STEP,
    training.STEP,
    routing.STEP,
    failures.STEP,
    cost.STEP,
)
