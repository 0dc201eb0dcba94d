"""What a serverless study found: latencies, reliability, cold starts and the crossover of two indexes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from core.figures.palette import ALERT, MUTED, ink_on
from core.figures.units import milliseconds, seconds
from core.said import joined, said

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


def latency_figure(arms: Mapping[str, Mapping[str, Any]]) -> go.Figure:
    """Share of requests that were answered within a time, one step line per index.

    Args:
        arms: Index to its findings at one size.
    """
    figure = go.Figure()
    for kind, arm in arms.items():
        latency = arm["load"]["latency"]
        if not latency:
            continue
        cdf, line = latency["cdf"], LINES[kind]
        shares = [row / (len(cdf) - 1) for row in range(len(cdf))]
        figure.add_trace(
            go.Scatter(
                x=cdf,
                y=shares,
                mode="lines",
                name=label(kind),
                line={"color": line.colour, "dash": line.dash, "width": 2.5},
                hovertemplate=said("%{y:.0%} within %{x:,.0f} ms<extra>%{fullData.name}</extra>"),
            )
        )
    finish(figure, 320)
    figure.update_xaxes(title=said("ms from when a request was due to its answer"), type="log")
    figure.update_yaxes(title=said("answered"), tickformat=".0%", range=[0, 1.02])
    return figure


def describe_latency(arms: Mapping[str, Mapping[str, Any]]) -> str:
    """The figure in words."""
    parts = [
        said(
            "{index}: half within {p50}, 90 % within {p90}, 99 % within {p99}",
            index=label(kind),
            **{name: seconds(found[name]) for name in ("p50", "p90", "p99")},
        )
        for kind, arm in arms.items()
        if (found := arm["load"]["latency"])
    ]
    return said("Latency under load. {indexes}.", indexes=joined(". ", parts))


def reliability_figure(arms: Mapping[str, Mapping[str, Any]]) -> go.Figure:
    """What became of all requests: one bar of 100 % per index."""
    figure = go.Figure()
    rows = [label(kind) for kind in arms]
    for outcome, colour in OUTCOMES.items():
        counts = [arm["load"]["outcomes"][outcome] for arm in arms.values()]
        shares = [count / max(1, arm["load"]["requests"]) for count, arm in zip(counts, arms.values(), strict=True)]
        if any(counts):
            figure.add_trace(
                go.Bar(
                    orientation="h",
                    name=said(outcome),
                    y=rows,
                    x=shares,
                    marker={"color": colour, "line": {"width": 0}},
                    text=[f"{share:.1%}" if share >= 0.06 else "" for share in shares],
                    textposition="inside",
                    insidetextanchor="middle",
                    textfont={"color": ink_on(colour)},
                    customdata=counts,
                    hovertemplate=said("%{customdata} requests %{fullData.name}<extra></extra>"),
                )
            )
    finish(figure, 60 * len(rows) + 90)
    figure.update_layout(barmode="stack", bargap=0.35)
    figure.update_xaxes(tickformat=".0%", range=[0, 1])
    figure.update_yaxes(autorange="reversed")
    return figure


def describe_reliability(arms: Mapping[str, Mapping[str, Any]]) -> str:
    """The figure in words."""
    parts = []
    for kind, arm in arms.items():
        counts = [(count, outcome) for outcome, count in arm["load"]["outcomes"].items() if count]
        named = [said("{n} {outcome}", n=count, outcome=said(outcome)) for count, outcome in counts]
        parts.append(joined(": ", (label(kind), joined(", ", named or [said("no request")]))))
    return said("What became of the requests. {indexes}.", indexes=joined(". ", parts))


def cold_parts(arm: Mapping[str, Any]) -> dict[str, float]:
    """A median cold start in ms: the process, what the function loads, and the answer itself."""
    cold = arm["cold"]
    spans: dict[str, float] = {}
    for name, ms in cold["spans"].items():
        spans[name.split("/", 1)[1]] = spans.get(name.split("/", 1)[1], 0.0) + ms
    loads = {name: spans.get(name, 0.0) for name in ("load model", "open table")}
    rest = max(0.0, cold["p50_ms"] - cold["init_ms"] - sum(loads.values()))
    return {"process start": cold["init_ms"], **loads, "answer": rest}


def cold_figure(arms: Mapping[str, Mapping[str, Any]]) -> go.Figure:
    """Where a cold start's time goes, above the same request to a warm worker."""
    figure = go.Figure()
    rows = [joined(", ", (label(kind), state)) for kind in arms for state in (said("cold"), said("warm"))]
    for part, colour in START.items():
        values: list[float] = []
        for arm in arms.values():
            values += [cold_parts(arm)[part], arm["probe"]["total_ms"] if part == "answer" else 0.0]
        figure.add_trace(
            go.Bar(
                orientation="h",
                name=said(part),
                y=rows,
                x=values,
                marker={"color": colour, "line": {"width": 0}},
                hovertemplate="%{fullData.name} %{x:,.0f} ms<extra>%{y}</extra>",
            )
        )
    finish(figure, 38 * len(rows) + 100)
    figure.update_layout(barmode="stack", bargap=0.3)
    figure.update_xaxes(title=said("ms, median"), rangemode="tozero")
    figure.update_yaxes(autorange="reversed")
    return figure


