"""Build time and question time on one account: total time against the number of questions."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from app.figures.layout import finish, line, marks
from app.figures.palette import MUTED, method_style
from core.cost import Account, cheapest
from core.messages import joined, message
from core.units import duration

_POINTS = 60


def ledger_figure(accounts: Sequence[Account], questions: int) -> go.Figure:
    """A line per method on two logarithmic axes, and a mark at the number of questions."""
    most = max(10_000, questions * 2)
    ticks = sorted({round(most ** (step / (_POINTS - 1))) for step in range(_POINTS)})
    figure = go.Figure()
    for account in accounts:
        style = method_style(account.method)
        hover = message("<b>%{fullData.name}</b>: %{y:,.1f} s for %{x:,} questions<extra></extra>")
        seconds = [account.total_s(count) for count in ticks]
        figure.add_trace(line(account.label, style.colour, ticks, seconds, hover))
        total = [account.total_s(questions)]
        mark = marks("", style.colour, style.marker, [questions], total, showlegend=False, hoverinfo="skip")
        figure.add_trace(mark)
    figure.add_vline(x=questions, line={"color": MUTED, "dash": "dot"})
    finish(figure, 360, t=30)
    figure.update_xaxes(title=message("questions"), type="log", dtick=1, tickformat=",d")
    figure.update_yaxes(title=message("seconds, building included"), type="log", dtick=1, tickformat=",d")
    return figure


def describe_ledger(accounts: Sequence[Account], questions: int) -> str:
    """The account in words."""
    if not accounts:
        return message("Nothing to account for.")
    parts = [joined(" ", (account.label, duration(account.total_s(questions)))) for account in accounts]
    return message(
        "Time for {n:,} question, building included: {methods}. Least: {best}."
        if questions == 1
        else "Time for {n:,} questions, building included: {methods}. Least: {best}.",
        n=questions,
        methods=joined("; ", parts),
        best=cheapest(accounts, questions).label,
    )
