"""Serverless: real workers under a rising load, Flat against IVF_HNSW_SQ, and what it would cost."""

from __future__ import annotations

import streamlit as st

from app import state
from app.widgets import serverless, serverless_load
from app.widgets.frame import empty_state, guarded, header, missing_for
from app.widgets.jobs import job_panel
from app.words import t
from core.serverless.study import runs

header("serverless")
ws = state.current_workspace()
busy = job_panel(ws, live=serverless_load.live)
if missing_for(ws, ("corpus", "embeddings")):
    if not busy:
        empty_state(
            t("There is nothing to search yet"),
            t("A load needs passages to find and questions to ask."),
            "corpus",
            t("Bring documents first"),
        )
    st.stop()
serverless_load.honest()
with guarded():
    corpus = state.corpus_of(ws)
    serverless_load.form(ws, len(corpus.passages), busy)
if not runs.names(ws):
    if not busy:
        empty_state(
            t("No study has been kept in this workspace"),
            t("Start a load above: its latencies, throttles, cold starts and costs are shown here and kept."),
            icon=":material/cloud:",
        )
    st.stop()
with guarded():
    name = serverless.choose(ws)
    findings = runs.read(ws, name)
    serverless.overview(findings)
    serverless.export(name, findings)
    serverless.plots(findings)
    serverless.crossing(findings)
    serverless.costs(findings)
    serverless.compared(ws, name)
