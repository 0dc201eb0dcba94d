"""Step: RAG, from the retrieved passages to the prompt that is prefilled."""

from __future__ import annotations

import streamlit as st

from app import state
from app.i18n import t
from app.learn.base import Prediction, Step, Tour, nearest, read_this
from app.learn.exhibits import exhibit, measured_line
from app.learn.recorded import recorded
from app.open_methods import resources_of
from core.methods.base import answer
from core.methods.comparison import Choices
from core.methods.prompt_view import segments_read, text_sent
from core.units import seconds

_TIMES = (1.0, 2.0, 4.0, 10.0)


def _prefill_ms(number: int) -> float:
    spans = recorded("rag")["runs"][number]["trace"]["spans"]
    return next(float(ms) for name, _, ms in spans if name == "prefill")


def predict() -> Prediction:
    """What more passages cost."""
    first, last = _prefill_ms(0), _prefill_ms(-1)
    return Prediction(
        t("{count} passages in the prompt instead of one: how much longer does reading it take?", count=_most()),
        [t("about as long") if times == 1 else t("about {times:.0f} times as long", times=times) for times in _TIMES],
        nearest(_TIMES, last / first),
        t(
            "Reading took {first} with one passage and {last} with {count}: {times:.1f} times as long.",
            first=seconds(first),
            last=seconds(last),
            count=_most(),
            times=last / first,
        ),
    )


def _most() -> int:
    return len(recorded("rag")["runs"])


def show(_tour: Tour) -> None:
    """The prompt put together, and read."""
    words = {
        "passages": t("Passages in the prompt"),
        "play": t("Read the prompt"),
        "slow": t("ten times slower"),
        "tokens": t("tokens"),
        "prefill": t("reading (prefill)"),
        "first": t("first token"),
        "answer": t("It answers:"),
        "reading": t("Reading …"),
        "paper": t("The prompt, token by token"),
        "head": t("Instruction"),
        "tail": t("Question"),
    }
    exhibit("prompt", recorded("rag"), words)
    read_this(
        t(
            "“{question}”: the nearest passages with their cosine, best first; green is the one that holds the answer. "
            "**Move the slider**: search takes the same time whatever you choose, reading does not. Times are medians "
            "of {n} runs. All tokens of a part are read at once; the sweep over them is drawn evenly.",
            question=recorded("rag")["question"],
            n=recorded("rag")["runs"][0]["n"],
        )
    )
    measured_line("rag")


def live(tour: Tour) -> None:
    """RAG with another question, here: what it read, and what that took."""
    settings = state.settings()
    # In one prompt, as the exhibit shows it.
    choices = Choices(tour.ws.name, tour.question.text, ("rag",), settings.reader, settings.top_k, reading="together")
    resources = resources_of(tour.ws, choices)
    if st.button(t("Run RAG"), type="primary", icon=":material/play_arrow:", key="learn-rag"):
        with state.models().lock:
            result = answer(state.open_methods().open("rag", resources), tour.question.text)
            if settings.engine_url:
                parts = [text_sent(result)]
            else:
                segments = segments_read(result, resources.language_model())
                parts = [f"[{segment.tokens}] {segment.text}" for segment in segments]
        st.session_state["learn_rag"] = (tour.question.id, result, parts)
    last = st.session_state.get("learn_rag")
    if not last or last[0] != tour.question.id:
        st.caption(t("Nothing has been run for this question yet."))
        return
    _, result, parts = last
    st.text(result.text or t("(said nothing)"))
    took = t("first token {time}", time=seconds(result.trace.ttft_ms))
    st.caption(f"{took} · {t('{n:,} tokens prefilled', n=result.trace.prompt_tokens)}")
    for part in parts:
        st.text(part)


STEP = Step(
    name="rag",
    title="RAG reads what it finds",
    question="What does a model read before it says its first word?",
    intro=(
        "Standard RAG searches the passages nearest to the question and puts their **text** in the prompt. Before the "
        "first word of an answer the model has to go through every token of it: that is **prefill**, and it is done "
        "again for every question."
    ),
    predict=predict,
    show=show,
    live=live,
    words=("RAG", "Token", "Prefill", "TTFT"),
    page="compare",
)
