"""Corpus: what the model gets to know, and how to bring in something else."""

from __future__ import annotations

import streamlit as st

from app import state
from app.i18n import t
from app.views.corpus.browse import figures, passages, questions
from app.views.corpus.delete import deletion
from app.views.corpus.documents import show_documents
from app.views.corpus.own_questions import own_questions
from app.views.corpus.upload import bring
from app.views.shared.begin import BRING, QUESTIONS, nothing_yet
from app.views.shared.frame import header, link_to
from app.views.shared.jobs import job_panel
from core.evaluation.generated import generated
from core.methods.script_warnings import corpus_warnings
from core.models.embeddings import truncation_warning

PASSAGES, DOCUMENTS = "Passages", "Documents"
ICONS = {PASSAGES: "article", DOCUMENTS: "folder", QUESTIONS: "help", BRING: "upload_file"}

header("corpus")
ws = state.current_workspace()
busy = job_panel(ws)
if ws.state("corpus").status != "ready":
    if not busy:
        nothing_yet(
            t("This workspace has no passages yet"),
            t("Bring your own documents below, import a known data set, or build the sample with one click."),
            bring=False,
        )
    bring(busy)
else:
    corpus = state.corpus_of(ws)
    figures(corpus)
    if not busy and ws.state("index").status == "ready":
        with st.container(key="corpus-ask"):
            link_to("compare", t("Ask a question"))
    if warning := truncation_warning(ws):
        st.warning(t(warning), icon=":material/content_cut:")
    for warning in corpus_warnings(corpus.passages, state.models(), state.settings()):
        st.warning(t(warning), icon=":material/translate:")
    st.session_state.setdefault("corpus_view", PASSAGES)  # Start may have chosen another one
    view = st.segmented_control(
        t("View"),
        list(ICONS),
        required=True,
        format_func={name: f":material/{icon}: {t(name)}" for name, icon in ICONS.items()}.__getitem__,
        key="corpus_view",
        label_visibility="collapsed",
    )
    if view == DOCUMENTS:
        show_documents(ws, corpus, busy)
    elif view == QUESTIONS:
        n_generated = len(generated(corpus))  # shown where they are edited
        if not n_generated or n_generated < sum(map(len, corpus.questions.values())):
            questions(corpus)
        own_questions(ws, corpus, busy)
    elif view == BRING:
        bring(busy, ws, corpus)
    else:
        passages(corpus)
if ws.path.is_dir():
    deletion(ws, busy)
