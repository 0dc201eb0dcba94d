"""Export of comparisons: JSON with everything, and a self-contained HTML page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from app.cited_pages import cited_pages
from app.figures.palette import span_colour
from app.run_rows import disturbance, table, verdicts
from core.evaluation.grounding import find_support
from core.evaluation.report import render
from core.methods import registry
from core.methods.comparison import Run
from core.trace import median_trace
from core.workspace import Workspace


def to_json(runs: Sequence[Run]) -> str:
    """All runs with every span and every piece of evidence."""
    return json.dumps([record(run) for run in runs], ensure_ascii=False, indent=1, default=str)


def to_html(run: Run, ws: Workspace | None = None) -> str:
    """The whole comparison: answers, evidence, where the time went, the numbers, and what it was measured on.

    Args:
        ws: Holds the documents whose pages are shown; None shows no pages.
    """
    return render(
        "comparison.html",
        Path(__file__).parent / "templates",
        run=run,
        pages=cited_pages(run, ws) if ws else "",
        question=run.choices.question,
        label=lambda name: registry.METHODS[name].label if name in registry.METHODS else name,
        span_colour=span_colour,
        traces=(traces := {name: median_trace(run.measured(name)) for name in run.answers}),
        longest_ms=max([1.0, *(trace.total_ms for trace in traces.values())]),
        spans=dict.fromkeys(span.name for trace in traces.values() for span in trace.spans),
        numbers=table(run),
        verdicts=verdicts(run),
        support={
            name: find_support(answer.text, answer.question, [piece.text for piece in answer.evidence])
            for name, answer in run.answers.items()
        },
        measured_on=_measured_on(run),
    )


def record(run: Run) -> dict[str, Any]:
    """A run as plain data: question, what it was measured on, answers with evidence and spans, failures."""
    context, judged = asdict(run.context) if run.context else {}, verdicts(run)
    return {
        "asked": run.asked,
        "status": run.status,
        "workspace": run.choices.workspace,
        "question": run.choices.question,
        "gold": list(run.gold.answers) if run.gold else [],
        "top_k": run.choices.top_k,
        **context,
        "warnings": list(run.warnings),
        "n": max((len(traces) for traces in run.repeats.values()), default=1),
        "repeats": {name: [asdict(trace) for trace in traces] for name, traces in run.repeats.items()},
        "answers": [
            {
                "method": name,
                "answer": answer.text,
                "verdict": judged[name].kind,
                "why": judged[name].why,
                "evidence": [piece.to_json() for piece in answer.evidence],
                "trace": asdict(answer.trace),
                "details": answer.details,
            }
            for name, answer in run.answers.items()
        ],
        "failures": {name: {"error": what, "remedy": remedy} for name, (what, remedy) in run.failures.items()},
    }


def _measured_on(run: Run) -> str:
    if run.context is None:
        return ""
    context = run.context
    reader = "with the reader adapter" if context.reader else "plain"
    measured_on = ", ".join(
        (f"{context.model} {reader}", context.encoder, context.device, context.dtype, "greedy", "one after another")
    )
    return f"{measured_on}. {disturbed}" if (disturbed := disturbance(run)) else measured_on
