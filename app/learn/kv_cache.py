"""Step: what a model keeps of what it has read."""

from __future__ import annotations

import streamlit as st

from app import state
from app.figures.bars import Amount
from app.i18n import t
from app.learn.base import Tour, bars, read_this
from core.models.language_model import LanguageModel
from core.units import size
from core.voronoi.partition import load_cells


def show(tour: Tour) -> None:
    """Tokens, layers and bytes of one cell's cache, from the model's own configuration."""
    st.markdown(
        t(
            "While it reads, each layer of the model writes a **key** and a **value** for every token, and looks back "
            "at them for every word it says. Keep them, and the text need not be read again. **Choose a cell** and see "
            "what that costs."
        )
    )
    cells, labels = load_cells(tour.ws), tour.labels()
    cell = st.selectbox(
        t("Cell"),
        range(len(cells)),
        format_func=lambda number: f"{number}: {labels[number] if number < len(labels) else ''}",
        key="learn_kv_cell",
    )
    models = state.models()
    with models.lock:
        lm = models.language_model()
    tokens = len(lm.prompt.context(cells[cell]))
    st.latex(_product(lm, tokens))
    text = sum(len(passage.text.encode()) for passage in cells[cell])
    cache = lm.kv_bytes_per_token * tokens
    amounts = [Amount(t("Its text"), text, size(text)), Amount(t("Its KV cache"), cache, size(cache), marked=True)]
    bars(amounts, t("bytes, on a logarithmic axis"), "learn_kv", log=True)
    read_this(
        t(
            "{passages} passages, {tokens:,} tokens with the head of the prompt. The cache weighs {times:,.0f} times "
            "its text: that is the price of not reading it again. All blocks of this workspace weigh {all} on disk.",
            passages=len(cells[cell]),
            tokens=tokens,
            times=cache / max(text, 1),
            all=size(tour.ws.state("blocks").bytes),
        )
    )


def _product(lm: LanguageModel, tokens: int) -> str:
    """The size of a cache as a product, in LaTeX: each factor with what it counts beneath it."""
    config = lm.model.config
    factors = (
        (2, "K, V"),
        (config.num_hidden_layers, t("layers")),
        (getattr(config, "num_key_value_heads", None) or config.num_attention_heads, t("KV heads")),
        (getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads, t("numbers")),
        (lm.dtype.itemsize, t("bytes")),
        (tokens, t("tokens")),
    )
    product = r" \times ".join(
        rf"\underbrace{{{f'{count:,}'.replace(',', '{,}')}}}_{{\text{{{name}}}}}" for count, name in factors
    )
    return rf"{product} = {lm.kv_bytes_per_token * tokens / 1e6:.1f}\ \text{{MB}}"
