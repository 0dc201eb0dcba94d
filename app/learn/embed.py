"""Step: texts become vectors."""

from __future__ import annotations

import numpy as np
import streamlit as st

from app import state
from app.figures.bars import Amount
from app.i18n import t
from app.learn.base import Tour, bars, read_this
from core.models.embeddings import load_vectors

_SHOWN = 6


def show(tour: Tour) -> None:
    """A text and the passages nearest to it."""
    st.markdown(
        t(
            "A small model, the **encoder**, turns a text into a vector. Texts about the same thing point the same "
            "way, even when they share no word. Everything that finds passages begins here. **Change the text** and "
            "see which passages come nearest."
        )
    )
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
    found = [(tour.corpus.passages[row], float(scores[row])) for row in best]
    amounts = [Amount(passage.title, score, f"{score:.3f}", passage.id in gold) for passage, score in found]
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
