"""Repeated measurements: every one a mark, the median a bar across, one row per arm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import plotly.graph_objects as go

from core.evaluation.repeats import spread
from core.figures.palette import arm
from core.figures.units import seconds
from core.said import joined, said

_ROW_PX = 56


@dataclass(frozen=True)
class Repeats:
    """One row.

    Attributes:
        arm: Name of the arm.
        label: Its name for people.
        first_ms: Time to the first token, one value per measurement.
        total_ms: Time to the last token, likewise.
    """

    arm: str
    label: str
    first_ms: tuple[float, ...]
    total_ms: tuple[float, ...]


def spread_figure(rows: Sequence[Repeats]) -> go.Figure:
    """Open marks for first tokens, filled ones for last tokens.

    Args:
        rows: Arms in the order in which they are shown, the first on top.
    """
    figure = go.Figure()
    for number, row in enumerate(rows):
        style = arm(row.arm)
        for values, offset, symbol, what in (
            (row.first_ms, -0.17, f"{style.marker}-open", said("first token")),
            (row.total_ms, 0.17, style.marker, said("last token")),
        ):
            median = spread(values).median
            figure.add_trace(
                go.Scatter(
                    x=list(values),
                    y=[number + offset] * len(values),
                    mode="markers",
                    marker={"symbol": symbol, "color": style.colour, "size": 9, "opacity": 0.75},
                    showlegend=False,
                    hovertemplate=joined(
                        "", ("<b>", escape(row.label), "</b><br>", what, " %{x:,.0f} ms<extra></extra>")
                    ),
                )
            )
            figure.add_shape(
                type="line",
                x0=median,
                x1=median,
                y0=number + offset - 0.15,
                y1=number + offset + 0.15,
                line={"color": style.colour, "width": 3},
            )
            figure.add_annotation(
                x=max(values),
                y=number + offset,
                text=joined(" ", (what, seconds(median))),
                showarrow=False,
                xanchor="left",
                xshift=10,
            )
    widest = max([1.0, *(value for row in rows for value in row.total_ms)])
    figure.update_layout(height=_ROW_PX * len(rows) + 90, margin={"l": 10, "r": 20, "t": 10, "b": 40}, dragmode=False)
    figure.update_xaxes(
        title=said("ms since the question was asked"), range=[0, widest * 1.25], tickformat=",d", fixedrange=True
    )
    figure.update_yaxes(
        tickmode="array",
        tickvals=list(range(len(rows))),
        ticktext=[f"<b>{escape(row.label)}</b>" for row in rows],
        range=[len(rows) - 0.4, -0.6],
        automargin=True,
        showgrid=False,
        zeroline=False,
        fixedrange=True,
    )
    return figure


def describe_spread(rows: Sequence[Repeats]) -> str:
    """The chart in words."""
    parts = []
    for row in rows:
        first, total = spread(row.first_ms), spread(row.total_ms)
        parts.append(
            said(
                "{arm}, n = {n}: first token {first} ({first_low} to {first_high}), last token {last} ({last_low} to "
                "{last_high})",
                arm=row.label,
                n=total.n,
                first=seconds(first.median),
                first_low=seconds(first.low),
                first_high=seconds(first.high),
                last=seconds(total.median),
                last_low=seconds(total.low),
                last_high=seconds(total.high),
            )
        )
    return said("Medians of repeated measurements, smallest to largest in brackets. {arms}.", arms=joined("; ", parts))
