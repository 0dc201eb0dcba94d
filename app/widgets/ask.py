"""The question of the Compare page: where it is typed, what it is asked of, and questions to borrow."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app import state
from app.asking import Choices, Run
from app.links import MAX_QUESTION, MAX_TOP_K, from_params, to_params
from app.navigation import PAGES
from app.widgets.after import remember
from app.widgets.arms import CONTROLS, USUAL, headings
from app.widgets.text import escape
from app.words import labels, t
from core.corpus.types import Corpus, Question
from core.methods import registry
from core.models.bundle import reader_for
from core.stores.registry import STORES
from core.workspace import index_kind

QUESTION, METHODS, CONTROLLED, READER, TOP_K = "ask_question", "ask_methods", "ask_controls", "ask_reader", "ask_top_k"
STORE, RACE = "ask_store", "ask_race"
_SUGGESTED = 2


def restore_choices() -> None:
    """Call before the form is drawn: the first time, takes the choices from the link, else the defaults."""
    if st.session_state.get("ask_restored"):
        return
    st.session_state["ask_restored"] = True
    arms = tuple(name for name in USUAL if name in registry.METHODS)
    settings = state.settings()
    workspace = state.current_workspace().name
    default = Choices(workspace, "", arms, settings.reader, settings.top_k, settings.store)
    choices = from_params(st.query_params.to_dict(), tuple(registry.METHODS), default)
    if choices.question or QUESTION not in st.session_state:
        st.session_state[QUESTION] = choices.question
    st.session_state[METHODS] = [name for name in choices.methods if name not in CONTROLS]
    st.session_state[CONTROLLED] = [name for name in choices.methods if name in CONTROLS]
    st.session_state[READER] = choices.reader
    st.session_state[TOP_K] = choices.top_k
    st.session_state[STORE] = choices.store
    st.session_state[RACE] = choices.race


def ask_form(corpus: Corpus, busy: bool) -> None:
    """Question, settings and suggestions; all disabled while an answer streams.

    Args:
        corpus: Where suggestions and gold answers come from.
        busy: Whether an answer streams now.
    """
    with st.form("ask", border=False):
        searched = _searched()
        widths = [5.4, 2.6, 2.6, 2] if len(searched) > 1 else [9, 2, 2]
        text, *store, passages, button = st.columns(widths, vertical_alignment="bottom")
        text.text_input(
            t("Your question"),
            key=QUESTION,
            max_chars=MAX_QUESTION,
            placeholder=t("Ask something that the passages know"),
            disabled=busy,
            persist_state="session",
        )
        for column in store:
            column.selectbox(
                t("Store for RAG"),
                searched,
                format_func=lambda name: STORES[name].label,
                key=STORE,
                disabled=busy,
                help=t("Where RAG searches: the indexes that are built on the Stores page."),
                persist_state="session",
            )
        passages.number_input(
            t("Passages for RAG"),
            min_value=1,
            max_value=MAX_TOP_K,
            key=TOP_K,
            disabled=busy,
            help=t("How many passages RAG puts in the prompt."),
            persist_state="session",
        )
        button.form_submit_button(
            t("Ask"),
            type="primary",
            icon=":material/send:",
            width="stretch",
            disabled=busy,
            on_click=ask,
            args=(corpus,),
        )
        with st.container(horizontal=True, gap="medium"):
            _arms(busy)
        with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
            _settings(busy)
    _suggestions(corpus, busy)


def ask(corpus: Corpus, question: str = "") -> None:
    """Queues a run with the choices of the form; the page carries it out further down.

    Args:
        corpus: Where the gold answer is looked up.
        question: A suggested question; empty takes the one that was typed.
    """
    if question:
        st.session_state[QUESTION] = question
    for key in (QUESTION, METHODS, CONTROLLED, READER, TOP_K, STORE, RACE):
        # While the answers stream these widgets are disabled, and Streamlit throws away what the browser sent of a
        # disabled widget, also what was typed a moment before: only a value that is set here stays.
        st.session_state[key] = st.session_state.get(key)
    text = str(st.session_state.get(QUESTION, "")).strip()
    chosen = (*st.session_state.get(METHODS, ()), *st.session_state.get(CONTROLLED, ()))
    methods = sorted((name for name in registry.METHODS if name in chosen), key=lambda name: name in CONTROLS)
    problem = "Type a question first." if not text else "" if methods else "Choose at least one method."
    st.session_state["ask_problem"] = problem
    if problem:
        return
    choices = Choices(
        workspace=state.current_workspace().name,
        question=text,
        methods=tuple(methods),
        reader=bool(st.session_state.get(READER)),
        top_k=int(st.session_state.get(TOP_K, state.settings().top_k)),
        store=str(st.session_state.get(STORE) or state.settings().store),
        race=bool(st.session_state.get(RACE)),
    )
    run = Run(choices, gold=find_question(corpus, text))
    st.session_state["run"] = run
    st.session_state["runs"] = remember(run, st.session_state.get("runs", []))
    st.query_params.from_dict(to_params(choices))


def ask_on_compare(question: str, key: str) -> None:
    """A button that takes a question to the Compare page, where it waits to be asked.

    Args:
        question: Its text; empty presses nothing.
        key: Of the button.
    """
    if st.button(t("Ask it on Compare"), icon=PAGES["compare"].icon, key=key, disabled=not question):
        st.session_state[QUESTION] = question
        st.switch_page(PAGES["compare"].path)


def find_question(corpus: Corpus, text: str) -> Question | None:
    """The question of the corpus that has this very text, or None."""
    wanted = " ".join(text.split()).casefold()
    for questions in corpus.questions.values():
        for question in questions:
            if " ".join(question.text.split()).casefold() == wanted:
                return question
    return None


def _arms(busy: bool) -> None:
    groups = (
        (
            t("Methods"),
            METHODS,
            t("Ways of knowing the documents."),
            [name for name in registry.METHODS if name not in CONTROLS],
        ),
        (
            t("Controls"),
            CONTROLLED,
            t(
                "Nobody would use these to get answers: they show what the numbers of the others mean. What closed "
                "book gets right, the others need not have read."
            ),
            [name for name in CONTROLS if name in registry.METHODS],
        ),
    )
    for label, key, what, names in groups:
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


def _settings(busy: bool) -> None:
    has_reader = reader_for(state.settings().model) is not None
    st.toggle(
        t("Reader adapter"),
        key=READER,
        disabled=busy or not has_reader,
        help=t(
            "A small LoRA with which the model reads passages and answers briefly; all arms share it. Switch it off "
            "to see the plain model. KV caches and memory belong to the model they were built with."
            if has_reader
            else "No reader adapter ships for this model: it reads plain."
        ),
        persist_state="session",
    )
    st.toggle(
        t("Race"),
        key=RACE,
        disabled=busy,
        help=t(
            "All arms at once, a step each in turn, to watch. They share the device, so no time is shown: not for "
            "timing."
        ),
        persist_state="session",
    )


def _searched() -> list[str]:
    """Stores that RAG can search here, and the one that was chosen."""
    ws = state.current_workspace()
    chosen = st.session_state.get(STORE)
    return [name for name in STORES if name == chosen or ws.state(index_kind(name)).status == "ready"]


def _suggestions(corpus: Corpus, busy: bool) -> None:
    held_out = [*corpus.questions.get("dev", ()), *corpus.questions.get("test", ())]
    if not held_out:
        return
    shown = suggested(held_out, int(st.session_state.get("ask_turn", 0)))
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="suggestions"):
        held = t("Held out: no training has seen these questions.")
        st.caption(f":material/lightbulb: {t('Try')}", width="content", help=held)
        for number, question in enumerate(shown):
            st.button(
                escape(question.text),
                key=f"suggestion-{number}",
                type="tertiary",
                disabled=busy,
                on_click=ask,
                args=(corpus, question.text),
            )
        st.button(
            t("others"),
            key="suggestions-turn",
            type="tertiary",
            icon=":material/refresh:",
            disabled=busy,
            on_click=_turn,
        )


def suggested(questions: Sequence[Question], turn: int) -> list[Question]:
    """A few questions spread over all of them; another ``turn`` gives others."""
    stride = max(1, len(questions) // _SUGGESTED)
    return [questions[(turn + number * stride) % len(questions)] for number in range(min(_SUGGESTED, len(questions)))]


def _turn() -> None:
    st.session_state["ask_turn"] = int(st.session_state.get("ask_turn", 0)) + 1
