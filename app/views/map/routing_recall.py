"""Routing recall on the Map page: how often the opened cells hold the answer, and where they do not."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app import state
from app.figures.recall import describe_margins, describe_recall, recall_figure
from app.i18n import t, tn
from app.views.map.question import Located
from app.views.shared.chart import chart
from app.views.shared.shipped import shipped_as, shipped_line
from app.views.shared.table import show_table
from app.views.shared.text import escape
from core.corpus.sample import is_sample
from core.corpus.types import Corpus
from core.labs.benchmarks.routing_recall import RecallReport, measure_recall, saved_report
from core.normalise import folded
from core.voronoi.partition import Partition
from core.voronoi.routing import RecallPoint, route
from core.workspace import Workspace

_WANTED = 0.95
_SPLITS = ("test", "dev", "train")
SHIPPED = ("routing-test",)
"""Reports that ship with the sample."""


def gold_verdict(corpus: Corpus, partition: Partition, located: Located) -> str:
    """Whether the opened cells hold the gold passages of a question of the corpus; empty for any other question."""
    question = folded(located.question)
    known = next((q for q in corpus.all_questions() if folded(q.text) == question and q.passage_ids), None)
    if known is None:
        return ""
    rows = corpus.index()
    cells = {int(partition.assignment[rows[passage_id]]) for passage_id in known.passage_ids}
    opened = set(located.route.cells)
    where = (
        t("cell {cell}", cell=min(cells))
        if len(cells) == 1
        else t("cells {cells}", cells=", ".join(map(str, sorted(cells))))
    )
    if cells <= opened:
        return t(":green[:material/check_circle:] Its gold passage lies in **{where}**, which is open.", where=where)
    order = route(partition, located.vector, partition.k).cells
    needed = 1 + max(order.index(cell) for cell in cells)
    return t(
        ":orange[:material/error:] Its gold passage lies in **{where}**, which is not open: opening {cells} would "
        "reach it.",
        where=where,
        cells=_cells(needed),
    )


def recall_panel(ws: Workspace, corpus: Corpus, opened: int, busy: bool) -> None:
    """The curve, its table, and the button that measures."""
    st.subheader(t("How often is the answer in an opened cell?"), anchor=False)
    splits = [split for split in _SPLITS if any(q.passage_ids for q in corpus.questions.get(split, ()))]
    if not splits:
        st.caption(t("Routing recall needs questions that name their gold passage; this corpus has none."))
        return
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    split = str(left.segmented_control(t("Questions"), splits, default=splits[0], required=True, key="recall_split"))
    measured_here = saved_report(ws, split)
    ships = measured_here is None and f"routing-{split}" in SHIPPED and is_sample(corpus)
    report = shipped_as(RecallReport, f"routing-{split}") if ships else measured_here
    right.button(
        t("Measure again") if measured_here else t("Measure {n:,} questions", n=len(corpus.questions[split])),
        key="recall-measure",
        icon=":material/query_stats:",
        disabled=busy,
        on_click=_start,
        args=(ws, split),
        width="stretch",
    )
    if report is None:
        st.caption(
            t(
                "Not measured for these cells yet. Every question is embedded and routed; no model answers, so it "
                "takes seconds."
            )
        )
        return
    if ships:
        shipped_line((t("{n:,} cells", n=report.cells),))
    _curve(report, opened)
    st.markdown(t("**By distance to the border.** {found}", found=escape(t(describe_margins(report.margins)))))


def _curve(report: RecallReport, opened: int) -> None:
    points = list(report.points)
    here = next((point for point in points if point.nprobe == opened), points[0])
    st.markdown(
        t(
            "Opening **{opened}** of {cells} finds **{recall:.1%}** of the gold passages, among {tokens:,.0f} tokens. "
            "KV-cache CAG reads only the best passages of opened cells, CAG (whole cell) a cell as it is. {enough}",
            opened=_cells(here.nprobe),
            cells=report.cells,
            recall=here.recall,
            tokens=here.tokens,
            enough=_enough(points),
        )
    )
    chart(recall_figure(points, opened), key="recall", alt=describe_recall(points))
    with st.expander(t("The curve as a table"), icon=":material/table:"):
        show_table(
            [vars(point) for point in points],
            "recall_table",
            {"nprobe": t("Cells opened"), "recall": (t("Recall"), "%.3f"), "tokens": (t("Tokens opened"), "%.0f")},
        )
    st.caption(
        t(
            "n = {n} questions ({split}), recall of the gold passages, mean over questions",
            n=report.questions,
            split=report.split,
        )
    )


def _enough(points: Sequence[RecallPoint]) -> str:
    enough = next(point for point in points if point.recall >= _WANTED or point is points[-1])
    return t("{wanted:.0%} are reached with {cells}.", wanted=_WANTED, cells=_cells(enough.nprobe))


def _cells(count: int) -> str:
    return tn(count, "{n:,} cell", "{n:,} cells")


def _start(ws: Workspace, split: str) -> None:
    corpus = state.corpus_of(ws)
    given = {"questions": corpus.questions[split], "rows": corpus.index(), "split": split}
    state.start_job(ws.name, "Routing the questions", measure_recall, **given)
