"""Figures in this session's language.

Figures are built in English, their words marked with ``core.messages``. ``translated`` replaces these words before a
figure is drawn: titles, names of lines and bars, ticks, labels, annotations and what is
shown on hover. What is not marked stays as it is: text of documents, and names that the page gave in its own language
already. Numbers and units keep their form.
"""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

from app.i18n import language, t
from core.messages import Message

_MARKED = ("name", "x", "y", "text", "hovertemplate")
"""Fields of a trace that may hold marked words."""


def translated(figure: go.Figure) -> go.Figure:
    """The figure, its words replaced by those of this session's language.

    Args:
        figure: A finished figure; it is changed, not copied.
    """
    if language() == "en":
        return figure
    figure.for_each_trace(_trace)
    figure.for_each_annotation(lambda annotation: annotation.update(text=_translated(annotation.text)))
    figure.for_each_xaxis(_axis)
    figure.for_each_yaxis(_axis)
    for menu in (*figure.layout.updatemenus, *figure.layout.sliders):
        for entry in getattr(menu, "buttons", None) or menu.steps:
            entry.label = _translated(entry.label)
    return figure


def _trace(trace: Any) -> None:
    for field in _MARKED:
        text = getattr(trace, field, None)
        translation = _translated(text)
        if translation is not text:
            trace[field] = translation
    colorbar = getattr(trace, "colorbar", None)
    if colorbar and colorbar.title.text:
        colorbar.title.text = _translated(colorbar.title.text)


def _axis(axis: Any) -> None:
    if axis.title.text:
        axis.title.text = _translated(axis.title.text)
    if axis.ticktext is not None:
        axis.ticktext = _translated(axis.ticktext)


def _translated(marked: Any) -> Any:
    """A marked text in the other language; in a list of texts those that are marked; anything else as it is."""
    if isinstance(marked, Message):
        return t(marked)
    if isinstance(marked, (list, tuple)) and any(isinstance(text, Message) for text in marked):
        return [t(text) if isinstance(text, Message) else text for text in marked]
    return marked
