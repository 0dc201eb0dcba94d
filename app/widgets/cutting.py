"""Cells: how they are cut, what they are about, and where a question falls."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from app import state
from app.widgets.text import escape
from core import pipeline
from core.figures.units import plural
from core.voronoi.partition import Partition, PartitionConfig, why_another_count
from core.voronoi.projection import Projection
from core.voronoi.routing import Route
from core.workspace import Workspace

_AT_BORDER, _NEAR_BORDER = 0.03, 0.1


def cut_form(ws: Workspace, busy: bool, label: str) -> None:
    """Settings of the partition, and the button that cuts."""
    settings = state.settings()
    with st.form("cut", border=False):
        left, middle, right = st.columns(3)
        left.toggle(
            "Choose the number of cells",
            True,
            key="cut_auto",
            help="By the silhouette, among the counts that the token budget allows.",
        )
        left.number_input("Number of cells otherwise", 1, 2000, 12, key="cut_k")
        middle.number_input(
            "Most tokens in a cell",
            64,
            8192,
            settings.cell_tokens,
            step=64,
            key="cut_tokens",
            help="A cell is prefilled and kept as a whole; larger ones are cut in two. A number of cells that you "
            "choose is kept: then a cell is cut only where it would not fit the model's context.",
        )
        right.number_input(
            "Seed", 0, 9999, settings.seed, key="cut_seed", help="The same seed gives the same cells and the same map."
        )
        st.form_submit_button(
            label, type="primary", icon=":material/content_cut:", disabled=busy, on_click=_cut, args=(ws.name,)
        )


def _cut(name: str) -> None:
    chosen, models = st.session_state, state.models()
    config = PartitionConfig(
        auto_k=bool(chosen["cut_auto"]),
        k=None if chosen["cut_auto"] else int(chosen["cut_k"]),
        cell_tokens=int(chosen["cut_tokens"]) if chosen["cut_auto"] else None,
        seed=int(chosen["cut_seed"]),
    )
    state.start_job(name, "Cutting cells", lambda ws: pipeline.cluster(ws, models, config))


def fidelity(projection: Projection) -> str:
    """How far the picture can be trusted, in one sentence."""
    technique = "UMAP" if projection.technique == "umap" else "PCA"
    return (
        f"{technique}, seed {projection.seed}, saved with the workspace. A plane cannot hold all dimensions: "
        f"neighbours here are neighbours there with trustworthiness **{projection.trustworthiness:.2f}** (1 is "
        f"perfect), and **{projection.agreement:.0%}** of the passages lie inside the drawn border of their own cell. "
        "The colours are exact, the borders are a picture."
    )


def verdict(route: Route, labels: Sequence[str], drawn_in: int) -> str:
    """Where a question falls and how near the border that is, in a few sentences.

    Args:
        route: Where it goes.
        labels: What the cells are about.
        drawn_in: Cell on whose tile the star lies.
    """
    cell = route.cells[0]
    about = f" (*{escape(labels[cell])}*)" if cell < len(labels) else ""
    opened = "" if len(route.cells) == 1 else f" Opened besides: {', '.join(str(other) for other in route.cells[1:])}."
    elsewhere = ""
    if drawn_in != cell:
        elsewhere = (
            f" On this picture the star lies on the tile of cell {drawn_in}: the plane misleads, the route does not."
        )
    return (
        f"The question falls into **cell {cell}**{about}, similarity {route.similarities[0]:.3f}, "
        f"margin {route.margin:.3f} to the nearest border: {nearness(route.margin)}.{opened}{elsewhere}"
    )


def nearness(margin: float) -> str:
    """A margin in words."""
    if margin < _AT_BORDER:
        return "right at it, so that a neighbouring cell may hold the answer: open more than one"
    return "not far from it" if margin < _NEAR_BORDER else "well inside"


def cell_table(partition: Partition, labels: Sequence[str], opened: Sequence[int]) -> None:
    """Every cell as a row: the twin of the map."""
    members = partition.members()
    rows = [
        {
            "opened": cell in opened,
            "cell": cell,
            "about": labels[cell] if cell < len(labels) else "",
            "passages": len(members[cell]),
            "tokens": int(partition.tokens[cell]),
            "share": 100 * float(partition.tokens[cell]) / partition.config.budget,
        }
        for cell in range(partition.k)
    ]
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        key="map_cells",
        column_order=("opened", "cell", "about", "passages", "tokens", "share")
        if opened
        else ("cell", "about", "passages", "tokens", "share"),
        column_config={
            "opened": st.column_config.CheckboxColumn("Opened"),
            "cell": st.column_config.NumberColumn("Cell"),
            "about": "About (its most distinctive words)",
            "passages": "Passages",
            "tokens": st.column_config.NumberColumn("Tokens", format="localized"),
            "share": st.column_config.ProgressColumn("Of the budget", format="%.0f%%", min_value=0, max_value=100),
        },
    )


def how_cut(partition: Partition) -> str:
    """How the cells came about, in one sentence."""
    tried = sorted(partition.scores)
    config = partition.config
    chosen = "as many as asked for"
    if config.auto_k:
        chosen = f"the best silhouette of {plural(len(tried), 'count')} tried, from {tried[0]} to {tried[-1]}"
    elif config.k and config.k != partition.k:
        chosen = why_another_count(partition.k, config.k, config.budget).rstrip(".")
    return (
        f"{plural(partition.k, 'cell')} by spherical k-means ({chosen}), mean silhouette {partition.silhouette:.3f}, "
        f"at most {config.budget:,} tokens each."
    )
