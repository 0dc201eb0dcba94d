"""Step: what a model keeps of what it has read."""

from __future__ import annotations

import streamlit as st

from app import state
from app.learn.base import Tour, bars, read_this
from core import pipeline
from core.figures.bars import Amount
from core.figures.units import size


def show(tour: Tour) -> None:
    """Tokens, layers and bytes of one cell's cache, from the model's own configuration."""
    st.markdown(
        "While it reads, each layer of the model writes a **key** and a **value** for every token, and looks back at "
        "them for every word it says. Keep them, and the text need not be read again. **Choose a cell** and see what "
        "that costs."
    )
    cells, labels = pipeline.load_cells(tour.ws), tour.labels()
    cell = st.selectbox(
        "Cell",
        range(len(cells)),
        format_func=lambda number: f"{number}: {labels[number] if number < len(labels) else ''}",
        key="learn_kv_cell",
    )
    models = state.models()
    with models.lock:
        lm = models.language_model()
    tokens = len(lm.prompt.context(cells[cell]))
    config = lm.model.config
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    st.latex(
        rf"\underbrace{{2}}_{{K, V}} \times \underbrace{{{config.num_hidden_layers}}}_{{layers}} \times "
        rf"\underbrace{{{heads}}}_{{KV\ heads}} \times \underbrace{{{width}}}_{{numbers}} \times "
        rf"\underbrace{{{lm.dtype.itemsize}}}_{{bytes}} \times \underbrace{{{tokens:,}}}_{{tokens}} = "
        rf"{lm.kv_bytes_per_token * tokens / 1e6:.1f}\ MB".replace(",", "{,}")
    )
    text = sum(len(passage.text.encode()) for passage in cells[cell])
    cache = lm.kv_bytes_per_token * tokens
    amounts = [Amount("Its text", text, size(text)), Amount("Its KV cache", cache, size(cache), marked=True)]
    bars(amounts, "bytes, on a logarithmic axis", "learn_kv", log=True)
    read_this(
        f"{len(cells[cell])} passages, {tokens:,} tokens with the head of the prompt. The cache weighs "
        f"{cache / max(text, 1):,.0f} times its text: that is the price of not reading it again. All caches of this "
        f"workspace weigh {size(tour.ws.state('caches').bytes)} on disk."
    )
