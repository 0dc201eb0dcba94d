"""Where the model's own router looks: the weights of the documents that a question wakes, and of the null slot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import plotly.graph_objects as go

from core.figures.palette import ARMS, MUTED
from core.said import joined, said

_MEMORY = ARMS["memory"].colour
_LONGEST = 42


@dataclass(frozen=True)
class Weight:
    """One bar.

    Attributes:
        title: The document.
        weight: Share of the question's attention, in [0, 1].
        null: Whether it is the null slot: "not in memory".
    """

    title: str
    weight: float
    null: bool = False


def routing_figure(weights: Sequence[Weight]) -> go.Figure:
    """Horizontal bars, the heaviest on top.

    Args:
        weights: Documents by falling weight.
    """
    ordered = sorted(weights, key=lambda entry: -entry.weight)
    names = [_short(entry.title) for entry in ordered]
    figure = go.Figure(
        go.Bar(
            orientation="h",
            y=list(range(len(ordered))),
            x=[entry.weight for entry in ordered],
            width=0.55,
            marker={"color": [MUTED if entry.null else _MEMORY for entry in ordered], "cornerradius": 3},
            text=[f"{entry.weight:.1%}" for entry in ordered],
            textposition="outside",
            cliponaxis=False,
            customdata=[escape(entry.title) for entry in ordered],
            hovertemplate=said("<b>%{customdata}</b><br>weight %{text}<extra></extra>"),
        )
    )
    widest = max([0.01, *(entry.weight for entry in ordered)])
    figure.update_layout(
        height=34 * len(ordered) + 70, margin={"l": 10, "r": 30, "t": 10, "b": 40}, dragmode=False, showlegend=False
    )
    figure.update_xaxes(title=said("routing weight"), tickformat=".0%", range=[0, widest * 1.15], fixedrange=True)
    figure.update_yaxes(
        tickmode="array",
        tickvals=list(range(len(ordered))),
        ticktext=names,
        range=[len(ordered) - 0.4, -0.6],
        showgrid=False,
        zeroline=False,
        fixedrange=True,
    )
    return figure


def describe_routing(weights: Sequence[Weight]) -> str:
    """The bars in words."""
    ordered = sorted(weights, key=lambda entry: -entry.weight)
    return said(
        "Routing weights. {bars}.", bars=joined("; ", (f"{entry.title}: {entry.weight:.1%}" for entry in ordered))
    )


def _short(title: str) -> str:
    cut = title if len(title) <= _LONGEST else title[: _LONGEST - 1] + "…"
    return escape(cut)
