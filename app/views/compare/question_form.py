"""The question of the Compare page: where it is typed, what it is asked of, and questions to borrow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import streamlit as st

from app import state
from app.i18n import labels, t, tn
from app.links import MAX_QUESTION, MAX_TOP_K, from_params, to_params
from app.navigation import PAGES
from app.views.compare.columns import CONTROLS, headings
from app.views.compare.share_and_history import FOLDED, remember
from app.views.shared.present import present_button, present_keys
from app.views.shared.text import escape
from core.artefacts import index_kind
from core.corpus.types import Corpus
from core.evaluation.lessons import gold_for, suggestions
from core.messages import message
from core.methods import registry
from core.methods.comparison import Choices, Run
from core.models.variant import reader_for
from core.settings import MEMORY_ORDERS, READINGS
from core.stores.registry import STORES

QUESTION, METHODS, CONTROLLED, READER, TOP_K = "ask_question", "ask_methods", "ask_controls", "ask_reader", "ask_top_k"
STORE, ORDER, READING = "ask_store", "ask_memory_order", "ask_reading"
_CHOSEN = {READER: "reader", TOP_K: "top_k", STORE: "store", ORDER: "memory_order", READING: "reading"}
"""Widgets whose value is a setting of that name, and a choice."""
_SUGGESTED = 3
_READINGS = dict(zip(READINGS, ("one at a time", "together"), strict=True))


def restore_choices() -> None:
    """Call before the form is drawn: the first time, takes the choices from the link, else the defaults."""
    if st.session_state.get("ask_restored"):
        return
    st.session_state["ask_restored"] = True
    settings: dict[str, Any] = {name: getattr(state.settings(), name) for name in _CHOSEN.values()}
    default = Choices(state.current_workspace().name, "", registry.default_methods(), **settings)
    choices = from_params(st.query_params.to_dict(), tuple(registry.METHODS), default)
    if choices.question or QUESTION not in st.session_state:
        st.session_state[QUESTION] = choices.question
    st.session_state[METHODS] = [name for name in choices.methods if name not in CONTROLS]
    st.session_state[CONTROLLED] = [name for name in choices.methods if name in CONTROLS]
    for key, name in _CHOSEN.items():
        st.session_state[key] = getattr(choices, name)


def ask_form(corpus: Corpus, busy: bool) -> None:
    """Question, settings and suggestions; all disabled while an answer streams."""
    with st.form("ask", border=False):
        with st.container(key="question-row", horizontal=True, vertical_alignment="bottom"):
            st.text_input(
                t("Your question"),
                key=QUESTION,
                placeholder=t("Ask something that the passages can answer"),
                disabled=busy,
                persist_state="session",
            )
            st.form_submit_button(
                t("Ask"), type="primary", icon=":material/send:", disabled=busy, on_click=ask, args=(corpus,)
            )
        _suggestions(corpus, busy)
        with st.container(horizontal=True, gap="medium", key="ask-methods"):
            _methods(busy)
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="ask-settings"):
            _settings(busy)


def asked_line(run: Run, busy: bool) -> None:
    """The form folded into one line: what was asked, how, and the ways from here."""
    choices = run.choices
    with st.container(key="asked", horizontal=True, vertical_alignment="center", gap="small"):
        with st.container(gap=None):
            st.markdown(f"### {escape(choices.question)}")
            facts = [tn(choices.top_k, "{n:,} passage", "up to {n:,} passages")]
            if run.served and run.context:
                facts.append(escape(run.context.model))
            elif not (busy and state.settings().engine_url):
                facts += [t(_READINGS[choices.reading])] if choices.top_k > 1 and choices.reading in _READINGS else []
                facts.append(t("with reader") if choices.reader else t("plain"))
            if run.gold and run.gold.answers:
                facts.insert(0, t("Gold answer: {text}", text=escape(" / ".join(run.gold.answers))))
            st.caption(" · ".join(facts))
        if busy:
            st.button(t("Stop"), key="stop", icon=":material/stop:")
        else:
            st.button(
                t("Change"), key="ask-change", icon=":material/edit:", on_click=state.assign, args=(FOLDED, False)
            )
            present_button()
            present_keys()


def ask(corpus: Corpus, question: str = "") -> None:
    """Queues a run with the choices of the form; the page carries it out further down.

    Args:
        question: A suggested question; empty takes the one that was typed.
    """
    if question:
        st.session_state[QUESTION] = question
    for key in (QUESTION, METHODS, CONTROLLED, *_CHOSEN):
        # While the answers stream these widgets are disabled, and Streamlit throws away what the browser sent of a
        # disabled widget, also what was typed a moment before: only a value that is set here stays.
        st.session_state[key] = st.session_state.get(key)
    text = str(st.session_state.get(QUESTION, "")).strip()
    chosen = (*st.session_state.get(METHODS, ()), *st.session_state.get(CONTROLLED, ()))
    methods = sorted((name for name in registry.METHODS if name in chosen), key=lambda name: name in CONTROLS)
    st.session_state["ask_problem"] = problem = _problem(text, methods)
    if problem:
        return
    st.session_state[FOLDED] = True
    settings = {
        name: getattr(state.settings(), name) if (value := st.session_state[key]) is None else value
        for key, name in _CHOSEN.items()
    }
    choices = Choices(state.current_workspace().name, text, tuple(methods), **settings)
    run = Run(choices, gold=gold_for(text, state.current_workspace(), corpus, state.settings()))
    st.session_state["run"] = run
    st.session_state["runs"] = remember(run, st.session_state.get("runs", []))
    st.query_params.from_dict(to_params(choices))


def _problem(text: str, methods: Sequence[str]) -> str:
    """Why this cannot be asked; empty when it can."""
    if len(text) > MAX_QUESTION:
        return message("The question has {n:,} characters: keep it below {most}.", n=len(text), most=MAX_QUESTION)
    return "Type a question first." if not text else "" if methods else "Choose at least one method."


def ask_on_compare(question: str, key: str) -> None:
    """A button that takes a question to the Compare page, where it waits to be asked.

    Args:
        question: Its text; empty presses nothing.
    """
    if st.button(t("Ask it on Compare"), icon=PAGES["compare"].icon, key=key, disabled=not question):
        st.session_state[QUESTION] = question
        st.session_state[FOLDED] = False
        st.switch_page(PAGES["compare"].path)


def _methods(busy: bool) -> None:
    offered = registry.offered_methods(state.settings())
    main = [name for name in offered if name not in CONTROLS]
    controls = [name for name in offered if name in CONTROLS]
    groups = (
        (t("Methods"), METHODS, _legend(main), main),
        (
            t("Controls"),
            CONTROLLED,
            t(
                "Nobody would use these to get answers: they show what the numbers of the others mean. What closed "
                "book gets right, the others need not have read."
            )
            + "\n"
            + _legend(controls),
            controls,
        ),
    )
    for label, key, what, names in groups:
        chosen = st.session_state.get(key) or []
        if not set(chosen) <= set(names):  # chosen before a server was, or by a link
            st.session_state[key] = [name for name in chosen if name in names]
        st.pills(
            label,
            names,
            selection_mode="multi",
            format_func=labels(headings(names)),
            key=key,
            disabled=busy,
            help=what,
            width="content",
            wrap=True,
            persist_state="session",
        )


def _legend(names: Iterable[str]) -> str:
    """What each method does, as a list."""
    specs = [registry.METHODS[name] for name in names]
    return "\n".join(f"- **{t(spec.label)}**: {t(spec.summary)}" for spec in specs)


def _settings(busy: bool) -> None:
    st.number_input(
        t("Passages to read"),
        min_value=1,
        max_value=MAX_TOP_K,
        key=TOP_K,
        disabled=busy,
        help=t(
            "The most passages whose text RAG reads, and the most blocks that CAG takes. Those that match much less "
            "than the best one are left out."
        ),
        width=180,
        persist_state="session",
    )
    if len(searched := _searched()) > 1:
        st.selectbox(
            t("Store for RAG"),
            searched,
            format_func=lambda name: STORES[name].label,
            key=STORE,
            disabled=busy,
            help=t("Where RAG searches: the indexes that are built on the Stores page."),
            width=220,
            persist_state="session",
        )
    if state.settings().engine_url:
        st.caption(
            t("The server's model reads passages together. Memory routes here; the words of its z are read there.")
        )
    else:
        _settings_here(busy)


def _settings_here(busy: bool) -> None:
    """What can be chosen of the model in this process alone."""
    st.selectbox(
        t("Several passages are read"),
        READINGS,
        key=READING,
        format_func=labels(_READINGS),
        disabled=busy,
        width=180,
        help=t(
            "One at a time, the question is put to each passage, and the answer comes from the one that answers best: "
            "a small model reads one passage better than the same one beside others. Questions that need two passages "
            "ask for reading them together."
        ),
        persist_state="session",
    )
    has_reader = reader_for(state.settings().model) is not None
    st.toggle(
        t("Reader adapter"),
        key=READER,
        disabled=busy or not has_reader,
        help=t(
            "A small LoRA with which the model reads passages and answers briefly; all methods share it. Switch it off "
            "to see the plain model. KV caches and memory belong to the model they were built with."
            if has_reader
            else "No reader adapter ships for this model: it reads plain."
        ),
        persist_state="session",
    )
    st.selectbox(
        t("Memory writes first"),
        MEMORY_ORDERS,
        key=ORDER,
        format_func=labels({"auto": "as it was trained to", "answer": "the answer", "evidence": "the evidence"}),
        disabled=busy,
        width=180,
        help=t(
            "Answer first, it is read off z at once, and the evidence follows when the clock has stopped. Evidence "
            "first, the answer is read from what was written. A memory whose z spells words was made for the first."
        ),
        persist_state="session",
    )


def _searched() -> list[str]:
    """Stores that RAG can search here, and the one that was chosen."""
    ws = state.current_workspace()
    chosen = st.session_state.get(STORE)
    return [name for name in STORES if name == chosen or ws.state(index_kind(name)).status == "ready"]


def _suggestions(corpus: Corpus, busy: bool) -> None:
    turn = int(st.session_state.get("ask_turn", 0))
    shown = suggestions(state.current_workspace(), corpus, state.settings(), _SUGGESTED, turn)
    if not shown:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="suggestions"):
        held_out = t("Held out: no training has seen these questions.")
        st.caption(f":material/lightbulb: {t('Try')}", width="content", help=held_out)
        for number, suggestion in enumerate(shown):
            text = escape(suggestion.question.text)
            st.form_submit_button(
                f"**{t(suggestion.label)}** · {text}" if suggestion.label else text,
                key=f"suggestion-{number}",
                help=t(suggestion.measured) or None,
                disabled=busy,
                on_click=ask,
                args=(corpus, suggestion.question.text),
            )
        st.form_submit_button(
            t("More"),
            key="suggestions-turn",
            type="tertiary",
            icon=":material/refresh:",
            disabled=busy,
            on_click=state.assign,
            args=("ask_turn", turn + 1),
        )
