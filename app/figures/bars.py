"""Named amounts as horizontal bars, the first on top, some of them marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import plotly.graph_objects as go

from app.figures.layout import finish, labelled_bars, name_rows, shortened
from app.figures.palette import ACCENT, MUTED
from core.messages import joined


@dataclass(frozen=True)
class Amount:
    """One bar."""

    name: str
    value: float
    label: str
    marked: bool = False


def bars_figure(amounts: Sequence[Amount], title: str, log: bool = False) -> go.Figure:
    """The bars.

    Args:
        log: Whether the axis is logarithmic; values have to be above 0 then.
    """
    colours = [ACCENT if amount.marked else MUTED for amount in amounts]
    texts = [f"{amount.label} ◂" if amount.marked else amount.label for amount in amounts]
    full_names = [escape(amount.name) for amount in amounts]
    hover = "<b>%{customdata}</b><br>%{text}<extra></extra>"
    values = [amount.value for amount in amounts]
    figure = go.Figure(labelled_bars(values, colours, texts, customdata=full_names, hovertemplate=hover))
    finish(figure, 34 * len(amounts) + 80, r=80, t=10)
    figure.update_xaxes(title=title, type="log" if log else "linear", dtick=1 if log else None)  # powers of ten
    name_rows(figure, [shortened(amount.name, 44) for amount in amounts])
    return figure


def describe_bars(amounts: Sequence[Amount], title: str) -> str:
    """The bars in words."""
    parts = [joined(" ", (amount.name, amount.label)) for amount in amounts]
    return joined("", (title, ": ", joined("; ", parts), "."))
