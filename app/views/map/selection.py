"""Passages that were picked on the map: read in a table, and asked about on Compare."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app.i18n import t, tn
from app.views.compare.question_form import ask_on_compare
from app.views.shared.table import show_table
from core.corpus.types import Corpus

_SHOWN = 500


def picked_passages(corpus: Corpus, ids: Sequence[str]) -> None:
    """The passages of these ids, and the questions about them; draws nothing when none is a passage."""
    wanted = set(ids)
    passages = [passage for passage in corpus.passages if passage.id in wanted]
    if not passages:
        return
    with st.container(border=True, key="picked"):
        counted = tn(len(passages), "{n:,} passage picked.", "{n:,} passages picked.")
        cut = t("The first {n:,} are shown.", n=_SHOWN) if len(passages) > _SHOWN else ""
        st.markdown(f"**{counted}** {cut}".rstrip())
        shown = passages[:_SHOWN]
        show_table(
            {"title": [p.title for p in shown], "text": [p.text for p in shown], "id": [p.id for p in shown]},
            "picked_table",
            {"title": t("Title"), "text": t("Text"), "id": "Id"},
            height=min(300, 40 + 35 * len(shown)),
        )
        _ask_about(corpus, wanted)


def _ask_about(corpus: Corpus, ids: set[str]) -> None:
    """A question about the picked passages: one that the corpus brings, or the reader's own."""
    # Train questions taught the reader and the memory: they come last.
    splits = sorted(corpus.questions, key=lambda split: split == "train")
    given = [q.text for split in splits for q in corpus.questions[split] if ids & set(q.passage_ids)]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        question = st.selectbox(
            t("Ask about these"),
            list(dict.fromkeys(given))[:_SHOWN],
            key="picked_question",
            accept_new_options=True,
            placeholder=t("Choose a question, or type your own"),
            help=t("All methods are asked as usual; whether they find these passages is up to them."),
        )
        ask_on_compare(question or "", key="picked-ask")
