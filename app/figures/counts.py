"""What an answer cost besides time: tokens through the model, and bytes read from disk or memory."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from app.figures.palette import ink_on
from app.figures.timing import MethodTiming
from core.messages import joined, message
from core.units import size

TOKENS = {"prefilled": "#2f6fb2", "from a cache": "#c27a0a", "generated": "#8a90a0"}
_BYTES = "#17967c"
_ROW_PX = 46


def token_counts(method: MethodTiming) -> dict[str, int]:
    """Tokens of one answer by where they came from, in the order in which they are drawn."""
    trace = method.trace
    counts = (trace.prompt_tokens, trace.cached_tokens or 0, trace.generated_tokens)
    return dict(zip(TOKENS, counts, strict=True))


def tokens_figure(rows: Sequence[MethodTiming]) -> go.Figure:
    """Stacked bars: tokens prefilled, taken from a cache, and generated, per method."""
    figure = go.Figure()
    widest = max([1, *(sum(token_counts(method).values()) for method in rows)])
    for kind, colour in TOKENS.items():
        counts = [token_counts(method)[kind] for method in rows]
        figure.add_trace(
            go.Bar(
                orientation="h",
                name=message(kind),
                y=list(range(len(rows))),
                x=counts,
                marker={"color": colour, "line": {"width": 0}},
                text=[f"{count:,}" if count >= 0.07 * widest else "" for count in counts],
                textposition="inside",
                insidetextanchor="middle",
                textangle=0,
                textfont={"color": ink_on(colour), "size": 12},
                hovertemplate=message("%{x:,} tokens %{fullData.name}<extra></extra>"),
            )
        )
    _finish(figure, rows, message("tokens"), widest)
    figure.update_layout(barmode="stack")
    return figure


def bytes_figure(rows: Sequence[MethodTiming]) -> go.Figure:
    """One bar per method: bytes of indexes, caches or memory read for the question."""
    amounts = [method.trace.bytes_touched for method in rows]
    figure = go.Figure(
        go.Bar(
            orientation="h",
            y=list(range(len(rows))),
            x=[amount / 1e6 for amount in amounts],
            width=0.5,
            marker={"color": _BYTES, "line": {"width": 0}},
            text=[size(amount) for amount in amounts],
            textposition="outside",
            cliponaxis=False,
            textfont={"size": 12},
            hovertemplate=message("%{text} read<extra></extra>"),
            showlegend=False,
        )
    )
    _finish(figure, rows, message("MB read"), max([1e-6, *(amount / 1e6 for amount in amounts)]) * 1.2)
    return figure


def describe_counts(rows: Sequence[MethodTiming]) -> str:
    """Tokens and bytes in words, for people who cannot see the charts."""
    methods = []
    for method in rows:
        counts = [
            message("{n:,} token {kind}" if count == 1 else "{n:,} tokens {kind}", n=count, kind=message(kind))
            for kind, count in token_counts(method).items()
        ]
        read = size(method.trace.bytes_touched)
        methods.append(
            message("{method}: {tokens}, {size} read", method=method.label, tokens=joined(", ", counts), size=read)
        )
    return joined("", (joined(". ", methods), "."))


def _finish(figure: go.Figure, rows: Sequence[MethodTiming], title: str, widest: float) -> None:
    figure.update_layout(
        height=_ROW_PX * len(rows) + 96,
        margin={"l": 10, "r": 20, "t": 36, "b": 40},
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
        dragmode=False,
        uniformtext={"mode": "hide", "minsize": 10},
        bargap=0.45,
    )
    figure.update_xaxes(title=title, range=[0, widest * 1.05], fixedrange=True)
    figure.update_yaxes(
        tickmode="array",
        tickvals=list(range(len(rows))),
        ticktext=[method.label for method in rows],
        range=[len(rows) - 0.4, -0.6],
        showgrid=False,
        zeroline=False,
        fixedrange=True,
    )
