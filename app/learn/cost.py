"""Step: what it costs, and when it pays: for the sample, and for documents of one's own."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import streamlit as st

from app import state
from app.figures.ledger import describe_ledger, ledger_figure
from app.i18n import duration, saved, t
from app.learn.base import Prediction, Step, Tour, nearest, read_this
from app.open_methods import describe, opener
from app.views.compare.break_even import ledger_panel
from app.views.compare.columns import heading
from app.views.shared.chart import chart
from app.views.shared.shipped import shipped, shipped_coefficients, shipped_line
from app.views.shared.table import show_table
from app.views.shared.text import escape
from core.cost import Account
from core.labs.plan.memory_advice import memory_advice
from core.labs.plan.plan import Demand, advice, plan
from core.labs.plan.prices import load_prices
from core.methods import registry
from core.methods.comparison import Choices, Run, RunContext, answer_each
from core.units import seconds, size

_QUESTIONS = (30, 100, 300, 1_000)
_PASSAGES = (100, 1_000, 10_000, 100_000, 1_000_000)
_DAY = (1, 10, 100, 1_000, 10_000, 100_000)
_CHANGES = (0, 10, 100, 1_000, 10_000)
_PEAK = 5
"""How many times the day's mean the busiest hour asks."""


def predict() -> Prediction:
    """When blocks have paid for themselves."""
    break_even = shipped("sample-test")["efficiency"]["cag"]["break_even"]
    never = len(_QUESTIONS)
    after = break_even["questions"]
    return Prediction(
        t(
            "The blocks of the sample took {time} more to build than RAG's index. After how many questions has that "
            "paid for itself?",
            time=duration(break_even["build_s"]),
        ),
        (*(t("about {n:,}", n=count) for count in _QUESTIONS), t("never")),
        never if after is None else nearest(_QUESTIONS, after),
        t("Never there.") if after is None else t("After {n:,}, in the time of the machine that answers.", n=after),
    )


def show(_tour: Tour) -> None:
    """A calculator for documents of one's own."""
    _calculator()
    run = shipped("sample-test")
    shipped_line(
        (run["created"][:10], run["machine"]["processor"], saved(run["machine"]["device"]), run["model"]["name"])
    )


@st.fragment
def _calculator() -> None:
    """Only this is drawn again when a slider moves."""
    measured, prices = shipped_coefficients(), load_prices()
    with st.container(border=True, key="learn-calculator"):
        left, right = st.columns(2)
        number = "{:,}".format
        passages = left.select_slider(t("Your passages"), _PASSAGES, 1_000, number, key="learn_passages")
        day = right.select_slider(t("Questions a day"), _DAY, 100, number, key="learn_day")
        changes = left.select_slider(t("Passages that change in a week"), _CHANGES, 0, number, key="learn_changes")
        price = right.slider(
            t("A gigabyte of disk for a month ({currency})", currency=prices.currency),
            0.0, 1.0, prices.disk_gb_month, 0.01, key="learn_disk",
        )  # fmt: skip
        demand = Demand(float(passages), _PEAK * day / 86_400, float(day), float(changes))
        plans = plan(demand, measured, replace(prices, disk_gb_month=price))
        st.markdown(f":material/lightbulb: **{escape(t(advice(demand, plans, prices.currency)))}**")
        if about_memory := memory_advice(demand, plans, measured, prices):
            st.markdown(f":material/blur_on: **{escape(t(about_memory))}**")
        accounts = [
            Account(one.method, t(registry.METHODS[one.method].label), one.build_s, one.total_s * 1000) for one in plans
        ]
        words = describe_ledger(accounts, day)
        chart(ledger_figure(accounts, day), key="learn_calculator", alt=words)
        rows = [
            {
                t("Method"): account.label,
                t("On disk"): size(one.stored),
                t("Build"): duration(account.build_s),
                t("First token"): seconds(one.ttft_s * 1000),
                t("Month ({currency})", currency=prices.currency): f"{one.month:,.0f}",
            }
            for account, one in zip(accounts, plans, strict=True)
        ]
        show_table(rows, "learn_calculator_table")
    read_this(
        t(
            "Calculated from what the sample's methods took for each passage, token and question, times yours. Both "
            "axes are logarithmic: a line starts at the build and rises with every question; the dotted line is one "
            "day. **Move the sliders**: where does the cheapest method change?"
        )
    )


def live(tour: Tour) -> None:
    """One measured question, and the account over many."""
    run: Run | None = st.session_state.get("learn_cost")
    if st.button(t("Measure the three"), type="primary", icon=":material/timer:", key="learn-cost"):
        run = _measure(tour)
    if run is None or run.choices.question != tour.question.text or not run.answers:
        st.caption(t("Nothing has been measured for this question yet."))
        return
    ledger_panel(run, tour.ws, "learn_ledger")
    context = run.context
    legend = t("Both axes are logarithmic: a line starts at the build and rises with every question.")
    read_this(f"{legend} {_measured_on(context)}")


def _measured_on(context: RunContext | None) -> str:
    """What the numbers hold for, and what they leave out, as a sentence."""
    if context is None:
        return t("n = 1 for each method; disk is not on this chart, and a document that changes has to be built again.")
    return t(
        "n = 1 for each method on {device} in {dtype}; disk is not on this chart, and a document that changes has to "
        "be built again.",
        device=saved(context.device),
        dtype=context.dtype,
    )


def _measure(tour: Tour) -> Run:
    settings = state.settings()
    methods = registry.main_methods()
    run = Run(Choices(tour.ws.name, tour.question.text, methods, settings.reader, settings.top_k))
    with st.status(t("Measuring, one after another"), expanded=True) as status:
        with closing(answer_each(run, opener(tour.ws, run.choices), state.models().lock)) as events:
            for name, _ in events:
                status.update(label=t("{method} answers", method=heading(name)))
        status.update(label=t("The three are measured"), state="complete", expanded=False)
    describe(tour.ws, run)
    st.session_state["learn_cost"] = run
    return run


STEP = Step(
    name="cost",
    title="What it costs, and when it pays",
    question="After how many questions has building paid for itself?",
    intro=(
        "Caches and memories are built once and asked often. Building takes time and disk; what changes has to be "
        "built again; and every question then saves something, or does not. Never is a possible answer."
    ),
    predict=predict,
    show=show,
    live=live,
    words=("Break-even", "TTFT", "Closed book"),
    page="plan",
)
