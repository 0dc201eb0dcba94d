"""The columns of the Compare page: one method each, live while it answers and at rest afterwards.

Whatever a document or a model wrote is shown with ``st.text``: it can neither format the page nor load anything.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import state
from app.figures.palette import method_style
from app.i18n import t, tn
from app.navigation import page_for
from app.queue_notice import queue_line
from app.views.compare.evidence import show_evidence
from app.views.memory.route import answer_routing
from app.views.shared.feedback import under_answer
from app.views.shared.frame import lacking_for, link_to, show_failure, to_do
from app.views.shared.text import escape
from core.evaluation.verdict import Verdict, verdict_on
from core.methods import registry
from core.methods.base import Answer, EvidenceChosen, Finished, Text, Working, two_models
from core.methods.comparison import Failed, Opening, Run, RunEvent, Waiting
from core.models.cpu_load import ANSWER_S, WHOLE_PAGE_S, until_quiet
from core.statistics import spread
from core.trace import Trace
from core.units import seconds
from core.workspace import Workspace

CONTROLS = tuple(name for name, spec in registry.METHODS.items() if spec.role == "control")
"""Methods that nobody would use to get answers: they show what the numbers of the others mean."""
_REFRESH_S = 0.15
"""Between two drawings of a method at work: the browser's drawing takes time from the model."""


def heading(name: str) -> str:
    """A method's symbol and label."""
    return f":material/{method_style(name).icon}: {t(registry.METHODS[name].label)}"


def headings(names: Iterable[str]) -> dict[str, str]:
    """The symbols and labels of some methods, by name."""
    return {name: heading(name) for name in names}


def answer_columns(methods: Sequence[str]) -> tuple[dict[str, DeltaGenerator], DeltaGenerator]:
    """A framed place for every method, and one for their clocks: beside the answers where the screen has room."""
    with st.container(key="stage"):
        answers, clocks = st.container(key="answers"), st.container(key="clocks")
    return {name: answers.container(border=True, key=f"method-{name}", gap="xsmall") for name in methods}, clocks


def show_method(container: DeltaGenerator, name: str, run: Run, ws: Workspace) -> None:
    """A method that has answered, failed, been stopped, or not begun."""
    with container:
        _title(name)
        if name in run.answers:
            _answered(name, run, ws)
            answer_routing(ws, run.choices, run.answers[name])
            under_answer(ws, run, name)
        elif name in run.failures:
            _failed(name, run, ws)
        elif name in run.drafts:
            st.caption(f":material/stop_circle: {t('stopped while answering')}")
            _show_text(f"draft-{name}", run.drafts[name])
        elif run.status in ("queued", "running"):
            st.caption(waiting())
        else:
            st.caption(f":material/stop_circle: {t('no answer: the run was stopped')}")


class Live:
    """A method while it answers."""

    def __init__(self, container: DeltaGenerator, name: str, run: Run) -> None:
        self._name, self._run = name, run
        self._steps: dict[str, str] = {}
        self._evidence, self._answer = "", ""
        self._shown = 0.0
        with container:
            _title(name)
            self._live, self._ended = st.empty(), st.empty()
            # A key may be used once a run, so what is redrawn with every word sits inside the keyed places.
            with self._live.container():
                self._status = st.empty()
                with st.container(key=f"draft-{name}-live"):
                    self._draft = st.empty()
                with st.container(key=f"answer-{name}-live"):
                    self._text = st.empty()
        self._status.caption(waiting())

    def show(self, event: RunEvent) -> None:
        """Draws what happened.

        How it ended stands in a place of its own. Streamlit sends a new element in the stead of one that still waits
        to be sent to the same path, ahead of the block around it: drawn over the last words, a part of the answer
        would reach the browser before the expander it belongs to, and break the page.
        """
        if isinstance(event, Finished | Failed):
            self._live.empty()
            with self._ended.container():
                if isinstance(event, Finished):
                    _answered(self._name, self._run)
                else:
                    show_failure(event.what, event.remedy)
            return
        first_word = not self._answer
        self._take_note(event)
        timed = isinstance(event, Working | EvidenceChosen | Text)
        if time.monotonic() - self._shown >= _REFRESH_S or not timed or (self._answer and first_word):
            self._draw()
            if isinstance(event, Opening):
                # The browser draws what came before, and this method's clock must not pay for it: an answer, or,
                # before the first method, the page anew.
                until_quiet(ANSWER_S if self._run.answers or self._run.failures else WHOLE_PAGE_S)
            self._shown = time.monotonic()

    def _take_note(self, event: RunEvent) -> None:
        if isinstance(event, Waiting):
            self._steps = {"waiting": queue_line(event.ahead)}
        elif isinstance(event, Opening):
            self._steps = {"opening": t("loading models and files, not timed")}
        elif isinstance(event, Working):
            self._steps.pop("opening", None)
            counted = f" {event.done:,}/{event.total:,}" if event.total > 1 else ""
            self._steps[event.stage] = f"{t(event.stage)}{counted}"
        elif isinstance(event, EvidenceChosen):
            self._steps.pop("opening", None)
            self._steps["found"] = tn(len(event.evidence), "{n:,} passage found", "{n:,} passages found")
        elif isinstance(event, Text) and event.part == "evidence":
            self._evidence += event.text
            self._steps["evidence"] = t("writing the evidence")
        elif isinstance(event, Text):
            self._answer += event.text
            self._steps["answer"] = t("answering")

    def _draw(self) -> None:
        *past, now = [escape(step) for step in self._steps.values()] or [t("starting")]
        trail = " → ".join([*past, f"**{now}** …"])
        self._status.caption(f":material/progress_activity: {trail}")
        if self._evidence:
            self._draft.text(self._evidence)
        if self._answer:
            self._text.text(self._answer)


