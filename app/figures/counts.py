"""What an answer cost besides time: tokens through the model, and bytes read from disk or memory."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from app.figures.layout import filled_bars, finish, labelled_bars, name_rows
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
        texts = [f"{count:,}" if count >= 0.07 * widest else "" for count in counts]
        hover = message("%{x:,} tokens %{fullData.name}<extra></extra>")
        bars = filled_bars(message(kind), colour, counts, texts, y=list(range(len(rows))), hovertemplate=hover)
        figure.add_trace(bars)
    _finish(figure, rows, message("tokens"), widest)
    figure.update_layout(barmode="stack")
    return figure


def bytes_figure(rows: Sequence[MethodTiming]) -> go.Figure:
    """One bar per method: bytes of indexes, caches or memory read for the question."""
    amounts = [method.trace.bytes_touched for method in rows]
    texts = [size(amount) for amount in amounts]
    hover = message("%{text} read<extra></extra>")
    figure = go.Figure(labelled_bars([amount / 1e6 for amount in amounts], _BYTES, texts, hovertemplate=hover))
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
    fits = {"mode": "hide", "minsize": 10}
    finish(figure, _ROW_PX * len(rows) + 96, uniformtext=fits, bargap=0.45)
    figure.update_xaxes(title=title, range=[0, widest * 1.05])
    name_rows(figure, [method.label for method in rows])