def describe_cold(arms: Mapping[str, Mapping[str, Any]]) -> str:
    """The figure in words."""
    parts = [
        said(
            "{index}: cold {cold}, warm {warm}",
            index=label(kind),
            cold=seconds(arm["cold"]["p50_ms"]),
            warm=seconds(arm["probe"]["total_ms"]),
        )
        for kind, arm in arms.items()
    ]
    return said("Cold and warm requests, medians. {indexes}.", indexes=joined(". ", parts))


def crossover_figure(sizes: Sequence[Mapping[str, Any]], crossed: Mapping[str, Any], what: str) -> go.Figure:
    """Time per question against the size of the corpus, one line per index.

    Args:
        sizes: The findings, size by size.
        crossed: ``where`` and ``size`` of the crossover.
        what: "search_ms" or "retrieval_ms".
    """
    figure = go.Figure()
    for kind in sizes[0]["arms"]:
        line = LINES[kind]
        arms = [size["arms"][kind] for size in sizes]
        recalls = [f"{arm['recall']['mean']:.3f}" if arm["recall"] else "unknown" for arm in arms]
        figure.add_trace(
            go.Scatter(
                x=[size["passages"] for size in sizes],
                y=[arm["probe"][what] for arm in arms],
                mode="lines+markers",
                name=label(kind),
                line={"color": line.colour, "dash": line.dash, "width": 2.5},
                marker={"symbol": line.symbol, "size": 10, "color": line.colour},
                customdata=recalls,
                hovertemplate=said(
                    "%{x:,} passages: %{y:,.1f} ms, recall %{customdata}<extra>%{fullData.name}</extra>"
                ),
            )
        )
    if crossed.get("where") == "between":
        figure.add_vline(x=crossed["size"], line={"color": ALERT, "dash": "dot", "width": 2})
        figure.add_annotation(
            x=crossed["size"],
            xref="x",
            y=1,
            yref="paper",
            text=said("about {n:,.0f}", n=crossed["size"]),
            showarrow=False,
            xanchor="left",
            xshift=6,
            font={"color": ALERT},
        )
    finish(figure, 340)
    ticks = [size["passages"] for size in sizes]
    figure.update_xaxes(
        title=said("passages in the index"), type="log", tickvals=ticks, ticktext=[f"{n:,}" for n in ticks]
    )
    figure.update_yaxes(title=said("ms, median"), type="log")
    return figure


def describe_crossover(sizes: Sequence[Mapping[str, Any]], crossed: Mapping[str, Any], what: str) -> str:
    """The figure in words."""
    rows = []
    for size in sizes:
        times = ", ".join(f"{label(kind)} {milliseconds(arm['probe'][what])}" for kind, arm in size["arms"].items())
        rows.append(said("{n:,} passages: {times}", n=size["passages"], times=times))
    return said("Time by size of the corpus. {sizes}. {where}", sizes=joined(". ", rows), where=where(crossed))


def where(crossed: Mapping[str, Any]) -> str:
    """Where the second index overtakes the first, as a sentence."""
    if crossed.get("where") == "between":
        return said("The lines cross at about {n:,.0f} passages.", n=crossed["size"])
    if crossed.get("where") == "always":
        return said("IVF_HNSW_SQ is faster at every size that was measured.")
    return said("IVF_HNSW_SQ is not faster at the largest size that was measured.")


def finish(figure: go.Figure, height: int) -> None:
    """Height, margins and legend that the figures of a study share."""
    figure.update_layout(
        height=height,
        margin={"l": 10, "r": 20, "t": 36, "b": 40},
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
        dragmode=False,
        colorway=[MUTED],
    )
    figure.update_xaxes(fixedrange=True)
    figure.update_yaxes(fixedrange=True)
