"""The blocks or caches of a workspace: what each cell weighs, and the buttons that build them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from app import state
from app.i18n import duration, t
from app.views.caches.variants import counted, wanted_variant
from app.views.shared.table import show_table
from core import pipeline
from core.kvcache.store import CellState
from core.kvcache.variants import BLOCKS, Variant
from core.settings import Settings
from core.units import size
from core.voronoi.partition import Partition, cell_labels, cells_of
from core.workspace import Workspace

STATES = {"ready": "✓ ready", "missing": "○ not built", "damaged": "✗ damaged"}


@dataclass(frozen=True)
class Cell:
    """A cell, and what is kept of it.

    Attributes:
        text_bytes: Size of its passages as UTF-8.
        kept: Its cache, or the blocks of its passages together.
    """

    label: str
    passages: int
    text_bytes: int
    kept: CellState


@dataclass(frozen=True)
class Measured:
    """What stands on the disk.

    Attributes:
        states: Of each block, or of each cache of a cell.
        count: How many of them there will be.
    """

    cells: list[Cell]
    states: list[CellState]
    count: int


def measure(ws: Workspace, variant: Variant | None, kind: str) -> Measured:
    """Every cell with what is kept of it, and the states of all blocks or caches.

    Args:
        variant: The blocks or caches to look at; None when there are none.

    Raises:
        ArtefactMissing: There is no partition.
    """
    partition = ws.read("partition", Partition.load)
    cells = cells_of(partition, state.corpus_of(ws).passages)
    states = variant.store().states() if variant else []
    if kind == BLOCKS:
        cell_of = {row: cell for cell, rows in enumerate(partition.members()) for row in rows}
        by_cell, count = _added_up([stored for stored in states if stored.cell in cell_of], cell_of), len(cell_of)
    else:
        by_cell, count = states, len(cells)
    state_of = {stored.cell: stored for stored in by_cell}
    labels = cell_labels(ws)
    measured = [
        Cell(
            labels[number] if number < len(labels) else "",
            len(passages),
            sum(len(passage.text.encode()) for passage in passages),
            state_of.get(number, CellState(number, "missing", len(passages), 0, 0, 0.0)),
        )
        for number, passages in enumerate(cells)
    ]
    return Measured(measured, states, count)


def _added_up(states: Sequence[CellState], cell_of: Mapping[int, int]) -> list[CellState]:
    """One state for the blocks of each cell: ready when all are, damaged when one is."""
    groups: dict[int, list[CellState]] = {}
    for block in states:
        groups.setdefault(cell_of[block.cell], []).append(block)
    return [
        CellState(
            cell,
            min((block.status for block in group), key=("damaged", "missing", "ready").index),
            len(group),
            sum(block.tokens for block in group),
            sum(block.bytes for block in group),
            sum(block.build_s for block in group),
        )
        for cell, group in groups.items()
    ]


def start(ws: Workspace, force: bool, settings: Settings, kind: str) -> None:
    """Starts the build of the blocks or caches that some settings ask for."""
    label = "Rebuilding the KV caches" if force else "Building the KV caches"
    build = pipeline.blocks if kind == BLOCKS else pipeline.cache
    state.start_job(ws.name, label, build, settings=settings, force=force)


def actions(ws: Workspace, variants: Sequence[Variant], count: int, busy: bool, kind: str) -> None:
    """Which blocks or caches to build; build what is missing of them, or everything anew."""
    settings, finished = wanted_variant(variants)
    unfinished = any(variant.manifest is None and variant.bytes for variant in variants)
    with st.container(horizontal=True, vertical_alignment="center"):
        label = (
            t("These are built")
            if finished
            else t("Go on building")
            if unfinished
            else t("Build {what}", what=counted(kind, count))
        )
        st.button(
            label,
            type="primary",
            icon=":material/check:" if finished else ":material/construction:",
            key="cache-build",
            disabled=busy or finished is not None,
            on_click=start,
            args=(ws, False, settings, kind),
        )
        st.button(
            t("Rebuild all"),
            icon=":material/refresh:",
            key="cache-force",
            disabled=busy or not variants,
            on_click=start,
            args=(ws, True, settings, kind),
            help=t("Prefills everything again, even what is up to date."),
        )


def overview(measured: Measured) -> None:
    """The blocks or caches in a few numbers and one sentence."""
    ready = [stored for stored in measured.states if stored.status == "ready"]
    cache = sum(stored.bytes for stored in ready)
    text = sum(cell.text_bytes for cell in measured.cells if cell.kept.bytes)
    tokens = sum(stored.tokens for stored in ready)
    with st.container(horizontal=True, gap="large"):
        st.metric(t("Ready"), t("{done:,} of {total:,}", done=len(ready), total=measured.count), width="content")
        st.metric(t("Tokens kept"), f"{tokens:,}", width="content")
        st.metric(t("Keys and values on disk"), size(cache), width="content")
        st.metric(t("The same as text"), size(text), width="content")
        st.metric(t("Prefill took"), duration(sum(stored.build_s for stored in ready)), width="content")
    if ready and text:
        st.markdown(
            t(
                "A token is about {text:.0f} bytes of text, and **{cache}** of keys and values, which weigh "
                "**{times:,.0f} times** their text. That is what you pay, once and on disk, for not having to read "
                "the passages again with every question.",
                text=text / tokens,
                cache=size(cache / tokens),
                times=cache / text,
            )
        )


def table(cells: Sequence[Cell]) -> None:
    """Every cell as a row."""
    rows = [
        {
            "cell": number,
            "about": cell.label,
            "state": t(STATES[cell.kept.status]),
            "passages": cell.passages,
            "tokens": cell.kept.tokens or None,
            "cache": cell.kept.bytes / 1e6 or None,
            "text": cell.text_bytes / 1e3,
            "prefill": cell.kept.build_s or None,
        }
        for number, cell in enumerate(cells)
    ]
    show_table(
        rows,
        "cells",
        {
            "cell": st.column_config.NumberColumn(t("Cell"), pinned=True),
            "about": st.column_config.TextColumn(t("About"), width="medium"),
            "state": t("State"),
            "passages": t("Passages"),
            "tokens": (t("Tokens"), "localized"),
            "cache": (t("KV (MB)"), "%.1f"),
            "text": (t("Text (KB)"), "%.1f"),
            "prefill": (t("Prefill (s)"), "%.1f"),
        },
        placeholder="–",
    )
