"""What each way of knowing the same documents weighs on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from app.figures.layout import finish, name_rows
from app.figures.palette import MUTED, method_style
from core.messages import joined, message
from core.units import size

_ROW_PX = 38


@dataclass(frozen=True)
class StoredSize:
    """One thing on disk.

    Attributes:
        method: The method it belongs to; empty for the text itself.
    """

    name: str
    bytes: int
    method: str = ""


def storage_figure(things: Sequence[StoredSize]) -> go.Figure:
    """A dot for each on a logarithmic axis: a bar has no meaning on an axis without a zero."""
    shown = [thing for thing in things if thing.bytes]
    rows = list(range(len(shown)))
    figure = go.Figure(
        go.Scatter(
            x=[thing.bytes for thing in shown],
            y=rows,
            mode="markers+text",
            marker={
                "size": 14,
                "color": [method_style(thing.method).colour if thing.method else MUTED for thing in shown],
                "symbol": [method_style(thing.method).marker if thing.method else "circle" for thing in shown],
            },
            text=[f"  {size(thing.bytes)}" for thing in shown],
            textposition="middle right",
            cliponaxis=False,
            hovertemplate="%{text}<extra></extra>",
        )
    )
    finish(figure, _ROW_PX * len(shown) + 70, r=80, t=10)
    ticks = [10**power for power in range(2, 14)]
    title = message("size on disk")
    figure.update_xaxes(title=title, type="log", tickvals=ticks, ticktext=list(map(size, ticks)))
    name_rows(figure, [thing.name for thing in shown], showgrid=None)
    return figure


def describe_storage(things: Sequence[StoredSize]) -> str:
    """The dots in words."""
    weighed = [joined(": ", (thing.name, size(thing.bytes))) for thing in things if thing.bytes]
    return message("On disk: {things}.", things=joined("; ", weighed))
