"""Step: a document as learned vectors, on the way from noise to its z, and with one vector erased."""

from __future__ import annotations

import streamlit as st

from app import state
from app.i18n import t
from app.learn.base import Prediction, Step, Tour, nearest, read_this
from app.learn.exhibits import exhibit, measured_line
from app.learn.recorded import recorded
from app.views.shared.table import show_table
from app.views.shared.text import escape
from core.memory.model import Memory
from core.memory.pool import z_bytes
from core.units import size

_COLUMNS = 8
_SHARES = (1.0, 0.9, 0.5, 0.1)


def _surviving() -> tuple[int, int]:
    without = recorded("z")["without"]
    return sum(one["right"] for one in without), len(without)


def predict() -> Prediction:
    """What one vector is worth."""
    right, count = _surviving()
    return Prediction(
        t("One of the {count} vectors is erased. In how many cases is the answer still right?", count=count),
        [t("nearly always") if share == 1 else t("in about {share:.0%}", share=share) for share in _SHARES],
        nearest(_SHARES, max(right, 1) / count),
        t(
            "In {right} of {count}: what a document says is spread over many vectors, but not evenly.",
            right=right,
            count=count,
        ),
    )


def show(_tour: Tour) -> None:
    """The z of one document as words, on its way, and with one vector erased."""
    record = recorded("z")
    words = {
        "way": t("From noise to its z"),
        "whole": t("All vectors"),
        "grid": t("One word for each vector: press it to erase the vector"),
        "vector": t("Vector {number}, nearest to “{word}”"),
        "stage": t("{share} % of the way; mean cosine to the words shown {cosine}. Its evidence, and its answer:"),
        "gone": t("Vector {number} is erased. Its evidence, and its answer:"),
        "nothing": t("(nothing)"),
        "sum": t("With one vector erased, {right} of {all} answers are right."),
    }
    exhibit("words", record, words)
    read_this(
        t(
            "“{question}”, asked of {title} alone. Each word is the token nearest to one of the {vectors} vectors of "
            "{numbers} numbers: the document's own telling words. **Move the slider** back towards noise: see how far "
            "its numbers can be off before words are lost, and with them the answer. Then **erase one vector** and "
            "ask again: try a word of the answer.",
            question=record["question"],
            title=escape(record["title"]),
            vectors=len(record["without"]),
            numbers=record["numbers"],
        )
    )
    label = t("The text of {title}, for comparison", title=escape(record["title"]))
    with st.expander(label, icon=":material/article:"):
        st.text(record["text"])
    measured_line("z")


def live(tour: Tour) -> None:
    """The z of any document, each vector with the token it lies nearest to."""
    with state.models().lock:
        memory = state.memory_of(tour.ws)
    ids = list(memory.pool.ids)
    titles = dict(zip(ids, memory.pool.titles, strict=True))
    first = next((ids.index(passage.id) for passage in tour.gold if passage.id in ids), 0)
    chosen = st.selectbox(
        t("Document"),
        ids,
        index=first,
        format_func=lambda name: titles[name] or name,
        key=f"learn_z_{tour.question.id}",
    )
    with state.models().lock:
        words, nearness = nearest_words(memory, chosen)
    rows = [words[start : start + _COLUMNS] for start in range(0, len(words), _COLUMNS)]
    show_table([{str(column): word for column, word in enumerate(row, start=1)} for row in rows], "learn_z")
    text = next((passage.text for passage in tour.corpus.passages if passage.id == chosen), "")
    read_this(_reading(memory, chosen, text, nearness))
    label = t("The text of {title}, for comparison", title=escape(titles[chosen]))
    with st.expander(label, icon=":material/article:"):
        st.text(text)


def _reading(memory: Memory, chosen: str, text: str, nearness: float) -> str:
    """What the table shows, and how large z is beside the text."""
    z = memory.pool.z[memory.pool.row(chosen)]
    return t(
        "One cell of the table for each of the {vectors} vectors: the token whose embedding points most nearly the "
        "same way (mean cosine {cosine:.2f}; 1 would be the word itself). z is {vectors} × {numbers} numbers, "
        "{z_size}, beside {text_size} of text: it is not a compression. Read in order, the words are the telling ones "
        "of the document, where its z began: training moves z little, and teaches the model to read it.",
        vectors=int(memory.pool.filled(chosen).sum()),
        numbers=z.shape[1],
        cosine=nearness,
        z_size=size(z_bytes(memory.card.config.to_json())),
        text_size=size(len(text.encode())),
    )


def nearest_words(memory: Memory, passage_id: str) -> tuple[list[str], float]:
    """For each vector of a document the token nearest to it, and the mean of their cosines."""
    ids, cosine = memory.nearest_tokens(passage_id)
    return [memory.prompt.decode([token]) for token in ids], cosine


STEP = Step(
    name="z",
    title="A document as learned vectors",
    question="Can a document live in a model without its text?",
    intro=(
        "LLM-as-Memory keeps no text. Every document is **z**: vectors of a few numbers each, which the model reads "
        "like words."
    ),
    predict=predict,
    show=show,
    live=live,
    words=("Z", "Soft token"),
    page="memory",
)
