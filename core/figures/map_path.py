"""The way of a question over the map, one stage after another: question, border margin, cells opened, passages.

The figure shows the whole way at rest. Its frames take it back to the question alone and add a stage at a time; a
button plays them, and a slider beneath names the stage and goes to any of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from core.figures.palette import ACCENT, MUTED
from core.said import said
from core.voronoi.projection import Points

MARGIN, FOUND = "margin", "found"
"""Names of the traces: from the question to the nearest border, and to the passages that are read."""
STAGES = ("question", "margin to the border", "cells opened", "passages")
_STAGE_MS = 1100


def to_border(point: Points, own: int, rival: int, centres: Points) -> Points:
    """Where the way from a point to another cell leaves the tile of its own.

    In the space the rival is the cell behind the nearest border; in the plane another tile may lie in between.

    Args:
        point: [2], in the tile of ``own``.
        own: The cell of the point.
        rival: The cell that the way leads to.
        centres: [k, 2].
    """
    way = centres[rival] - point
    across = centres - centres[own]
    speed = across @ way
    left = (((centres[own] + centres) / 2 - point) * across).sum(axis=1)
    crossed = speed > 0
    share = float((left[crossed] / speed[crossed]).min()) if crossed.any() else 0.0
    return point + way * max(0.0, share)


def add_margin(figure: go.Figure, point: Points, border: Points) -> None:
    """A dashed line from the question to the border that it is nearest to."""
    ends = [[float(end[0]), float(end[1])] for end in (point, border)]
    figure.add_trace(
        go.Scatter(
            x=[x for x, _ in ends],
            y=[y for _, y in ends],
            mode="lines",
            name=MARGIN,
            line={"color": ACCENT, "width": 2.4, "dash": "dot"},
            hoverinfo="skip",
        )
    )


def add_found(figure: go.Figure, point: Points, passages: Points) -> None:
    """Spokes from the question to the passages [n, 2] that are nearest to it in the opened cells."""
    x: list[float | None] = []
    y: list[float | None] = []
    for passage in passages:
        x += [float(point[0]), float(passage[0]), None]
        y += [float(point[1]), float(passage[1]), None]
    figure.add_trace(
        go.Scatter(x=x, y=y, mode="lines", name=FOUND, line={"color": ACCENT, "width": 1.6}, hoverinfo="skip")
    )


def animate(figure: go.Figure, stages: Sequence[Sequence[int]]) -> None:
    """Adds the frames, the button that plays them and the slider that names them.

    Args:
        figure: The whole way at rest.
        stages: Numbers of the traces that each of ``STAGES`` adds to the one before.
    """
    moving = [number for stage in stages for number in stage]
    figure.frames = [
        go.Frame(
            name=str(at),
            traces=moving,
            data=[_trace(figure.data[number], number in seen) for number in moving],
        )
        for at in range(len(STAGES))
        for seen in [{number for stage in stages[: at + 1] for number in stage}]
    ]
    names = [frame.name for frame in figure.frames]
    still = {"mode": "immediate", "transition": {"duration": 0}}
    figure.update_layout(
        updatemenus=[
            {
                "type": "buttons",
                "x": 0.01,
                "y": 0.0,
                "xanchor": "left",
                "yanchor": "bottom",
                "showactive": False,
                "bgcolor": "rgba(138, 144, 160, 0.25)",
                "bordercolor": MUTED,
                "buttons": [
                    {
                        "label": said("▶ Play the path"),
                        "method": "animate",
                        "args": [names, {**still, "frame": {"duration": _STAGE_MS, "redraw": True}}],
                    }
                ],
            }
        ],
        sliders=[
            {
                "active": len(STAGES) - 1,
                "x": 0.16,
                "len": 0.6,
                "y": 0.0,
                "yanchor": "bottom",
                "pad": {"b": 4, "t": 0},
                "currentvalue": {"visible": False},
                "tickcolor": MUTED,
                "activebgcolor": ACCENT,
                "steps": [
                    {
                        "label": said(stage),
                        "method": "animate",
                        "args": [[name], {**still, "frame": {"duration": 0, "redraw": True}}],
                    }
                    for name, stage in zip(names, STAGES, strict=True)
                ],
            }
        ],
    )


def _trace(trace: go.Scatter | go.Scattergl, shown: bool) -> go.Scatter | go.Scattergl:
    """A trace as it is, or with nothing in it."""
    return type(trace)(x=trace.x if shown else [], y=trace.y if shown else [])
