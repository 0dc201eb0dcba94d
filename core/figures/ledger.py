"""Build time and question time on one account: total time against the number of questions."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from core.evaluation.ledger import Account, cheapest
from core.figures.palette import MUTED, arm
from core.figures.units import duration
from core.said import joined, said

_POINTS = 60


def ledger_figure(accounts: Sequence[Account], questions: int) -> go.Figure:
    """A line per arm on two logarithmic axes, and a mark at the number of questions.

    Args:
        accounts: One per arm.
        questions: Where the mark is.
    """
    most = max(10_000, questions * 2)
    ticks = sorted({round(most ** (step / (_POINTS - 1))) for step in range(_POINTS)})
    figure = go.Figure()
    for account in accounts:
        style = arm(account.arm)
        figure.add_trace(
            go.Scatter(
                x=ticks,
                y=[account.total_s(count) for count in ticks],
                name=account.label,
                mode="lines",
                line={"color": style.colour, "width": 2.5},
                hovertemplate=said("<b>%{fullData.name}</b>: %{y:,.1f} s for %{x:,} questions<extra></extra>"),
            )
        )
        figure.add_trace(
            go.Scatter(
                x=[questions],
                y=[account.total_s(questions)],
                mode="markers",
                showlegend=False,
                marker={"color": style.colour, "symbol": style.marker, "size": 11},
                hoverinfo="skip",
            )
        )
    figure.add_vline(x=questions, line={"color": MUTED, "dash": "dot"})
    figure.update_layout(
        height=360,
        margin={"l": 10, "r": 20, "t": 30, "b": 40},
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0},
        dragmode=False,
    )
    figure.update_xaxes(title=said("questions"), type="log", fixedrange=True)
    figure.update_yaxes(title=said("seconds, building included"), type="log", fixedrange=True)
    return figure


def describe_ledger(accounts: Sequence[Account], questions: int) -> str:
    """The account in words."""
    if not accounts:
        return said("Nothing to account for.")
    parts = [joined(" ", (account.label, duration(account.total_s(questions)))) for account in accounts]
    return said(
        "Time for {n:,} question, building included: {arms}. Least: {best}."
        if questions == 1
        else "Time for {n:,} questions, building included: {arms}. Least: {best}.",
        n=questions,
        arms=joined("; ", parts),
        best=cheapest(accounts, questions).label,
    )
