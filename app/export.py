"""Runs as files: JSON with everything, CSV with a row per answer."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from app.asking import Run
from core.spreadsheet import harmless

COLUMNS = (
    "asked",
    "workspace",
    "question",
    "method",
    "answer",
    "gold",
    "ttft_ms",
    "total_ms",
    "prompt_tokens",
    "cached_tokens",
    "generated_tokens",
    "bytes_touched",
    "evidence",
    "model",
    "reader",
    "encoder",
    "device",
    "dtype",
)


def to_json(runs: Sequence[Run]) -> str:
    """All runs with every span and every piece of evidence."""
    return json.dumps([record(run) for run in runs], ensure_ascii=False, indent=1, default=str)


def to_csv(runs: Sequence[Run]) -> str:
    """A row per answer; cells that a spreadsheet would run as a formula are kept as text."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS)
    writer.writeheader()
    for run in runs:
        for row in _rows(run):
            writer.writerow({name: harmless(value) for name, value in row.items()})
    return buffer.getvalue()


def record(run: Run) -> dict[str, Any]:
    """A run as plain data: question, ground, answers with evidence and spans, failures."""
    ground = asdict(run.ground) if run.ground else {}
    return {
        "asked": run.asked,
        "status": run.status,
        "workspace": run.choices.workspace,
        "question": run.choices.question,
        "gold": list(run.gold.answers) if run.gold else [],
        "top_k": run.choices.top_k,
        **ground,
        "n": 1,
        "race": run.choices.race,
        "repeats": {name: [asdict(trace) for trace in traces] for name, traces in run.repeats.items()},
        "answers": [
            {
                "method": name,
                "answer": answer.text,
                "evidence": [asdict(piece) for piece in answer.evidence],
                "trace": asdict(answer.trace),
                "details": answer.details,
            }
            for name, answer in run.answers.items()
        ],
        "failures": {name: {"error": what, "remedy": remedy} for name, (what, remedy) in run.failures.items()},
    }


def _rows(run: Run) -> list[dict[str, Any]]:
    ground = asdict(run.ground) if run.ground else {}
    return [
        {
            "asked": run.asked,
            "workspace": run.choices.workspace,
            "question": run.choices.question,
            "method": name,
            "answer": answer.text,
            "gold": " | ".join(run.gold.answers) if run.gold else "",
            # The clocks of a race count each other's steps: no number is better than a wrong one.
            "ttft_ms": "" if run.choices.race else round(answer.trace.ttft_ms, 2),
            "total_ms": "" if run.choices.race else round(answer.trace.total_ms, 2),
            "prompt_tokens": answer.trace.prompt_tokens,
            "cached_tokens": answer.trace.cached_tokens,
            "generated_tokens": answer.trace.generated_tokens,
            "bytes_touched": answer.trace.bytes_touched,
            "evidence": " | ".join(piece.passage_id for piece in answer.evidence),
            **ground,
        }
        for name, answer in run.answers.items()
    ]
