"""Step: where each method fails: mistakes to spot, and each kind of failure found on the sample itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import streamlit as st

from app import state
from app.figures.bars import Amount
from app.i18n import labels, t
from app.learn.base import Prediction, Step, Tour, bars, nearest, read_this
from app.learn.exhibits import exhibit, measured_line
from app.learn.recorded import recorded
from app.views.map.cells import nearness
from app.views.shared.frame import show_error
from app.views.shared.text import escape
from core.corpus.types import Question
from core.errors import TesseraError
from core.memory.z_reader import ZReader
from core.metrics import coverage, rouge_l
from core.models.encoder import Vectors
from core.models.variant import ModelVariant
from core.voronoi.partition import Partition
from core.voronoi.routing import route, routing_recall

BORDER, STALE, WRONG, CRAMMED = "Border questions", "Stale caches", "Routed right, said wrong", "Crammed vectors"
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
    """One way of failing at a time."""
    st.markdown(t("Every method has its own way of being wrong. **Choose one**; each is shown on the sample."))
    kinds = {BORDER: _border, STALE: _stale, WRONG: _said_wrong, CRAMMED: _crammed}
    chosen = st.segmented_control(
        t("Failure"),
        list(kinds),
        default=BORDER,
        required=True,
        format_func=labels({kind: kind for kind in kinds}),
        key="learn_failure",
        label_visibility="collapsed",
    )
    kinds[chosen or BORDER](tour)


def _held_out(tour: Tour) -> list[Question]:
    questions = [question for question in tour.corpus.questions.get("dev", ()) if question.passage_ids]
    stride = max(1, len(questions) // _LOOKED_AT)
    return questions[::stride][:_LOOKED_AT]


def _border(tour: Tour) -> None:
    """CAG: the answer lies in the next cell."""
    questions = _held_out(tour)
    if not questions:
        st.info(t("This corpus has no held-out questions."), icon=":material/info:")
        return
    partition, rows = tour.ws.read("partition", Partition.load), tour.corpus.index()
    with st.spinner(t("Encoding the held-out questions")):
        queries = _encoded(tuple(question.text for question in questions))
    gold = [[rows[name] for name in question.passage_ids if name in rows] for question in questions]
    points = routing_recall(partition, queries, gold, range(1, min(5, partition.k) + 1))
    amounts = [
        Amount(
            t("{cells} opened, {tokens:,.0f} tokens", cells=p.nprobe, tokens=p.tokens),
            p.recall,
            f"{p.recall:.0%}",
            p.nprobe == 1,
        )
        for p in points
    ]
    bars(amounts, t("held-out questions whose passage is in an opened cell"), "learn_border")
    margins = [route(partition, query).margin for query in queries]
    lowest = int(np.argmin(margins))
    read_this(
        t(
            "Over {count} held-out questions: opening more cells finds more answers and reads more tokens. The "
            "question nearest to a border is “{question}”, margin {margin:.3f}: {nearness}.",
            count=len(questions),
            question=escape(questions[lowest].text),
            margin=margins[lowest],
            nearness=nearness(margins[lowest]),
        )
    )


def _stale(tour: Tour) -> None:
    """CAG: a cache belongs to one model and one text."""
    st.markdown(
        t(
            "A cache is what *one* model made of *one* text. A model accepts a wrong cache without a murmur and "
            "answers wrongly from it, so every cache names what it was built from and is refused when that no longer "
            "holds. Below, the blocks of this workspace are asked for as if the model were another one: with, then "
            "without, its reader adapter."
        )
    )
    models = state.models()
    for reader in (True, False):
        with models.lock:
            lm = models.language_model(ModelVariant.of(replace(state.settings(), reader=reader)))
        try:
            tour.ws.require("blocks", {"model": lm.identity.fingerprint})
            usable = t("{model}: these blocks may be used.", model=_called(lm.identity.name, reader))
            st.success(usable, icon=":material/check_circle:")
        except TesseraError as error:
            st.markdown(f"{_called(lm.identity.name, reader)}:")
            show_error(error)
    read_this(t("Red is the real refusal that a person meets after switching the adapter off; it says what to do."))


def _called(name: str, reader: bool) -> str:
    """A model's name, with or without its reader adapter."""
    if reader:
        return t("{model} with the reader adapter", model=escape(name))
    return t("{model} plain", model=escape(name))


def _said_wrong(tour: Tour) -> None:
    """Memory: the right document, the wrong words."""
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


def _crammed(tour: Tour) -> None:
    """Memory: reciting is not knowing."""
    params = manifest.params if (manifest := tour.ws.manifest("memory")) else {}
    right, other = params.get("held_out_rouge_l"), params.get("shuffled_rouge_l")
    st.markdown(
        t(
            "Vectors can be fitted until a model recites a whole page from one of them "
            "([Kuratov et al., 2025](https://arxiv.org/abs/2502.13063)). Reciting is not answering: what was crammed "
            "gives the page word after word, and falls silent when asked *about* it. That is why z is trained on "
            "questions, and why the loss on the documents says nothing about memory."
        )
    )
    if right is None or other is None:
        return
    amounts = [
        Amount(t("its own z"), float(right), f"{float(right):.2f}", marked=True),
        Amount(t("another document's z"), float(other), f"{float(other):.2f}"),
    ]
    bars(amounts, t("ROUGE-L of the evidence, held-out questions"), "learn_crammed")
    read_this(
        t(
            "Measured when this memory was trained; its loss on what it studied was {loss:.2f} at the end. Only the "
            "distance between the bars is memory. The step on training shows both sides live.",
            loss=float(params.get("read_loss", 0)),
        )
    )


@st.cache_data(show_spinner=False, max_entries=2)
def _encoded(texts: Sequence[str]) -> Vectors:
    models = state.models()
    with models.lock:
        return np.stack([models.encoder().encode_query(text) for text in texts])


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
