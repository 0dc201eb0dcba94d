"""The verdicts of a run: one bar for each method, divided by verdict."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import plotly.graph_objects as go

from app.figures.layout import filled_bars, finish, name_rows
from core.evaluation.verdict import VERDICTS, Kind
from core.messages import joined, message

_ROW_PX = 40
_FITS = 0.04
"""Share of the questions from which on there is room for a number."""


def verdicts_figure(counts: Mapping[str, Mapping[Kind, int]], labels: Mapping[str, str]) -> go.Figure:
    """Stacked bars; a part's ``customdata`` is its method and its verdict."""
    methods = list(counts)
    longest = max([1, *(sum(parts.values()) for parts in counts.values())])
    figure = go.Figure()
    for kind, style in VERDICTS.items():
        values = [counts[method].get(kind, 0) for method in methods]
        if not any(values):
            continue
        texts = [f"{style.symbol} {n:,}" if n >= _FITS * longest else "" for n in values]
        figure.add_trace(
            filled_bars(
                joined(" ", (style.symbol, message(style.label))),
                style.colour,
                values,
                texts,
                y=list(range(len(methods))),
                width=0.62,
                customdata=[[method, kind] for method in methods],
                hovertemplate=message("%{x:,} questions: %{fullData.name}<extra></extra>"),
            )
        )
    finish(figure, _ROW_PX * len(methods) + 110, r=10, t=10, barmode="stack", clickmode="event+select")
    figure.update_xaxes(title=message("questions"), tickformat=",d")
    name_rows(figure, [escape(labels[method]) for method in methods], automargin=True)
    return figure


def describe_verdicts(counts: Mapping[str, Mapping[Kind, int]], labels: Mapping[str, str]) -> str:
    """The bars in words."""
    methods = []
    for method, parts in counts.items():
        named = (joined(" ", (f"{n:,}", message(VERDICTS[kind].label))) for kind, n in parts.items())
        methods.append(joined("", (labels[method], ": ", joined(", ", named))))
    return message("What became of the questions, by method. {methods}.", methods=joined("; ", methods))
