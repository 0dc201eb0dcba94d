"""Step: texts become vectors."""

from __future__ import annotations

import numpy as np
import streamlit as st

from app import state
from app.learn.base import Tour, bars, read_this
from core import pipeline
from core.figures.bars import Amount

_SHOWN = 6


def show(tour: Tour) -> None:
    """A text and the passages nearest to it."""
    st.markdown(
        "A small model, the **encoder**, turns a text into a vector. Texts about the same thing point the same way, "
        "even when they share no word. Everything that finds passages begins here. **Change the text** and see which "
        "passages come nearest."
    )
    text = st.text_input("A text to embed", tour.question.text, key=f"learn_embed_{tour.question.id}")
    if not text.strip():
        st.info("Type a text.", icon=":material/edit:")
        return
    models = state.models()
    with models.lock:
        vector = models.encoder().encode_query(text)
    scores = pipeline.load_vectors(tour.ws) @ vector
    best = np.argsort(-scores, kind="stable")[:_SHOWN]
    gold = {passage.id for passage in tour.gold}
    found = [(tour.corpus.passages[row], float(scores[row])) for row in best]
    amounts = [Amount(passage.title, score, f"{score:.3f}", passage.id in gold) for passage, score in found]
    bars(amounts, "cosine similarity", "learn_embed")
    read_this(
        f"Each bar is a passage; longer is nearer to your text, among all {len(scores)}. The marked bar holds "
        "the answer "
        f"to the question of the tour. The vector has {len(vector)} numbers; its first three are "
        f"{', '.join(f'{number:.3f}' for number in vector[:3])}."
    )
