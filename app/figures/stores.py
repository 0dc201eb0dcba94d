"""How much of the exact answer each search finds, and how fast: one line per store, one mark per setting."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go

from app.figures.layout import finish, line
from core.labs.benchmarks.store_verdict import Measured
from core.messages import joined, message

_STYLES = (
    ("#2f7fc1", "circle"),
    ("#c27a0a", "square"),
    ("#17967c", "diamond"),
    ("#a84f93", "triangle-up"),
    ("#6a8f2c", "hexagon"),
    ("#c8553d", "star"),
    ("#7d6bc4", "cross"),
)
_LOWEST = 0.9


def recall_figure(rows: Sequence[Measured]) -> go.Figure:
    """Recall against queries a second of one client; up and to the right is better.

    Filled marks are settings that no other one beats, hollow ones find no more and are no faster than another. Stores
    that search by words have no recall and are left out.
    """
    figure = go.Figure()
    measured = [row for row in rows if row.recall is not None]
    for number, store in enumerate(dict.fromkeys(row.store for row in measured)):
        colour, symbol = _STYLES[number % len(_STYLES)]
        of_store = sorted(
            (row for row in measured if row.store == store), key=lambda row: (row.recall or 0.0, row.qps_1)
        )
        symbols = [f"{symbol}-open" if row.dominated else symbol for row in of_store]
        marker = {"size": 11, "symbol": symbols, "color": colour, "line": {"color": colour, "width": 1.8}}
        settings = [escape(row.setting) if row.options else row.setting for row in of_store]
        times = [[f"{row.p50_ms:.2f}", f"{row.p99_ms:.2f}"] for row in of_store]
        hover = message(
            "<b>%{fullData.name}</b>, %{text}<br>recall %{x:.3f}, %{y:,.0f} queries a second"
            "<br>p50 %{customdata[0]} ms, p99 %{customdata[1]} ms<extra></extra>"
        )
        recalls, rates = [row.recall for row in of_store], [row.qps_1 for row in of_store]
        more: dict[str, Any] = {"width": 1.5, "mode": "lines+markers", "marker": marker, "text": settings}
        figure.add_trace(line(escape(of_store[0].label), colour, recalls, rates, hover, customdata=times, **more))
    lowest = min([_LOWEST, *(row.recall for row in measured if row.recall is not None)])
    finish(figure, 420, t=46, b=44)
    figure.update_xaxes(title=message("recall against the exact search"), range=[lowest - 0.01, 1.005])
    figure.update_yaxes(title=message("queries a second, one client"), type="log", dtick=1, tickformat=",d")
    return figure


def describe_recall(rows: Sequence[Measured]) -> str:
    """The figure in words."""
    best = [row for row in rows if row.recall is not None and not row.dominated]
    named = [
        message(
            "{store} {setting}: {recall:.3f} at {rate:,.0f} a second",
            store=message(row.label),
            setting=row.setting,
            recall=row.recall,
            rate=row.qps_1,
        )
        for row in best
    ]
    return message(
        "Recall against queries a second. Settings that no other beats: {settings}.",
        settings=joined("; ", named) if named else message("none"),
    )
