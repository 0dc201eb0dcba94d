"""Live change: one document is added, edited or deleted; how soon each way knows, and what it breaks."""

from __future__ import annotations

import streamlit as st

from app import state
from app.widgets.changing import LABEL, change_form
from app.widgets.frame import empty_state, guarded, header
from app.widgets.jobs import job_panel, results_of
from app.widgets.racing import live_race, show_race
from app.words import t

header("changes")
ws = state.current_workspace()
busy = job_panel(ws, live_race if state.job_is_running(ws) else None)
if ws.state("corpus").status != "ready":
    if not busy:
        empty_state(
            t("There is nothing to change yet"),
            t("A change is made to the documents of a corpus."),
            "corpus",
            t("Bring documents"),
        )
    st.stop()
with guarded():
    change_form(ws, state.corpus_of(ws), busy)
    if not busy:
        show_race(results_of(ws, LABEL))
