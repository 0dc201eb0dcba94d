"""Learn: a guided tour through the engines, a step at a time, on the sample."""

from __future__ import annotations

import streamlit as st

from app import state
from app.i18n import t
from app.learn.base import Tour
from app.learn.registry import STEPS
from app.views.learn.glossary import glossary, words
from app.views.learn.tour import choose_question, place_of, progress, turn
from app.views.shared.begin import nothing_yet
from app.views.shared.frame import guarded, header, link_to
from app.views.shared.jobs import job_panel
from app.views.start.checklist import is_complete
from core.workspace import open_workspace

header("learn")
ws = open_workspace(state.SAMPLE, state.settings().workspaces)
if not is_complete(ws):
    if not job_panel(ws):
        nothing_yet(
            t("The tour needs the sample, complete"),
            t("Every step computes on the sample workspace, with its cells, caches and memory."),
            bring=False,
        )
    glossary()
    st.stop()
corpus = state.corpus_of(ws)
number = place_of()
step = STEPS[number]
progress(number)
question = choose_question(ws, corpus)
st.subheader(f"{number + 1}. {t(step.title)}", anchor=False)
st.markdown(f"*{t(step.question)}*")
with guarded():
    step.show(Tour(ws, corpus, question))
words(step.words)
if step.page:
    link_to(step.page, t("Go on by yourself on its page"))
turn(number)
glossary()
