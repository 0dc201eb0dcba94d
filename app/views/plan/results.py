"""The plan as a table, in words, and what it rests on."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from app.i18n import duration, t
from app.views.shared.text import escape
from core.labs.plan.coefficients import Coefficients
from core.labs.plan.plan import Demand, MethodPlan, advice, pays
from core.labs.plan.prices import Prices
from core.methods.registry import METHODS
from core.units import seconds, size


def show_plans(plans: Sequence[MethodPlan], demand: Demand, found: Coefficients, prices: Prices) -> None:
    """Advice first, then the methods side by side, then what breaks first and where the numbers come from."""
    st.info(escape(t(advice(demand, plans))), icon=":material/lightbulb:")
    st.dataframe(
        pd.DataFrame([_row(one, plans[0], demand) for one in plans]),
        hide_index=True,
        key="plan",
        column_config={
            "method": t("Method"),
            "stored": t("On disk"),
            "held": t("In memory"),
            "build": t("Build, one machine"),
            "first": t("First token"),
            "machines": t("Machines"),
            "month": t("A month ({currency})", currency=prices.currency),
            "pays": t("Pays off after"),
            "quality": t("F1 minus RAG's"),
        },
    )
    for one in plans:
        st.markdown(f":material/warning: **{t(METHODS[one.method].label)}**: {escape(t(one.breaks))}")
    st.caption(
        t(
            "Measured: {run}, n = {n}, {model} on {machine}. Prices of {date}, an example to edit in "
            "core/labs/plan/prices.yaml. Another model or machine is reckoned from its operations and bandwidths, not "
            "measured; the busiest hour asks five times the mean.",
            run=found.run,
            n=found.n,
            model=escape(found.model),
            machine=escape(found.machine),
            date=prices.as_of,
        )
    )


def _row(one: MethodPlan, rag: MethodPlan, demand: Demand) -> dict[str, str]:
    after = pays(one, rag).questions
    quality = one.quality
    return {
        "method": t(METHODS[one.method].label),
        "stored": size(one.stored),
        "held": size(one.held),
        "build": duration(one.build_s),
        "first": seconds(one.ttft_s * 1000),
        "machines": f"{one.machines:,}",
        "month": f"{one.month:,.0f}",
        "pays": "" if one is rag else t("never") if after is None else t("{n:,.1f} days", n=after / demand.day),
        "quality": f"{quality.mean:+.2f} ({quality.lo:+.2f} – {quality.hi:+.2f})" if quality else "",
    }
