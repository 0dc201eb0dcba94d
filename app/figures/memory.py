"""Pictures of a memory: where its router looks, how long the vectors of Z are, and what each choice in it is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from app.figures.palette import MUTED, method_style
from core.messages import joined, message

_MEMORY = method_style("memory").colour
_LONGEST = 42
_ROW_PX = 34
MOST_ROWS = 300
"""Documents beyond which a picture has more rows than a screen has lines for."""
_SCALE = ((0.0, "rgba(168,79,147,0.06)"), (0.5, "rgba(168,79,147,0.55)"), (1.0, "#6d2a5c"))


@dataclass(frozen=True)
class Weight:
    """One bar.

    Attributes:
        weight: Share of the question's attention, in [0, 1].
        null: Whether it is the null slot: "not in memory".
    """

    title: str
    weight: float
    null: bool = False


def routing_figure(weights: Sequence[Weight]) -> go.Figure:
    """Horizontal bars, the heaviest on top."""
    ordered = sorted(weights, key=lambda entry: -entry.weight)
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
            hovertemplate=message("<b>%{customdata}</b><br>weight %{text}<extra></extra>"),
        )
    )
    widest = max([0.01, *(entry.weight for entry in ordered)])
    figure.update_layout(height=_ROW_PX * len(ordered) + 70, margin={"l": 10, "r": 30, "t": 10, "b": 40})
    figure.update_layout(dragmode=False, showlegend=False)
    figure.update_xaxes(title=message("routing weight"), tickformat=".0%", range=[0, widest * 1.15], fixedrange=True)
    _name_rows(figure, [_short(entry.title) for entry in ordered])
    return figure


def describe_routing(weights: Sequence[Weight]) -> str:
    """The bars in words."""
    ordered = sorted(weights, key=lambda entry: -entry.weight)
    return message(
        "Routing weights. {bars}.", bars=joined("; ", (f"{entry.title}: {entry.weight:.1%}" for entry in ordered))
    )


def drawn_rows(documents: int) -> list[int]:
    """Rows to draw: all, or every so many of them."""
    step = max(1, -(-documents // MOST_ROWS))
    return list(range(0, documents, step))


def is_idle(norms: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Which vectors hold next to nothing: those shorter than a quarter of the median."""
    idle: npt.NDArray[np.bool_] = norms < max(1e-3, 0.25 * float(np.median(norms)))
    return idle


def pool_figure(norms: npt.NDArray[np.float32], titles: Sequence[str]) -> go.Figure:
    """A heat map of the pool.

    Args:
        norms: [N, m], the length of every z vector.
    """
    rows = drawn_rows(len(titles))
    figure = go.Figure(
        go.Heatmap(
            z=np.round(norms[rows], 3),
            customdata=[[escape(titles[row])] * norms.shape[1] for row in rows],
            colorscale=_SCALE,
            zmin=0,
            colorbar={"title": {"text": message("length"), "side": "right"}, "thickness": 12},
            hovertemplate=message("<b>%{customdata}</b><br>vector %{x}: length %{z:.2f}<extra></extra>"),
        )
    )
    figure.update_layout(height=420, margin={"l": 10, "r": 10, "t": 10, "b": 40}, dragmode=False)
    figure.update_xaxes(title=message("vector of the document"), fixedrange=True, showgrid=False, zeroline=False)
    figure.update_yaxes(
        title=message("document"),
        fixedrange=True,
        autorange="reversed",
        showgrid=False,
        zeroline=False,
        showticklabels=False,
    )
    return figure


def describe_pool(norms: npt.NDArray[np.float32]) -> str:
    """The picture in words."""
    documents, vectors = norms.shape
    idle = float(is_idle(norms).mean()) if norms.size else 0.0
    return message(
        "Heat map of Z: {documents:,} documents, {vectors} vectors each. Mean length of a vector {length:.2f}; "
        "{idle:.0%} of the vectors hold next to nothing.",
        documents=documents,
        vectors=vectors,
        length=float(norms.mean()),
        idle=idle,
    )


@dataclass(frozen=True)
class Tried:
    """One variant.

    Attributes:
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
            x=[x for variant in variants for x in (variant.shuffled, variant.right, None)],
            y=[y for row in rows for y in (row, row, None)],
            mode="lines",
            line={"color": MUTED, "width": 2},
            hoverinfo="skip",
            showlegend=False,
        )
    )
    style = method_style("memory")
    marks = (
        (message("shuffled z (control)"), MUTED, "x", [variant.shuffled for variant in variants]),
        (message("right z"), style.colour, style.marker, [variant.right for variant in variants]),
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
    figure.update_xaxes(title=message("ROUGE-L of the evidence"), rangemode="tozero", fixedrange=True)
    _name_rows(figure, [variant.name for variant in variants])
    return figure


def describe_ablation(variants: Sequence[Tried]) -> str:
    """The marks in words."""
    parts = [
        message("{name}: {right:.3f} with the right z, {shuffled:.3f} shuffled", **vars(variant))
        for variant in variants
    ]
    return message("ROUGE-L of the evidence. {variants}.", variants=joined("; ", parts))


def _name_rows(figure: go.Figure, names: Sequence[str]) -> None:
    """Names the rows of a figure, the first on top."""
    figure.update_yaxes(
        tickmode="array",
        tickvals=list(range(len(names))),
        ticktext=list(names),
        range=[len(names) - 0.4, -0.6],
        showgrid=False,
        zeroline=False,
        fixedrange=True,
    )


def _short(title: str) -> str:
    cut = title if len(title) <= _LONGEST else title[: _LONGEST - 1] + "…"
    return escape(cut)
