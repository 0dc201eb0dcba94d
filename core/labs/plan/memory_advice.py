"""When a memory pays, in one sentence: against RAG's first token and CAG's disk, and up to how many passages."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from core.labs.plan.coefficients import MEMORY, RAG, Coefficients
from core.labs.plan.plan import DAY_S, Demand, MethodPlan, pays, plan
from core.labs.plan.prices import Prices
from core.messages import Message, message
from core.units import duration, seconds, size

_MOST, _HALVINGS = 1e12, 40


def memory_limit(demand: Demand, measured: Coefficients, prices: Prices) -> float:
    """Up to how many passages the memory's first token comes before RAG's; 0 where it never does.

    Routing looks at the keys of every document, a search at few of them: so there is one such number, found by halving
    on a logarithmic axis.
    """

    def ahead(passages: float) -> bool:
        found = {one.method: one for one in plan(replace(demand, passages=passages), measured, prices)}
        return found[MEMORY].ttft_s < found[RAG].ttft_s

    if not ahead(1.0):
        return 0.0
    low, high = 0.0, math.log(_MOST)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if ahead(math.exp(middle)) else (low, middle)
    return math.exp(low)


def memory_advice(
    demand: Demand, plans: Sequence[MethodPlan], measured: Coefficients, prices: Prices
) -> Message | None:
    """Whether a memory pays for this demand, and where it stops to; None where none was measured."""
    if len(plans) < 3:
        return None
    rag, cag, memory = plans
    limit = memory_limit(demand, measured, prices)
    first_tokens = {"ours": seconds(memory.ttft_s * 1000), "theirs": seconds(rag.ttft_s * 1000)}
    if limit == 0:
        return message(
            "LLM-as-Memory does not pay: its first token takes {ours} and RAG's {theirs}, and more passages make it "
            "slower.",
            **first_tokens,
        )
    about = f"{float(f'{limit:.2g}'):,.0f}"  # what is calculated from speeds and bandwidths is no more exact
    if demand.passages > limit:
        return message(
            "LLM-as-Memory does not pay for so many passages: routing looks at the keys of every document, so its "
            "first token takes {ours} and RAG's {theirs}. Up to about {limit} passages it is faster than RAG.",
            **first_tokens,
            limit=about,
        )
    questions = pays(memory, rag).questions or 0  # whose first token is earlier is earlier with the last one, too
    return message(
        "LLM-as-Memory pays where disk is scarce: {size} instead of CAG's {cag}. Its first token takes {ours}, RAG's "
        "{theirs} and CAG's {cags}. Building it takes {time} and has paid for itself after {questions} questions, in "
        "{days}. Beyond about {limit} passages RAG is faster, because routing looks at the keys of every document.",
        **first_tokens,
        cags=seconds(cag.ttft_s * 1000),
        size=size(memory.stored),
        cag=size(cag.stored),
        time=duration(memory.build_s),
        questions=f"{questions:,}",
        days=duration(questions / demand.day * DAY_S),
        limit=about,
    )
