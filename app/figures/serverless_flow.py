"""The serverless pipeline as it is drawn, a load as it goes, and what queries cost at a given traffic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import plotly.graph_objects as go

from app.figures.layout import filled_bars, finish, line
from app.figures.palette import ACCENT, ALERT, MUTED, SPANS
from app.figures.serverless import LINES, label
from core.messages import joined, message
from core.units import milliseconds

_BOX = 0.78
_TINT = "rgba(15, 123, 108, .16)"


@dataclass(frozen=True)
class Stage:
    """One box of the pipeline.

    Attributes:
        times: Index, or nothing, to its median ms; empty while nothing was measured.
        timed: Whether it is a function that is timed.
    """

    name: str
    note: str
    times: Mapping[str, float] = field(default_factory=dict)
    timed: bool = True

    @property
    def labels(self) -> list[str]:
        """Its times as they are written."""
        return [f"{name} {milliseconds(ms)}".strip() for name, ms in self.times.items()]


_FUNCTIONS = {
    "lookup": (message("Result cache"), message("the same words, kept")),
    "retrieval": (message("Retrieval"), message("embed, search, fetch")),
    "rerank": (message("Re-ranking"), message("token by token")),
    "generation": (message("Generation"), message("prefill, decode")),
    "keep": (message("Keeping"), message("write the result")),
}
"""Stages in their order: name, and what it does in a few words."""
_ALWAYS = ("retrieval", "generation")
_DRAWN = {"cache": _FUNCTIONS["lookup"], **{name: _FUNCTIONS[name] for name in ("retrieval", "rerank", "generation")}}
_SHARES = dict(
    zip(_DRAWN, (SPANS[name] for name in ("cache lookup", "retrieve", "load cache", "prefill")), strict=True)
)
_LEGIBLE = 0.04


def stages(pipeline: bool, times: Mapping[str, Mapping[str, float]]) -> list[Stage]:
    """The boxes for a load of the retrieval function or of the whole pipeline, with what it went through.

    Args:
        times: Index, or nothing, to the median ms of each stage.
    """
    boxes = {
        stage: Stage(name, note, {index: medians[stage] for index, medians in times.items() if stage in medians})
        for stage, (name, note) in _FUNCTIONS.items()
    }
    client = Stage(message("Client"), message("open loop"), timed=False)
    if not pipeline:
        return [client, Stage(message("API"), message("429 at the limit"), timed=False), boxes["retrieval"]]
    machine = Stage(message("State machine"), message("retry, catch, time-out"), timed=False)
    return [client, machine, *(box for stage, box in boxes.items() if box.times or stage in _ALWAYS)]


def pipeline_figure(boxes: Sequence[Stage]) -> go.Figure:
    """Boxes with arrows between them; functions carry their median time."""
    figure = go.Figure()
    for at, box in enumerate(boxes):
        colour = ACCENT if box.timed else MUTED
        figure.add_shape(
            type="rect",
            x0=at - _BOX / 2,
            x1=at + _BOX / 2,
            y0=0,
            y1=1,
            line={"color": colour, "width": 2},
            fillcolor=_TINT if box.timed else "rgba(0,0,0,0)",
        )
        time = f"<br><b>{'<br>'.join(box.labels) or '– ms'}</b>" if box.timed else ""
        figure.add_annotation(
            x=at,
            y=0.5,
            text=joined("", ("<b>", box.name, "</b><br>", box.note, time)),
            showarrow=False,
            font={"size": 13},
        )
        if at:
            figure.add_annotation(
                x=at - _BOX / 2,
                y=0.5,
                ax=at - 1 + _BOX / 2,
                ay=0.5,
                axref="x",
                ayref="y",
                xref="x",
                yref="y",
                text="",
                arrowhead=2,
                arrowwidth=2,
                arrowcolor=MUTED,
            )
    figure.update_xaxes(visible=False, range=[-0.5, len(boxes) - 0.5], fixedrange=True)
    figure.update_yaxes(visible=False, range=[-0.1, 1.1], fixedrange=True)
    figure.update_layout(height=130, margin={"l": 0, "r": 0, "t": 4, "b": 4}, dragmode=False, showlegend=False)
    return figure


def describe_pipeline(boxes: Sequence[Stage]) -> str:
    """The boxes in words."""
    named = [joined("", (box.name, " (", ", ".join(box.labels) or box.note, ")")) for box in boxes]
    return joined(" → ", named)


def share_figure(indexes: Mapping[str, Mapping[str, Any]]) -> go.Figure:
    """The share of each function in time and cost, with one bar of each for every index."""
    figure = go.Figure()
    rows = shares(indexes)
    for function, (name, _) in _DRAWN.items():
        parts = [row.get(function, 0.0) for row in rows.values()]
        if any(parts):
            texts = [f"{part:.0%}" if part >= _LEGIBLE else "" for part in parts]
            hover = message("%{fullData.name}: %{x:.1%}<extra>%{y}</extra>")
            figure.add_trace(filled_bars(name, _SHARES[function], parts, texts, y=list(rows), hovertemplate=hover))
    finish(figure, 90 + 44 * len(rows), barmode="stack")
    figure.update_xaxes(tickformat=".0%", range=[0, 1])
    figure.update_yaxes(autorange="reversed")
    return figure


def shares(indexes: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Rows of ``share_figure``: function to share, of time and of cost for every index."""
    rows: dict[str, dict[str, float]] = {}
    for kind, index in indexes.items():
        costs = (index["cost"] or {}).get("functions", {})
        total = sum(costs.values()) or 1.0
        rows[message("{index}, time", index=label(kind))] = dict(index["load"].get("shares", {}))
        rows[message("{index}, cost", index=label(kind))] = {name: cost / total for name, cost in costs.items()}
    return {name: row for name, row in rows.items() if row}


