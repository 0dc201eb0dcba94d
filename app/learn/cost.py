"""Step: what it costs, and when it pays."""

from __future__ import annotations

from contextlib import closing

import streamlit as st

from app import state
from app.i18n import t
from app.learn.base import Tour, read_this
from app.open_methods import describe, opener
from app.views.compare.break_even import ledger_panel
from app.views.compare.columns import heading
from core.methods import registry
from core.methods.comparison import Choices, Run, RunContext, answer_each


def show(tour: Tour) -> None:
    """One measured question, and the account over many."""
    st.markdown(
        t(
            "Caches and memories are built once and asked often. Measure one question, then **move the slider**: over "
            "how many questions does building pay? Never is a possible answer."
        )
    )
    run: Run | None = st.session_state.get("learn_cost")
    if st.button(t("Measure the three"), type="primary", icon=":material/timer:", key="learn-cost"):
        run = _measure(tour)
    if run is None or run.choices.question != tour.question.text or not run.answers:
        st.caption(t("Nothing has been measured for this question yet."))
        return
    ledger_panel(run, tour.ws, "learn_ledger")
    ground = run.ground
    legend = t("Both axes are logarithmic: a line starts at the build and rises with every question.")
    read_this(f"{legend} {_measured_on(ground)}")


def _measured_on(ground: RunContext | None) -> str:
    """What the numbers hold for, and what they leave out, as a sentence."""
    if ground is None:
        return t("n = 1 for each method; disk is not on this chart, and a document that changes has to be built again.")
    return t(
        "n = 1 for each method on {device} in {dtype}; disk is not on this chart, and a document that changes has to "
        "be built again.",
        device=ground.device,
        dtype=ground.dtype,
    )


def _measure(tour: Tour) -> Run:
    settings = state.settings()
    methods = registry.main_methods()
    run = Run(Choices(tour.ws.name, tour.question.text, methods, settings.reader, settings.top_k))
    with st.status(t("Measuring, one after another"), expanded=True) as status:
        with closing(answer_each(run, opener(tour.ws, run.choices), state.models().lock)) as happenings:
            for name, _ in happenings:
                status.update(label=t("{method} answers", method=heading(name)))
        status.update(label=t("The three are measured"), state="complete", expanded=False)
    describe(tour.ws, run)
    st.session_state["learn_cost"] = run
    return run
