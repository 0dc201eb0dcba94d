"""Learn: a guided tour through the engines, a step at a time, on the sample."""

from __future__ import annotations

import streamlit as st

from app import state
from app.learn.base import Tour
from app.learn.registry import STEPS
from app.widgets.frame import empty_state, guarded, header, link_to
from app.widgets.glossary import glossary, words
from app.widgets.ready import is_complete
from app.widgets.tour import choose_question, place_of, progress, turn
from app.words import t
from core.workspace import open_workspace

header("learn")
ws = open_workspace(state.SAMPLE, state.settings().workspaces)
if not is_complete(ws):
    empty_state(
        t("The tour needs the sample, complete"),
        t(
            "Every step computes on the sample workspace, with its cells, caches and memory. One click builds it, in a "
            "minute or two on a laptop."
        ),
        "start",
        t("Build the sample on Start"),
        icon=":material/school:",
    )
    glossary()
    st.stop()
corpus = state.corpus_of(ws)
number = place_of()
step = STEPS[number]
progress(number)
question = choose_question(corpus)
st.subheader(f"{number + 1}. {t(step.title)}", anchor=False)
st.markdown(f"*{t(step.question)}*")
with guarded():
    step.show(Tour(ws, corpus, question))
words(step.words)
if step.page:
    link_to(step.page, t("Go on by yourself on its page"))
turn(number)
glossary()
