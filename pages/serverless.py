"""Serverless: real workers under a rising load, Flat against IVF_HNSW_SQ, and what it would cost."""

from __future__ import annotations

import streamlit as st

from app import state
from app.i18n import t
from app.views.serverless import form, results
from app.views.shared.begin import nothing_yet
from app.views.shared.frame import empty_state, guarded, header, missing_for
from app.views.shared.jobs import job_panel
from core.corpus.sample import is_sample
from core.labs.serverless.study import runs

header("serverless")
ws = state.current_workspace()
busy = job_panel(ws, live=form.live)
if missing_for(ws, ("corpus", "embeddings")):
    if not busy:
        nothing_yet(
            t("There is nothing to search yet"),
            t("Here traffic rises on functions in the cloud: what cold starts, throttles and the index cost."),
            preview=results.show_shipped,
        )
    st.stop()
form.real_and_simulated()
with guarded():
    corpus = state.corpus_of(ws)
    form.form(ws, len(corpus.passages), busy)
    if runs.names(ws):
        results.show_own(ws)
    elif is_sample(corpus):
        results.show_shipped()
    elif not busy:
        empty_state(
            t("No study has been kept in this workspace"),
            t("Start a load above: its latencies, throttles, cold starts and costs are shown here and kept."),
            icon=":material/cloud:",
        )
