"""Step: a stored cache in place of reading."""

from __future__ import annotations

import streamlit as st

from app import state
from app.figures.timing import MethodTiming, describe_timing, timing_figure
from app.i18n import t
from app.learn.base import Tour, read_this
from app.open_methods import resources_of
from app.views.shared.chart import chart
from core.kvcache.compose import read_as_blocks
from core.methods import registry
from core.methods.base import Answer, answer
from core.methods.comparison import Choices, RunContext, measured_on
from core.trace import Trace, Tracer
from core.units import seconds


def show(tour: Tour) -> None:
    """The same passages twice: read now, and taken from the cache."""
    st.markdown(
        t(
            "Now the same passages answer twice: once the model **reads them**, each by itself, once their stored "
            "**blocks are put in** and only the question is read. Greedy decoding must say the same both times. "
            "**Change the question** above and run it again."
        )
    )
    settings = state.settings()
    choices = Choices(tour.ws.name, tour.question.text, ("cag",), settings.reader, settings.top_k)
    kept = st.session_state.get("learn_inject")
    if st.button(t("Run both"), type="primary", icon=":material/play_arrow:", key="learn-inject"):
        with st.status(t("Opening KV-cache CAG, not timed"), expanded=False) as status:
            with state.models().lock:
                method = state.open_methods().open("cag", resources_of(tour.ws, choices, here=True))
                status.update(label=t("Answering from the blocks"))
                injected = answer(method, tour.question.text)
                status.update(label=t("Reading the same passages"))
                said, trace = _read(tour, choices, injected)
            status.update(label=t("Both have answered"), state="complete")
        kept = (tour.question.id, injected, said, trace, measured_on(resources_of(tour.ws, choices, here=True)))
        st.session_state["learn_inject"] = kept
    if not kept or kept[0] != tour.question.id:
        st.caption(t("Nothing has been run for this question yet."))
        return
    _, injected, said, trace, ground = kept
    _side_by_side(injected, said, trace, ground)


def _side_by_side(injected: Answer, said: str, trace: Trace, ground: RunContext) -> None:
    """Both answers, their clocks, and whether they agree."""
    read, cached = t("Read now"), t("From the blocks")
    left, right = st.columns(2)
    for column, title, text, clock in ((left, read, said, trace), (right, cached, injected.text, injected.trace)):
        with column.container(border=True):
            st.markdown(f"**{title}**")
            st.text(text or t("(said nothing)"))
            took = t("first token {time}", time=seconds(clock.ttft_ms))
            st.caption(f"{took} · {t('{n:,} tokens prefilled', n=clock.prompt_tokens)}")
    rows = [MethodTiming(read, trace), MethodTiming(cached, injected.trace)]
    chart(timing_figure(rows), key="learn_inject_chart", alt=describe_timing(rows))
    same = t("The answers are word for word the same.")
    if said != injected.text:
        same = t("The answers are **not the same**: the blocks do not fit.")
    rest = t(
        "What the lower row lacks is the prefill of {tokens:,} tokens. n = 1, on {device} in {dtype}, {method} opened "
        "before the clock.",
        tokens=injected.trace.cached_tokens,
        device=ground.device,
        dtype=ground.dtype,
        method=t(registry.METHODS["cag"].label),
    )
    read_this(f"{same} {rest}")


def _read(tour: Tour, choices: Choices, injected: Answer) -> tuple[str, Trace]:
    """Prefills what the blocks hold, token for token, and answers."""
    lm = resources_of(tour.ws, choices).language_model()
    texts = {passage.id: passage for passage in tour.corpus.passages}
    passages = [texts[piece.passage_id] for piece in injected.evidence]
    tracer = Tracer(lm.synchronise)
    tail = lm.prompt.tail(tour.question.text)
    with tracer.span("prefill"):
        session = read_as_blocks(lm, [lm.prompt.passage(passage) for passage in passages])
        session.prefill(tail)
    tracer.prompt_tokens = session.length
    text = "".join(lm.stream_answer(session, state.settings().max_new_tokens, tracer)).strip()
    return text, tracer.finish()
