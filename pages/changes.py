"""Live change: one document is added, edited or deleted; how soon each method knows, and what it breaks."""

from __future__ import annotations

import streamlit as st

from app import state
from app.i18n import t
from app.views.changes.form import LABEL, change_form
from app.views.changes.results import live_race, shipped_race, show_race, show_shipped
from app.views.shared.begin import nothing_yet
from app.views.shared.frame import guarded, header
from app.views.shared.jobs import job_panel, results_of

header("changes")
ws = state.current_workspace()
busy = job_panel(ws, live_race if state.job_is_running(ws) else None)
if ws.state("corpus").status != "ready":
    if not busy:
        nothing_yet(
            t("There is nothing to change yet"),
            t("Here one document is added, edited or deleted, and you see how soon each method knows."),
            preview=show_shipped,
        )
    st.stop()
with guarded():
    corpus = state.corpus_of(ws)
    change_form(ws, corpus, busy)
    if own := results_of(ws, LABEL):
        if not busy:
            show_race(own)
    elif not busy and shipped_race(corpus):
        st.divider()  # the form is of the next race, and this one is another's
        show_shipped()