def _title(name: str) -> None:
    st.markdown(f"#### {heading(name)}", help=t(registry.METHODS[name].summary))


def _show_text(key: str, text: str) -> None:
    with st.container(key=key):
        st.text(text or t("(said nothing)"))


def waiting() -> str:
    """The line under a method that has not begun."""
    return f":material/schedule: {t('Waiting. Methods run one at a time so their timings are comparable.')}"


def _answered(name: str, run: Run, ws: Workspace | None = None) -> None:
    answer = run.answers[name]
    _show_text(f"answer-{name}", answer.text)
    verdict_badge(verdict_on(answer, run.gold, run.gold_cells))
    details = answer.details
    if details.get("training_steps") == 0 and details.get("order") != "answer" and not details.get("quoted"):
        st.badge(
            t("guessing: not trained"),
            icon=":material/warning:",
            color="orange",
            help=t(
                "This memory holds only the first z of each document: it was never trained on them. Expect guesses "
                "until it is trained on the Memory page."
            ),
        )
    st.markdown(clocks_line(run.measured(name)))
    if models := two_models(answer.details):
        st.caption(
            t(
                ":material/compare_arrows: Two models: evidence by {here}, answer by {there}. Its times are not set "
                "against the others'.",
                here=escape(models[0]),
                there=escape(models[1]),
            )
        )
    if answer.evidence:
        show_evidence(name, answer, run.gold, " · ".join(escape(fact) for fact in facts_of(answer)), ws)
    else:
        st.caption(" · ".join(escape(fact) for fact in facts_of(answer)))


def clocks_line(traces: Sequence[Trace]) -> str:
    """First and last token of an answer; of several measurements the medians, and from where to where they reach."""
    first, last = (spread([getattr(trace, clock) for trace in traces]) for clock in ("ttft_ms", "total_ms"))
    line = t("first token **{first}** · last **{last}**", first=seconds(first.median), last=seconds(last.median))
    if last.n == 1:
        return line
    return line + " " + t(":gray[({low} to {high}, n = {n})]", low=seconds(last.low), high=seconds(last.high), n=last.n)


def _failed(name: str, run: Run, ws: Workspace) -> None:
    """Why a method did not answer; when something is not built, the page to build it on."""
    lacking = lacking_for(ws, name)
    if not lacking:
        show_failure(*run.failures[name])
    if lacking:
        action = to_do(lacking[0])
        st.caption(f":material/inbox: {escape(t(run.failures[name][0]))}")
        link_to(page_for(lacking[0].kind), action[0].upper() + action[1:])
    elif registry.METHODS[name].model_bound and not state.settings().engine_url:
        st.caption(t("KV caches belong to the model that built them: switch the adapter back, or build them again."))


def verdict_badge(verdict: Verdict) -> None:
    """What is to be said of an answer, in a badge, and why in a sentence."""
    style, meaning = verdict.style, f"{t(verdict.style.meaning)} {t(verdict.why)}"
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
        st.badge(t(style.label), icon=f":material/{style.icon}:", color=style.tone, help=meaning)
        if verdict.kind != "right":
            st.caption(escape(t(verdict.why)))


def facts_of(answer: Answer) -> Iterator[str]:
    """What a method did, in a few words each."""
    details, trace = answer.details, answer.trace
    if "cell" in details:
        yield t("cell {cell}", cell=details["cell"])
    if "margin" in details:
        yield t("margin {margin:.3f}", margin=details["margin"])
    if "probed" in details:
        yield t("{n:,} of {total:,} cells looked into", n=details["probed"], total=details["of_cells"])
    if "hits" in details:
        read = len(details["hits"]) - sum(details["hits"])
        yield tn(read, "{n:,} block read from disk", "{n:,} blocks read from disk") if read else t("blocks in memory")
    elif "resident" in details:
        yield t("cache was in memory") if details["resident"] else t("cache read from disk")
    if "store" in details:
        yield t("{store}, top {k}", store=details["store"], k=details.get("top_k", len(answer.evidence)))
    if "answered_from" in details and len(answer.evidence) > 1:
        yield t("answered from passage {n} of {total}", n=details["answered_from"], total=len(answer.evidence))
    if "null_weight" in details:
        if answer.evidence:
            yield t("routed to {document}", document=answer.evidence[0].title or answer.evidence[0].passage_id)
        yield t("chosen among {n:,} documents", n=details.get("documents", 0))
        yield t("null slot {share:.0%}", share=details["null_weight"])
        if details.get("order") == "answer":
            yield t("answer first, its evidence after {time}", time=seconds(details["evidence_ms"]))
    if trace.cached_tokens is None:
        yield t("reused tokens: not reported")
    elif trace.cached_tokens:
        yield t("{n:,} tokens cached", n=trace.cached_tokens)
    yield t("{n:,} prefilled", n=trace.prompt_tokens)
    yield t("{n:,} generated", n=trace.generated_tokens)
