"""Step: the space is cut into cells, and the question is pulled over their borders."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app.figures.map import describe_map, map_figure
from app.i18n import t
from app.learn.base import Prediction, Step, Tour, read_this
from app.learn.exhibits import measured_line
from app.learn.recorded import recorded
from app.views.map.cells import verdict
from app.views.map.question import locate_question, map_of
from app.views.map.star import CellAnswer, star_panel
from app.views.shared.chart import chart
from app.views.shared.frame import missing_for
from core.evaluation.lessons import measured_with
from core.voronoi.partition import Partition
from core.voronoi.projection import Projection


def predict() -> Prediction:
    """How many cells hold the answer."""
    verdicts = [row["verdict"] for row in recorded("cell")["answers"]]
    right, cells = verdicts.count("right"), len(verdicts)
    options = (max(1, right), cells // 4, cells // 2)
    return Prediction(
        t(
            "There are {cells} cells. From how many of them, each alone, is “{question}” answered rightly?",
            cells=cells,
            question=recorded("cell")["question"],
        ),
        [str(count) for count in options],
        0,
        t(
            "Right from {right}; {declined} of the others say that they do not know.",
            right=right,
            declined=verdicts.count("declined"),
        ),
    )


def show(tour: Tour) -> None:
    """The mosaic with the star to drag; the answers of all cells were computed beforehand."""
    if missing_for(tour.ws, ("embeddings", "partition", "projection")):
        st.info(t("The mosaic is drawn from the sample's own cells: build the sample to drag the star."))
        return
    record = recorded("cell")
    partition = tour.ws.read("partition", Partition.load)
    projection = Projection.load(tour.ws.require("projection"))
    located = locate_question(tour.ws, partition, projection, record["question"], 1)
    if located is None:
        return
    answers: dict[int, CellAnswer] = {}
    if measured_with(tour.ws) == record["measured"]["artefacts"]:
        answers = {cell: CellAnswer(row["text"], row["verdict"]) for cell, row in enumerate(record["answers"])}
    data = map_of(tour.corpus, partition, projection, tour.labels(), located)
    star_panel(tour.ws, partition, data, located, answers)
    read_this(
        t(
            "Every tile is a passage in the colour of its cell. **Drag the star over a border**, or use the arrow "
            "keys: the margin falls to nothing, then another cell takes the question, and its answer with it. "
            "Answers are the model's own, from the blocks of one cell alone."
        )
    )
    measured_line("cell")


def live(tour: Tour) -> None:
    """The map, the question on it, and the cells it opens."""
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


STEP = Step(
    name="cell",
    title="The space is cut into cells",
    question="How does a question find its neighbourhood without looking at every passage?",
    intro=(
        "Passages that lie together are put into one **cell**, around a centroid. A question belongs to the cell whose "
        "centroid is nearest, so no passage has to be looked at. How far it is from the next centroid's side is its "
        "**margin**."
    ),
    predict=predict,
    show=show,
    live=live,
    words=("Voronoi cell", "Centroid", "Margin", "nprobe", "UMAP"),
    page="map",
)
