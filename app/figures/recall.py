"""Routing recall against the number of cells opened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from app.figures.layout import finish, line
from app.figures.palette import ACCENT
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
    lowest = max(0.0, min(recalls) - 0.08)
    figure.update_yaxes(title=message("recall of the gold passage"), range=[lowest, 1.03], tickformat=".0%")
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


def describe_margins(groups: Sequence[MarginGroup]) -> str:
    """What finds the answer near a border, and what far inside."""
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
