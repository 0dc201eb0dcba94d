"""How long answers took, as counted in buckets."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from app.figures.layout import finish
from app.figures.palette import ACCENT
from core.messages import message


def latency_figure(bounds_ms: Sequence[int], counts: Sequence[int]) -> go.Figure:
    """A bar for each bucket.

    Args:
        counts: Answers in each bucket, and in the one beyond the last bound.
    """
    figure = go.Figure(
        go.Bar(
            x=labels(bounds_ms),
            y=list(counts),
            marker={"color": ACCENT},
            text=[f"{count:,}" if count else "" for count in counts],
            textposition="outside",
            cliponaxis=False,
            hovertemplate=message("%{x}: %{y:,} answers<extra></extra>"),
        )
    )
    finish(figure, 260, r=10, t=24, bargap=0.25)
    figure.update_xaxes(title=message("from question to last token"), type="category")
    step = max(1, -(-max(counts, default=0) // 4))  # whole answers: half of one has never been given
    figure.update_yaxes(title=message("answers"), rangemode="tozero", tickformat=",d", dtick=step)
    return figure


def describe_latency(bounds_ms: Sequence[int], counts: Sequence[int]) -> str:
    """The figure in words."""
    filled = [f"{count:,} {label}" for label, count in zip(labels(bounds_ms), counts, strict=True) if count]
    total, buckets = sum(counts), ", ".join(filled)
    if not filled:
        return message("{n:,} answers by time.", n=total)
    return message(
        "{n:,} answer by time: {buckets}." if total == 1 else "{n:,} answers by time: {buckets}.",
        n=total,
        buckets=buckets,
    )


def labels(bounds_ms: Sequence[int]) -> list[str]:
    """Names of the buckets: "≤ 5 ms" up to "> 10 s"."""
    names = [f"{ms} ms" if ms < 1000 else f"{ms / 1000:g} s" for ms in bounds_ms]
    return [*(f"≤ {name}" for name in names), f"> {names[-1]}"]
