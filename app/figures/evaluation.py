"""Quality, latency and storage of the methods in one picture, and which of them nothing else beats on all three."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from app.figures.layout import finish
from app.figures.palette import MUTED, method_style
from core.messages import joined, message
from core.units import seconds, size

_SMALLEST, _LARGEST = 12.0, 46.0


@dataclass(frozen=True)
class MethodPoint:
    """One method of a run.

    Attributes:
        quality: Mean of the score, in [0, 1].
        ms: Median time to the last token.
        bytes: Bytes on disk for every 1,000 documents.
    """

    name: str
    label: str
    quality: float
    lo: float
    hi: float
    ms: float
    bytes: float
    n: int


def pareto(points: Sequence[MethodPoint]) -> list[str]:
    """Names of the methods that no other method beats: none is at least as good, fast and small, and better in one."""

    def beats(other: MethodPoint, point: MethodPoint) -> bool:
        theirs, ours = ((-p.quality, p.ms, p.bytes) for p in (other, point))
        return theirs != ours and all(a <= b for a, b in zip(theirs, ours, strict=True))

    return [point.name for point in points if not any(beats(other, point) for other in points)]


def pareto_figure(points: Sequence[MethodPoint], metric: str) -> go.Figure:
    """Score against time on a logarithmic axis; the area of a mark grows with what the method keeps on disk."""
    best = pareto(points)
    heaviest = max((point.bytes for point in points), default=0.0) or 1.0
    figure = go.Figure([_mark(point, metric, point.name in best, heaviest) for point in points])
    finish(figure, 420, t=80, hovermode="closest")
    figure.update_layout(legend_itemsizing="constant")
    figure.update_xaxes(
        type="log", title=message("median time to the last token, ms"), tickformat=",d", dtick=_ticks(points)
    )
    figure.update_yaxes(title=metric, rangemode="tozero")
    return figure


def _ticks(points: Sequence[MethodPoint]) -> str:
    """Every digit is named on an axis of less than a decade, else 1, 2 and 5."""
    times = [point.ms for point in points]
    return "D1" if times and max(times) < 10 * min(times) else "D2"


def describe_pareto(points: Sequence[MethodPoint], metric: str) -> str:
    """The figure in words."""
    methods = [
        message(
            "{method}: {metric} {quality:.2f} ({lo:.2f} to {hi:.2f}), {time}, {size}",
            method=p.label,
            metric=metric,
            quality=p.quality,
            lo=p.lo,
            hi=p.hi,
            time=seconds(p.ms),
            size=size(p.bytes),
        )
        for p in points
    ]
    labels = {p.name: p.label for p in points}
    return message(
        "Score against time and storage of each method. {methods}. Beaten by no other method: {best}.",
        methods=joined("; ", methods),
        best=joined(", ", (labels[name] for name in pareto(points))),
    )


def _mark(point: MethodPoint, metric: str, unbeaten: bool, heaviest: float) -> go.Scatter:
    """A method with its interval; ``unbeaten`` when no other beats it."""
    style = method_style(point.name.partition(":")[0])
    return go.Scatter(
        x=[point.ms],
        y=[point.quality],
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [point.hi - point.quality],
            "arrayminus": [point.quality - point.lo],
            "color": MUTED,
            "thickness": 1.5,
            "width": 5,
        },
        mode="markers",
        name=f"<b>{point.label}</b>" if unbeaten else point.label,
        marker={
            "color": style.colour,
            "symbol": style.marker,
            "size": _diameter(point.bytes, heaviest),
            "opacity": 0.9 if unbeaten else 0.6,
            "line": {"width": 2, "color": style.colour},  # an open symbol is nothing but its line
        },
        customdata=[[seconds(point.ms), size(point.bytes), point.lo, point.hi, point.n]],
        hovertemplate=message(
            "%{{fullData.name}}<br>{metric} %{{y:.3f}} (%{{customdata[2]:.3f}} to %{{customdata[3]:.3f}}, "
            "n = %{{customdata[4]}})<br>median %{{customdata[0]}}<br>%{{customdata[1]}} for 1,000 documents"
            "<extra></extra>",
            metric=metric,
        ),
        cliponaxis=False,
    )


def _diameter(amount: float, heaviest: float) -> float:
    """Pixels across: areas compare, and nothing vanishes."""
    return _SMALLEST + (_LARGEST - _SMALLEST) * (amount / heaviest) ** 0.5
