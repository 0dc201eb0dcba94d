"""Z as a picture: how long each vector of each document is."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from core.said import said

MOST_ROWS = 300
"""Documents beyond which a picture has more rows than a screen has lines for."""
_SCALE = ((0.0, "rgba(168,79,147,0.06)"), (0.5, "rgba(168,79,147,0.55)"), (1.0, "#6d2a5c"))


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
        titles: Of the N documents.
    """
    rows = drawn_rows(len(titles))
    figure = go.Figure(
        go.Heatmap(
            z=np.round(norms[rows], 3),
            customdata=[[escape(titles[row])] * norms.shape[1] for row in rows],
            colorscale=_SCALE,
            zmin=0,
            colorbar={"title": {"text": said("length"), "side": "right"}, "thickness": 12},
            hovertemplate=said("<b>%{customdata}</b><br>vector %{x}: length %{z:.2f}<extra></extra>"),
        )
    )
    figure.update_layout(height=420, margin={"l": 10, "r": 10, "t": 10, "b": 40}, dragmode=False)
    figure.update_xaxes(title=said("vector of the document"), fixedrange=True, showgrid=False, zeroline=False)
    figure.update_yaxes(
        title=said("document"),
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
    return said(
        "Heat map of Z: {documents:,} documents, {vectors} vectors each. Mean length of a vector {length:.2f}; "
        "{idle:.0%} of the vectors hold next to nothing.",
        documents=documents,
        vectors=vectors,
        length=float(norms.mean()),
        idle=idle,
    )
