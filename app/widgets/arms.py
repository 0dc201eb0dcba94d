"""The columns of the Compare page: one arm each, live while it answers and at rest afterwards.

Whatever a document or a model wrote is shown with ``st.text``: it can neither format the page nor load anything.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.asking import Failed, Happening, Opening, Run, Waiting
from app.waiting import before
from app.widgets.evidence import show_evidence
from app.widgets.feedback import under_answer
from app.widgets.frame import link_to, missing_for, page_for, show_failure, to_do
from app.widgets.routing import answer_routing
from app.widgets.text import escape
from app.words import t, tn
from core.evaluation.metrics import coverage, exact_match, f1
from core.figures.palette import arm as arm_style
from core.figures.units import seconds
from core.glossary import meaning
from core.methods import registry
from core.methods.base import Answer, Finished, Found, Text, Working
from core.workspace import Workspace

USUAL = ("rag", "cag", "memory", "closed-book")
"""The arms that are asked unless someone chooses others."""
CONTROLS = tuple(name for name, spec in registry.METHODS.items() if spec.role == "control")
"""Arms that nobody would use to get answers: they show what the numbers of the others mean."""
BUILT_WITH_READER = ("cag",)
_REFRESH_S = 0.06
_PARTLY = 0.5
_BESIDE = 3


def heading(name: str) -> str:
    """An arm's symbol and label."""
    return f":material/{arm_style(name).icon}: {t(registry.METHODS[name].label)}"


def headings(names: Iterable[str]) -> dict[str, str]:
    """The symbols and labels of some arms, by name."""
    return {name: heading(name) for name in names}


def places(methods: Sequence[str], focus: str = "") -> dict[str, DeltaGenerator]:
    """A framed place on the page for every arm: at most three side by side, controls in rows of their own beneath.

    Args:
        methods: Arms to place.
        focus: Show this one alone, over the whole width.
    """
    shown = [name for name in methods if name == focus] or list(methods)
    rows = rows_of([name for name in shown if name not in CONTROLS]) + rows_of([n for n in shown if n in CONTROLS])
    return {
        name: column.container(border=True, height="stretch", key=f"arm-{name}")
        for row in rows
        for name, column in zip(row, st.columns(len(row)), strict=True)
    }


