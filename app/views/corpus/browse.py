"""What a corpus holds: its passages, searchable, and its questions by split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from app.i18n import labels, t, tn
from app.views.compare.question_form import ask_on_compare
from app.views.shared.table import choose_rows
from app.views.shared.text import escape
from core.corpus.types import Corpus, Passage
from core.normalise import folded

_EVERYTHING = "All topics"
_SHOWN = 2000


def figures(corpus: Corpus) -> None:
    """Size of the corpus in a row of numbers."""
    topics = {passage.topic for passage in corpus.passages if passage.topic}
    with st.container(horizontal=True, gap="large"):
        st.metric(t("Passages"), f"{len(corpus.passages):,}", width="content")
        if topics:
            st.metric(t("Topics"), f"{len(topics):,}", width="content")
        for split, questions in corpus.questions.items():
            st.metric(t("Questions, {split}", split=split), f"{len(questions):,}", width="content")


def passages(corpus: Corpus) -> None:
    """A searchable table of passages; the chosen row is shown in full beneath."""
    topics = sorted({passage.topic for passage in corpus.passages if passage.topic})
    left, right = st.columns([3, 1], vertical_alignment="bottom") if topics else (st.container(), None)
    query = left.text_input(
        t("Search"),
        key="corpus_search",
        placeholder=t("Words of a title, text or topic"),
        icon=":material/search:",
        persist_state="session",
    )
    topic = _EVERYTHING
    if right:
        topic = right.selectbox(
            t("Topic"), [_EVERYTHING, *topics], format_func=labels({_EVERYTHING: _EVERYTHING}), key="corpus_topic"
        )
    matches = matching(corpus.passages, query, "" if topic == _EVERYTHING else topic or "")
    if not matches:
        st.info(t("No passage has all of these words."), icon=":material/search_off:")
        return
    shown = matches[:_SHOWN]
    counted = tn(len(matches), "{n:,} passage.", "{n:,} passages.")
    cut = t("The first {n:,} are shown.", n=_SHOWN) if len(matches) > _SHOWN else ""
    st.caption(f"{counted} {t('Select a row to read it in full.')} {cut}".rstrip())
    columns: dict[str, Any] = {
        "title": t("Title"),
        "topic": t("Topic") if topics else None,
        "words": t("Words"),
        "text": st.column_config.TextColumn(t("Text"), width=300),
        "id": "Id",
    }
    table = {
        "title": [passage.title for passage in shown],
        "topic": [passage.topic for passage in shown],
        "words": [len(passage.text.split()) for passage in shown],
        "text": [passage.text for passage in shown],
        "id": [passage.id for passage in shown],
    }
    for row in choose_rows(table, "corpus_table", columns, height=380):
        _in_full(shown[row], corpus)


def matching(candidates: Sequence[Passage], query: str, topic: str) -> list[Passage]:
    """Passages of a topic that hold all words of a query, in any case and order."""
    words = folded(query).split()
    return [
        passage
        for passage in candidates
        if (not topic or passage.topic == topic)
        and all(word in f"{passage.title}\n{passage.text}\n{passage.topic}".casefold() for word in words)
    ]


def questions(corpus: Corpus) -> None:
    """Questions of one split, with the accepted answers and where they stand."""
    splits = [split for split, group in corpus.questions.items() if group]
    if not splits:
        st.info(
            t("This corpus has no questions. Ask your own: their answers cannot be checked against a gold answer."),
            icon=":material/help:",
        )
        return
    first = "test" if "test" in splits else splits[-1]
    split = st.segmented_control(
        t("Split"), splits, default=first, required=True, key="corpus_split", label_visibility="collapsed"
    )
    if "train" in splits:
        st.caption(t("Train questions taught the reader and the memory. Dev and test were kept from both: ask those."))
    group = corpus.questions[split or splits[0]]
    titles = {passage.id: passage.title or passage.id for passage in corpus.passages}
    table = {
        "question": [question.text for question in group],
        "answers": [" / ".join(question.answers) for question in group],
        "passages": [" → ".join(titles.get(i, i) for i in question.passage_ids) for question in group],
    }
    columns = {"question": t("Question"), "answers": t("Accepted answers"), "passages": t("Gold passages")}
    for row in choose_rows(table, f"corpus_questions_{split}", columns, height=420):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{escape(group[row].text)}**", width="content")
            ask_on_compare(group[row].text, key="ask-this")


def _in_full(passage: Passage, corpus: Corpus) -> None:
    with st.container(border=True, key="passage-chosen"):
        st.markdown(f"**{escape(passage.title or passage.id)}** :gray[{escape(passage.topic)}]")
        st.text(passage.text)
        questions = [q for q in corpus.all_questions() if passage.id in q.passage_ids]
        if questions:
            asking = escape(" · ".join(question.text for question in questions[:6]))
            st.caption(t("Questions about it: {questions}", questions=asking))
