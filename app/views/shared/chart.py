"""Figures as pages draw them: in this session's language, with their words for those who cannot see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from app.i18n import t
from app.i18n.figures import translated

STATIC: Mapping[str, Any] = {"displayModeBar": False}
"""A figure that is only looked at, and hovered over."""


def chart(figure: go.Figure, *, key: str, alt: str) -> None:
    """Draws a figure that is looked at.

    Args:
        alt: The figure in words; a text that core has marked is said in this session's language.
    """
    st.plotly_chart(translated(figure), key=key, config=dict(STATIC), alt=t(alt))


def selectable(figure: go.Figure, *, key: str, alt: str, config: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Draws a figure whose points can be selected; see ``chart``.

    Returns:
        The points that are, with their ``customdata``; a selection runs the page again.
    """
    event: Any = st.plotly_chart(translated(figure), key=key, config=dict(config), alt=t(alt), on_select="rerun")
    points: Sequence[Mapping[str, Any]] = event["selection"]["points"] if event else ()
    return points
