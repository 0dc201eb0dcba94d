"""Routing recall: against the number of cells opened, and against how near a question is to a border."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from app.figures.layout import finish, line
from app.figures.palette import ACCENT, MUTED
from core.labs.benchmarks.routing_recall import MarginGroup
from core.messages import message
from core.voronoi.routing import RecallPoint

_HEIGHT = 300


def recall_figure(points: Sequence[RecallPoint], opened: int | None = None) -> go.Figure:
    """Recall by cells opened, on a logarithmic axis; the number opened now is marked.

    Args:
        points: Ascending in ``nprobe``.
        opened: Cells opened on this page; None marks none.
    """
    hover = message("%{x} opened: recall %{y:.3f}, %{customdata[0]} tokens<extra></extra>")
    marker = {"size": [13 if point.nprobe == opened else 7 for point in points], "color": ACCENT}
    tokens = [[f"{point.tokens:,.0f}"] for point in points]
    more: dict[str, Any] = {
        "width": 2,
        "mode": "lines+markers",
        "marker": marker,
        "customdata": tokens,
        "showlegend": False,
    }
    opening, recalls = [point.nprobe for point in points], [point.recall for point in points]
    figure = go.Figure(line("", ACCENT, opening, recalls, hover, **more))
    ticks = [tick for tick in (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000) if tick <= points[-1].nprobe]
    finish(figure, _HEIGHT, t=16)
    figure.update_xaxes(type="log", title=message("cells opened (nprobe)"), tickvals=ticks, ticktext=ticks)
    _shares(figure, recalls)
    return figure


def describe_recall(points: Sequence[RecallPoint]) -> str:
    """The curve in words."""
    enough = next((point for point in points if point.recall >= 0.95), points[-1])
    return message(
        "Opening one cell finds {one:.1%} of the gold passages, opening {cells} {more:.1%}.",
        one=points[0].recall,
        cells=message("{n:,} cell" if enough.nprobe == 1 else "{n:,} cells", n=enough.nprobe),
        more=enough.recall,
    )


def margin_figure(groups: Sequence[MarginGroup]) -> go.Figure:
    """Recall with one cell and with two, for each quarter of the questions by margin."""
    names, counts = margin_names(groups), [[group.questions] for group in groups]
    figure = go.Figure()
    for label, colour, symbol, values in (
        (message("nearest cell"), ACCENT, "circle", [group.recall for group in groups]),
        (message("two cells"), MUTED, "diamond", [group.recall_two for group in groups]),
    ):
        hover = message("%{fullData.name}: %{y:.1%} of %{customdata[0]} questions<extra></extra>")
        marker = {"size": 10, "symbol": symbol, "color": colour}
        more: dict[str, Any] = {"width": 1.5, "mode": "lines+markers", "marker": marker, "customdata": counts}
        figure.add_trace(line(label, colour, names, values, hover, **more))
    finish(figure, _HEIGHT, t=30)
    figure.update_xaxes(title=message("margin of the question: from the border inwards"), type="category")
    _shares(figure, [value for group in groups for value in (group.recall, group.recall_two)])
    return figure


def describe_margins(groups: Sequence[MarginGroup]) -> str:
    """The chart in words."""
    first, last = groups[0], groups[-1]
    return message(
        "The questions nearest to a border (margin up to {high:.3f}) find {one:.1%} with one cell and {two:.1%} with "
        "two; those furthest inside (from {low:.3f}) {inside:.1%}.",
        high=first.high,
        one=first.recall,
        two=first.recall_two,
        low=last.low,
        inside=last.recall,
    )


def margin_names(groups: Sequence[MarginGroup]) -> list[str]:
    """Each group by its margins."""
    return [message("{low:.3f} to {high:.3f}", low=group.low, high=group.high) for group in groups]


def _shares(figure: go.Figure, recalls: Sequence[float]) -> None:
    lowest = max(0.0, min(recalls) - 0.08)
    figure.update_yaxes(title=message("recall of the gold passage"), range=[lowest, 1.03], tickformat=".0%")
