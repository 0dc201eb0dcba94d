"""A run as files: JSON with everything, CSV with a row per answer, and the samples a Ragas judge reads."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from core.evaluation.runs import read_run
from core.evaluation.scoring import LABELS
from core.evaluation.summary import answers_of, summarise
from core.spreadsheet import harmless

COLUMNS = (
    "arm", "question_id", "question", "kind", "golds", "answer", *LABELS,
    "ttft_ms", "total_ms", "prompt_tokens", "cached_tokens", "generated_tokens", "passage_ids", "evidence_ids",
)  # fmt: skip
_COUNTS = ("prompt_tokens", "cached_tokens", "generated_tokens")


def to_json(folder: Path) -> str:
    """Configuration, summary and every scored answer with its trace."""
    answers = answers_of(folder)
    rows = [row for kept in answers.values() for row in kept.values()]
    summary = summarise(folder, answers=answers)
    return json.dumps({"run": read_run(folder), **summary, "answers": rows}, ensure_ascii=False, indent=1)


def to_csv(folder: Path) -> str:
    """A row per answer; cells that a spreadsheet would run as a formula are kept as text."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS)
    writer.writeheader()
    for answers in answers_of(folder).values():
        for row in answers.values():
            writer.writerow({name: harmless(value) for name, value in _flat(row).items()})
    return buffer.getvalue()


def to_ragas(folder: Path) -> str:
    """Samples in the fields of a Ragas ``SingleTurnSample``, a JSON object a line.

    For judges beyond ``core.evaluation.judge``, which needs no export.
    """
    lines = []
    for arm, answers in answers_of(folder).items():
        for row in answers.values():
            sample = {
                "user_input": row["question"],
                "response": row["answer"],
                "retrieved_contexts": [piece["text"] for piece in row["evidence"]],
                "reference": row["golds"][0] if row["golds"] else "",
                "retrieved_context_ids": [piece["passage_id"] for piece in row["evidence"]],
                "reference_context_ids": row["passage_ids"],
                "arm": arm,
                "question_id": row["question_id"],
            }
            lines.append(json.dumps(sample, ensure_ascii=False) + "\n")
    return "".join(lines)


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    trace = row["trace"]
    return {
        **{name: row[name] for name in ("arm", "question_id", "question", "kind", "answer")},
        **{name: round(row["scores"][name], 4) for name in LABELS if name in row["scores"]},
        **{name: round(trace[name], 2) for name in ("ttft_ms", "total_ms")},
        **{name: trace[name] for name in _COUNTS},
        "golds": " | ".join(row["golds"]),
        "passage_ids": " | ".join(row["passage_ids"]),
        "evidence_ids": " | ".join(piece["passage_id"] for piece in row["evidence"]),
    }
