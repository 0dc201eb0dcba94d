"""Caches: the keys and values of passages and cells, what they weigh, and whether they still hold."""

from __future__ import annotations

import streamlit as st

from app import state
from app.i18n import t
from app.views.caches import blocks, cells, exactness
from app.views.caches.prefixes import prefix_panel
from app.views.caches.variants import choose_kind, choose_variant, residency_line, variant_table
from app.views.shared.begin import nothing_yet
from app.views.shared.frame import empty_state, header, link_to, missing_for
from app.views.shared.jobs import job_panel
from app.views.shared.text import escape
from core.kvcache.variants import list_variants

header("caches")
ws = state.current_workspace()
busy = job_panel(ws)
lacking = missing_for(ws, ("corpus", "embeddings", "partition"))
if lacking:
    if not busy and lacking[0].kind != "partition":
        nothing_yet(
            t("There are no passages to cache yet"),
            t("Here you see what it costs to keep the keys and values of every passage, and whether they are exact."),
        )
    elif not busy:
        empty_state(
            t("There are no cells to cache yet"),
            t("A cache belongs to a Voronoi cell of the passages: first cut the passages into cells."),
            "map",
            t("Cut into cells on the Map"),
        )
    st.stop()
if state.settings().engine_url:
    prefix_panel(ws, busy)
    st.subheader(t("Blocks of the model in this process"), anchor=False)
    st.caption(
        t("No server takes them: what looks into the model here needs them, such as Learn, Live change and a plan.")
    )
kind = choose_kind()
variants = list_variants(ws, kind)
shown = choose_variant(variants)
measured = cells.measure(ws, shown, kind)
if shown and shown.reason and shown.manifest and not busy:
    st.warning(
        t("These are out of date: {why}. Building keeps what did not change.", why=escape(t(shown.reason))),
        icon=":material/history:",
    )
cells.actions(ws, variants, measured.count, busy, kind)
cells.overview(measured)
link_to("plan", t("Does it pay? Building and disk against what every question saves"))
st.subheader(t("State of every cell"), anchor=False)
if shown:
    st.markdown(residency_line(ws, shown))
cells.table(measured.cells)
if variants:
    st.subheader(t("By model and number format"), anchor=False)
    variant_table(ws, variants, busy, kind)
exactness.panel(ws, busy)
blocks.panel(ws, busy)
