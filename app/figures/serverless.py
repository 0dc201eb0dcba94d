"""What a serverless study found: latencies, reliability, cold starts and the crossover of two indexes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from app.figures.layout import filled_bars, finish, line
from app.figures.palette import ALERT
from core.messages import joined, message
from core.units import milliseconds, seconds

LABELS = {"flat": "Flat", "ivf-hnsw-sq": "IVF_HNSW_SQ"}
OUTCOMES = {"ok": "#17967c", "throttled": "#c27a0a", "timeout": "#7d6bc4", "crash": "#c8553d", "error": "#8a3b4f"}
START = {"process start": "#8a90a0", "load model": "#a84f93", "open table": "#17967c", "answer": "#2f7fc1"}


@dataclass(frozen=True)
class Line:
    """How an index is drawn."""

    colour: str
    dash: str
    symbol: str


LINES = {"flat": Line("#2f7fc1", "solid", "circle"), "ivf-hnsw-sq": Line("#c27a0a", "dash", "diamond")}


def label(kind: str) -> str:
    """Name of an index for people."""
    return LABELS.get(kind, kind)


def latency_figure(indexes: Mapping[str, Mapping[str, Any]]) -> go.Figure:
    """Share of requests that were answered within a time, one step line per index.

    Args:
        indexes: Index to its findings at one size.
    """
    figure = go.Figure()
    for kind, index in indexes.items():
        latency = index["load"]["latency"]
        if not latency:
            continue
        cdf, style = latency["cdf"], LINES[kind]
        shares = [row / (len(cdf) - 1) for row in range(len(cdf))]
        hover = message("%{y:.0%} within %{x:,.0f} ms<extra>%{fullData.name}</extra>")
        figure.add_trace(line(label(kind), style.colour, cdf, shares, hover, dash=style.dash))
    finish(figure, 320)
    figure.update_xaxes(title=message("ms from when a request was due to its answer"), type="log")
    figure.update_yaxes(title=message("answered"), tickformat=".0%", range=[0, 1.02])
    return figure


def describe_latency(indexes: Mapping[str, Mapping[str, Any]]) -> str:
    """The figure in words."""
    parts = [
        message(
            "{index}: half within {p50}, 90 % within {p90}, 99 % within {p99}",
            index=label(kind),
            **{name: seconds(latency[name]) for name in ("p50", "p90", "p99")},
        )
        for kind, index in indexes.items()
        if (latency := index["load"]["latency"])
    ]
    return message("Latency under load. {indexes}.", indexes=joined(". ", parts))


def reliability_figure(indexes: Mapping[str, Mapping[str, Any]]) -> go.Figure:
    """The outcomes of all requests: one bar of 100 % per index."""
    figure = go.Figure()
    rows = [label(kind) for kind in indexes]
    for outcome, colour in OUTCOMES.items():
        counts = [index["load"]["outcomes"][outcome] for index in indexes.values()]
        shares = [n / max(1, index["load"]["requests"]) for n, index in zip(counts, indexes.values(), strict=True)]
        if any(counts):
            texts = [f"{share:.1%}" if share >= 0.06 else "" for share in shares]
            hover = message("%{customdata} requests %{fullData.name}<extra></extra>")
            bars = filled_bars(message(outcome), colour, shares, texts, y=rows, customdata=counts, hovertemplate=hover)
            figure.add_trace(bars)
    finish(figure, 60 * len(rows) + 90, barmode="stack", bargap=0.35)
    figure.update_xaxes(tickformat=".0%", range=[0, 1])
    figure.update_yaxes(autorange="reversed")
    return figure


def describe_reliability(indexes: Mapping[str, Mapping[str, Any]]) -> str:
    """The figure in words."""
    parts = []
    for kind, index in indexes.items():
        counts = [(count, outcome) for outcome, count in index["load"]["outcomes"].items() if count]
        named = [message("{n} {outcome}", n=count, outcome=message(outcome)) for count, outcome in counts]
        parts.append(joined(": ", (label(kind), joined(", ", named or [message("no request")]))))
    return message("What became of the requests. {indexes}.", indexes=joined(". ", parts))


def cold_parts(index: Mapping[str, Any]) -> dict[str, float]:
    """A median cold start in ms: the process, what the function loads, and the answer itself."""
    cold = index["cold"]
    spans: dict[str, float] = {}
    for name, ms in cold["spans"].items():
        spans[name.split("/", 1)[1]] = spans.get(name.split("/", 1)[1], 0.0) + ms
    loads = {name: spans.get(name, 0.0) for name in ("load model", "open table")}
    rest = max(0.0, cold["p50_ms"] - cold["init_ms"] - sum(loads.values()))
    return {"process start": cold["init_ms"], **loads, "answer": rest}


def cold_figure(indexes: Mapping[str, Mapping[str, Any]]) -> go.Figure:
    """Where a cold start's time goes, above the same request to a warm worker."""
    figure = go.Figure()
    rows = [joined(", ", (label(kind), state)) for kind in indexes for state in (message("cold"), message("warm"))]
    for part, colour in START.items():
        values: list[float] = []
        for index in indexes.values():
            times = (cold_parts(index)[part], index["probe"]["total_ms"] if part == "answer" else 0.0)
            values += [ms / 1000 for ms in times]
        hover = "%{fullData.name} %{x:,.2f} s<extra>%{y}</extra>"
        bars = filled_bars(message(part), colour, values, [""] * len(values), y=rows, hovertemplate=hover)
        figure.add_trace(bars)
    finish(figure, 38 * len(rows) + 100, barmode="stack", bargap=0.3)
    figure.update_xaxes(title=message("s, median"), rangemode="tozero")
    figure.update_yaxes(autorange="reversed")
    return figure


