"""Evaluate: the arms over many questions, with intervals, costs, every answer, and files to take along."""

from __future__ import annotations

import streamlit as st

from app import state
from app.widgets.answers import show_answers
from app.widgets.evaluating import live, new_run
from app.widgets.frame import empty_state, header
from app.widgets.jobs import job_panel
from app.widgets.results import choose_run, load, show_results
from app.widgets.versus import show_versus
from app.words import labels, t
from core.evaluation.runs import list_runs

NEW, RESULTS, ANSWERS, VERSUS = "New run", "Results", "Answers", "Two runs"
ICONS = {NEW: "play_arrow", RESULTS: "monitoring", ANSWERS: "quick_reference_all", VERSUS: "compare_arrows"}

header("evaluate")
ws = state.current_workspace()
busy = job_panel(ws, live if state.job_is_running(ws) else None)
if ws.state("corpus").status != "ready":
    if not busy:
        empty_state(
            t("There is nothing to ask about yet"),
            t("An evaluation asks questions about the passages of a corpus."),
            "corpus",
            t("Bring documents first"),
        )
    st.stop()
runs = list_runs(ws)
view = st.segmented_control(
    t("View"),
    list(ICONS),
    default=RESULTS if runs else NEW,
    required=True,
    format_func=labels({name: f":material/{icon}: {t(name)}" for name, icon in ICONS.items()}),
    key="eval_view",
    label_visibility="collapsed",
)
if view == NEW:
    new_run(ws, state.corpus_of(ws), busy)
    st.stop()
folder = choose_run(ws, "eval_run")
if folder is None:
    empty_state(t("No run yet"), t("Choose questions and arms under New run; the results appear here."))
    st.stop()
found = load(folder)
if view == ANSWERS:
    show_answers(found)
elif view == VERSUS:
    show_versus(ws, found)
else:
    show_results(ws, found, busy)
