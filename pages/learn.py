"""Learn: a guided tour in ten steps: predict, look, and run it on this machine."""

from __future__ import annotations

import streamlit as st

from app import state
from app.i18n import t
from app.learn.base import Tour
from app.learn.recorded import tour_question
from app.learn.registry import STEPS
from app.navigation import PAGES
from app.views.learn.check import check_yourself
from app.views.learn.glossary import glossary, step_words
from app.views.learn.predict import guess
from app.views.learn.tour import contents, current_step, live_question, previous_and_next
from app.views.shared.begin import build_sample
from app.views.shared.frame import guarded, header, link_to
from app.views.shared.jobs import job_panel
from app.views.start.checklist import is_complete
from core.corpus.sample import load_sample
from core.workspace import open_workspace

header("learn")
ws = open_workspace(state.SAMPLE, state.settings().workspaces)
complete = is_complete(ws)
busy = not complete and job_panel(ws)
number = current_step()
left, right = st.columns([1, 3.2], gap="medium")
with left:
    contents(number)
with right:
    if number == len(STEPS):
        check_yourself()
    else:
        step = STEPS[number]
        st.subheader(f"{number + 1}. {t(step.title)}", anchor=False)
        st.markdown(f"*{t(step.question)}*")
        st.markdown(t(step.intro))
        if guess(step.name, step.predict()):
            with guarded():
                step.show(Tour(ws, load_sample(), tour_question()))
            if not complete:
                with st.container(horizontal=True, vertical_alignment="center", key="learn-build"):
                    st.caption(t("To run this step on this machine, build the sample."), width="content")
                    if not busy:
                        build_sample(t("Build the sample"))
            elif st.toggle(t("Run it on this machine"), key=f"learn-live-{step.name}"):
                corpus = state.corpus_of(ws)
                with guarded():
                    step.live(Tour(ws, corpus, live_question(ws, corpus)))
        step_words(step.words)
        if step.page:
            link_to(step.page, t("Try it yourself: {page}", page=t(PAGES[step.page].title)))
    previous_and_next(number)
glossary()
