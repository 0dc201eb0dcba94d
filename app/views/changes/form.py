"""A change to race: what happens to which document, and the question that shows whether it is known."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app import state
from app.i18n import labels, t
from app.navigation import page_for
from app.views.changes.results import shipped_race
from app.views.compare.columns import heading
from app.views.memory.edit import choice_labels, own_document, own_question, unseen_documents
from app.views.shared.frame import guarded, link_to, missing_for, to_do
from app.views.shared.text import escape
from core.corpus.types import Corpus, Passage, Question
from core.errors import TesseraError
from core.labs.changes.change import Change
from core.labs.changes.examples import added, deletion, edit_of, edited, edits, passage_of
from core.labs.changes.race import race
from core.labs.changes.report import RaceConfig
from core.labs.changes.results import old_questions
from core.labs.changes.updaters.registry import DEFAULT_METHODS, UPDATERS
from core.methods import registry
from core.workspace import Workspace

LABEL = "Racing after a change"
"""Name of the job, by which its results are found again."""
OWN = "Your own text"
_OWN_QUESTION = "A question of your own"
KINDS = {"add": "Add a document", "edit": "Edit a document", "delete": "Delete a document"}
_ICONS = {"add": "add_circle", "edit": "edit", "delete": "delete"}
_OLD, _STEPS = 10, 50


def change_form(ws: Workspace, corpus: Corpus, busy: bool) -> None:
    """What is to be changed, who runs, and the button; the sample opens on the change whose race ships."""
    example = shipped_race(corpus)
    kind = st.segmented_control(
        t("What happens"),
        list(KINDS),
        default=example["change"]["kind"] if example else "add",
        required=True,
        format_func=lambda kind: f":material/{_ICONS[kind]}: {labels(KINDS)(kind)}",
        key="race_kind",
        label_visibility="collapsed",
    )
    with st.container(border=True, key="race-form"):
        {"add": _addition, "edit": _edit, "delete": _deletion}[str(kind)](corpus)
        names = _methods(ws)
        left, right = st.columns(2)
        left.slider(
            t("Old questions, asked before and after"),
            0,
            50,
            example["old_questions"] if example else _OLD,
            5,
            key="race_old",
            help=t("Questions of the corpus that have nothing to do with the change: what it breaks shows in them."),
        )
        right.slider(
            t("Most steps of the memory"),
            5,
            200,
            example["steps"] if example else _STEPS,
            5,
            key="race_steps",
            help=t("It is asked again every five steps and stops at its first right answer."),
        )
        st.button(
            t("Start"),
            type="primary",
            icon=":material/play_arrow:",
            key="race-start",
            disabled=busy or not names,
            on_click=start,
            args=(ws, corpus, tuple(names)),
        )
        st.caption(
            t(
                "Methods run one at a time, each in a throw-away copy. The change is made for real there, and your "
                "workspace stays as it is, even when you cancel."
            )
        )


def start(ws: Workspace, corpus: Corpus, names: tuple[str, ...]) -> None:
    """Starts the race in the background; a change that makes no sense is refused in the job panel."""
    # Widgets are read here and not when the button is drawn: a last change and the click may arrive together.
    chosen = st.session_state
    config = RaceConfig(names, steps=int(chosen["race_steps"]))
    with state.refusing():
        change = chosen_change(corpus)
        change.check(corpus)
        questions = old_questions(corpus, change, int(chosen["race_old"]), state.settings().seed)
        state.start_timed_job(ws.name, LABEL, race, change=change, config=config, questions=questions)


def chosen_change(corpus: Corpus) -> Change:
    """The change that the form holds.

    Raises:
        TesseraError: It lacks a text, a question or an answer.
    """
    chosen = st.session_state
    kind, passage_id = str(chosen["race_kind"]), str(chosen.get("race_passage", ""))
    if kind == "add":
        unseen, choice = unseen_documents(), str(chosen["race_document"])
        if choice in unseen:
            passage, questions = unseen[choice]
            return added(passage, _choose_question(questions), questions)
        about_it = _own()
        return added(own_document(str(chosen["race_title"]), str(chosen["race_text"])), about_it)
    if kind == "edit":
        passage = edited(corpus, passage_id, str(chosen[f"race_text_{passage_id}"]))
        if passage == passage_of(corpus, passage_id):
            raise TesseraError("The text is as it was.", "Change a fact in it, and ask for that.")
        return edit_of(corpus, passage, _own(f"_{passage_id}"))
    return deletion(corpus, passage_id, _choose_question(_about(corpus, passage_id)))


def _choose_question(questions: Sequence[Question]) -> Question:
    """The question that is chosen, or one's own."""
    by_text = {question.text: question for question in questions}
    return by_text.get(str(st.session_state.get("race_asked", ""))) or _own()


