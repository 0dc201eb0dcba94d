"""Step: texts become vectors, and the angle between two of them measures how similar they are."""

from __future__ import annotations

import numpy as np
import streamlit as st

from app import state
from app.figures.bars import Amount
from app.i18n import t
from app.learn.base import Prediction, Step, Tour, bars, read_this
from app.learn.exhibits import exhibit, measured_line
from app.learn.recorded import recorded
from core.models.embeddings import load_vectors

_SHOWN = 6


_BASE, _SENSE, _WORD = "A bank lends money.", "Here you can borrow cash.", "They sat on the bank of the river."


def _numbers(*texts: str) -> list[int]:
    """Where texts stand in the record."""
    return [recorded("embed")["texts"].index(text) for text in texts]


def predict() -> Prediction:
    """Sense, or a shared word."""
    base, sense, word = _numbers(_BASE, _SENSE, _WORD)
    cosines = recorded("embed")["cosines"][base]
    return Prediction(
        t("Which sentence lies nearer to “{text}”?", text=_BASE),
        (_SENSE, _WORD),
        0 if cosines[sense] > cosines[word] else 1,
        t(
            "Their cosines are {sense:.2f} and {word:.2f}: the second one shares a word, the first one the meaning.",
            sense=cosines[sense],
            word=cosines[word],
        ),
    )


def show(_tour: Tour) -> None:
    """Two texts, and their angle."""
    words = {
        "texts": [t("Text A"), t("Text B")],
        "strips": t("The numbers of each vector, blue below zero, orange above"),
        "cosine": t("cosine similarity {value}"),
    }
    exhibit("angle", {**recorded("embed"), "pair": _numbers(_BASE, _SENSE)}, words)
    read_this(
        t(
            "The two arrows stand at the true angle of the two vectors in all their dimensions; only the plane they "
            "are drawn in is chosen. **Choose other texts**: what has nothing to do with each other stands at about "
            "90°."
        )
    )
    measured_line("embed")


def live(tour: Tour) -> None:
    """A text of one's own, and the passages nearest to it."""
    text = st.text_input(t("A text to embed"), tour.question.text, key=f"learn_embed_{tour.question.id}")
    if not text.strip():
        st.info(t("Type a text."), icon=":material/edit:")
        return
    models = state.models()
    with models.lock:
        vector = models.encoder().encode_query(text)
    scores = load_vectors(tour.ws) @ vector
    best = np.argsort(-scores, kind="stable")[:_SHOWN]
    gold = {passage.id for passage in tour.gold}
    hits = [(tour.corpus.passages[row], float(scores[row])) for row in best]
    amounts = [Amount(passage.title, score, f"{score:.3f}", passage.id in gold) for passage, score in hits]
    bars(amounts, t("cosine similarity"), "learn_embed")
    read_this(
        t(
            "Each bar is a passage; longer is nearer to your text, among all {passages}. The marked bar holds the "
            "answer to the question of the tour. The vector has {numbers} numbers; its first three are {first}.",
            passages=len(scores),
            numbers=len(vector),
            first=", ".join(f"{number:.3f}" for number in vector[:3]),
        )
    )


STEP = Step(
    name="embed",
    title="A text becomes a vector",
    question="How can a machine see that two texts are about the same thing?",
    intro=(
        "A small model, the **encoder**, turns a text into a vector: a list of numbers. Texts about the same thing "
        "point the same way, even when they share no word; the **angle** between two vectors says how near their "
        "meanings are. Everything that finds passages begins here."
    ),
    predict=predict,
    show=show,
    live=live,
    words=("Embedding", "Cosine similarity", "Passage"),
    page="corpus",
)
