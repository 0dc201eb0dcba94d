"""A run as rows: for the timing chart, for tables, for every front."""

from __future__ import annotations

from typing import Any

from app.figures.timing import MethodTiming
from core.evaluation.verdict import Verdict, verdict_on
from core.messages import message
from core.methods import registry
from core.methods.comparison import Run
from core.statistics import spread
from core.trace import median_trace


def timings(run: Run) -> list[MethodTiming]:
    """Rows of the timing chart, in the order in which the methods ran: medians where they were measured again."""
    return [
        MethodTiming(registry.METHODS[name].label, median_trace(run.measured(name)), tuple(run.repeats.get(name, ())))
        for name in run.choices.methods
        if name in run.answers
    ]


def table(run: Run) -> list[dict[str, Any]]:
    """The charts as rows: times in ms, tokens, bytes; medians, with n and the range, where they were measured again."""
    spans = span_names(run)
    rows = []
    for name in run.choices.methods:
        if name not in run.answers:
            continue
        traces = run.measured(name)
        trace, total = median_trace(traces), spread([single.total_ms for single in traces])
        spent = {span: sum(s.ms for s in trace.spans if s.name == span) for span in spans}
        rows.append(
            {
                "method": registry.METHODS[name].label,
                **({"n": total.n} if run.repeats else {}),
                "first token": trace.ttft_ms,
                "last token": trace.total_ms,
                **({"fastest": total.low, "slowest": total.high} if run.repeats else {}),
                **{span: spent[span] if any(s.name == span for s in trace.spans) else None for span in spans},
                "prefilled": trace.prompt_tokens,
                "cached": trace.cached_tokens,
                "generated": trace.generated_tokens,
                "MB read": trace.bytes_touched / 1e6,
            }
        )
    return rows


def verdicts(run: Run) -> dict[str, Verdict]:
    """The verdict on each answer of a run."""
    return {name: verdict_on(answer, run.gold, run.gold_cells) for name, answer in run.answers.items()}


def disturbance(run: Run) -> str:
    """A sentence about other programs that took the processor meanwhile; empty if none did."""
    if not (cores := run.disturbed()):
        return ""
    return message(
        "Other programs, the browser among them, kept up to {cores} cores from the methods meanwhile: on a quiet "
        "machine these times are shorter.",
        cores=f"{cores:.1f}",
    )


def span_names(run: Run) -> list[str]:
    """Names of all spans, in the order in which they first happen."""
    return list(dict.fromkeys(span.name for answer in run.answers.values() for span in answer.trace.spans))
