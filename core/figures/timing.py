"""Where the time of each answer went: one row per arm, one bar per span, one axis for all.

Bars begin where their span began. A span too short to see is drawn ``MIN_SHARE`` of the axis wide, in front of its
neighbour, and keeps its true number: half a millisecond of retrieval beside four seconds of prefill is the point of
the chart, not a rounding error.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from core.figures.palette import ALERT, MUTED, ink_on, span_colour
from core.figures.units import milliseconds, seconds
from core.said import Said, joined, said
from core.trace import Span, Trace

MIN_SHARE = 0.006
_BAR = 0.36
_ROW_PX = 84
_PLOT_PX = 820
_CHAR_PX = 6.6


@dataclass(frozen=True)
class ArmTiming:
    """One row of the chart.

    Attributes:
        label: Name of the arm, for people.
        trace: Its spans and totals.
    """

    label: str
    trace: Trace


@dataclass(frozen=True)
class Bar:
    """One span as it is drawn.

    Attributes:
        row: Index of its arm.
        span: What was measured.
        start: Left edge on the axis, in ms.
        width: Drawn width, in ms; more than ``span.ms`` where the span is too short to see.
        inside: Text written on the bar; empty when there is no room.
    """

    row: int
    span: Span
    start: float
    width: float
    inside: str


def lay_out(rows: Sequence[ArmTiming]) -> list[Bar]:
    """Places every span of every arm on one axis.

    Short spans are widened to ``MIN_SHARE`` of the axis; where several follow each other they are set side by side, so
    a later one may begin a few pixels late. Long spans are never moved.
    """
    axis = _axis_ms(rows)
    smallest = axis * MIN_SHARE
    bars = []
    for row, arm in enumerate(rows):
        short_until = 0.0
        for span in arm.trace.spans:
            if span.ms >= smallest:
                bars.append(Bar(row, span, span.start_ms, span.ms, _inside(span, axis)))
            else:
                start = max(span.start_ms, short_until)
                short_until = start + smallest
                bars.append(Bar(row, span, start, smallest, ""))
    return bars


def timing_figure(rows: Sequence[ArmTiming]) -> go.Figure:
    """The timing chart.

    Args:
        rows: Arms in the order in which they are shown, the first on top.
    """
    figure = go.Figure()
    bars = lay_out(rows)
    _add_ground(figure, rows)
    _add_bars(figure, bars)
    _add_first_tokens(figure, rows)
    _annotate_short_spans(figure, bars, len(rows), _axis_ms(rows))
    figure.update_layout(
        barmode="overlay",
        height=_ROW_PX * len(rows) + 110,
        margin={"l": 10, "r": 20, "t": 46, "b": 40},
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
        hoverlabel={"align": "left"},
        uniformtext={"mode": "hide", "minsize": 10},  # on a narrow screen rather no number than one across its bar
        dragmode=False,
    )
    figure.update_xaxes(
        title=said("ms since the question was asked"),
        tickformat=",d",
        range=[0, _axis_ms(rows) * 1.12],
        fixedrange=True,
    )
    figure.update_yaxes(
        tickmode="array",
        tickvals=list(range(len(rows))),
        ticktext=[f"<b>{arm.label}</b>" for arm in rows],
        range=[len(rows) - 0.4, -0.6],
        showgrid=False,
        zeroline=False,
        fixedrange=True,
    )
    return figure


def describe_timing(rows: Sequence[ArmTiming]) -> str:
    """The chart in words, for people who cannot see it."""
    arms = [
        said(
            "{arm}: first token after {first}, done after {total} ({spans})",
            arm=arm.label,
            first=seconds(arm.trace.ttft_ms),
            total=seconds(arm.trace.total_ms),
            spans=joined(", ", map(_timed, arm.trace.spans)),
        )
        for arm in rows
    ]
    return said("Timing chart with one row per arm. {arms}.", arms=joined(". ", arms))


def _timed(span: Span) -> Said:
    """A span with its time."""
    return joined(" ", (said(span.name), milliseconds(span.ms)))


def _axis_ms(rows: Sequence[ArmTiming]) -> float:
    ends = [span.start_ms + span.ms for arm in rows for span in arm.trace.spans]
    return max([1.0, *ends, *(arm.trace.total_ms for arm in rows)])


def _inside(span: Span, axis: float) -> str:
    room = span.ms / (axis * 1.12) * _PLOT_PX - 10
    for text in (joined("  ", (said(span.name), milliseconds(span.ms))), milliseconds(span.ms)):
        if len(text) * _CHAR_PX <= room:
            return text
    return ""


def _add_ground(figure: go.Figure, rows: Sequence[ArmTiming]) -> None:
    """A thin line from the question to the last token: what no span accounts for stays visible, too."""
    for row, arm in enumerate(rows):
        total = arm.trace.total_ms
        figure.add_shape(
            type="line", x0=0, x1=total, y0=row, y1=row, line={"color": MUTED, "width": 2, "dash": "dot"}, layer="below"
        )
        figure.add_annotation(
            x=total,
            y=row,
            text=f"<b>{seconds(total)}</b>",
            showarrow=False,
            xanchor="left",
            xshift=8,
            font={"size": 13},
        )


def _add_bars(figure: go.Figure, bars: Sequence[Bar]) -> None:
    names = list(dict.fromkeys(bar.span.name for bar in bars))
    for is_short in (False, True):  # short bars are added last and so lie in front
        for rank, name in enumerate(names):
            chosen = [bar for bar in bars if bar.span.name == name and (bar.width > bar.span.ms) is is_short]
            if not chosen:
                continue
            long_too = any(bar.span.name == name and bar.width <= bar.span.ms for bar in bars)
            figure.add_trace(_bar_trace(name, chosen, show_in_legend=not (is_short and long_too), rank=rank))


def _bar_trace(name: str, bars: Sequence[Bar], show_in_legend: bool, rank: int) -> go.Bar:
    colour = span_colour(name)
    return go.Bar(
        orientation="h",
        name=said(name),
        legendgroup=name,
        legendrank=rank,
        showlegend=show_in_legend,
        y=[bar.row for bar in bars],
        base=[bar.start for bar in bars],
        x=[bar.width for bar in bars],
        width=_BAR,
        marker={"color": colour, "line": {"width": 0}, "cornerradius": 3},
        text=[bar.inside for bar in bars],
        textposition="inside",
        insidetextanchor="middle",
        constraintext="inside",
        textangle=0,
        textfont={"color": ink_on(colour), "size": 12},
        customdata=[[milliseconds(bar.span.ms), milliseconds(bar.span.start_ms)] for bar in bars],
        hovertemplate=said("<b>%{fullData.name}</b>  %{customdata[0]}<br>begins at %{customdata[1]}<extra></extra>"),
    )


def _add_first_tokens(figure: go.Figure, rows: Sequence[ArmTiming]) -> None:
    figure.add_trace(
        go.Scatter(
            x=[arm.trace.ttft_ms for arm in rows],
            y=[row + _BAR / 2 + 0.08 for row in range(len(rows))],
            mode="markers+text",
            name=said("first token"),
            text=[joined(" ", (" ", said("first token"), seconds(arm.trace.ttft_ms))) for arm in rows],
            textposition=["middle right" if _left_half(arm, rows) else "middle left" for arm in rows],
            textfont={"size": 12},
            marker={"symbol": "triangle-up", "size": 10, "color": ALERT},
            hovertemplate=said("first token of the answer  %{text}<extra></extra>"),
            cliponaxis=False,
            legendrank=999,
        )
    )


def _left_half(arm: ArmTiming, rows: Sequence[ArmTiming]) -> bool:
    return arm.trace.ttft_ms < 0.75 * _axis_ms(rows)


def _annotate_short_spans(figure: go.Figure, bars: Sequence[Bar], row_count: int, axis: float) -> None:
    """Writes what does not fit on its bar above it, neighbours joined in one label."""
    for row in range(row_count):
        for group in _runs_without_text([bar for bar in bars if bar.row == row], axis):
            on_the_left = group[0].start < 0.7 * axis
            figure.add_annotation(
                x=group[0].start if on_the_left else group[-1].start + group[-1].width,
                y=row - _BAR / 2,
                yanchor="bottom",
                xanchor="left" if on_the_left else "right",
                text=joined(" · ", (_timed(bar.span) for bar in group)),
                showarrow=False,
                font={"size": 12},
                borderpad=1,
            )


def _runs_without_text(bars: Sequence[Bar], axis: float) -> Iterator[list[Bar]]:
    """Groups of bars without text on them whose labels would overlap if each had its own."""
    group: list[Bar] = []
    for bar in bars:
        if bar.inside:
            continue
        label_ms = sum(len(b.span.name) + 10 for b in group) * _CHAR_PX / _PLOT_PX * axis * 1.12
        if group and bar.start > group[0].start + label_ms:
            yield group
            group = []
        group.append(bar)
    if group:
        yield group
