"""Should I cache: what each method takes for documents and questions that are not here yet."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st
from pydantic import TypeAdapter

from app import state
from app.i18n import t
from app.views.plan.form import demand_form
from app.views.plan.results import show_plans
from app.views.shared.frame import empty_state, header, link_to, missing_for
from app.views.shared.shipped import shipped, shipped_line
from app.views.shared.text import escape
from core.corpus.sample import is_sample
from core.errors import TesseraError
from core.labs.plan.coefficients import Coefficients, coefficients
from core.labs.plan.plan import plan
from core.labs.plan.prices import load_prices

header("plan")
ws = state.current_workspace()
lacking = missing_for(ws, ("corpus", "embeddings", "partition", "blocks"))
found, why = None, ""
if not lacking:
    try:
        found = coefficients(ws)
    except TesseraError as error:
        why = escape(t(error.message))
if found is None and not lacking and is_sample(state.corpus_of(ws)):
    found = TypeAdapter(Coefficients).validate_python(shipped("plan")["coefficients"])
    shipped_line((found.machine, found.model))
    link_to("evaluate", t("Measure here"))
if found is None:
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
table = load_prices()
demand, disk_price = demand_form(table)
table = replace(table, disk_gb_month=disk_price)
show_plans(plan(demand, found, table), demand, found, table)
