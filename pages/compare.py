"""Compare: one question, three ways, one after another, with the clocks side by side."""

from __future__ import annotations

from contextlib import closing

import streamlit as st

from app import state
from app.asking import Run, answer_in_turn, answer_together
from app.opening import ground_of, opener
from app.widgets.after import history, keep_and_share
from app.widgets.arms import Live, at_rest, headings, places
from app.widgets.ask import ask_form, restore_choices
from app.widgets.frame import empty_state, header, link_to, missing_for, page_for, to_do
from app.widgets.measures import show_measures
from app.widgets.text import escape
from app.words import labels, t
from core.methods import registry
from core.workspace import Workspace


def unready(ws: Workspace) -> None:
    """Says which arms cannot answer yet, each with the page on which to build what it lacks."""
    lacking = {name: missing_for(ws, spec.needs) for name, spec in registry.METHODS.items() if spec.role == "way"}
    if not any(lacking.values()):
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="medium", key="unready"):
        st.caption(t("Cannot answer yet:"), width="content")
        for name, states in lacking.items():
            if states:
                link_to(page_for(states[0].kind), f"{t(registry.METHODS[name].label)}: {to_do(states[0])}")


def stream(ws: Workspace, run: Run) -> None:
    """Carries a queued run out. Any click reruns the page, which closes the stream: that is what Stop does."""
    found = places(run.choices.methods)
    live = {name: Live(found[name], name, run) for name in found}
    answering = answer_together if run.choices.race else answer_in_turn
    with closing(answering(run, opener(ws, run.choices), state.models().lock)) as happenings:
        for name, happening in happenings:
            if run.answers and run.ground is None:
                run.ground = ground_of(run.choices)
            live[name].show(happening)
    st.rerun()


def rest(ws: Workspace, run: Run) -> None:
    """A run that has ended: columns, charts, numbers."""
    focus = ""
    if len(run.choices.methods) > 1:
        side_by_side = f":material/view_column: {t('Side by side')}"
        chosen = st.segmented_control(
            t("Show"),
            ["", *run.choices.methods],
            default="",
            required=True,
            format_func=labels({"": side_by_side, **headings(run.choices.methods)}),
            key="focus",
            label_visibility="collapsed",
        )
        focus = chosen or ""
    for name, place in places(run.choices.methods, focus).items():
        at_rest(place, name, run, ws)
    show_measures(run, ws)
    keep_and_share(run, st.session_state.get("runs", []))


header("compare")
ws = state.current_workspace()
if ws.state("corpus").status != "ready":
    empty_state(
        t("There is nothing to ask about yet"),
        t("A comparison needs passages that the three methods can know. The sample corpus is one click away."),
        "start",
        t("Build the sample on Start"),
    )
    st.stop()
corpus = state.corpus_of(ws)
restore_choices()
run: Run | None = st.session_state.get("run")
if run and run.choices.workspace != ws.name:
    run = None
if run and run.status == "running":  # the run before this one was interrupted: by Stop, or by leaving the page
    run.status = "stopped"
busy = run is not None and run.status == "queued"
ask_form(corpus, busy)
if problem := st.session_state.get("ask_problem"):
    st.warning(t(problem), icon=":material/edit:")
unready(ws)
if state.is_building():
    st.warning(
        t("Something is being built on this machine: times measured now are disturbed."), icon=":material/timer_off:"
    )
if run is None:
    st.caption(
        t("Ask, and the arms answer one after another: two at once on one device would falsify each other's clock.")
    )
else:
    if run.status == "stopped":
        st.info(t("Stopped. What had been answered by then is below."), icon=":material/stop_circle:")
    left, right = st.columns([6, 1], vertical_alignment="center")
    left.markdown(f"### {escape(run.choices.question)}")
    if run.gold and run.gold.answers:
        left.caption(t("Gold answer: {text}", text=escape(" / ".join(run.gold.answers))))
    if busy:
        right.button(t("Stop"), key="stop", icon=":material/stop:", width="stretch")
        stream(ws, run)
    else:
        rest(ws, run)
history(st.session_state.get("runs", []), run, busy)
