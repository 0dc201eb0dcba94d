"""The report's one figure as inline SVG: a score of each arm, its interval, and its median time. No script needed."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from core.figures.palette import arm as style_of
from core.figures.units import seconds

_ROW, _LEFT, _WIDTH, _RIGHT = 34, 190, 520, 130


def intervals_svg(methods: Mapping[str, Any], labels: Mapping[str, str], metric: str, name: str) -> str:
    """One line per arm: a dot at the mean, a bar over its interval, the median time to the last token behind it.

    Args:
        methods: See ``core.evaluation.summary.summarise``.
        labels: Arm to its name for people.
        metric: Key of the score, in [0, 1].
        name: Its name for people.
    """
    shown = [arm for arm, scores in methods.items() if metric in scores]
    height = _ROW * len(shown) + 44
    marks = [_mark(row, arm, methods[arm], labels[arm], metric) for row, arm in enumerate(shown)]
    base = height - 34
    ticks = "".join(
        f'<line x1="{_x(v)}" y1="6" x2="{_x(v)}" y2="{base}" stroke="#8884"/>'
        f'<text x="{_x(v)}" y="{base + 16}" text-anchor="middle" font-size="12">{v:.1f}</text>'
        for v in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
    )
    words = "; ".join(f"{labels[arm]} {methods[arm][metric]['mean']:.2f}" for arm in shown)
    return (
        f'<svg role="img" viewBox="0 0 {_LEFT + _WIDTH + _RIGHT} {height}" width="100%" fill="currentColor" '
        f'font-family="system-ui,sans-serif" xmlns="http://www.w3.org/2000/svg">'
        f"<title>{escape(f'{name} of each arm: {words}')}</title>{ticks}{''.join(marks)}"
        f'<text x="{_LEFT + _WIDTH / 2}" y="{height - 2}" text-anchor="middle" font-size="12">{escape(name)}, '
        "95 % interval, median time to the last token</text></svg>"
    )


def _mark(row: int, arm: str, scores: Mapping[str, Any], label: str, metric: str) -> str:
    y, found = _ROW * row + 22, scores[metric]
    colour = style_of(arm.partition(":")[0]).colour
    return (
        f'<text x="{_LEFT - 10}" y="{y + 4}" text-anchor="end" font-size="13">{escape(label)}</text>'
        f'<line x1="{_x(found["lo"])}" y1="{y}" x2="{_x(found["hi"])}" y2="{y}" stroke="{colour}" stroke-width="4" '
        f'stroke-linecap="round" opacity=".5"/><circle cx="{_x(found["mean"])}" cy="{y}" r="6" fill="{colour}"/>'
        f'<text x="{_LEFT + _WIDTH + 14}" y="{y + 4}" font-size="12">{escape(seconds(scores["total_ms"]["median"]))}'
        "</text>"
    )


def _x(value: float) -> float:
    return round(_LEFT + _WIDTH * value, 1)
