"""Step: where each method fails: mistakes of the memory to spot, recorded and on held-out questions."""

from __future__ import annotations

import streamlit as st

from app import state
from app.i18n import t
from app.learn.base import Prediction, Step, Tour, nearest, read_this
from app.learn.exhibits import exhibit, measured_line
from app.learn.recorded import recorded
from app.views.shared.text import escape
from core.corpus.types import Question
from core.memory.z_reader import ZReader
from core.metrics import coverage, rouge_l

_LOOKED_AT = 24
_HELD = (1.0, 0.9, 0.8, 0.5)


def predict() -> Prediction:
    """How often the right document says the right thing."""
    record = recorded("failures")
    return Prediction(
        t(
            "The memory found the right document for {routed} of {asked} held-out questions. How often is the answer "
            "in what it then says?",
            routed=record["routed"],
            asked=record["asked"],
        ),
        [t("always") if share == 1 else t("in about {share:.0%}", share=share) for share in _HELD],
        nearest(_HELD, record["held"] / record["routed"]),
        t("In {held} of {routed}; in the others it is lost.", held=record["held"], routed=record["routed"]),
    )


def show(_tour: Tour) -> None:
    """Spot the mistake: the right document, the wrong words."""
    words = {
        "number": t("Mistake {number} of {all}"),
        "said": t("The memory read the right document and says this. Which word is wrong? Press it."),
        "passage": t("The passage says"),
        "hit": t("Yes, the passage does not say that."),
        "miss": t("No: that word stands in the passage, too. What does not is marked."),
        "score": t("ROUGE-L {score} between the two sentences, and yet the answer, “{answer}”, is lost."),
        "next": t("Next mistake"),
        "show": t("Show it"),
    }
    exhibit("mistake", recorded("failures"), words)
    read_this(
        t(
            "Nothing in the sentence itself gives it away: it is about the right thing, in the right tone. That is why "
            "answers are checked against passages, and why a score beside a wrong answer means little."
        )
    )
    measured_line("failures")


def live(tour: Tour) -> None:
    """Held-out questions, one by one, until the memory says the wrong thing from the right document."""
    st.markdown(
        t(
            "The memory may find the right document and still say the wrong thing from it, most often a wrong name or "
            "number. Ask it held-out questions, one by one, until it does."
        )
    )
    questions = _held_out(tour)
    number = int(st.session_state.get("learn_wrong", -1))
    ask = t("Ask the next held-out question")
    if st.button(ask, type="primary", icon=":material/skip_next:", key="learn-wrong"):
        number = (number + 1) % max(1, len(questions))
        st.session_state["learn_wrong"] = number
    if number < 0 or not questions:
        st.caption(t("Nothing has been asked yet."))
        return
    question = questions[number]
    with state.models().lock:
        memory = state.memory_of(tour.ws)
        routed = memory.route(question.text, 1).documents[0].passage_id
        evidence = ZReader(memory).evidence(question.text, [routed])
    st.markdown(f"**{escape(question.text)}**")
    _verdict(question, routed, evidence)


def _held_out(tour: Tour) -> list[Question]:
    questions = [question for question in tour.corpus.questions.get("dev", ()) if question.passage_ids]
    stride = max(1, len(questions) // _LOOKED_AT)
    return questions[::stride][:_LOOKED_AT]


def _verdict(question: Question, document: str, evidence: str) -> None:
    routed, right = document in question.passage_ids, bool(coverage(evidence, question.answers))
    marks = {True: ":green[:material/check:]", False: ":red[:material/close:]"}
    found_it = t("right document") if routed else t("wrong document")
    said_it = t("the answer is in what it says") if right else t("the answer is not in what it says")
    st.markdown(f"{marks[routed]} {found_it} · {marks[right]} {said_it}")
    st.text(t("It says: {text}", text=evidence or t("(nothing)")))
    st.text(t("The passage says: {text}", text=" ".join(question.evidence) or t("(unknown)")))
    st.text(t("Gold answer: {text}", text=" / ".join(question.answers)))
    read_this(
        t(
            "ROUGE-L {score:.2f} between the two sentences. A high score beside a wrong answer is the typical failure: "
            "the sentence comes back, the name in it does not.",
            score=rouge_l(evidence, question.evidence),
        )
    )


STEP = Step(
    name="failures",
    title="Where each method fails",
    question="What goes wrong, and how would one notice?",
    intro=(
        "RAG misses a passage or misreads it; CAG opens the wrong cell, or a cache that no longer fits. The memory's "
        "own failure is the hardest to see: it finds the right document and says the wrong thing from it."
    ),
    predict=predict,
    show=show,
    live=live,
    words=("Margin", "nprobe", "Shuffled control", "ROUGE-L", "Cramming", "EM and F1"),
    page="compare",
)
