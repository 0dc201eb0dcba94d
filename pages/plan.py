"""Should I cache: what each method takes for documents and questions that are not here yet."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from app import state
from app.i18n import t
from app.views.plan.form import demand_form
from app.views.plan.results import machine_of, show_plans
from app.views.shared.begin import nothing_yet
from app.views.shared.frame import empty_state, header, link_to, missing_for
from app.views.shared.jobs import job_panel
from app.views.shared.shipped import shipped_coefficients, shipped_line
from app.views.shared.text import escape
from core.corpus.sample import is_sample
from core.errors import TesseraError
from core.labs.plan.coefficients import Coefficients, coefficients
from core.labs.plan.plan import plan
from core.labs.plan.prices import load_prices


def show(measured: Coefficients) -> None:
    """The form, and what it takes by these coefficients."""
    table = load_prices()
    demand, disk_price = demand_form(table)
    table = replace(table, disk_gb_month=disk_price)
    show_plans(plan(demand, measured, table), demand, measured, table)


def show_shipped() -> None:
    """The same by the coefficients that ship with the sample."""
    measured = shipped_coefficients()
    shipped_line((machine_of(measured), measured.model))
    show(measured)


header("plan")
ws = state.current_workspace()
busy = job_panel(ws)
if missing_for(ws, ("corpus", "embeddings")):
    if not busy:
        nothing_yet(
            t("There is nothing to plan with yet"),
            t("Here you see what each method takes for your documents: disk, machines, first token and money."),
            preview=show_shipped,
        )
    st.stop()
lacking = missing_for(ws, ("partition", "blocks"))
measured, why = None, ""
if not lacking:
    try:
        measured = coefficients(ws)
    except TesseraError as error:
        why = escape(t(error.message))
if measured is None and is_sample(state.corpus_of(ws)):
    measured = shipped_coefficients()
    shipped_line((machine_of(measured), measured.model))
    link_to("evaluate", t("Measure here"))
if measured is None:
    empty_state(
        t("Nothing has been measured to plan with yet"),
        t(
            "A plan multiplies what this machine was measured to take. Build the blocks, then evaluate RAG, CAG and "
            "memory on some questions: their traces hold the time of every step."
        )
        if lacking
        else why,
        "caches" if lacking else "evaluate",
        t("Build the blocks") if lacking else t("Evaluate some questions"),
    )
    st.stop()
show(measured)
