"""How large the cell caches are beside the text they stand for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import plotly.graph_objects as go

from app.figures.palette import MUTED, method_style
from core.messages import message
from core.units import size

_CACHE = method_style("cag").colour
_LONGEST = 30


@dataclass(frozen=True)
class CellSize:
    """One cell.

    Attributes:
        cache_bytes: Size of its KV cache on disk; 0 while it has none.
        text_bytes: Size of its passages as UTF-8.
    """

    cell: int
    label: str
    tokens: int
    cache_bytes: int
    text_bytes: int


def sizes_figure(cells: Sequence[CellSize]) -> go.Figure:
    """Two dots per cell on a logarithmic axis: its text, and its KV cache.

    Dots, not bars: a bar has no meaning on an axis without a zero, and without the logarithm the text would vanish.
    """
    names = [f"{cell.cell} · {_short(cell.label)}" for cell in cells]
    rows = list(range(len(cells)))
    built = [row for row in rows if cells[row].cache_bytes]
    figure = go.Figure()
    figure.add_trace(
        go.Scatter(
            x=[x for row in built for x in (cells[row].text_bytes, cells[row].cache_bytes, None)],
            y=[y for row in built for y in (row, row, None)],
            mode="lines",
            line={"color": MUTED, "width": 1.5},
            opacity=0.6,
            hoverinfo="skip",
            showlegend=False,
        )
    )
    for name, colour, symbol, chosen, amount in (
        (message("text"), MUTED, "circle", rows, [cell.text_bytes for cell in cells]),
        (message("KV cache"), _CACHE, "hexagon", built, [cell.cache_bytes for cell in cells]),
    ):
        figure.add_trace(
            go.Scatter(
                x=[amount[row] for row in chosen],
                y=chosen,
                mode="markers",
                name=name,
                marker={"color": colour, "symbol": symbol, "size": 11},
                customdata=[[names[row], size(amount[row]), f"{cells[row].tokens:,}"] for row in chosen],
                hovertemplate=message(
                    "<b>%{customdata[0]}</b><br>%{fullData.name} %{customdata[1]}, %{customdata[2]} tokens"
                    "<extra></extra>"
                ),
            )
        )
    figure.update_layout(
        height=max(220, 26 * len(cells) + 100),
        margin={"l": 10, "r": 20, "t": 36, "b": 40},
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0},
        dragmode=False,
    )
    figure.update_xaxes(
        type="log",
        title=message("size on disk"),
        fixedrange=True,
        tickvals=[10**p for p in range(2, 12)],
        ticktext=[size(10**p) for p in range(2, 12)],
    )
    figure.update_yaxes(
        tickmode="array", tickvals=rows, ticktext=names, range=[len(cells) - 0.4, -0.6], zeroline=False, fixedrange=True
    )
    return figure


def describe_sizes(cells: Sequence[CellSize]) -> str:
    """The figure in words."""
    text, cache = sum(cell.text_bytes for cell in cells), sum(cell.cache_bytes for cell in cells)
    return message("{n} cells: {text} of text, {cache} of KV cache.", n=len(cells), text=size(text), cache=size(cache))


def _short(label: str) -> str:
    return escape(label if len(label) <= _LONGEST else label[: _LONGEST - 1] + "…")
