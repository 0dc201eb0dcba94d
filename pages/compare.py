"""Compare: one question, three ways, one after another, with the clocks side by side."""

from __future__ import annotations

from contextlib import closing

import streamlit as st

from app import state
from app.i18n import t
from app.navigation import page_for
from app.open_methods import describe, opener
from app.views.compare.columns import Live, answer_columns, show_method
from app.views.compare.measures import show_clocks, show_more
from app.views.compare.question_form import ask_form, asked_line, restore_choices
from app.views.compare.share_and_history import (
    FOLDED,
    compare_with_pinned,
    history,
    keep_ended,
    restore_run,
    share_buttons,
)
from app.views.shared.begin import nothing_yet, screenshot
from app.views.shared.frame import header, lacking_for, link_to, show_warnings, to_do
from app.views.shared.jobs import job_panel
from core.methods import registry
from core.methods.comparison import Run, answer_each
from core.workspace import Workspace


def unready(ws: Workspace) -> None:
    """Says which of the usual methods cannot answer yet, each with the page on which to build what it lacks."""
    lacking = {name: lacking_for(ws, name) for name in registry.default_methods()}
    if not any(lacking.values()):
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="medium", key="unready"):
        st.caption(t("Cannot answer yet:"), width="content")
        for name, states in lacking.items():
            if states:
                link_to(page_for(states[0].kind), f"{t(registry.METHODS[name].label)}: {to_do(states[0])}")


def in_turn() -> None:
    """Says why the methods do not answer at once."""
    st.caption(t("Methods answer one after another: two at once on one device would disturb each other's clocks."))


def stream(ws: Workspace, run: Run) -> None:
    """Carries a queued run out. Any click reruns the page, which closes the stream: that is what Stop does."""
    columns, clocks = answer_columns(run.choices.methods)
    live = {name: Live(columns[name], name, run) for name in columns}
    with clocks:  # the chart comes when all have answered: drawing it would take the time of the method that is at work
        in_turn()
    with closing(answer_each(run, opener(ws, run.choices), state.models().lock)) as events:
        for name, event in events:
            if run.answers and run.context is None:
                describe(ws, run)
            live[name].show(event)
    keep_ended(ws, run)
    st.rerun()


def rest(ws: Workspace, run: Run) -> None:
    """A run that has ended: answers beside their clocks, and more below."""
    show_warnings(run.warnings)
    columns, clocks = answer_columns(run.choices.methods)
    for name, container in columns.items():
        show_method(container, name, run, ws)
    with clocks:
        show_clocks(run, ws)
    runs = st.session_state.get("runs", [])
    compare_with_pinned(run, runs)
    show_more(run, ws)
    share_buttons(ws, run, runs)


header("compare")
ws = state.current_workspace()
if ws.state("corpus").status != "ready":
    if not job_panel(ws):
        nothing_yet(
            t("There is nothing to ask about yet"),
            t(
                "Here the same question goes to three methods side by side: what each answers, why it is right or "
                "wrong, and where every millisecond went."
            ),
            preview=screenshot("compare.webp", t("Three methods answer the same question, side by side.")),
        )
    st.stop()
corpus = state.corpus_of(ws)
restore_choices()
restore_run(ws)
run: Run | None = st.session_state.get("run")
if run and run.choices.workspace != ws.name:
    run = None
if run and run.status == "running":  # the run before this one was interrupted: by Stop, or by leaving the page
    run.status = "stopped"
    keep_ended(ws, run)
busy = run is not None and run.status == "queued"
if run and (busy or st.session_state.get(FOLDED, True)):
    asked_line(run, busy)
else:
    ask_form(corpus, busy)
    unready(ws)
if problem := st.session_state.get("ask_problem"):
    st.warning(t(problem), icon=":material/edit:")
if state.is_building():
    st.warning(
        t("Something is being built on this machine: times measured now are disturbed."), icon=":material/timer_off:"
    )
if run is None:
    in_turn()
elif busy:
    stream(ws, run)
else:
    if run.status == "stopped":
        st.info(t("Stopped. What had been answered by then is below."), icon=":material/stop_circle:")
    rest(ws, run)
history(st.session_state.get("runs", []), run, busy)