def describe_shares(indexes: Mapping[str, Mapping[str, Any]]) -> str:
    """The shares in words."""
    rows = []
    for row, parts_of in shares(indexes).items():
        parts = (joined(" ", (_DRAWN[name][0], f"{share:.0%}")) for name, share in parts_of.items() if name in _DRAWN)
        rows.append(joined(": ", (row, joined(", ", parts))))
    return joined("; ", rows)


def live_figure(history: Sequence[Mapping[str, Any]]) -> go.Figure:
    """The load under way: the rate that is sent, and the latency of the last seconds, over time."""
    figure = go.Figure()
    current = history[-1]["load"] if history else ""
    points = [point for point in history if point.get("load") == current]
    times = [point["t"] for point in points]
    for key, name, colour, dash in (("p50_ms", "p50", ACCENT, "solid"), ("p99_ms", "p99", ALERT, "dash")):
        hover = message("%{fullData.name} %{y:,.0f} ms at %{x:.0f} s<extra></extra>")
        figure.add_trace(line(name, colour, times, [point[key] for point in points], hover, dash=dash))
    rates, hover = [point["rate"] for point in points], message("%{y:.1f} requests per second<extra></extra>")
    name = message("requests per second (right)")
    figure.add_trace(line(name, MUTED, times, rates, hover, width=2, dash="dot", yaxis="y2"))
    finish(figure, 280)
    figure.update_layout(
        yaxis2={"overlaying": "y", "side": "right", "rangemode": "tozero", "showgrid": False, "fixedrange": True}
    )
    figure.update_xaxes(title=message("s since this load began"))
    figure.update_yaxes(rangemode="tozero", selector={"anchor": "x"})
    return figure


def describe_live(history: Sequence[Mapping[str, Any]]) -> str:
    """The load in words."""
    if not history:
        return message("No request yet.")
    last = history[-1]
    return message(
        "{load}: {ok} answered, {throttled} throttled, {failed} failed, median of the last seconds {p50}.",
        load=last["load"],
        ok=last["ok"],
        throttled=last["throttled"],
        failed=last["failed"],
        p50=milliseconds(last["p50_ms"]) if last["p50_ms"] is not None else message("none yet"),
    )


def cost_figure(
    lines: Mapping[str, Sequence[float]], always: Sequence[float], traffic: Sequence[float], at: float, machine: str
) -> go.Figure:
    """Dollars per 1,000 queries against queries a month, both logarithmic.

    Args:
        lines: Index to its cost at each traffic.
        always: Cost on a machine that is paid by the hour.
    """
    figure = go.Figure()
    for kind, costs in lines.items():
        style, hover = LINES[kind], message("%{x:,.0f} a month: $%{y:.4f}<extra>%{fullData.name}</extra>")
        figure.add_trace(line(label(kind), style.colour, list(traffic), list(costs), hover, dash=style.dash))
    name = message("always on ({machine})", machine=machine)
    hover = message("%{x:,.0f} a month: $%{y:.4f}<extra>always on</extra>")
    figure.add_trace(line(name, MUTED, list(traffic), list(always), hover, width=2, dash="dot"))
    figure.add_vline(x=at, line={"color": ALERT, "width": 1.5})
    finish(figure, 320)
    figure.update_xaxes(title=message("queries a month"), type="log", dtick=1)
    figure.update_yaxes(title=message("US dollars per 1,000"), type="log", dtick=1, tickprefix="$")
    return figure


def describe_cost(lines: Mapping[str, float], always: float, at: float, machine: str) -> str:
    """The cost at one traffic, in words."""
    return message(
        "At {n:,.0f} queries a month, 1,000 queries cost: {indexes}; always on ({machine}) ${always:.4f}.",
        n=at,
        indexes=", ".join(f"{label(kind)} ${cost:.4f}" for kind, cost in lines.items()),
        machine=machine,
        always=always,
    )
