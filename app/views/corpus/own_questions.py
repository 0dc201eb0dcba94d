"""Questions for one's own corpus: written by the model, then edited by a person."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

import pandas as pd
import streamlit as st

from app import state
from app.i18n import t
from app.views.shared.frame import guarded
from core.corpus.types import GENERATED, Corpus, Question
from core.evaluation.generated import WANTED, edit, generate, generated
from core.messages import message
from core.workspace import Workspace


def own_questions(ws: Workspace, corpus: Corpus, busy: bool) -> None:
    """The generated questions in a table that can be edited; nothing where the corpus brings questions of its own."""
    questions = generated(corpus)
    if len(questions) < sum(map(len, corpus.questions.values())):
        return
    st.caption(
        t(
            "The model writes questions from the passages; those stay that the reader answers from their own passage. "
            "They are used for suggestions, on the map, in Evaluate, Learn and Live change."
        )
    )
    st.button(
        t("Write them anew") if questions else t("Write {n} questions", n=WANTED),
        key="questions-generate",
        type="secondary" if questions else "primary",
        icon=":material/auto_awesome:",
        disabled=busy,
        on_click=_generate,
        args=(ws,),
    )
    if not questions:
        return
    st.markdown(f"**{t('Generated questions')}** :gray[{t('Edit, add or delete rows, then save.')}]")
    edited = st.data_editor(
        pd.DataFrame(
            {
                "id": [question.id for question in questions],
                "question": [question.text for question in questions],
                "answers": [" / ".join(question.answers) for question in questions],
            }
        ),
        hide_index=True,
        num_rows="dynamic",
        key=f"questions-editor-{ws.name}",
        column_config={"id": None, "question": t("Question"), "answers": t("Accepted answers")},
        disabled=busy,
    )
    with guarded():
        if st.button(t("Save the questions"), key="questions-save", icon=":material/save:", disabled=busy):
            edit(ws, questions_of(edited.to_dict("records"), questions))
            st.rerun()


def questions_of(rows: Sequence[Mapping[Hashable, Any]], before: tuple[Question, ...]) -> list[Question]:
    """The questions of an edited table; one that was there keeps its passage, a new one has none.

    Args:
        rows: With id, question, and answers parted by " / "; cells that nobody filled are None.
    """
    known = {question.id: question for question in before}
    free = (name for number in count(1) if (name := f"own-{number:02d}") not in known)
    questions: list[Question] = []
    for row in rows:
        text, answers = str(row["question"] or "").strip(), str(row["answers"] or "").split(" / ")
        if text:
            question = known.get(str(row["id"])) or Question(next(free), text, (), kind=GENERATED)
            questions.append(replace(question, text=text, answers=tuple(filter(None, map(str.strip, answers)))))
    return questions


def _generate(ws: Workspace) -> None:
    state.start_job(ws.name, message("Writing questions for {name}", name=ws.name), generate)
