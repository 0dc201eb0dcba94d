"""Cells: how they are cut, what they are about, and where a question falls."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app import state
from app.i18n import t, tn
from app.views.shared.table import show_table
from app.views.shared.text import escape
from core import pipeline
from core.voronoi.partition import Partition, PartitionConfig, explain_cell_count
from core.voronoi.projection import Projection
from core.voronoi.routing import Route
from core.workspace import Workspace

_AT_BORDER, _NEAR_BORDER = 0.03, 0.1
_LISTED = 6


def cut_form(ws: Workspace, busy: bool, label: str) -> None:
    """Settings of the partition, and the button that cuts."""
    settings = state.settings()
    with st.form("cut", border=False):
        left, middle, right = st.columns(3)
        left.toggle(
            t("Choose the number of cells"),
            True,
            key="cut_auto",
            help=t("By the silhouette: two to five passages in a cell, or as many as the token budget allows."),
        )
        left.number_input(t("Number of cells otherwise"), 1, 2000, 12, key="cut_k")
        middle.number_input(
            t("Most tokens in a cell"),
            0,
            8192,
            settings.cell_tokens,
            step=64,
            key="cut_tokens",
            help=t(
                "For caches of whole cells: larger cells are cut in two. 0 sets no bound: blocks of single passages "
                "need none. A number of cells that you choose is kept."
            ),
        )
        right.number_input(
            t("Seed"),
            0,
            9999,
            settings.seed,
            key="cut_seed",
            help=t("The same seed gives the same cells and the same map."),
        )
        st.form_submit_button(
            label, type="primary", icon=":material/content_cut:", disabled=busy, on_click=_cut, args=(ws.name,)
        )


def _cut(name: str) -> None:
    chosen = st.session_state
    config = PartitionConfig(
        auto_k=bool(chosen["cut_auto"]),
        k=None if chosen["cut_auto"] else int(chosen["cut_k"]),
        cell_tokens=(int(chosen["cut_tokens"]) or None) if chosen["cut_auto"] else None,
        seed=int(chosen["cut_seed"]),
    )
    state.start_job(name, "Cutting cells", pipeline.cluster, config=config)


def projection_quality(projection: Projection) -> str:
    """How far the picture can be trusted, in one sentence."""
    technique = "UMAP" if projection.technique == "umap" else "PCA"
    return t(
        "{technique}, seed {seed}, saved with the workspace. A plane cannot hold all dimensions: neighbours here are "
        "neighbours there with trustworthiness **{trust:.2f}** (1 is perfect). Every tile has the colour of its "
        "passage's cell, so the colours are exact; a cell that is one piece in the space may be several here.",
        technique=technique,
        seed=projection.seed,
        trust=projection.trustworthiness,
    )


def verdict(route: Route, labels: Sequence[str], drawn_in: int) -> str:
    """Where a question falls and how near the border that is, in a few sentences.

    Args:
        drawn_in: Cell on whose tile the star lies.
    """
    cell = route.cells[0]
    sentences = [
        t(
            "The question falls into **cell {cell}**{about}, similarity {similarity:.3f}, margin {margin:.3f} to the "
            "nearest border: {nearness}.",
            cell=cell,
            about=f" (*{escape(labels[cell])}*)" if cell < len(labels) else "",
            similarity=route.similarities[0],
            margin=route.margin,
            nearness=nearness(route.margin),
        )
    ]
    if 1 < len(route.cells) <= _LISTED:
        sentences.append(t("Opened besides: {cells}.", cells=", ".join(str(other) for other in route.cells[1:])))
    elif len(route.cells) > 1:
        sentences.append(t("{n:,} other cells are open, too: they are bright.", n=len(route.cells) - 1))
    if drawn_in != cell:
        sentences.append(
            t(
                "In the plane the star lies on a tile of cell {cell}; what counts is the route in the embedding space.",
                cell=drawn_in,
            )
        )
    return " ".join(sentences)


def nearness(margin: float) -> str:
    """A margin in words."""
    if margin < _AT_BORDER:
        return t("right at it, so that a neighbouring cell may hold the answer: open more than one")
    return t("not far from it") if margin < _NEAR_BORDER else t("well inside")


def cell_table(partition: Partition, labels: Sequence[str], opened: Sequence[int]) -> None:
    """Every cell as a row, opened ones first: the map as a table."""
    members, bound = partition.members(), partition.config.cell_tokens
    rows = [
        {
            "opened": cell in opened,
            "cell": cell,
            "about": labels[cell] if cell < len(labels) else "",
            "passages": len(members[cell]),
            "tokens": int(partition.tokens[cell]),
            "share": 100 * float(partition.tokens[cell]) / bound if bound else None,
        }
        for cell in (*opened, *(other for other in range(partition.k) if other not in opened))
    ]
    show_table(
        rows,
        "map_cells",
        {
            "opened": st.column_config.CheckboxColumn(t("Opened")),
            "cell": st.column_config.NumberColumn(t("Cell"), width="small"),
            "about": st.column_config.TextColumn(t("About (its most distinctive words)"), width="large"),
            "passages": t("Passages"),
            "tokens": (t("Tokens"), "localized"),
            "share": st.column_config.ProgressColumn(t("Of the budget"), format="%.0f%%", min_value=0, max_value=100),
        },
        column_order=[
            *(["opened"] if opened else []),
            *("cell", "about", "passages", "tokens"),
            *(["share"] if bound else []),
        ],
    )


def how_cut(partition: Partition) -> str:
    """How the cells came about, in one sentence."""
    cut = t(
        "{cells} by spherical k-means ({chosen}), mean silhouette {silhouette:.3f}.",
        cells=tn(partition.k, "{n:,} cell", "{n:,} cells"),
        chosen=_why_so_many(partition),
        silhouette=partition.silhouette,
    )
    bound = partition.config.cell_tokens
    return f"{cut} {t('At most {tokens:,} tokens each.', tokens=bound)}" if bound else cut


def _why_so_many(partition: Partition) -> str:
    tried, config = sorted(partition.scores), partition.config
    if config.auto_k:
        return t(
            "the best silhouette of {counts} tried, from {first} to {last}",
            counts=tn(len(tried), "{n:,} count", "{n:,} counts"),
            first=tried[0],
            last=tried[-1],
        )
    if config.k and config.k != partition.k:
        return t(explain_cell_count(partition.k, config.k, config.budget)).rstrip(".")
    return t("as many as asked for")
