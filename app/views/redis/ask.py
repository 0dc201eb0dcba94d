"""Asking Redis: a question with the answer cache, and a search whose order words and vector decide together."""

from __future__ import annotations

from contextlib import closing

import streamlit as st

from app import state
from app.i18n import labels, t
from app.open_methods import describe, opener
from app.views.compare.columns import Live, show_method
from app.views.shared.frame import show_warnings
from app.views.shared.table import show_table
from app.views.shared.text import escape
from core.artefacts import index_kind
from core.corpus.types import Corpus
from core.evaluation.lessons import gold_for, suggestions
from core.jobs import finish
from core.messages import Message
from core.methods.answer_cache import DISTANCE
from core.methods.comparison import Choices, Run, answer_each
from core.methods.redis_rag import STORE
from core.methods.script_warnings import script_warnings
from core.stores.base import Hit, SearchRequest
from core.stores.index import build_index
from core.stores.redis.base import ANY, KEYWORDS, REQUIRED
from core.stores.registry import find_store
from core.workspace import Workspace

_RUN = "redis_run"
_SETTINGS = "redis_run_settings"
_METHOD = "redis-rag"
_K = 8


def ask_panel(ws: Workspace, corpus: Corpus) -> None:
    """The form, the answer as it comes, and the answer at rest."""
    with st.form("redis-ask"):
        question = st.text_input(t("Question"), placeholder=_example(ws, corpus), key="redis_question")
        left, middle, right = st.columns([2, 2, 1], vertical_alignment="bottom")
        use = left.checkbox(t("Use cached answers"), value=True, key="redis_cache")
        distance = middle.slider(
            t("Treat questions as the same up to a distance of"),
            0.0,
            0.4,
            DISTANCE,
            0.01,
            key="redis_distance",
            help=t("Cosine distance between the two questions. 0: the same words alone."),
        )
        if right.form_submit_button(t("Ask"), type="primary", icon=":material/send:", width="stretch"):
            _queue(ws, corpus, question, use, distance)
    run: Run | None = st.session_state.get(_RUN)
    if run is None or run.choices.workspace != ws.name:
        return
    if run.status == "running":
        run.status = "stopped"
    st.markdown(f"**{escape(run.choices.question)}**")
    box = st.container(border=True, key=f"method-{_METHOD}")
    if run.status == "queued":
        _stream(ws, run, box)
    else:
        show_warnings(run.warnings)
        show_method(box, _METHOD, run, ws)


def search_panel(ws: Workspace, corpus: Corpus) -> None:
    """The same query by vector alone and with its words in two ways, beside each other.

    Raises:
        TesseraError: The index is not there and cannot be built, or Redis refuses.
    """
    with st.form("redis-search"):
        text = st.text_input(t("Look for"), placeholder=_example(ws, corpus), key="redis_text")
        left, middle, right = st.columns([2, 2, 1], vertical_alignment="bottom")
        weight = left.slider(t("What the words weigh (%)"), 1, 100, 30, key="redis_weight")
        topics = sorted({passage.topic for passage in corpus.passages if passage.topic})
        topic = middle.selectbox(t("Topic"), ["", *topics], format_func=labels({"": "any"}), key="redis_topic")
        pressed = right.form_submit_button(t("Search"), type="primary", icon=":material/search:", width="stretch")
    if not pressed:
        return
    if not text.strip():
        st.warning(t("Type something to look for."), icon=":material/edit:")
        return
    (by_vector, *by_words), warnings = _search(ws, text, weight, topic)
    show_warnings(warnings)
    before = {hit.passage_id: rank for rank, hit in enumerate(by_vector, start=1)}
    titles = (t("By vector"), t("By vector and words"), t("By vector, among passages with a word of it"))
    ranks = (None, before, before)
    for number, (column, title, hits) in enumerate(zip(st.columns(3), titles, (by_vector, *by_words), strict=True)):
        with column:
            st.markdown(f"**{title}**")
            _hits(corpus, hits, ranks[number], f"redis-hits-{number}")


def _queue(ws: Workspace, corpus: Corpus, question: str, use: bool, distance: float) -> None:
    if not question.strip():
        st.warning(t("Type a question first."), icon=":material/edit:")
        return
    settings = state.settings()
    st.session_state[_SETTINGS] = (use, distance)
    choices = Choices(ws.name, question.strip(), (_METHOD,), settings.reader, settings.top_k)
    st.session_state[_RUN] = Run(choices, gold=gold_for(choices.question, ws, corpus, settings))


def _stream(ws: Workspace, run: Run, box: st.delta_generator.DeltaGenerator) -> None:
    use, distance = st.session_state[_SETTINGS]
    live = Live(box, _METHOD, run)
    with closing(
        answer_each(run, opener(ws, run.choices, cache=use, distance=distance), state.models().lock)
    ) as events:
        for _, event in events:
            if run.answers and run.context is None:
                describe(ws, run)
            live.show(event)
    st.rerun()


def _search(ws: Workspace, text: str, weight: int, topic: str) -> tuple[list[list[Hit]], tuple[Message, ...]]:
    """Hits by vector, with fused scores, and by vector among passages that hold a word."""
    with state.models().lock:
        encoder = state.models().encoder()
        ws.require("embeddings", {"encoder": encoder.fingerprint})
        if ws.state(index_kind(STORE)).status != "ready":
            finish(build_index(ws, STORE))
        store = find_store(STORE).open(ws.folder(index_kind(STORE)))
        vector, narrowed = encoder.encode_query(text), {"topic": topic} if topic else {}
        ways: tuple[dict[str, int], ...] = ({}, {KEYWORDS: weight}, {REQUIRED: ANY})
        requests = [SearchRequest(k=_K, vector=vector, text=text, filter=narrowed, options=way) for way in ways]
        return [store.search(request) for request in requests], script_warnings(text, encoder)


def _hits(corpus: Corpus, hits: list[Hit], before: dict[str, int] | None, key: str) -> None:
    known = {passage.id: passage for passage in corpus.passages}
    rows = []
    for rank, hit in enumerate(hits, start=1):
        row = {"rank": rank, "title": known[hit.passage_id].title or hit.passage_id, "score": hit.score}
        if before is not None:
            row["was"] = _moved(before.get(hit.passage_id), rank)
        rows.append({**row, "text": known[hit.passage_id].text})
    columns = {
        "rank": st.column_config.NumberColumn("", width=30),
        "title": t("Passage"),
        "score": st.column_config.NumberColumn(t("Score"), format="%.3f", width=70),
        "was": st.column_config.TextColumn(t("Moved"), width=70),
        "text": t("Text"),
    }
    show_table(rows, key, columns)


def _moved(before: int | None, rank: int) -> str:
    if before is None:
        return t("new")
    return "=" if before == rank else f"{'▲' if before > rank else '▼'} {abs(before - rank)}"


def _example(ws: Workspace, corpus: Corpus) -> str:
    return next((suggestion.question.text for suggestion in suggestions(ws, corpus, state.settings(), 1)), "")
