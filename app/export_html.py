"""A comparison as one HTML page that needs nothing else: no script, no request, every foreign text escaped."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from app.asking import Run
from app.run_rows import span_names, table
from core.evaluation.repeats import spread
from core.figures.palette import span_colour
from core.figures.units import milliseconds, seconds
from core.methods import registry
from core.methods.base import Answer

_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
.arms { display: grid; grid-template-columns: repeat(auto-fit, minmax(17rem, 1fr)); gap: 1rem; }
.arm { border: 1px solid #8888; border-radius: .5rem; padding: .8rem 1rem; }
.said { font-weight: 600; font-size: 1.1rem; white-space: pre-wrap; }
.small { font-size: .85rem; opacity: .8; } .text { white-space: pre-wrap; font-size: .9rem; }
.row { display: flex; align-items: center; gap: .6rem; margin: .35rem 0; } .row b { width: 11rem; flex: none; }
.bar { position: relative; height: 1.2rem; flex: 1; } .bar i { position: absolute; height: 100%; min-width: 2px; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .85rem; }
th, td { border: 1px solid #8886; padding: .25rem .5rem; text-align: right; }
th:first-child, td:first-child { text-align: left; }
"""


def to_html(run: Run) -> str:
    """The whole comparison: answers, evidence, where the time went, the numbers, and what it was measured on."""
    question = escape(run.choices.question)
    parts = [
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{question} - Tessera</title>",
        "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<meta name='viewport' content='width=device-width'><style>{_STYLE}</style></head><body>",
        f"<h1>{question}</h1><p class='small'>Tessera, {escape(run.asked)}, workspace {escape(run.choices.workspace)}",
        f"{_gold(run)}</p><div class='arms'>",
        *(_arm(name, answer) for name, answer in run.answers.items()),
        *(_failure(name, *why) for name, why in run.failures.items()),
        "</div>",
        *([] if run.choices.race else _times(run)),
        _numbers(run),
        *_repeated(run),
        f"<p class='small'>{_ground(run)}</p></body></html>",
    ]
    return "\n".join(parts)


def _gold(run: Run) -> str:
    return f". Gold answer: {escape(' / '.join(run.gold.answers))}" if run.gold and run.gold.answers else ""


def _label(name: str) -> str:
    return escape(registry.METHODS[name].label if name in registry.METHODS else name)


def _arm(name: str, answer: Answer) -> str:
    evidence = "".join(
        f"<p><b>{escape(piece.title or piece.passage_id)}</b> <span class='small'>{piece.score:.3f}</span></p>"
        f"<p class='text'>{escape(piece.text)}</p>"
        for piece in answer.evidence
    )
    read = f"<details><summary>Evidence, {len(answer.evidence)}</summary>{evidence}</details>" if evidence else ""
    said = escape(answer.text) or "(said nothing)"
    return f"<section class='arm'><h2>{_label(name)}</h2><p class='said'>{said}</p>{read}</section>"


def _failure(name: str, what: str, remedy: str) -> str:
    return f"<section class='arm'><h2>{_label(name)}</h2><p>{escape(what)} {escape(remedy)}</p></section>"


def _times(run: Run) -> Iterator[str]:
    """Bars in CSS: a picture that needs no script."""
    widest = max([1.0, *(answer.trace.total_ms for answer in run.answers.values())])
    yield "<h2>Where the time went</h2>"
    for name, answer in run.answers.items():
        bars = "".join(
            f"<i style='left:{span.start_ms / widest:.3%};width:{span.ms / widest:.3%};"
            f"background:{span_colour(span.name)}' title='{escape(span.name)} {milliseconds(span.ms)}'></i>"
            for span in answer.trace.spans
        )
        words = ", ".join(f"{escape(span.name)} {milliseconds(span.ms)}" for span in answer.trace.spans)
        yield (
            f"<div class='row'><b>{_label(name)}</b><div class='bar'>{bars}</div>{seconds(answer.trace.total_ms)}</div>"
            f"<p class='small'>first token {seconds(answer.trace.ttft_ms)}; {words}</p>"
        )


def _numbers(run: Run) -> str:
    if not run.answers:
        return ""
    timed = {"first token", "last token", *span_names(run)}
    rows = [{k: v for k, v in row.items() if not (run.choices.race and k in timed)} for row in table(run)]
    head = "".join(f"<th>{escape(name)}</th>" for name in rows[0])
    body = "".join("<tr>" + "".join(f"<td>{_cell(value)}</td>" for value in row.values()) + "</tr>" for row in rows)
    return (
        f"<h2>The numbers</h2><p class='small'>Times in ms, counts in tokens.</p><table><tr>{head}</tr>{body}</table>"
    )


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:,.1f}" if isinstance(value, float) else escape(str(value))


def _repeated(run: Run) -> Iterator[str]:
    if not run.repeats:
        return
    yield "<h2>Repeated</h2><table><tr><th>arm</th><th>n</th><th>median, ms</th><th>smallest</th><th>largest</th></tr>"
    for name, traces in run.repeats.items():
        found = spread([trace.total_ms for trace in traces])
        yield (
            f"<tr><td>{_label(name)}</td><td>{found.n}</td><td>{found.median:,.1f}</td><td>{found.low:,.1f}</td>"
            f"<td>{found.high:,.1f}</td></tr>"
        )
    yield "</table>"


def _ground(run: Run) -> str:
    if run.choices.race:
        return "A race: the arms shared the device, so no time is shown."
    if run.ground is None:
        return ""
    ground = run.ground
    reader = "with the reader adapter" if ground.reader else "plain"
    facts = (f"{ground.model} {reader}", ground.encoder, ground.device, ground.dtype, "greedy", "one after another")
    return escape(", ".join(facts))
