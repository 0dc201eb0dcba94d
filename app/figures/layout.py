"""What figures share: height, margins and legend, axes without zoom, named rows, bars and marks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import plotly.graph_objects as go

from app.figures.palette import MUTED, ink_on

_LEGEND = {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "traceorder": "normal"}


def finish(figure: go.Figure, height: float, r: int = 20, t: int = 36, b: int = 40, **layout: Any) -> None:
    """Sets height and margins in pixels, the legend above, and what else of the layout is given."""
    figure.update_layout(height=height, margin={"l": 10, "r": r, "t": t, "b": b}, dragmode=False, legend=_LEGEND)
    figure.update_layout(layout, overwrite=True)
    figure.update_xaxes(fixedrange=True)
    figure.update_yaxes(fixedrange=True)


def name_rows(figure: go.Figure, names: Sequence[str], top: float = 0.6, **axis: Any) -> None:
    """Names the rows 0, 1, ... of a figure, the first on top."""
    rows = {"tickmode": "array", "tickvals": list(range(len(names))), "ticktext": list(names)}
    look = {"showgrid": False, "zeroline": False, "fixedrange": True, **axis}
    figure.update_yaxes(range=[len(names) - 0.4, -top], **rows, **look)


def filled_bars(name: str, colour: str, x: Sequence[float], text: Sequence[str], **trace: Any) -> go.Bar:
    """Horizontal bars of one colour with their text on them."""
    trace = {"marker": {"color": colour, "line": {"width": 0}}, **trace}
    font = {"color": ink_on(colour), "size": 12}
    text_style = {"textposition": "inside", "insidetextanchor": "middle", "textangle": 0, "textfont": font}
    return go.Bar(orientation="h", name=name, x=x, text=text, **text_style, **trace)


def labelled_bars(x: Sequence[float], colour: str | Sequence[str], text: Sequence[str], **trace: Any) -> go.Bar:
    """Horizontal bars with their text behind them, one a row."""
    outside = {"textposition": "outside", "cliponaxis": False, "showlegend": False}
    marker = {"color": colour, "cornerradius": 3}
    return go.Bar(orientation="h", y=list(range(len(x))), x=x, text=text, width=0.55, marker=marker, **outside, **trace)


def marks(name: str, colour: str, symbol: str, x: Sequence[Any], y: Sequence[Any], **trace: Any) -> go.Scatter:
    """Marks of one colour and symbol."""
    trace = {"mode": "markers", "marker": {"color": colour, "symbol": symbol, "size": 11}, **trace}
    return go.Scatter(x=x, y=y, name=name, **trace)


def line(
    name: str, colour: str, x: Sequence[Any], y: Sequence[Any], hover: str, width: float = 2.5, **trace: Any
) -> go.Scatter:
    """A line of one colour; ``dash`` sets its pattern, a ``mode`` with markers puts a mark at every point."""
    look = {"color": colour, "width": width, "dash": trace.pop("dash", "solid")}
    return go.Scatter(x=x, y=y, name=name, line=look, hovertemplate=hover, **{"mode": "lines", **trace})


def links(ends: Iterable[tuple[int, float, float]]) -> go.Scatter:
    """A line in each row from one value to another, behind the two marks that it joins."""
    ends = list(ends)
    return go.Scatter(
        x=[x for _, start, end in ends for x in (start, end, None)],
        y=[y for row, _, _ in ends for y in (row, row, None)],
        mode="lines",
        line={"color": MUTED, "width": 2},
        opacity=0.6,
        hoverinfo="skip",
        showlegend=False,
    )


def shortened(name: str, most: int) -> str:
    """A name for a row, cut to so many characters, as text that Plotly takes for no tag."""
    return escape(name if len(name) <= most else name[: most - 1] + "…")
