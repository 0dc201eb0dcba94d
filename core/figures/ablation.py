"""What each choice in a memory is worth: evidence from the right z beside that from a shuffled one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from core.figures.palette import ARMS, MUTED
from core.said import joined, said

_ROW_PX = 34


@dataclass(frozen=True)
class Tried:
    """One variant.

    Attributes:
        name: What is different in it.
        right: ROUGE-L of the evidence from the routed document's own z.
        shuffled: The same with another document's.
    """

    name: str
    right: float
    shuffled: float


def ablation_figure(variants: Sequence[Tried]) -> go.Figure:
    """Two marks for each variant, joined: their distance is what it remembers."""
    rows = list(range(len(variants)))
    figure = go.Figure(
        go.Scatter(
            x=[x for tried in variants for x in (tried.shuffled, tried.right, None)],
            y=[y for row in rows for y in (row, row, None)],
            mode="lines",
            line={"color": MUTED, "width": 2},
            hoverinfo="skip",
            showlegend=False,
        )
    )
    marks = (
        (said("shuffled z (control)"), MUTED, "x", [tried.shuffled for tried in variants]),
        (said("right z"), ARMS["memory"].colour, ARMS["memory"].marker, [tried.right for tried in variants]),
    )
    for name, colour, symbol, values in marks:
        figure.add_trace(
            go.Scatter(
                x=values,
                y=rows,
                mode="markers",
                name=name,
                marker={"size": 11, "color": colour, "symbol": symbol},
                hovertemplate="%{fullData.name}: %{x:.3f}<extra></extra>",
            )
        )
    figure.update_layout(
        height=_ROW_PX * len(variants) + 110,
        margin={"l": 10, "r": 20, "t": 30, "b": 40},
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0},
        dragmode=False,
    )
    figure.update_xaxes(title=said("ROUGE-L of the evidence"), rangemode="tozero", fixedrange=True)
    figure.update_yaxes(
        tickmode="array",
        tickvals=rows,
        ticktext=[tried.name for tried in variants],
        range=[len(variants) - 0.4, -0.6],
        zeroline=False,
        fixedrange=True,
    )
    return figure


def describe_ablation(variants: Sequence[Tried]) -> str:
    """The marks in words."""
    parts = [said("{name}: {right:.3f} with the right z, {shuffled:.3f} shuffled", **vars(tried)) for tried in variants]
    return said("ROUGE-L of the evidence. {variants}.", variants=joined("; ", parts))
