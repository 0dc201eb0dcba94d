"""Pictures of a memory: where its router looks, and what each choice in it is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import plotly.graph_objects as go

from app.figures.layout import finish, labelled_bars, links, marks, name_rows, shortened
from app.figures.palette import MUTED, SPARE, method_style
from core.messages import joined, message

_MEMORY = method_style("memory").colour
_ROW_PX = 34
_DASHES = ("solid", "dash", "dot", "dashdot")


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
    colours = [MUTED if entry.null else _MEMORY for entry in ordered]
    titles = [escape(entry.title) for entry in ordered]
    hover = message("<b>%{customdata}</b><br>weight %{text}<extra></extra>")
    shares, texts = [entry.weight for entry in ordered], [f"{entry.weight:.1%}" for entry in ordered]
    figure = go.Figure(labelled_bars(shares, colours, texts, customdata=titles, hovertemplate=hover))
    finish(figure, _ROW_PX * len(ordered) + 70, r=30, t=10)
    figure.update_xaxes(title=message("routing weight"), tickformat=".0%", range=[0, max([0.01, *shares]) * 1.15])
    name_rows(figure, [shortened(entry.title, 42) for entry in ordered])
    return figure


def describe_routing(weights: Sequence[Weight]) -> str:
    """The bars in words."""
    ordered = sorted(weights, key=lambda entry: -entry.weight)
    return message(
        "Routing weights. {bars}.", bars=joined("; ", (f"{entry.title}: {entry.weight:.1%}" for entry in ordered))
    )


@dataclass(frozen=True)
class VariantResult:
    """One variant.

    Attributes:
        right: ROUGE-L of the evidence from the routed document's own z.
        shuffled: The same with another document's.
    """

    name: str
    right: float
    shuffled: float


def ablation_figure(variants: Sequence[VariantResult]) -> go.Figure:
    """Two marks for each variant, joined: their distance is what it remembers."""
    rows = list(range(len(variants)))
    figure = go.Figure(links((row, variants[row].shuffled, variants[row].right) for row in rows))
    style, hover = method_style("memory"), "%{fullData.name}: %{x:.3f}<extra></extra>"
    for name, colour, symbol, values in (
        (message("shuffled z (control)"), MUTED, "x", [variant.shuffled for variant in variants]),
        (message("right z"), style.colour, style.marker, [variant.right for variant in variants]),
    ):
        figure.add_trace(marks(name, colour, symbol, values, rows, hovertemplate=hover))
    finish(figure, _ROW_PX * len(variants) + 110, t=30)
    figure.update_xaxes(title=message("ROUGE-L of the evidence"), rangemode="tozero")
    name_rows(figure, [variant.name for variant in variants])
    return figure


def describe_ablation(variants: Sequence[VariantResult]) -> str:
    """The marks in words."""
    parts = [
        message("{name}: {right:.3f} with the right z, {shuffled:.3f} shuffled", **vars(variant))
        for variant in variants
    ]
    return message("ROUGE-L of the evidence. {variants}.", variants=joined("; ", parts))


@dataclass(frozen=True)
class SizeResult:
    """What a memory of one size says.

    Attributes:
        bytes: Of one document on disk.
        scores: Shares by name: EM, Recall@1, and of the evidence ROUGE-L and what of it is memory.
    """

    bytes: float
    scores: Mapping[str, float]

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> SizeResult:
        """A row of ``core.labs.ablation``."""
        specific = row["rouge_l"] - row["shuffled"]["rouge_l"]
        scores = {"EM": row["em"], "Recall@1": row["recall_at_1"], "ROUGE-L": row["rouge_l"]}
        return cls(row["bytes_per_document"], scores | {message("ROUGE-L, right minus shuffled z"): specific})


def size_figure(sizes: Sequence[SizeResult]) -> go.Figure:
    """Scores over bytes a document, a line each."""
    ordered = sorted(sizes, key=lambda size: size.bytes)
    figure = go.Figure()
    for name, colour, dash in zip(ordered[0].scores, (_MEMORY, *SPARE[:2], MUTED), _DASHES, strict=True):
        figure.add_trace(
            go.Scatter(
                x=[size.bytes for size in ordered],
                y=[size.scores[name] for size in ordered],
                name=name,
                mode="lines+markers",
                line={"color": colour, "dash": dash},
                hovertemplate="%{fullData.name}: %{y:.3f}<br>%{x:,.0f} B<extra></extra>",
            )
        )
    finish(figure, 340, t=30)
    figure.update_xaxes(title=message("bytes of a document"), rangemode="tozero")
    figure.update_yaxes(range=[0, 1])
    return figure


def describe_sizes(sizes: Sequence[SizeResult]) -> str:
    """The lines in words."""
    parts = (
        message(
            "{bytes:,.0f} bytes: {scores}",
            bytes=size.bytes,
            scores=", ".join(f"{name} {score:.3f}" for name, score in size.scores.items()),
        )
        for size in sorted(sizes, key=lambda size: size.bytes)
    )
    return message("Scores by bytes of a document. {sizes}.", sizes=joined("; ", parts))
