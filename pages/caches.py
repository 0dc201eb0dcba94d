"""Caches: every cell's keys and values, what they weigh, and whether they still hold."""

from __future__ import annotations

import streamlit as st

from app import state
from app.widgets import composing, exactness, kept
from app.widgets.frame import empty_state, header, missing_for
from app.widgets.jobs import job_panel
from app.widgets.text import escape
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
            "There are no cells to cache yet",
            "A cache belongs to a Voronoi cell of the passages: first cut the passages into cells.",
            "corpus" if first else "map",
            "Bring documents first" if first else "Cut into cells on the Map",
        )
    st.stop()
found = list_variants(ws)
sizes, states, cells = kept.measure(ws, found[0] if found else None)
caches = ws.state("caches")
if caches.status == "stale" and not busy:
    st.warning(
        f"These caches are out of date: {escape(caches.reason)}. Building keeps the cells that did not change.",
        icon=":material/history:",
    )
kept.actions(ws, states, len(cells), busy)
kept.overview(sizes, states)
if any(cell.cache_bytes for cell in sizes):
    st.subheader("Text and cache, cell by cell", anchor=False)
    st.caption(
        "Each row is a cell: the grey dot is its text, the hexagon its KV cache, on a logarithmic axis. The longer the "
        "line, the more disk buys the time."
    )
    st.plotly_chart(sizes_figure(sizes), key="sizes", config={"displayModeBar": False}, alt=describe_sizes(sizes))
st.subheader("State of every cell", anchor=False)
kept.table(sizes, states, cells)
exactness.panel(ws, busy)
composing.panel(ws, busy)
