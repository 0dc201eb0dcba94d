"""Step: a stored cache in place of reading."""

from __future__ import annotations

import streamlit as st

from app import state
from app.asking import Choices
from app.learn.base import STATIC, Tour, read_this
from app.opening import ground_of, opener
from core.figures.timing import ArmTiming, describe_timing, timing_figure
from core.figures.units import seconds
from core.methods import registry
from core.methods.base import Answer, answer
from core.trace import Trace, Tracer


def show(tour: Tour) -> None:
    """The same passages twice: read now, and taken from the cache."""
    st.markdown(
        "Now the same cell answers twice: once the model **reads its passages**, once their stored **cache is put in** "
        "and only the question is read. Greedy decoding must say the same both times. **Change the "
        "question** above and "
        "run it again."
    )
    settings = state.settings()
    choices = Choices(tour.ws.name, tour.question.text, ("cag",), settings.reader, settings.top_k)
    kept = st.session_state.get("learn_inject")
    if st.button("Run both", type="primary", icon=":material/play_arrow:", key="learn-inject"):
        with st.status("Opening KV-cache CAG, not timed", expanded=False) as status:
            with state.models().lock:
                method = opener(tour.ws, choices)("cag")
                status.update(label="Answering from the cache")
                injected = answer(method, tour.question.text)
                status.update(label="Reading the same passages")
                said, trace = _read(tour, choices, injected)
            status.update(label="Both have answered", state="complete")
        kept = (tour.question.id, injected, said, trace, ground_of(choices))
        st.session_state["learn_inject"] = kept
    if not kept or kept[0] != tour.question.id:
        st.caption("Nothing has been run for this question yet.")
        return
    _, injected, said, trace, ground = kept
    left, right = st.columns(2)
    for column, title, text, clock in (
        (left, "Read now", said, trace),
        (right, "From the cache", injected.text, injected.trace),
    ):
        with column.container(border=True):
            st.markdown(f"**{title}**")
            st.text(text or "(said nothing)")
            st.caption(f"first token {seconds(clock.ttft_ms)} · {clock.prompt_tokens:,} tokens prefilled")
    rows = [ArmTiming("Read now", trace), ArmTiming("From the cache", injected.trace)]
    st.plotly_chart(timing_figure(rows), key="learn_inject_chart", config=STATIC, alt=describe_timing(rows))
    same = "word for word the same" if said == injected.text else "**not the same**: the cache does not fit"
    read_this(
        f"The answers are {same}. What the lower row lacks is the prefill of {injected.trace.cached_tokens:,} tokens. "
        f"n = 1, on {ground.device} in {ground.dtype}, {registry.METHODS['cag'].label} opened before the clock."
    )


def _read(tour: Tour, choices: Choices, injected: Answer) -> tuple[str, Trace]:
    """Prefills what the cache holds, token for token, and answers."""
    lm = state.models().language_model(choices.reader)
    texts = {passage.id: passage for passage in tour.corpus.passages}
    passages = [texts[piece.passage_id] for piece in injected.evidence]
    tracer = Tracer(lm.synchronise)
    session = lm.session()
    ids = lm.prompt.context(passages) + lm.prompt.tail(tour.question.text)
    with tracer.span("prefill"):
        for _ in session.feed(ids):
            pass
    tracer.prompt_tokens = len(ids)
    said: list[str] = []
    with tracer.span("decode"):
        for piece in lm.stream_text(session.decode(state.settings().max_new_tokens)):
            tracer.first_token()
            said.append(piece)
    return "".join(said).strip(), tracer.finish()
