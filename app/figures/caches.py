"""How large the cell caches are beside the text they stand for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from app.figures.layout import finish, links, marks, name_rows, shortened
from app.figures.palette import MUTED, method_style
from core.messages import message
from core.units import size

_CACHE = method_style("cag").colour


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
    names = [f"{cell.cell} · {shortened(cell.label, 30)}" for cell in cells]
    rows = list(range(len(cells)))
    built = [row for row in rows if cells[row].cache_bytes]
    figure = go.Figure(links((row, cells[row].text_bytes, cells[row].cache_bytes) for row in built))
    hover = message(
        "<b>%{customdata[0]}</b><br>%{fullData.name} %{customdata[1]}, %{customdata[2]} tokens<extra></extra>"
    )
    for name, colour, symbol, chosen, amount in (
        (message("text"), MUTED, "circle", rows, [cell.text_bytes for cell in cells]),
        (message("KV cache"), _CACHE, "hexagon", built, [cell.cache_bytes for cell in cells]),
    ):
        about = [[names[row], size(amount[row]), f"{cells[row].tokens:,}"] for row in chosen]
        sizes = [amount[row] for row in chosen]
        figure.add_trace(marks(name, colour, symbol, sizes, chosen, customdata=about, hovertemplate=hover))
    finish(figure, max(220, 26 * len(cells) + 100))
    ticks = [10**p for p in range(2, 12)]
    figure.update_xaxes(type="log", title=message("size on disk"), tickvals=ticks, ticktext=list(map(size, ticks)))
    name_rows(figure, names, showgrid=None)
    return figure


def describe_sizes(cells: Sequence[CellSize]) -> str:
    """The figure in words."""
    text, cache = sum(cell.text_bytes for cell in cells), sum(cell.cache_bytes for cell in cells)
    return message("{n} cells: {text} of text, {cache} of KV cache.", n=len(cells), text=size(text), cache=size(cache))
