"""The answers of a run replayed side by side as they came, each with its stopwatch, at full speed or in slow motion."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import streamlit as st

from app.figures.palette import span_colour
from app.i18n import t
from core.methods import registry
from core.methods.base import two_models
from core.methods.comparison import Run

_SCRIPT = Path(__file__).parent / "race.js"


def race(run: Run) -> None:
    """Draws the race; nothing moves before it is started."""
    lanes = lanes_of(run)
    if not lanes:
        st.caption(t("This run was kept without its time stamps: ask again to see the race."))
        return
    st.caption(
        t(
            "Recorded when the methods answered, one after another; played back together, each at its own pace. The "
            "order of finishing is the true one."
        )
    )
    words = {"start": t("Start"), "slow": t("Slow motion"), "full": t("Full screen"), "done": t("done")}
    # Nothing that a document or a model wrote may act as HTML: it travels as base64 and is set as text.
    data = base64.b64encode(json.dumps({"lanes": lanes, "words": words}).encode()).decode()
    script = _SCRIPT.read_text(encoding="utf-8")
    st.html(f'<div class="race" data-race="{data}"></div><script>{script}</script>', unsafe_allow_javascript=True)


def lanes_of(run: Run) -> list[dict[str, Any]]:
    """A lane for each method that has answered: its spans, and what it wrote when, in ms since the question.

    None for a method of two models, which has no place in an order.
    """
    return [
        {
            "name": t(registry.METHODS[name].label),
            "colour": registry.METHODS[name].style.colour,
            "total": answer.trace.total_ms,
            "spans": [[t(s.name), span_colour(s.name), s.start_ms, s.ms] for s in answer.trace.spans],
            "pieces": run.stamps[name],
        }
        for name, answer in run.answers.items()
        if name in run.stamps and two_models(answer.details) is None
    ]