def rows_of(names: Sequence[str]) -> list[list[str]]:
    """Names in as few rows of at most three as hold them, the rows as even as can be: four make two and two."""
    count = -(-len(names) // _BESIDE)
    ends = [round(len(names) * row / count) for row in range(count + 1)] if count else []
    return [list(names[start:end]) for start, end in pairwise(ends)]


def at_rest(place: DeltaGenerator, name: str, run: Run, ws: Workspace) -> None:
    """An arm that has answered, failed, been stopped, or not begun."""
    with place:
        _title(name)
        if name in run.answers:
            _answered(name, run)
            answer_routing(ws, run.choices, run.answers[name])
            under_answer(ws, run, name)
        elif name in run.failures:
            _failed(name, run, ws)
        elif name in run.drafts:
            st.caption(f":material/stop_circle: {t('stopped while answering')}")
            _say(f"draft-{name}", run.drafts[name])
        elif run.status in ("queued", "running"):
            st.caption(waiting(run))
        else:
            st.caption(f":material/stop_circle: {t('no answer: the run was stopped')}")


class Live:
    """An arm while it answers.

    Args:
        place: Where it is drawn.
        name: The arm.
        run: What it belongs to.
    """

    def __init__(self, place: DeltaGenerator, name: str, run: Run) -> None:
        self._name, self._run = name, run
        self._steps: dict[str, str] = {}
        self._evidence, self._answer = "", ""
        self._shown = 0.0
        with place:
            _title(name)
            self._live, self._ended = st.empty(), st.empty()
            # A key may be used once a run, so what is redrawn with every word sits inside the keyed places.
            with self._live.container():
                self._status = st.empty()
                with st.container(key=f"draft-{name}-live"):
                    self._draft = st.empty()
                with st.container(key=f"answer-{name}-live"):
                    self._text = st.empty()
        self._status.caption(waiting(run))

    def show(self, happening: Happening) -> None:
        """Draws what happened.

        How it ended stands in a place of its own. Streamlit sends a new element in the stead of one that still waits
        to be sent to the same path, ahead of the block around it: drawn over the last words, a part of the answer
        would reach the browser before the expander it belongs to, and break the page.
        """
        if isinstance(happening, Finished | Failed):
            self._live.empty()
            with self._ended.container():
                if isinstance(happening, Finished):
                    _answered(self._name, self._run)
                else:
                    show_failure(happening.what, happening.remedy)
            return
        self._take_note(happening)
        due = time.monotonic() - self._shown >= _REFRESH_S
        if due or not isinstance(happening, Text):
            self._draw()
            self._shown = time.monotonic()

    def _take_note(self, happening: Happening) -> None:
        if isinstance(happening, Waiting):
            self._steps = {"waiting": before(happening.ahead)}
        elif isinstance(happening, Opening):
            self._steps = {"opening": t("opening, not timed")}
        elif isinstance(happening, Working):
            self._steps.pop("opening", None)
            counted = f" {happening.done:,}/{happening.total:,}" if happening.total > 1 else ""
            self._steps[happening.stage] = f"{t(happening.stage)}{counted}"
        elif isinstance(happening, Found):
            self._steps.pop("opening", None)
            self._steps["found"] = tn(len(happening.evidence), "{n:,} passage found", "{n:,} passages found")
        elif isinstance(happening, Text) and happening.part == "evidence":
            self._evidence += happening.text
            self._steps["evidence"] = t("writing the evidence")
        elif isinstance(happening, Text):
            self._answer += happening.text
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


def _say(key: str, text: str) -> None:
    with st.container(key=key):
        st.text(text or t("(said nothing)"))


def is_wide(name: str, methods: Sequence[str]) -> bool:
    """Whether an arm is the only control, which has a row to itself: answer and clocks go side by side there."""
    return [method for method in methods if method in CONTROLS] == [name]


def waiting(run: Run) -> str:
    """What is said of an arm that has not begun."""
    if run.choices.race:
        return f":material/schedule: {t('at the start')}"
    return f":material/schedule: {t('waits for its turn, so that the clocks stay honest')}"


def _answered(name: str, run: Run) -> None:
    answer, gold = run.answers[name], run.gold
    wide = is_wide(name, run.choices.methods)
    said, clocks = st.columns([3, 4]) if wide else (st.container(), st.container())
    with said:
        _say(f"answer-{name}", answer.text)
        if gold and gold.answers:
            verdict_badge(answer.text, gold.answers)
    with clocks, st.container(horizontal=True, gap="medium"):
        _clocks(name, run)
    with clocks:
        st.caption(" · ".join(escape(fact) for fact in facts_of(answer)))
    if answer.evidence:
        show_evidence(name, answer, gold)


def _clocks(name: str, run: Run) -> None:
    if run.choices.race:
        place, runners = list(run.answers).index(name) + 1, len(run.choices.methods) - len(run.failures)
        finished = t("{place} of {runners}", place=place, runners=runners)
        st.metric(t("Finished"), finished, width="content", help=t("A race is not for timing."))
    else:
        answer = run.answers[name]
        st.metric(t("First token"), seconds(answer.trace.ttft_ms), width="content", help=t(meaning("TTFT")))
        st.metric(t("Last token"), seconds(answer.trace.total_ms), width="content")


def _failed(name: str, run: Run, ws: Workspace) -> None:
    """Why an arm did not answer; when something is not built, the page to build it on."""
    lacking = missing_for(ws, registry.METHODS[name].needs)
    if not lacking:
        show_failure(*run.failures[name])
    if lacking:
        action = to_do(lacking[0])
        st.caption(f":material/inbox: {escape(t(run.failures[name][0]))}")
        link_to(page_for(lacking[0].kind), action[0].upper() + action[1:])
    elif name in BUILT_WITH_READER:
        st.caption(t("KV caches belong to the model that built them: switch the adapter back, or build them again."))


def verdict_badge(text: str, golds: Sequence[str]) -> None:
    """Right, partly right or wrong against the gold answers, in a word and a colour."""
    score = f1(text, golds)
    if exact_match(text, golds):
        equal = t("Equals a gold answer (SQuAD normalisation).")
        st.badge(t("right"), icon=":material/check:", color="green", help=equal)
    elif coverage(text, golds):
        st.badge(t("holds the answer"), icon=":material/check:", color="green", help=f"F1 {score:.2f}")
    elif score >= _PARTLY:
        st.badge(t("partly right, F1 {score:.2f}", score=score), icon=":material/contrast:", color="orange")
    else:
        against = t("F1 {score:.2f} against the gold answer", score=score)
        st.badge(t("wrong"), icon=":material/close:", color="red", help=against)


def facts_of(answer: Answer) -> Iterator[str]:
    """What an arm did, in a few words each."""
    details, trace = answer.details, answer.trace
    if "cell" in details:
        yield t("cell {cell}", cell=details["cell"])
    if "margin" in details:
        yield t("margin {margin:.3f}", margin=details["margin"])
    if "resident" in details:
        yield t("cache was in memory") if details["resident"] else t("cache read from disk")
    if "store" in details:
        yield t("{store}, top {k}", store=details["store"], k=details.get("top_k", len(answer.evidence)))
    if "not_in_memory" in details:
        if answer.evidence:
            yield t("routed to {document}", document=answer.evidence[0].title or answer.evidence[0].passage_id)
        yield t("chosen among {n:,} documents", n=details.get("documents", 0))
        yield t("null slot {share:.0%}", share=details["not_in_memory"])
        if details.get("training_steps") == 0:
            yield t("first z, untrained")
    if trace.cached_tokens:
        yield t("{n:,} tokens cached", n=trace.cached_tokens)
    yield t("{n:,} prefilled", n=trace.prompt_tokens)
    yield t("{n:,} generated", n=trace.generated_tokens)
