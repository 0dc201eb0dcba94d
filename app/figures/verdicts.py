"""What became of the questions of a run: one bar for each method, cut by verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import plotly.graph_objects as go

from app.figures.palette import ink_on
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
        figure.add_trace(
            go.Bar(
                orientation="h",
                name=joined(" ", (style.symbol, message(style.label))),
                y=list(range(len(methods))),
                x=values,
                width=0.62,
                marker={"color": style.colour, "line": {"width": 0}},
                text=[f"{style.symbol} {n:,}" if n >= _FITS * longest else "" for n in values],
                textposition="inside",
                insidetextanchor="middle",
                textangle=0,
                textfont={"color": ink_on(style.colour), "size": 12},
                customdata=[[method, kind] for method in methods],
                hovertemplate=message("%{x:,} questions: %{fullData.name}<extra></extra>"),
            )
        )
    figure.update_layout(
        barmode="stack",
        height=_ROW_PX * len(methods) + 110,
        margin={"l": 10, "r": 10, "t": 10, "b": 40},
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
        dragmode=False,
        clickmode="event+select",
    )
    figure.update_xaxes(title=message("questions"), fixedrange=True, tickformat=",d")
    figure.update_yaxes(
        tickmode="array",
        tickvals=list(range(len(methods))),
        ticktext=[escape(labels[method]) for method in methods],
        range=[len(methods) - 0.4, -0.6],
        automargin=True,
        showgrid=False,
        zeroline=False,
        fixedrange=True,
    )
    return figure


def describe_verdicts(counts: Mapping[str, Mapping[Kind, int]], labels: Mapping[str, str]) -> str:
    """The bars in words."""
    methods: Sequence[str] = [
        joined("", (labels[method], ": ", joined(", ", (_part(kind, n) for kind, n in parts.items()))))
        for method, parts in counts.items()
    ]
    return message("What became of the questions, by method. {methods}.", methods=joined("; ", methods))


def _part(kind: Kind, n: int) -> str:
    return joined(" ", (f"{n:,}", message(VERDICTS[kind].label)))
