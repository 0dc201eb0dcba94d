"""Step: what a model stores of a text: keys and values for each token in every layer."""

from __future__ import annotations

import streamlit as st

from app import state
from app.figures.bars import Amount
from app.i18n import t
from app.learn.base import Prediction, Step, Tour, bars, nearest, read_this
from app.learn.exhibits import exhibit, measured_line
from app.learn.recorded import recorded
from core.models.language_model import LanguageModel
from core.units import size
from core.voronoi.partition import Partition, cells_of

_TIMES = (1.0, 50.0, 500.0, 5_000.0)


def _bytes() -> int:
    record = recorded("kv_cache")
    per_token = 2 * record["layers"] * record["kv_heads"] * record["head_dim"] * record["number_bytes"]
    return int(per_token * len(record["tokens"]))


def predict() -> Prediction:
    """What a cache weighs."""
    text = recorded("kv_cache")["text_bytes"]
    return Prediction(
        t("A sentence of {n} bytes is read. How much do the keys and values weigh that the model keeps?", n=text),
        [t("about as much") if times == 1 else t("about {times:,.0f} times as much", times=times) for times in _TIMES],
        nearest(_TIMES, _bytes() / text),
        t(
            "{size}, {times:,.0f} times the text: that is the price of not reading it again.",
            size=size(_bytes()),
            times=_bytes() / text,
        ),
    )


def show(_tour: Tour) -> None:
    """A sentence becomes rows of K and V, layer by layer."""
    words = {
        "layer": t("Layer"),
        "play": t("Read the sentence"),
        "words": t("Tokens: choose one to see what it looks back at"),
        "parts": {"K": t("keys"), "V": t("values")},
        "product": t("2 × {tokens} tokens × {layer} layers × {heads} KV heads × {numbers} numbers × {bytes} bytes"),
        "seen": t("In layer {layer}, “{token}” looks back most at: {top}."),
    }
    exhibit("rows", recorded("kv_cache"), words)
    read_this(
        t(
            "Each row of numbers is one token of “{text}”. **Move through the layers**: every layer adds a row of K "
            "and one of V for each token, blue below zero, orange above (first of the KV heads; each picture has its "
            "own scale). The shade behind a token is how much the chosen one attends to it, the mean of all heads; "
            "what is missing to 100 % goes to the instruction before it and to itself.",
            text=recorded("kv_cache")["text"],
        )
    )
    measured_line("kv_cache")


def live(tour: Tour) -> None:
    """Tokens, layers and bytes of one cell's cache, from the model's own configuration."""
    cells, labels = cells_of(tour.ws.read("partition", Partition.load), tour.corpus.passages), tour.labels()
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


STEP = Step(
    name="kv-cache",
    title="What a model keeps of a text",
    question="What is left in a model when it has read something?",
    intro=(
        "While it reads, each layer of the model writes a **key** and a **value** for every token, and looks back at "
        "them for every word it says. Keep them, and the text need not be read again."
    ),
    predict=predict,
    show=show,
    live=live,
    words=("Layer", "KV cache", "Prefill"),
    page="caches",
)
