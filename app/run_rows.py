"""A run as rows: for the timing chart, for tables, for every front."""

from __future__ import annotations

from typing import Any

from app.asking import Run
from core.figures.timing import ArmTiming
from core.methods import registry


def timings(run: Run) -> list[ArmTiming]:
    """Rows of the timing chart, in the order in which the arms ran."""
    return [
        ArmTiming(registry.METHODS[name].label, run.answers[name].trace)
        for name in run.choices.methods
        if name in run.answers
    ]


def table(run: Run) -> list[dict[str, Any]]:
    """The charts as rows: times in ms (none for a race), tokens, bytes."""
    spans = [] if run.choices.race else span_names(run)
    rows = []
    for name in run.choices.methods:
        if name not in run.answers:
            continue
        trace = run.answers[name].trace
        spent = {span: sum(s.ms for s in trace.spans if s.name == span) for span in spans}
        rows.append(
            {
                "arm": registry.METHODS[name].label,
                **({} if run.choices.race else {"first token": trace.ttft_ms, "last token": trace.total_ms}),
                **{span: spent[span] if any(s.name == span for s in trace.spans) else None for span in spans},
                "prefilled": trace.prompt_tokens,
                "cached": trace.cached_tokens,
                "generated": trace.generated_tokens,
                "MB read": trace.bytes_touched / 1e6,
            }
        )
    return rows


def span_names(run: Run) -> list[str]:
    """Names of all spans, in the order in which they first happen."""
    return list(dict.fromkeys(span.name for answer in run.answers.values() for span in answer.trace.spans))
