"""Caches: every cell's keys and values, what they weigh, whether they still hold, and whether they pay."""

from __future__ import annotations

import streamlit as st

from app import state
from app.widgets import composing, exactness, kept
from app.widgets.chart import chart
from app.widgets.frame import empty_state, header, missing_for
from app.widgets.jobs import job_panel
from app.widgets.payoff import payoff_panel
from app.widgets.text import escape
from app.widgets.variants import choose_variant, residency_line, uses_of, variant_table
from app.words import t
from core.figures.caches import describe_sizes, sizes_figure
from core.kvcache.variants import list_variants

header("caches")
ws = state.current_workspace()
busy = job_panel(ws)
lacking = missing_for(ws, ("corpus", "embeddings", "partition"))
if lacking:
    first = lacking[0].kind != "partition"
    if not busy:
        empty_state(
            t("There are no cells to cache yet"),
            t("A cache belongs to a Voronoi cell of the passages: first cut the passages into cells."),
            "corpus" if first else "map",
            t("Bring documents first") if first else t("Cut into cells on the Map"),
        )
    st.stop()
variants = list_variants(ws)
shown = choose_variant(variants)
sizes, states, cells = kept.measure(ws, shown)
if shown and shown.reason and shown.manifest and not busy:
    st.warning(
        t(
            "These caches are out of date: {why}. Building keeps the cells that did not change.",
            why=escape(t(shown.reason)),
        ),
        icon=":material/history:",
    )
kept.actions(ws, variants, len(cells), busy)
kept.overview(sizes, states)
if any(cell.cache_bytes for cell in sizes):
    st.subheader(t("Text and cache, cell by cell"), anchor=False)
    st.caption(
        t(
            "Each row is a cell: the grey dot is its text, the hexagon its KV cache, on a logarithmic axis. The longer "
            "the line, the more disk buys the time."
        )
    )
    chart(sizes_figure(sizes), key="sizes", alt=describe_sizes(sizes))
st.subheader(t("State of every cell"), anchor=False)
if shown:
    st.markdown(residency_line(ws, shown))
kept.table(sizes, states, cells, uses_of(ws, shown) if shown else {})
if shown:
    payoff_panel(ws, shown, busy)
if variants:
    st.subheader(t("All caches of this workspace"), anchor=False)
    variant_table(ws, variants, busy)
exactness.panel(ws, busy)
composing.panel(ws, busy)
