"""Step: a document as vectors that no word has."""

from __future__ import annotations

import streamlit as st
import torch

from app import state
from app.i18n import t
from app.learn.base import Tour, read_this
from app.views.shared.text import escape
from core.memory.model import Memory
from core.units import size

_COLUMNS = 8
_FLOAT16 = 2


def show(tour: Tour) -> None:
    """The z of one document, each vector with the token it lies nearest to."""
    st.markdown(
        t(
            "LLM-as-Memory keeps no text. Every document is **z**: a handful of vectors that the model reads like "
            "words, though no word has them. **Choose a document** and see which word each vector lies nearest to."
        )
    )
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
    st.dataframe(
        [{str(column + 1): word for column, word in enumerate(row)} for row in rows], hide_index=True, key="learn_z"
    )
    text = next((passage.text for passage in tour.corpus.passages if passage.id == chosen), "")
    read_this(_reading(memory, chosen, text, nearness))
    label = t("The text of {title}, which the memory does not hold", title=escape(titles[chosen]))
    with st.expander(label, icon=":material/article:"):
        st.text(text)


def _reading(memory: Memory, chosen: str, text: str, nearness: float) -> str:
    """What the table shows, and how large z is beside the text."""
    z = memory.pool.z[memory.pool.row(chosen)]
    return t(
        "One cell of the table for each of the {vectors} vectors: the token whose embedding points most nearly the "
        "same way (mean cosine {cosine:.2f}; 1 would be the word itself). z is {vectors} × {numbers} numbers, "
        "{z_size}, beside {text_size} of text: it is not a compression. Read in order, the words are still the "
        "telling ones of the document, where z began; training has moved it on from there.",
        vectors=z.shape[0],
        numbers=z.shape[1],
        cosine=nearness,
        z_size=size(z.numel() * _FLOAT16),
        text_size=size(len(text.encode())),
    )


@torch.inference_mode()
def nearest_words(memory: Memory, passage_id: str) -> tuple[list[str], float]:
    """For each vector of a document the token nearest to it by cosine, and the mean of those cosines."""
    soft = torch.nn.functional.normalize(memory.soft_tokens([passage_id])[0].float(), dim=-1)
    table = torch.nn.functional.normalize(memory.lm.model.get_input_embeddings().weight.float(), dim=-1)
    best = (soft @ table.T).max(dim=-1)
    return [memory.lm.tokenizer.decode([token]).strip() for token in best.indices.tolist()], float(best.values.mean())
