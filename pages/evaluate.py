"""Evaluate: the methods over many questions, with intervals, costs, every answer, and files to take along."""

from __future__ import annotations

import streamlit as st

from app import state
from app.i18n import t
from app.views.evaluate.answers import show_answers
from app.views.evaluate.compare_runs import show_versus
from app.views.evaluate.form import live, new_run
from app.views.evaluate.results import choose_run, load, shipped_run, show_example, show_results, show_shipped
from app.views.shared.begin import nothing_yet
from app.views.shared.frame import empty_state, header
from app.views.shared.jobs import job_panel
from app.views.shared.table import choose_view
from core.evaluation.runs import list_runs

NEW, RESULTS, ANSWERS, VERSUS = "New run", "Results", "Answers", "Two runs"
ICONS = {NEW: "play_arrow", RESULTS: "monitoring", ANSWERS: "quick_reference_all", VERSUS: "compare_arrows"}

header("evaluate")
ws = state.current_workspace()
busy = job_panel(ws, live if state.job_is_running(ws) else None)
if ws.state("corpus").status != "ready":
    if not busy:
        nothing_yet(
            t("There is nothing to ask about yet"),
            t("Here many questions go to every method: how often each is right, how fast it is, and why it fails."),
            preview=show_example,
        )
    st.stop()
runs = list_runs(ws)
shipped = None if runs else shipped_run(state.corpus_of(ws))
st.session_state.setdefault("eval_view", RESULTS if runs or shipped else NEW)
if st.session_state.get("eval_ran") and not busy and runs:
    st.session_state["eval_view"] = RESULTS  # what was waited for is there
st.session_state["eval_ran"] = busy
view = choose_view(t("View"), ICONS, "eval_view")
if view == NEW:
    new_run(ws, state.corpus_of(ws), busy)
    st.stop()
folder = choose_run(ws, "eval_run")
if view == RESULTS and shipped:
    show_shipped(shipped, lambda: st.session_state.update(eval_view=NEW))
    st.stop()
if folder is None and shipped:
    empty_state(
        t("The run that ships holds scores, not single answers"),
        t("Start a run here, under New run: every answer then stands here with its verdict and what it was read from."),
    )
    st.stop()
if folder is None:
    empty_state(t("No run yet"), t("Choose questions and methods under New run; the results appear here."))
    st.stop()
loaded = load(folder)
if view == ANSWERS:
    show_answers(loaded)
elif view == VERSUS:
    show_versus(ws, loaded)
else:
    show_results(ws, loaded, busy)
