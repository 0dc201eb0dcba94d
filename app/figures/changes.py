"""A race after a change: one row per method, one bar per stage of its work, and a mark where it first knew.

Every text comes from the caller, already translated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from app.figures.layout import filled_bars, finish, marks, name_rows
from app.figures.palette import ACCENT, ALERT, span_colour
from core.units import seconds

MIN_SHARE = 0.005
"""Share of the axis below which a stage is drawn wider than it was."""
STAGES = {
    "embed": "#63b3e4",
    "write": "#8a90a0",
    "index": "#17967c",
    "assign": "#6a8f2c",
    "check": "#b0682f",
    "prefill": "#2f6fb2",
    "open": "#5b6bbf",
    "first z": "#7d6bc4",
    "forget": "#7d6bc4",
    "adapt": "#a84f93",
    "ask": "#c27a0a",
}
_BAR = 0.44
_ROW_PX = 78
_AXIS_BEYOND = 1.28


@dataclass(frozen=True)
class Lap:
    """One stage as it is shown.

    Attributes:
        name: Its name in core, which decides its colour.
        start_ms: When it began, in ms from the change.
    """

    name: str
    label: str
    start_ms: float
    ms: float


@dataclass(frozen=True)
class RaceRow:
    """One method.

    Attributes:
        known_ms: When it first answered right; None where it did not, or not yet.
    """

    label: str
    laps: tuple[Lap, ...]
    note: str
    known_ms: float | None = None
    ended: bool = False

    @property
    def end_ms(self) -> float:
        """How far it has come."""
        return self.laps[-1].start_ms + self.laps[-1].ms if self.laps else 0.0


def race_figure(rows: Sequence[RaceRow], axis: str, known: str, not_reached: str) -> go.Figure:
    """The chart."""
    figure, longest = go.Figure(), max([1.0, *(row.end_ms for row in rows)])
    for name in dict.fromkeys(lap.name for row in rows for lap in row.laps):
        figure.add_trace(_stage(name, rows, longest))
    right = [(row.known_ms, number) for number, row in enumerate(rows) if row.known_ms is not None]
    never = [(row.end_ms, number) for number, row in enumerate(rows) if row.ended and row.known_ms is None]
    figure.add_trace(_stars(right, known, "star", ACCENT))
    if never:
        figure.add_trace(_stars(never, not_reached, "x", ALERT))
    for number, row in enumerate(rows):
        figure.add_annotation(
            x=row.end_ms / 1000, y=number, text=f"<b>{row.note}</b>", showarrow=False, xanchor="left", xshift=14
        )
    _frame(figure, rows, axis, longest)
    return figure


def describe_race(rows: Sequence[RaceRow]) -> str:
    """The chart in words: each method, its outcome, and its stages."""
    lines = [f"{row.label}: {', '.join([row.note, *_sums(row)])}" for row in rows]
    return "; ".join(lines) + "."


def _sums(row: RaceRow) -> list[str]:
    sums: dict[str, float] = {}
    for lap in row.laps:
        sums[lap.label] = sums.get(lap.label, 0.0) + lap.ms
    return [f"{label} {seconds(ms)}" for label, ms in sums.items()]


def _stage(name: str, rows: Sequence[RaceRow], longest: float) -> go.Bar:
    laps = [(number, lap) for number, row in enumerate(rows) for lap in row.laps if lap.name == name]
    colour = STAGES.get(name) or span_colour(name)
    return filled_bars(
        laps[0][1].label,
        colour,
        [max(lap.ms, longest * MIN_SHARE) / 1000 for _, lap in laps],
        [seconds(lap.ms) if lap.ms > 0.09 * longest else "" for _, lap in laps],
        y=[number for number, _ in laps],
        base=[lap.start_ms / 1000 for _, lap in laps],
        width=_BAR,
        customdata=[seconds(lap.ms) for _, lap in laps],
        hovertemplate="<b>%{fullData.name}</b>  %{customdata}<extra></extra>",
    )


def _stars(points: Sequence[tuple[float, int]], name: str, symbol: str, colour: str) -> go.Scatter:
    return marks(
        name,
        colour,
        symbol,
        [ms / 1000 for ms, _ in points],
        [row - _BAR / 2 - 0.1 for _, row in points],
        customdata=[seconds(ms) for ms, _ in points],
        hovertemplate="<b>%{fullData.name}</b>  %{customdata}<extra></extra>",
        cliponaxis=False,
    )


def _frame(figure: go.Figure, rows: Sequence[RaceRow], axis: str, longest: float) -> None:
    fits = {"mode": "hide", "minsize": 10}
    finish(figure, _ROW_PX * len(rows) + 120, t=56, barmode="overlay", uniformtext=fits)
    figure.update_xaxes(title=axis, range=[0, longest / 1000 * _AXIS_BEYOND])
    name_rows(figure, [f"<b>{row.label}</b>" for row in rows], top=0.7)