def describe_cold(indexes: Mapping[str, Mapping[str, Any]]) -> str:
    """The figure in words."""
    parts = [
        message(
            "{index}: cold {cold}, warm {warm}",
            index=label(kind),
            cold=seconds(index["cold"]["p50_ms"]),
            warm=seconds(index["probe"]["total_ms"]),
        )
        for kind, index in indexes.items()
    ]
    return message("Cold and warm requests, medians. {indexes}.", indexes=joined(". ", parts))


def crossover_figure(sizes: Sequence[Mapping[str, Any]], crossed: Mapping[str, Any], what: str) -> go.Figure:
    """Time per question against the size of the corpus, one line per index.

    Args:
        crossed: ``where`` and ``size`` of the crossover.
        what: "search_ms" or "retrieval_ms".
    """
    figure, ticks = go.Figure(), [size["passages"] for size in sizes]
    for kind in sizes[0]["indexes"]:
        style = LINES[kind]
        indexes = [size["indexes"][kind] for size in sizes]
        recalls = [f"{index['recall']['mean']:.3f}" if index["recall"] else "unknown" for index in indexes]
        marker = {"symbol": style.symbol, "size": 10, "color": style.colour}
        hover = message("%{x:,} passages: %{y:,.1f} ms, recall %{customdata}<extra>%{fullData.name}</extra>")
        times = [index["probe"][what] for index in indexes]
        more: dict[str, Any] = {"mode": "lines+markers", "marker": marker, "customdata": recalls, "dash": style.dash}
        figure.add_trace(line(label(kind), style.colour, ticks, times, hover, **more))
    if crossed.get("where") == "between":
        figure.add_vline(x=crossed["size"], line={"color": ALERT, "dash": "dot", "width": 2})
        figure.add_annotation(
            x=math.log10(crossed["size"]),  # of a logarithmic axis, where a line takes the number itself
            xref="x",
            y=1,
            yref="paper",
            text=message("about {n:,.0f}", n=crossed["size"]),
            showarrow=False,
            xanchor="left",
            xshift=6,
            font={"color": ALERT},
        )
    finish(figure, 340)
    figure.update_xaxes(
        title=message("passages in the index"), type="log", tickvals=ticks, ticktext=[f"{n:,}" for n in ticks]
    )
    figure.update_yaxes(title=message("ms, median"), type="log")
    return figure


def describe_crossover(sizes: Sequence[Mapping[str, Any]], crossed: Mapping[str, Any], what: str) -> str:
    """The figure in words."""
    rows = []
    for size in sizes:
        times = ", ".join(
            f"{label(kind)} {milliseconds(index['probe'][what])}" for kind, index in size["indexes"].items()
        )
        rows.append(message("{n:,} passages: {times}", n=size["passages"], times=times))
    return message("Time by size of the corpus. {sizes}. {where}", sizes=joined(". ", rows), where=where(crossed))


def where(crossed: Mapping[str, Any]) -> str:
    """Where the second index overtakes the first, as a sentence."""
    if crossed.get("where") == "between":
        return message("The lines cross at about {n:,.0f} passages.", n=crossed["size"])
    if crossed.get("where") == "always":
        return message("IVF_HNSW_SQ is faster at every size that was measured.")
    return message("IVF_HNSW_SQ is not faster at the largest size that was measured.")
