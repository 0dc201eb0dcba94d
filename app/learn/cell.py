"""Step: the space is cut into cells."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app.figures.map import describe_map, map_figure
from app.i18n import t
from app.learn.base import Tour, read_this
from app.views.map.cells import verdict
from app.views.map.question import locate_question, map_of
from app.views.shared.chart import chart
from core.voronoi.partition import Partition
from core.voronoi.projection import Projection


def show(tour: Tour) -> None:
    """The map, the question on it, and the cells it opens."""
    st.markdown(
        t(
            "Passages that lie together are put into one **cell**, around a centroid. A question belongs to the cell "
            "whose centroid is nearest: no passage has to be looked at. **Open more cells** and see which come next."
        )
    )
    partition = tour.ws.read("partition", Partition.load)
    projection = Projection.load(tour.ws.require("projection"))
    most = min(5, partition.k)
    nprobe = st.slider(t("Cells to open"), 1, most, 1, key="learn_nprobe") if most > 1 else 1
    located = locate_question(tour.ws, partition, projection, tour.question.text, nprobe)
    if located is None:
        return
    st.markdown(f":material/star: {verdict(located.route, tour.labels(), located.drawn_in)}")
    data = map_of(tour.corpus, partition, projection, tour.labels(), located)
    chart(map_figure(data, height=480), key="learn_map", alt=describe_map(data))
    rows = [row for row, passage in enumerate(tour.corpus.passages) if passage.id in tour.question.passage_ids]
    homes = sorted({int(partition.assignment[row]) for row in rows})
    legend = t(
        "Every tile is a passage in the colour of its cell, the star is the question, the bright cells are open."
    )
    read_this(f"{legend} {_whether_open(homes, located.route.cells)}")


def _whether_open(homes: Sequence[int], opened: Sequence[int]) -> str:
    """Whether the cells that hold the answer are among the opened ones, as a sentence."""
    cells = ", ".join(str(home) for home in homes)
    if not homes:
        return t(
            "The passage with the answer lies in no cell that is known: **it is not open, so the answer cannot be "
            "read**."
        )
    if set(homes) <= set(opened):
        return t("The passage with the answer lies in cell {cells}: it is open.", cells=cells)
    return t(
        "The passage with the answer lies in cell {cells}: **it is not open, so the answer cannot be read**.",
        cells=cells,
    )
