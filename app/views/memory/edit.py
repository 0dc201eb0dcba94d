"""One document at a time: learn one more, give one another text, or forget one. All others keep their bits."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from app import state
from app.i18n import labels, t
from app.learn.recorded import recorded
from app.views.memory.train import live
from app.views.shared.shipped import shipped_line
from app.views.shared.text import escape
from core import pipeline
from core.corpus.sample import load_unseen
from core.corpus.types import Passage, Question
from core.digests import text_digest
from core.errors import CorpusError
from core.memory.adaptation import AdaptConfig
from core.memory.store import load_pool
from core.messages import message
from core.workspace import Workspace

_OWN = "Your own text"
_LONGEST = 2_000
"""Characters of a text that is learned."""


def adapt_panel(ws: Workspace, busy: bool) -> None:
    """Learns one more document: one that ships unseen, or a text of one's own."""
    st.markdown(
        t(
            "Only the new document's z moves; model, projector, router and all other documents stay as they are, bit "
            "for bit. Watch the loss fall, and beside it what counts: when its evidence first holds the answer."
        )
    )
    unseen = unseen_documents()
    choice = st.selectbox(
        t("Document"), [*unseen, _OWN], format_func=labels(choice_labels(unseen, _OWN)), key="adapt_choice"
    )
    if choice == _OWN or choice not in unseen:
        st.text_input(t("Title"), key="adapt_title", max_chars=200)
        text = st.text_area(
            t("Text"), key="adapt_text", height=160, max_chars=_LONGEST, placeholder=t("70 to 150 words work best")
        )
        left, right = st.columns(2)
        left.text_input(t("A question about it, to watch (optional)"), key="adapt_question", max_chars=300)
        right.text_input(t("Its answer"), key="adapt_answer", max_chars=100)
    else:
        passage, questions = unseen[choice]
        text = passage.text
        with st.container(border=True, key="passage-unseen"):
            st.text(passage.text)
        watched = escape(" · ".join(question.text for question in questions))
        st.caption(t("Watched, not learned from: {questions}", questions=watched))
    st.slider(t("Steps"), 5, 200, 50, 5, key="adapt_steps")
    st.button(
        t("Learn it"),
        type="primary",
        icon=":material/school:",
        key="adapt-start",
        disabled=busy or not text.strip(),
        on_click=_adapt,
        args=(ws.name,),
    )
    record = recorded("training")
    if choice == record["title"] and state.board().latest(str(ws.path)) is None:
        shipped_line((record["measured"]["created"], record["measured"]["machine"]["processor"]))
        live(record["steps"])


def _adapt(name: str) -> None:
    # Widgets are read here and not when the button is drawn: a last change and the click may arrive together.
    chosen = st.session_state
    unseen, choice = unseen_documents(), str(chosen["adapt_choice"])
    if choice in unseen:
        passage, watched = unseen[choice]
    else:
        passage = own_document(str(chosen["adapt_title"]), str(chosen["adapt_text"]))
        watched = own_question(str(chosen["adapt_question"]), str(chosen["adapt_answer"]))
    config = AdaptConfig(steps=int(chosen["adapt_steps"]), seed=state.settings().seed)
    label = message("Learning {title}", title=passage.title or message("your text"))
    state.start_job(name, label, pipeline.adapt, passage=passage, held_out=watched, config=config)


def own_document(title: str, text: str) -> Passage:
    """A passage of one's own; the same text always gets the same id."""
    digest = text_digest(f"{title}\n{text}", 8)
    return Passage(f"own-{digest}", title.strip(), text.strip())


def own_question(text: str, answer: str) -> tuple[Question, ...]:
    """A question of one's own to watch; none unless it comes with its answer."""
    text, answer = text.strip(), answer.strip()
    return (Question("own", text, (answer,)),) if text and answer else ()


def choice_labels(unseen: Iterable[str], own: str) -> dict[str, str]:
    """What is to be read for each document that can be added; those that ship are no documents of one's own."""
    return {own: own, **{title: message("Example: {title}", title=title) for title in unseen}}


def unseen_documents() -> dict[str, tuple[Passage, tuple[Question, ...]]]:
    """Documents that ship with Tessera and that no memory has seen, by title; none when the file is damaged."""
    try:
        return {passage.title or passage.id: (passage, questions) for passage, questions in load_unseen()}
    except CorpusError:
        return {}


def change_panel(ws: Workspace, busy: bool) -> None:
    """Any document of the memory, to be given another text or to be forgotten."""
    learned = ws.params("memory").get("learned", [])
    pool = load_pool(ws.require("memory"))
    titles = dict(zip(pool.ids, pool.titles, strict=True))
    st.markdown(
        t(
            "Both touch one row of Z alone. The corpus keeps its text: methods that read text know it as before, "
            "until the corpus itself is changed."
        )
    )
    names = {i: t("{title} · learned later", title=titles[i] or i) for i in reversed(learned)}
    names |= {i: titles[i] or i for i in pool.ids if i not in names}
    chosen = st.selectbox(t("Document"), list(names), format_func=labels(names), key="change_choice")
    current = next((passage.text for passage in state.corpus_of(ws).passages if passage.id == chosen), "")
    text = st.text_area(
        t("Its new text"),
        current if len(current) <= _LONGEST else "",
        key=f"change_text-{chosen}",
        height=140,
        max_chars=_LONGEST,
        placeholder=t("The z of the document begins anew from this text and is trained on it"),
    )
    with st.container(horizontal=True, gap="small"):
        st.button(
            t("Learn the new text"),
            type="primary",
            icon=":material/edit:",
            key="edit-start",
            disabled=busy or not text.strip() or text.strip() == current.strip(),
            on_click=_edit,
            args=(ws.name, chosen, titles[chosen]),
        )
        st.button(
            t("Forget it"),
            icon=":material/delete:",
            key="forget",
            disabled=busy or len(pool.ids) == 1,
            help=t("The last document cannot be forgotten: delete the memory instead.") if len(pool.ids) == 1 else None,
            on_click=_forget,
            args=(ws.name, chosen),
        )


def _edit(name: str, passage_id: str, title: str) -> None:
    passage = Passage(passage_id, title, str(st.session_state[f"change_text-{passage_id}"]).strip())
    config = AdaptConfig(seed=state.settings().seed)
    state.start_job(
        name,
        message("Editing {title}", title=title or passage_id),
        pipeline.adapt,
        passage=passage,
        config=config,
        edit=True,
    )


def _forget(name: str, passage_id: str) -> None:
    label = message("Forgetting {title}", title=passage_id)
    state.start_job(name, label, pipeline.forget, passage_id=passage_id)
