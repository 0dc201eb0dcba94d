"""Map: the passages in the plane, the cells they are cut into, and where a question falls."""

from __future__ import annotations

import streamlit as st

from app import state
from app.figures.map import describe_map, map_figure
from app.i18n import t
from app.views.map.cells import cell_table, cut_form, how_cut, projection_quality, verdict
from app.views.map.question import locate_question, map_of, picked_passages, question_form
from app.views.map.routing_recall import gold_verdict, recall_panel
from app.views.map.star import drag_star
from app.views.shared.begin import nothing_yet, screenshot
from app.views.shared.chart import selectable
from app.views.shared.examples import examples
from app.views.shared.frame import empty_state, header, missing_for
from app.views.shared.jobs import job_panel
from core.voronoi.partition import Partition, cell_labels
from core.voronoi.projection import Projection

CONTROLS = {"displaylogo": False, "scrollZoom": True}

header("map")
ws = state.current_workspace()
busy = job_panel(ws)
lacking = missing_for(ws, ("corpus", "embeddings", "partition", "projection"))
if lacking:
    if busy:
        st.stop()
    if lacking[0].kind in ("corpus", "embeddings"):
        nothing_yet(
            t("There is nothing to draw yet"),
            t("Here the passages lie in the plane as a mosaic of cells, and a question falls into one of them."),
            preview=screenshot("map-light.png", t("The map of the sample, with a question as a star in its cell.")),
        )
    else:
        empty_state(
            t("The passages are not cut into cells yet"),
            t(
                "Spherical k-means cuts the embedding space into Voronoi cells: KV-cache CAG keeps one cache for each, "
                "and sends a question to the nearest. It takes seconds."
            ),
            icon=":material/content_cut:",
        )
        cut_form(ws, busy, t("Cut into cells"))
    st.stop()
partition = ws.read("partition", Partition.load)
projection = Projection.load(ws.require("projection"))
labels = cell_labels(ws)
question, nprobe = question_form(partition.k)
corpus = state.corpus_of(ws)
examples(ws, corpus, "map_question")
located = locate_question(ws, partition, projection, question, nprobe)
if located:
    st.markdown(f":material/star: {verdict(located.route, labels, located.drawn_in)}")
    if sentence := gold_verdict(corpus, partition, located):
        st.markdown(sentence)
data = map_of(corpus, partition, projection, labels, located)
dragging = located is not None and st.toggle(
    t("Drag the star"),
    key="map_drag",
    help=t("Pull the question across a border and see cell, margin, cache and answer change."),
)
if located and dragging:
    drag_star(ws, corpus, partition, data, located, busy)
else:
    with st.container(border=True):
        picked = selectable(map_figure(data, height=600), key="map", config=CONTROLS, alt=describe_map(data))
    st.caption(
        t(
            "Every tile is a passage, in the colour of its Voronoi cell; the words name the cells. A question is the "
            "star: its own cell has a rim, opened cells are bright, and lines lead to the passages in them that are "
            "nearest to it, of which CAG reads the best. Hover to read, drag to move, scroll to zoom. Click a passage, "
            "or draw a box or a lasso around several, to read them below."
        )
    )
    picked_passages(corpus, [str(point["customdata"][0]) for point in picked if point.get("customdata")])
st.caption(projection_quality(projection))
st.subheader(t("Cells"), anchor=False)
st.caption(how_cut(partition))
cell_table(partition, labels, located.route.cells if located else ())
recall_panel(ws, corpus, nprobe, busy)
with st.expander(t("Cut the cells again"), icon=":material/content_cut:"):
    st.markdown(t("Other cells mean other caches: those that no longer fit have to be built again."))
    cut_form(ws, busy, t("Cut the cells again"))
