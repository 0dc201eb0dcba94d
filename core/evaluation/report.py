"""A run as one HTML file that needs neither Tessera nor the network: tables, a figure, the configuration, the answers.

Everything a document, a question or a model wrote is escaped; the page carries no script at all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from core.evaluation.report_figure import intervals_svg
from core.evaluation.runs import read_run
from core.evaluation.scoring import LABELS, MEANINGS
from core.evaluation.summary import answers_of, summarise
from core.figures.units import duration, milliseconds, size

_STYLE = """
:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,sans-serif;max-width:1100px;margin:2rem auto;padding:0 1rem}
h1{margin-bottom:0} .quiet{opacity:.7} .wide{overflow-x:auto}
table{border-collapse:collapse;margin:.6rem 0 1.4rem;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .6rem;border-bottom:1px solid #8885;text-align:right;vertical-align:top;white-space:nowrap}
th:first-child,td:first-child{text-align:left} td.text{text-align:left;white-space:normal;min-width:9rem}
small{opacity:.7} details{margin:.4rem 0} pre{white-space:pre-wrap;overflow-wrap:anywhere}
dt{font-weight:600} dd{margin:0 0 .4rem} .right{color:#177245} .wrong{color:#b3402a}
@media (prefers-color-scheme:dark){.right{color:#5fc48d}.wrong{color:#ee8b74}}
"""
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_FACTS = ("build", "on disk", "per 1,000 documents", "tokens/s", "pays off against RAG after")


def to_html(folder: Path) -> str:
    """The report of a run."""
    run, answers = read_run(folder), answers_of(folder)
    summary = summarise(folder, answers=answers)
    labels = {name: run["arms"][name]["label"] for name in summary["methods"]}
    asked = run["questions"]
    parts = [
        f"<h1>Evaluation of {_text(run['corpus']['name'])}</h1>",
        f'<p class="quiet">{asked["n"]:,} questions ({_text(asked["source"])}, drawn from {asked["drawn_from"]:,} by '
        f"seed {asked['seed']}) over {run['corpus']['passages']:,} passages · {_text(run['created'])}</p>",
        f"<p>{_text(_machine(run))}</p>",
        "<h2>Scores</h2><p>Mean and 95 % interval by the percentile bootstrap; n is the number of questions.</p>",
        _scores(summary["methods"], labels),
        intervals_svg(summary["methods"], labels, "f1", "F1"),
        "<h2>Differences to RAG</h2><p>Arm minus RAG on the same questions, with 95 % intervals: where the interval "
        "holds 0, these questions do not tell the two apart.</p>",
        _scores(summary["differences_to_rag"], labels),
        "<h2>Time</h2>",
        _times(summary["methods"], labels),
        "<h2>Cost</h2>",
        _costs(summary["efficiency"], labels),
        _hops(summary["hops"], labels),
        "<h2>What the scores mean</h2>",
        _meanings(),
        "<h2>Every answer</h2>",
        _answers(answers, labels),
        "<h2>Configuration</h2>",
        f"<pre>{_text(json.dumps(_without_ids(run), indent=1, ensure_ascii=False))}</pre>",
    ]
    title = f"Evaluation of {_text(run['corpus']['name'])}"
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>"
    )


def _machine(run: Mapping[str, Any]) -> str:
    model, machine = run["model"], run["machine"]
    reader = "with the reader adapter" if model["adapter"] else "without a reader adapter"
    return (
        f"{model['name']} {reader}, {model['dtype']}; encoder {run['encoder']['name']}; {machine['processor']}, "
        f"{machine['cores']} cores, {machine['device']}; greedy decoding; one arm after another."
    )


def _scores(methods: Mapping[str, Any], labels: Mapping[str, str]) -> str:
    names = [name for name in LABELS if any(name in scores for scores in methods.values())]
    rows = [[_text(labels[arm]), *(_interval(scores.get(name)) for name in names)] for arm, scores in methods.items()]
    return _table(["arm", *(LABELS[name] for name in names)], rows)


def _times(methods: Mapping[str, Any], labels: Mapping[str, str]) -> str:
    heads = ["arm", "first token, median", "p90", "last token, median", "p90", "prompt tokens", "cached", "generated"]
    rows = []
    for arm, scores in methods.items():
        clocks = [milliseconds(scores[c][q]) for c in ("ttft_ms", "total_ms") for q in ("median", "p90")]
        counts = [f"{scores[c]['median']:,.0f}" for c in ("prompt_tokens", "cached_tokens", "generated_tokens")]
        rows.append([_text(labels[arm]), *clocks, *counts])
    return _table(heads, rows)


def _costs(efficiency: Mapping[str, Any], labels: Mapping[str, str]) -> str:
    rows = []
    for arm, facts in efficiency.items():
        account = facts.get("break_even")
        pays = "" if account is None else "never" if account["questions"] is None else f"{account['questions']:,}"
        pace = f"{facts['tokens_per_s']['median']:.1f}" if facts["tokens_per_s"] else ""
        weights = (size(facts["bytes"]), size(facts["bytes_per_1000_documents"]))
        rows.append([_text(labels[arm]), duration(facts["build_s"]), *weights, pace, pays])
    return _table(["arm", *_FACTS], rows)


def _hops(hops: Mapping[str, Any], labels: Mapping[str, str]) -> str:
    if not hops:
        return ""
    rows = [
        [
            f"{_text(labels[arm])}, {_text(kind)}",
            f"{group['n']:,}",
            *(_interval(hop) for hop in group["hops"][:2]),
            *(f"{group[part]:.2f}" if part in group else "" for part in ("only_first", "only_second", "neither")),
        ]
        for arm, groups in hops.items()
        for kind, group in groups.items()
    ]
    heads = ["arm", "n", "first hop found", "second hop found", "only first", "only second", "neither"]
    return "<h2>Hops</h2>" + _table(heads, rows)


def _meanings() -> str:
    return "<dl>" + "".join(f"<dt>{LABELS[k]}</dt><dd>{_text(v)}</dd>" for k, v in MEANINGS.items()) + "</dl>"


def _answers(answers: Mapping[str, Mapping[str, Any]], labels: Mapping[str, str]) -> str:
    questions = {i: row for rows in answers.values() for i, row in rows.items()}
    parts = []
    for i, asked in questions.items():
        rows = [_answer(labels[arm], rows[i]) for arm, rows in answers.items() if i in rows]
        golds = " | ".join(asked["golds"])
        parts.append(
            f"<details><summary>{_text(asked['question'])} <small>{_text(golds)}</small></summary>"
            + _table(["arm", "answer", "EM", "first token", "evidence"], rows, text=(1, 4))
            + "</details>"
        )
    return "".join(parts)


def _answer(label: str, row: Mapping[str, Any]) -> list[str]:
    right = row["scores"]["em"] == 1
    mark = '<span class="right">right</span>' if right else '<span class="wrong">wrong</span>'
    pieces = [
        f"{'<b>gold</b> ' if piece['passage_id'] in row['passage_ids'] else ''}"
        f"{_text(piece['title'] or piece['passage_id'])}"
        for piece in row["evidence"]
    ]
    return [_text(label), _text(row["answer"]), mark, milliseconds(row["trace"]["ttft_ms"]), "<br>".join(pieces)]


def _without_ids(run: Mapping[str, Any]) -> dict[str, Any]:
    return {**run, "questions": {key: value for key, value in run["questions"].items() if key != "ids"}}


def _interval(found: Mapping[str, float] | None, n: int | None = None) -> str:
    """A mean with its interval, and its own n where that is another one than the row's."""
    if not found:
        return ""
    own = f"<br>n = {found['n']:,}" if n is not None and found["n"] != n else ""
    return f"{found['mean']:.3f}<br><small>{found['lo']:.3f} to {found['hi']:.3f}{own}</small>"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], text: Sequence[int] = ()) -> str:
    """A table of cells that are HTML already."""
    if not rows:
        return "<p>Nothing to show.</p>"
    head = "".join(f"<th>{_text(name)}</th>" for name in heads)
    body = "".join(
        "<tr>" + "".join(f"<td{' class=text' if c in text else ''}>{cell}</td>" for c, cell in enumerate(row)) + "</tr>"
        for row in rows
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _text(text: str) -> str:
    """Text as HTML; characters that no HTML file may hold become the replacement character."""
    return escape(_CONTROL.sub("\ufffd", text))
