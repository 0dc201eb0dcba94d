"""The plan as a table, in words, and what it rests on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import streamlit as st

from app.i18n import duration, saved, t
from app.views.shared.table import show_table
from app.views.shared.text import escape
from core.labs.plan.coefficients import Coefficients
from core.labs.plan.memory_advice import memory_advice
from core.labs.plan.plan import Demand, MethodPlan, advice, pays
from core.labs.plan.prices import Prices
from core.methods.registry import METHODS
from core.units import seconds, size


def show_plans(plans: Sequence[MethodPlan], demand: Demand, measured: Coefficients, prices: Prices) -> None:
    """Advice first, then the methods side by side, then what breaks first and where the numbers come from."""
    st.info(escape(t(advice(demand, plans, prices.currency))), icon=":material/lightbulb:")
    if about_memory := memory_advice(demand, plans, measured, prices):
        st.info(escape(t(about_memory)), icon=":material/blur_on:")
    show_table([_row(method, plans[0], demand, prices.currency) for method in plans], "plan")
    st.subheader(t("What breaks first"), anchor=False)
    for method in plans:
        st.markdown(f":material/warning: **{t(METHODS[method.method].label)}**: {escape(t(method.breaks))}")
    st.caption(
        t(
            "Pays off: days until faster answers have earned back the machine time of the build. The price of a month "
            "counts disk, too: a build may earn back its time and still cost more. F1 minus RAG's: on the n questions "
            "below, with the 95 % interval; one that holds 0 does not tell the two apart."
        )
    )
    st.caption(
        t(
            "Measured: n = {n}, {model} on {machine}. Prices of {date}, an example to edit in "
            "core/labs/plan/prices.yaml. Another model or machine is calculated from its operations and bandwidths, "
            "not measured; the busiest hour asks five times the mean.",
            n=measured.n,
            model=escape(measured.model),
            machine=escape(machine_of(measured)),
            date=prices.as_of,
        )
    )


def machine_of(measured: Coefficients) -> str:
    """Processor and device that were measured, which are kept as one text."""
    processor, comma, device = measured.machine.partition(", ")
    return processor + comma + saved(device)


def _row(method: MethodPlan, rag: MethodPlan, demand: Demand, currency: str) -> dict[str, str]:
    after, quality = pays(method, rag).questions, method.quality
    days = t("never") if after is None else t("{n:,.1f} days", n=after / demand.day)
    return {
        t("Method"): t(METHODS[method.method].label),
        t("On disk"): size(method.stored),
        t("RAM"): size(method.held),
        t("Build"): duration(method.build_s),
        t("First token"): seconds(method.ttft_s * 1000),
        t("Machines"): f"{method.machines:,}",
        t("Month ({currency})", currency=currency): f"{method.month:,.0f}",
        t("Pays off"): "" if method is rag else days,
        t("F1 minus RAG's"): t("{mean:+.2f} ({lo:+.2f} to {hi:+.2f})", **asdict(quality)) if quality else "",
    }
