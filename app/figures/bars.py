"""Named amounts as horizontal bars, the first on top, some of them marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import plotly.graph_objects as go

from app.figures.palette import ACCENT, MUTED
from core.messages import joined

_LONGEST = 44


@dataclass(frozen=True)
class Amount:
    """One bar.

    Attributes:
        label: The value as people read it.
    """

    name: str
    value: float
    label: str
    marked: bool = False


def bars_figure(amounts: Sequence[Amount], title: str, log: bool = False) -> go.Figure:
    """The bars.

    Args:
        log: Whether the axis is logarithmic; values have to be above 0 then.
    """
    figure = go.Figure(
        go.Bar(
            orientation="h",
            y=list(range(len(amounts))),
            x=[amount.value for amount in amounts],
            width=0.55,
            marker={"color": [ACCENT if amount.marked else MUTED for amount in amounts], "cornerradius": 3},
            text=[f"{amount.label} ◂" if amount.marked else amount.label for amount in amounts],
            textposition="outside",
            cliponaxis=False,
            customdata=[escape(amount.name) for amount in amounts],
            hovertemplate="<b>%{customdata}</b><br>%{text}<extra></extra>",
        )
    )
    figure.update_layout(
        height=34 * len(amounts) + 80, margin={"l": 10, "r": 80, "t": 10, "b": 40}, dragmode=False, showlegend=False
    )
    figure.update_xaxes(title=title, type="log" if log else "linear", fixedrange=True)
    if log:
        figure.update_xaxes(dtick=1)  # powers of ten: the steps between them are no help
    figure.update_yaxes(
        tickmode="array",
        tickvals=list(range(len(amounts))),
        ticktext=[escape(_short(amount.name)) for amount in amounts],
        range=[len(amounts) - 0.4, -0.6],
        showgrid=False,
        zeroline=False,
        fixedrange=True,
    )
    return figure


def describe_bars(amounts: Sequence[Amount], title: str) -> str:
    """The bars in words."""
    parts = [joined(" ", (amount.name, amount.label)) for amount in amounts]
    return joined("", (title, ": ", joined("; ", parts), "."))


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"
