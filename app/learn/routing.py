"""Step: the model finds the document by itself."""

from __future__ import annotations

import streamlit as st

from app import state
from app.i18n import t
from app.learn.base import Prediction, Step, Tour, read_this
from app.learn.exhibits import exhibit, measured_line
from app.learn.recorded import recorded
from app.views.memory.route import show_routing

_SHOWN = 6


_UNKNOWN = "What is the capital of France?"


def predict() -> Prediction:
    """What a question wakes that no document answers."""
    unknown = next(row for row in recorded("routing")["questions"] if row["text"] == _UNKNOWN)
    title, weight, _ = unknown["documents"][0]
    return Prediction(
        t("“{question}” is asked of a memory of an invented world. What weighs most?", question=_UNKNOWN),
        (t("the null slot: nobody knows"), t("some document")),
        0 if unknown["null"] > weight else 1,
        t("The null slot has {null:.0%}, {title} {weight:.0%}.", null=unknown["null"], title=title, weight=weight),
    )


def show(_tour: Tour) -> None:
    """Two questions side by side, and what they wake."""
    record = recorded("routing")
    words = {
        "question": [t("One question"), t("Another question")],
        "null": t("not in memory"),
        "silent": t("It would rather say nothing."),
        "reads": t("It would read {title}."),
    }
    exhibit("routes", record, words)
    read_this(
        t(
            "Bars share 100 % among {documents} documents and the null slot; the heaviest {shown} documents are shown. "
            "✓ marks those that hold the answer.",
            documents=record["documents"],
            shown=_SHOWN,
        )
    )
    measured_line("routing")


def live(tour: Tour) -> None:
    """A question of one's own, the documents it wakes, and the null slot."""
    text = st.text_input(t("A question to route"), tour.question.text, key=f"learn_route_{tour.question.id}")
    if not text.strip():
        st.info(t("Type a question."), icon=":material/edit:")
        return
    with state.models().lock:
        memory = state.memory_of(tour.ws)
        routing = memory.route(text, _SHOWN)
    show_routing(memory, routing, "learn_routing")
    read_this(
        t(
            "Bars share 100 % among {documents} documents and the null slot; the heaviest {shown} are shown.",
            documents=len(memory.pool.ids),
            shown=_SHOWN,
        )
    )


STEP = Step(
    name="routing",
    title="The model finds the document itself",
    question="Which document does a question lead to, and what if none knows?",
    intro=(
        "No encoder and no index on disk: the model's own hidden states of the question are compared with keys made "
        "from every z, and the words of the question with those that z spells. One bar is not a document: the "
        "**null slot** says that nobody knows."
    ),
    predict=predict,
    show=show,
    live=live,
    words=("Routing", "Null slot"),
    page="memory",
)
