"""Export of a run: JSON with everything, CSV with a row per answer, and a self-contained HTML report.

The template of the report is ``templates/report.html``: tables, a figure, the configuration and every answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from core import units
from core.csv_safe import csv_table
from core.evaluation.runs import read_run
from core.evaluation.scoring import LABELS, MEANINGS
from core.evaluation.summary import answers_of, summarise
from core.evaluation.verdict import VERDICTS, verdict_counts
from core.methods.registry import METHODS

COLUMNS = (
    "method", "question_id", "question", "kind", "golds", "answer", "verdict", "why", *LABELS,
    "ttft_ms", "total_ms", "prompt_tokens", "cached_tokens", "generated_tokens", "passage_ids", "evidence_ids",
)  # fmt: skip
_COUNTS = ("prompt_tokens", "cached_tokens", "generated_tokens")


def to_json(folder: Path) -> str:
    """The run as JSON: configuration, summary and every scored answer with its trace."""
    answers = answers_of(folder)
    rows = [row for by_question in answers.values() for row in by_question.values()]
    summary = summarise(folder, answers=answers)
    return json.dumps({"run": read_run(folder), **summary, "answers": rows}, ensure_ascii=False, indent=1)


def to_csv(folder: Path) -> str:
    """The run as CSV with a row per answer."""
    return csv_table(COLUMNS, (_flat(row) for answers in answers_of(folder).values() for row in answers.values()))


def to_html(folder: Path) -> str:
    """The HTML report of a run, with all texts of documents, questions and models escaped."""
    run, answers = read_run(folder), answers_of(folder)
    summary = summarise(folder, answers=answers)
    methods = summary["methods"]
    labels = {name: run["methods"][name]["label"] for name in methods}
    shown = {**run, "questions": {key: value for key, value in run["questions"].items() if key != "ids"}}
    return render(
        "report.html",
        run=run,
        summary=summary,
        labels=labels,
        metrics={name: label for name, label in LABELS.items() if any(name in scores for scores in methods.values())},
        all_metrics=LABELS,
        meanings=MEANINGS,
        figure=intervals_svg(methods, labels, "f1", "F1"),
        questions=_by_question(answers),
        verdicts=VERDICTS,
        verdict_counts={method: verdict_counts(rows.values()) for method, rows in answers.items()},
        configuration=json.dumps(shown, indent=1, ensure_ascii=False),
    )


def intervals_svg(methods: Mapping[str, Any], labels: Mapping[str, str], metric: str, name: str) -> str:
    """The figure of the report as SVG: a score of each method with its interval and its median time."""
    shown = [
        {
            "label": labels[method],
            "score": scores[metric],
            "total_ms": scores["total_ms"]["median"],
            "colour": _colour(method.partition(":")[0]),
        }
        for method, scores in methods.items()
        if metric in scores
    ]
    return render("intervals.svg", shown=shown, name=name)


def _colour(method: str) -> str:
    return METHODS[method].style.colour if method in METHODS else "#4a9d8f"  # old runs may name deleted methods


def _by_question(answers: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    questions = {i: row for rows in answers.values() for i, row in rows.items()}
    return [
        {
            "text": row["question"],
            "golds": row["golds"],
            "answers": {method: rows[i] for method, rows in answers.items() if i in rows},
        }
        for i, row in questions.items()
    ]


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    trace = row["trace"]
    return {
        **{name: row[name] for name in ("method", "question_id", "question", "kind", "answer", "verdict", "why")},
        **{name: round(row["scores"][name], 4) for name in LABELS if name in row["scores"]},
        **{name: round(trace[name], 2) for name in ("ttft_ms", "total_ms")},
        **{name: trace[name] for name in _COUNTS},
        "golds": " | ".join(row["golds"]),
        "passage_ids": " | ".join(row["passage_ids"]),
        "evidence_ids": " | ".join(piece["passage_id"] for piece in row["evidence"]),
    }


TEMPLATES = Path(__file__).parent / "templates"
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def render(template: str, folder: Path = TEMPLATES, **values: Any) -> Markup:
    """Renders a template of ``folder``, which may extend ``base.html``."""
    return Markup(_environment(folder).get_template(template).render(values))


@cache
def _environment(folder: Path) -> Environment:
    environment = Environment(
        loader=FileSystemLoader([folder, TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_printable,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {name: getattr(units, name) for name in ("duration", "milliseconds", "seconds", "size")}
    return environment


def _printable(value: object) -> object:
    """Replaces characters that are not allowed in HTML."""
    return _CONTROL.sub("\ufffd", value) if isinstance(value, str) and not isinstance(value, Markup) else value