def _own(suffix: str = "") -> Question:
    chosen = st.session_state
    question, answer = str(chosen.get(f"race_question{suffix}", "")), str(chosen.get(f"race_answer{suffix}", ""))
    questions = own_question(question, answer)
    if not questions:
        raise TesseraError(
            "The change comes without a question and its answer.", "Give both: they show when it is known."
        )
    return questions[0]


def _addition(corpus: Corpus) -> None:
    rows = corpus.index()
    unseen = {title: document for title, document in unseen_documents().items() if document[0].id not in rows}
    choice = st.selectbox(
        t("Which document"), [*unseen, OWN], format_func=labels(choice_labels(unseen, OWN)), key="race_document"
    )
    if choice in unseen:
        passage, questions = unseen[choice]
        _shown(passage)
        _question_choice(questions)
        return
    st.text_input(t("Title"), key="race_title", max_chars=200)
    st.text_area(
        t("Text"), key="race_text", height=150, max_chars=2_000, placeholder=t("A few sentences, 70 to 150 words")
    )
    _question_fields()


def _edit(corpus: Corpus) -> None:
    with guarded():
        examples = {change.passage.id: change for change in edits(corpus)}
        passage = _passage_choice(corpus, list(examples))
        example = examples.get(passage.id)
        text = (example.passage if example else passage).text
        st.text_area(t("The text as it is to be"), text, key=f"race_text_{passage.id}", height=150, max_chars=2_000)
        if example:
            st.caption(t("An example: one fact is another already. Change it as you like."))
        question = example.question if example else Question("", "", ("",))
        _question_fields(f"_{passage.id}", question)


def _deletion(corpus: Corpus) -> None:
    asked_about = [q.passage_ids[0] for q in corpus.all_questions(train_last=True) if len(q.passage_ids) == 1]
    passage = _passage_choice(corpus, list(dict.fromkeys(asked_about)))
    _shown(passage)
    _question_choice(_about(corpus, passage.id))
    st.caption(
        t("A method knows of the deletion when it no longer gives this answer and no longer rests on the passage.")
    )


def _about(corpus: Corpus, passage_id: str) -> tuple[Question, ...]:
    return tuple(q for q in corpus.all_questions(train_last=True) if q.passage_ids == (passage_id,))


def _passage_choice(corpus: Corpus, first: Sequence[str]) -> Passage:
    """One passage of the corpus; some come first, because there is something to ask about them."""
    titles = {passage.id: passage.title or passage.id for passage in corpus.passages}
    ids = [*first, *(passage_id for passage_id in titles if passage_id not in set(first))]
    chosen = st.selectbox(t("Which document"), ids, format_func=lambda i: titles.get(i, i), key="race_passage")
    return passage_of(corpus, str(chosen))


def _question_choice(questions: Sequence[Question]) -> None:
    options = [*(question.text for question in questions), _OWN_QUESTION]
    chosen = st.selectbox(
        t("The question that is asked"), options, format_func=labels({_OWN_QUESTION: _OWN_QUESTION}), key="race_asked"
    )
    answers = {question.text: question.answers for question in questions}
    if chosen in answers:
        st.caption(t("Accepted answers: {answers}", answers=escape(" · ".join(answers[chosen]))))
    else:
        _question_fields()


def _question_fields(suffix: str = "", filled: Question | None = None) -> None:
    left, right = st.columns(2)
    question, answer = (filled.text, filled.answers[0]) if filled else ("", "")
    left.text_input(t("A question about it"), question, key=f"race_question{suffix}", max_chars=300)
    right.text_input(t("Its answer after the change"), answer, key=f"race_answer{suffix}", max_chars=100)


def _shown(passage: Passage) -> None:
    with st.container(border=True, key="passage-race"):
        st.text(passage.text)


def _methods(ws: Workspace) -> list[str]:
    lacking = {name: missing_for(ws, registry.METHODS[name].needs) for name in UPDATERS}
    ready = [name for name in UPDATERS if not lacking[name]]
    chosen = st.pills(
        t("Methods that run"),
        ready,
        selection_mode="multi",
        default=[name for name in ready if name in DEFAULT_METHODS],
        format_func=heading,
        key="race_methods",
    )
    waiting = [name for name in UPDATERS if lacking[name]]
    if waiting:
        with st.container(horizontal=True, vertical_alignment="center", gap="medium", key="race-unready"):
            st.caption(t("Cannot run yet:"), width="content")
            for name in waiting:
                first = lacking[name][0]
                link_to(page_for(first.kind), f"{escape(t(registry.METHODS[name].label))}: {to_do(first)}")
    return [name for name in ready if name in (chosen or [])]
