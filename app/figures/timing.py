"""Where the time of each answer went: one row per method, one bar per span, one axis for all.

Bars begin where their span began. A span too short to see is drawn ``MIN_SHARE`` of the axis wide, in front of its
neighbour, and keeps its true number: half a millisecond of retrieval beside four seconds of prefill is what
the chart is there to show.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from app.figures.layout import filled_bars, marks
from app.figures.palette import ALERT, MUTED, span_colour
from core.messages import Message, joined, message
from core.trace import Span, Trace
from core.units import milliseconds, seconds

MIN_SHARE = 0.006
_BAR = 0.34
_ROW_PX = 58
_LINE_PX = 15
_PLOT_PX = 390
"""Width of the chart on a common screen; decides which numbers fit on their bars."""
_CHAR_PX = 6.6
_HEADER = 58
"""Characters per line above a bar."""
_GAP = 4
"""Characters that the gap before a span and its coloured square take up."""
_AXIS_BEYOND = 1.2
"""Length of the axis over the time of the last token, which is written behind the bar."""


@dataclass(frozen=True)
class MethodTiming:
    """One row of the chart.

    Attributes:
        trace: Its spans and totals; medians where it was measured several times.
        repeats: The single measurements behind the medians.
    """

    label: str
    trace: Trace
    repeats: tuple[Trace, ...] = ()


@dataclass(frozen=True)
class Bar:
    """One span as it is drawn.

    Attributes:
        row: Index of its method.
        width: Drawn width, in ms; more than ``span.ms`` where the span is too short to see.
        inside: Text written on the bar; empty when there is no room.
    """

    row: int
    span: Span
    start: float
    width: float
    inside: str


def lay_out(rows: Sequence[MethodTiming]) -> list[Bar]:
    """Places every span of every method on one axis.

    Short spans are widened to ``MIN_SHARE`` of the axis; where several follow each other they are set side by side, so
    a later one may begin a few pixels late. Long spans are never moved.
    """
    axis = _axis_ms(rows)
    smallest = axis * MIN_SHARE
    bars = []
    for row, method in enumerate(rows):
        short_until = 0.0
        for span in method.trace.spans:
            if span.ms >= smallest:
                bars.append(Bar(row, span, span.start_ms, span.ms, _inside(span, axis)))
            else:
                start = max(span.start_ms, short_until)
                short_until = start + smallest
                bars.append(Bar(row, span, start, smallest, ""))
    return bars


def timing_figure(rows: Sequence[MethodTiming]) -> go.Figure:
    """The timing chart."""
    figure = go.Figure()
    bars = lay_out(rows)
    _add_answer_lines(figure, rows)
    _add_bars(figure, bars)
    _add_first_tokens(figure, rows)
    _add_repeats(figure, rows)
    headers = _headers(rows, bars)
    _add_headers(figure, headers)
    lines = max((header.count("<br>") + 1 for header in headers), default=1)
    figure.update_layout(
        barmode="overlay",
        height=(_ROW_PX + _LINE_PX * lines) * len(rows) + 64,
        margin={"l": 6, "r": 16, "t": 4, "b": 40},
        showlegend=False,  # every span has its name and colour on its bar or above it
        hoverlabel={"align": "left"},
        uniformtext={"mode": "hide", "minsize": 10},  # on a narrow screen rather no number than one across its bar
        dragmode=False,
    )
    figure.update_xaxes(
        title=message("ms since the question was asked"),
        tickformat=",d",
        range=[0, _axis_ms(rows) * _AXIS_BEYOND],
        fixedrange=True,
    )
    figure.update_yaxes(
        showticklabels=False, range=[len(rows) - 0.45, -0.65], showgrid=False, zeroline=False, fixedrange=True
    )
    return figure


def describe_timing(rows: Sequence[MethodTiming]) -> str:
    """The chart in words, for people who cannot see it."""
    methods = [
        joined(
            "",
            (
                message(
                    "{method}: first token after {first}, done after {total} ({spans})",
                    method=method.label,
                    first=seconds(method.trace.ttft_ms),
                    total=seconds(method.trace.total_ms),
                    spans=joined(", ", map(_name_and_time, method.trace.spans)),
                ),
                _range(method),
            ),
        )
        for method in rows
    ]
    return message("Timing chart with one row per method. {methods}.", methods=joined(". ", methods))


def _range(method: MethodTiming) -> str:
    """The number of repeated measurements and their range."""
    if not method.repeats:
        return ""
    totals = _totals(method.repeats)
    return message(
        ", medians of {n}, {low} to {high}", n=len(totals), low=seconds(min(totals)), high=seconds(max(totals))
    )


def _name_and_time(span: Span) -> Message:
    """A span with its time."""
    return joined(" ", (message(span.name), milliseconds(span.ms)))


def _axis_ms(rows: Sequence[MethodTiming]) -> float:
    traces = [trace for method in rows for trace in (method.trace, *method.repeats)]
    return max([1.0, *(span.start_ms + span.ms for method in rows for span in method.trace.spans), *_totals(traces)])


def _totals(traces: Iterable[Trace]) -> list[float]:
    return [trace.total_ms for trace in traces]


def _inside(span: Span, axis: float) -> str:
    room = span.ms / (axis * _AXIS_BEYOND) * _PLOT_PX - 10
    text = joined("  ", (message(span.name), milliseconds(span.ms)))
    return text if len(text) * _CHAR_PX <= room else ""


def _add_answer_lines(figure: go.Figure, rows: Sequence[MethodTiming]) -> None:
    """A thin line from the question to the last token, which shows time that no span accounts for."""
    for row, method in enumerate(rows):
        total = method.trace.total_ms
        figure.add_shape(
            type="line", x0=0, x1=total, y0=row, y1=row, line={"color": MUTED, "width": 2, "dash": "dot"}, layer="below"
        )
        figure.add_annotation(
            x=max(_totals([method.trace, *method.repeats])),
            y=row,
            text=f"<b>{seconds(total)}</b>" + (f" <br>n = {len(method.repeats)}" if method.repeats else ""),
            align="left",
            showarrow=False,
            xanchor="left",
            xshift=8,
            font={"size": 13},
        )


def _add_bars(figure: go.Figure, bars: Sequence[Bar]) -> None:
    for is_short in (False, True):  # short bars are added last and so lie in front
        for name in dict.fromkeys(bar.span.name for bar in bars):
            chosen = [bar for bar in bars if bar.span.name == name and (bar.width > bar.span.ms) is is_short]
            if chosen:
                figure.add_trace(_bar_trace(name, chosen))


def _bar_trace(name: str, bars: Sequence[Bar]) -> go.Bar:
    colour = span_colour(name)
    return filled_bars(
        message(name),
        colour,
        [bar.width for bar in bars],
        [bar.inside for bar in bars],
        y=[bar.row for bar in bars],
        base=[bar.start for bar in bars],
        width=_BAR,
        marker={"color": colour, "line": {"width": 0}, "cornerradius": 3},
        constraintext="inside",
        customdata=[[milliseconds(bar.span.ms), milliseconds(bar.span.start_ms)] for bar in bars],
        hovertemplate=message("<b>%{fullData.name}</b>  %{customdata[0]}<br>begins at %{customdata[1]}<extra></extra>"),
    )


def _add_first_tokens(figure: go.Figure, rows: Sequence[MethodTiming]) -> None:
    middle = 0.75 * _axis_ms(rows)  # the name of what lies beyond stands on the left
    figure.add_trace(
        go.Scatter(
            x=[method.trace.ttft_ms for method in rows],
            y=[row + _BAR / 2 + 0.08 for row in range(len(rows))],
            mode="markers+text",
            name=message("first token"),
            text=[joined(" ", (" ", message("first token"), seconds(method.trace.ttft_ms))) for method in rows],
            textposition=["middle right" if method.trace.ttft_ms < middle else "middle left" for method in rows],
            textfont={"size": 12},
            marker={"symbol": "triangle-up", "size": 10, "color": ALERT},
            hovertemplate=message("first token of the answer  %{text}<extra></extra>"),
            cliponaxis=False,
        )
    )


def _add_repeats(figure: go.Figure, rows: Sequence[MethodTiming]) -> None:
    """A mark at the last token of each measurement, to show the spread around the median."""
    ends = [(trace.total_ms, row) for row, method in enumerate(rows) for trace in method.repeats]
    if ends:
        figure.add_trace(
            marks(
                message("one measurement"),
                MUTED,
                "line-ns-open",
                [total for total, _ in ends],
                [row for _, row in ends],
                marker={"symbol": "line-ns-open", "size": 16, "color": MUTED, "line": {"width": 2}},
                hovertemplate=message("last token of one measurement  %{x:,.0f} ms<extra></extra>"),
                cliponaxis=False,
            )
        )


def _headers(rows: Sequence[MethodTiming], bars: Sequence[Bar]) -> list[str]:
    """The line above each bar: the name of its method, and the spans whose text does not fit on the bar."""
    headers: list[str] = []
    for row, method in enumerate(rows):
        parts: list[Message | str] = [f"<b>{method.label}</b>"]
        used = len(method.label)
        for span in (bar.span for bar in bars if bar.row == row and not bar.inside):
            text = _name_and_time(span)
            parts.append("<br>" if used + len(text) + _GAP > _HEADER else "  ")
            used = (0 if parts[-1] == "<br>" else used) + _GAP + len(text)
            parts += [f'<span style="color:{span_colour(span.name)}">■</span> ', text]
        headers.append(joined("", parts))
    return headers


def _add_headers(figure: go.Figure, headers: Sequence[str]) -> None:
    for row, header in enumerate(headers):
        figure.add_annotation(
            x=0,
            y=row - _BAR / 2,
            text=header,
            showarrow=False,
            align="left",
            xanchor="left",
            yanchor="bottom",
            font={"size": 12},
            borderpad=2,
        )
