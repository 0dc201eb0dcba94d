"""A training as it goes: the loss on what is studied, and beside it what counts, the held-out questions.

The two never share an axis: a falling loss says that the model fits what it sees, and only the held-out curve against
its control says that it remembers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from app.figures.layout import finish, line
from app.figures.palette import MUTED, method_style
from core.messages import message

_MEMORY = method_style("memory").colour
_SMOOTHING = 0.9
_STYLES = (("solid", "diamond"), ("dash", "circle"), ("dashdot", "square"))


@dataclass(frozen=True)
class Curve:
    """One measured line.

    Attributes:
        control: Whether it is a control, drawn muted and dashed.
    """

    name: str
    steps: tuple[float, ...]
    values: tuple[float, ...]
    control: bool = False


def curve(history: Sequence[Mapping[str, Any]], key: str, name: str, control: bool = False, at: str = "step") -> Curve:
    """The curve of one figure in a job's history.

    Args:
        history: ``data`` of a job's steps; those without ``key`` are left out.
        at: Which figure counts the steps; without it they are numbered.
    """
    points = [(float(data.get(at, number)), float(data[key])) for number, data in enumerate(history) if key in data]
    return Curve(name, tuple(step for step, _ in points), tuple(value for _, value in points), control)


def smooth(values: Sequence[float]) -> list[float]:
    """Exponential moving average, corrected for its start (Kingma and Ba, 2015, section 3)."""
    smoothed, mean = [], 0.0
    for count, value in enumerate(values, start=1):
        mean = _SMOOTHING * mean + (1 - _SMOOTHING) * value
        smoothed.append(mean / (1 - _SMOOTHING**count))
    return smoothed


def training_figure(loss: Curve, held_out: Sequence[Curve] = (), title: str = "") -> go.Figure:
    """Loss on the left, held-out scores with their controls on the right (left out until there are any).

    Args:
        title: What the loss is of, where it is not what is studied.
    """
    scores = [score for score in held_out if score.values]
    titles = [title or message("Loss on what is studied"), *([message("Held-out questions")] if scores else [])]
    figure = make_subplots(rows=1, cols=len(titles), subplot_titles=titles, horizontal_spacing=0.1)
    figure.add_trace(
        go.Scatter(
            x=loss.steps,
            y=loss.values,
            mode="lines",
            line={"color": MUTED, "width": 1},
            opacity=0.45,
            showlegend=False,
            hoverinfo="skip",
        ),
        row=1,
        col=1,
    )
    hover = message("step %{x}: %{y:.3f}<extra></extra>")
    smoothed = line(loss.name, _MEMORY, loss.steps, smooth(loss.values), hover, showlegend=False)
    figure.add_trace(smoothed, row=1, col=1)
    measured = [score for score in scores if not score.control]
    for score in scores:
        figure.add_trace(_score(score, measured.index(score) if score in measured else 0), row=1, col=2)
    figure.update_xaxes(title=message("step"), rangemode="tozero")
    figure.update_yaxes(rangemode="tozero")
    if scores:
        figure.update_yaxes(tickformat=".0%", row=1, col=2)
    below = {"orientation": "h", "y": -0.36, "yanchor": "top", "x": 1, "xanchor": "right"}
    finish(figure, 330 if scores else 300, r=10, t=40, b=70 if scores else 40, legend=below)
    return figure


def _score(score: Curve, number: int) -> go.Scatter:
    """A line of scores; those that are no control differ by dash and symbol, in the order of ``number``."""
    colour = MUTED if score.control else _MEMORY
    dash, symbol = ("dot", "x") if score.control else _STYLES[number % len(_STYLES)]
    hover = message("%{fullData.name} at step %{x}: %{y:.1%}<extra></extra>")
    marker = {"size": 7, "symbol": symbol}
    more: dict[str, Any] = {"width": 2, "dash": dash, "mode": "lines+markers", "marker": marker}
    return line(score.name, colour, score.steps, score.values, hover, **more)
