"""The form of a plan: documents, questions, changes, model and machine."""

from __future__ import annotations

import streamlit as st

from app.i18n import labels, t
from core.labs.plan.plan import SHAPES, Demand
from core.labs.plan.prices import Prices

_PEAK = 5
"""How many times the day's mean the busiest hour asks."""


def demand_form(prices: Prices) -> tuple[Demand, float]:
    """The form; every change is reckoned with at once. Returns the demand, and the price of a gigabyte for a month."""
    first, second, third = st.columns(3)  # a row at a time: on a narrow screen columns stand below each other
    passages = first.number_input(t("Passages"), 1, 10**10, 100_000, key="plan_passages", format="%d")
    day = second.number_input(t("Questions a day"), 1, 10**9, 1_000, key="plan_day", format="%d")
    changes = third.number_input(t("Passages that change in a week"), 0, 10**9, 0, key="plan_changes", format="%d")
    first, second, third = st.columns(3)
    model = first.selectbox(t("Language model"), list(SHAPES), key="plan_model")
    machine = second.selectbox(
        t("Machines"),
        ["", *prices.machines],
        format_func=labels({"": "as fast as this one", "cpu": "CPU, 16 cores", "gpu": "GPU, 80 GB"}),
        key="plan_machine",
    )
    price = third.number_input(
        t("A gigabyte of disk for a month ({currency})", currency=prices.currency),
        0.0,
        10.0,
        prices.disk_gb_month,
        0.01,
        key="plan_disk",
    )
    return Demand(float(passages), _PEAK * day / 86_400, float(day), float(changes), str(model), str(machine)), price
