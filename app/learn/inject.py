"""Step: a stored cache instead of prefill, and what happens when one of its numbers is changed."""

from __future__ import annotations

import streamlit as st

from app import state
from app.figures.palette import SPANS
from app.figures.timing import MethodTiming, describe_timing, timing_figure
from app.i18n import saved, t
from app.learn.base import Prediction, Step, Tour, nearest, read_this
from app.learn.exhibits import exhibit, measured_line
from app.learn.recorded import recorded
from app.open_methods import resources_of
from app.views.shared.chart import chart
from core.kvcache.compose import read_as_blocks
from core.methods import registry
from core.methods.base import Answer, answer
from core.methods.comparison import Choices, RunContext, measured_on
from core.trace import Trace, Tracer
from core.units import seconds

_TIMES = (1.0, 3.0, 12.0, 50.0)


def _first_ms(lane: str, number: int) -> float:
    return float(recorded("inject")[lane][number]["trace"]["ttft_ms"])


def predict() -> Prediction:
    """How much sooner the first token comes."""
    slow, fast = _first_ms("read", -1), _first_ms("blocks", -1)
    return Prediction(
        t(
            "The same {count} passages, read or taken from stored blocks. How much sooner comes the first token?",
            count=len(recorded("inject")["read"]),
        ),
        [t("no sooner") if times == 1 else t("about {times:.0f} times faster", times=times) for times in _TIMES],
        nearest(_TIMES, slow / fast),
        t(
            "{slow} against {fast}: {times:.1f} times faster.",
            slow=seconds(slow),
            fast=seconds(fast),
            times=slow / fast,
        ),
    )


def show(_tour: Tour) -> None:
    """Two lanes, then one number of the cache to break."""
    record = recorded("inject")
    names = {name for lane in ("read", "blocks") for run in record[lane] for name, *_ in run["trace"]["spans"]}
    words = {
        "read": t("The text is read (RAG)"),
        "blocks": t("Its blocks are put in (RAG + blocks)"),
        "passages": t("Passages"),
        "play": t("Start both"),
        "slow": t("ten times slower"),
        "facts": t("first token {first} · {tokens} tokens prefilled, {cached} from the cache"),
        "sum": t("First token {times} times faster: {saved} tokens are not read again."),
        "spans": {name: t(name) for name in names},
    }
    exhibit("lanes", {**record, "colours": SPANS}, words)
    read_this(
        t(
            "“{question}”. Both lanes search alike and answer from the same passages; medians of {n} runs, played at "
            "their true pace. **Move the slider**: the upper lane grows with every passage, the lower one hardly.",
            question=record["question"],
            n=record["read"][0]["n"],
        )
    )
    measured_line("inject")
    st.markdown(f"**{t('Break one number of the cache')}**")
    words = {
        "change": t("The number becomes"),
        "erased": t("0 (erased)"),
        "grid": t("Layers from left to right; keys above, values below"),
        "hole": t("{part} in layer {layer}"),
        "what": t("{part} of “{token}” in layer {layer}: {from} becomes {to}. The answer is then"),
        "count": t(
            "The whole cache answers “{whole}”. Of {all} places, {changed} change the answer when this one number "
            "among {numbers} is changed."
        ),
        "nothing": t("(nothing)"),
    }
    exhibit("broken", recorded("broken"), words)
    read_this(
        t(
            "Above the keys, below the values, one square for each layer: the largest number of the gold passage's "
            "block there. **Press a square**, or walk with the arrow keys. A cache forgives a wrong number nearly "
            "everywhere; made a thousand times too large, it breaks the answer in some layers. A cache of another "
            "text or model is wrong in every number, and answers fluently all the same: so it is checked before use."
        )
    )
    measured_line("broken")


def live(tour: Tour) -> None:
    """The same passages twice: read now, and taken from the cache."""
    settings = state.settings()
    choices = Choices(tour.ws.name, tour.question.text, ("cag",), settings.reader, settings.top_k)
    last = st.session_state.get("learn_inject")
    if st.button(t("Run both"), type="primary", icon=":material/play_arrow:", key="learn-inject"):
        with st.status(t("Opening KV-cache CAG, not timed"), expanded=False) as status:
            with state.models().lock:
                method = state.open_methods().open("cag", resources_of(tour.ws, choices, here=True))
                status.update(label=t("Answering from the blocks"))
                injected = answer(method, tour.question.text)
                status.update(label=t("Reading the same passages"))
                read_text, trace = _read(tour, choices, injected)
            status.update(label=t("Both have answered"), state="complete")
        last = (tour.question.id, injected, read_text, trace, measured_on(resources_of(tour.ws, choices, here=True)))
        st.session_state["learn_inject"] = last
    if not last or last[0] != tour.question.id:
        st.caption(t("Nothing has been run for this question yet."))
        return
    _, injected, read_text, trace, context = last
    _side_by_side(injected, read_text, trace, context)


def _side_by_side(injected: Answer, read_text: str, trace: Trace, context: RunContext) -> None:
    """Both answers, their clocks, and whether they agree."""
    read, cached = t("Read now"), t("From the blocks")
    left, right = st.columns(2)
    for column, title, text, clock in ((left, read, read_text, trace), (right, cached, injected.text, injected.trace)):
        with column.container(border=True):
            st.markdown(f"**{title}**")
            st.text(text or t("(said nothing)"))
            took = t("first token {time}", time=seconds(clock.ttft_ms))
            st.caption(f"{took} · {t('{n:,} tokens prefilled', n=clock.prompt_tokens)}")
    rows = [MethodTiming(read, trace), MethodTiming(cached, injected.trace)]
    chart(timing_figure(rows), key="learn_inject_chart", alt=describe_timing(rows))
    same = t("The answers are word for word the same.")
    if read_text != injected.text:
        same = t("The answers are **not the same**: the blocks do not fit.")
    rest = t(
        "What the lower row lacks is the prefill of {tokens:,} tokens. n = 1, on {device} in {dtype}, {method} opened "
        "before the clock.",
        tokens=injected.trace.cached_tokens,
        device=saved(context.device),
        dtype=context.dtype,
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


STEP = Step(
    name="inject",
    title="Continue instead of reading",
    question="What is saved when the cache is put in?",
    intro=(
        "Now the same passages answer twice: once the model **reads them**, once their stored **blocks are put in** "
        "and only the question is read."
    ),
    predict=predict,
    show=show,
    live=live,
    words=("CAG", "Prefill", "Decode", "TTFT"),
    page="compare",
)
