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
from core.corpus.types import Passage
from core.kvcache.store import CellState
from core.kvcache.variants import BLOCKS, Variant
from core.settings import Settings
from core.units import size
from core.voronoi.partition import Partition, load_cells
from core.workspace import Workspace

STATES = {"ready": "✓ ready", "missing": "○ not built", "damaged": "✗ damaged"}


@dataclass(frozen=True)
class CellSize:
    """One cell.

    Attributes:
        cache_bytes: Size of its KV cache on disk; 0 while it has none.
        text_bytes: Size of its passages as UTF-8.
    """

    cell: int
    label: str
    tokens: int
    cache_bytes: int
    text_bytes: int


@dataclass(frozen=True)
class Measured:
    """What stands on the disk.

    Attributes:
        by_cell: The same, blocks added up by the cell of their passage.
        count: How many blocks or caches there will be.
    """

    sizes: list[CellSize]
    states: list[CellState]
    by_cell: list[CellState]
    cells: list[list[Passage]]
    count: int


def measure(ws: Workspace, variant: Variant | None, kind: str) -> Measured:
    """Every cell with its sizes, the states of its cache or blocks, and its passages.

    Args:
        variant: The blocks or caches to look at; None when there are none.

    Raises:
        ArtefactMissing: There is no partition.
    """
    cells = load_cells(ws)
    states = variant.store().states() if variant else []
    if kind == BLOCKS:
        members = ws.read("partition", Partition.load).members()
        cell_of = {row: cell for cell, rows in enumerate(members) for row in rows}
        by_cell, count = _added_up([found for found in states if found.cell in cell_of], cell_of), len(cell_of)
    else:
        by_cell, count = states, len(cells)
    kept = {found.cell: found for found in by_cell}
    manifest = ws.manifest("partition")
    labels: list[str] = list(manifest.params.get("labels", [])) if manifest else []
    sizes = [
        CellSize(
            cell=number,
            label=labels[number] if number < len(labels) else "",
            tokens=kept[number].tokens if number in kept else 0,
            cache_bytes=kept[number].bytes if number in kept else 0,
            text_bytes=sum(len(passage.text.encode()) for passage in passages),
        )
        for number, passages in enumerate(cells)
    ]
    return Measured(sizes, states, by_cell, cells, count)


def _added_up(states: Sequence[CellState], cell_of: Mapping[int, int]) -> list[CellState]:
    """One state for the blocks of each cell: ready when all are, damaged when one is."""
    groups: dict[int, list[CellState]] = {}
    for found in states:
        groups.setdefault(cell_of[found.cell], []).append(found)
    return [
        CellState(
            cell,
            min((found.status for found in group), key=("damaged", "missing", "ready").index),
            len(group),
            sum(found.tokens for found in group),
            sum(found.bytes for found in group),
            sum(found.build_s for found in group),
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
            help=t("Prefills again what still holds, too."),
        )


def overview(sizes: Sequence[CellSize], states: Sequence[CellState], count: int) -> None:
    """The blocks or caches in a few numbers and one sentence.

    Args:
        count: How many there will be.
    """
    ready = [found for found in states if found.status == "ready"]
    cache, text = sum(found.bytes for found in ready), sum(cell.text_bytes for cell in sizes if cell.cache_bytes)
    tokens = sum(found.tokens for found in ready)
    with st.container(horizontal=True, gap="large"):
        st.metric(t("Ready"), t("{done:,} of {total:,}", done=len(ready), total=count), width="content")
        st.metric(t("Tokens kept"), f"{tokens:,}", width="content")
        st.metric(t("Keys and values on disk"), size(cache), width="content")
        st.metric(t("The same as text"), size(text), width="content")
        st.metric(t("Prefill took"), duration(sum(found.build_s for found in ready)), width="content")
    if ready and text:
        st.markdown(
            t(
                "A token is about {text:.0f} bytes of text, and **{cache}** of keys and values, which weigh "
                "**{times:,.0f} times** their text. That is what one pays, once and on disk, for not having to read "
                "the passages again with every question.",
                text=text / tokens,
                cache=size(cache / tokens),
                times=cache / text,
            )
        )


def table(sizes: Sequence[CellSize], states: Sequence[CellState], cells: Sequence[Sequence[Passage]]) -> None:
    """Every cell as a row."""
    kept = {found.cell: found for found in states}
    rows = [
        {
            "cell": cell.cell,
            "about": cell.label,
            "state": t(STATES[kept[cell.cell].status if cell.cell in kept else "missing"]),
            "passages": len(cells[cell.cell]),
            "tokens": cell.tokens or None,
            "cache": cell.cache_bytes / 1e6 or None,
            "text": cell.text_bytes / 1e3,
            "prefill": (kept[cell.cell].build_s or None) if cell.cell in kept else None,
        }
        for cell in sizes
    ]
    show_table(
        rows,
        "cells",
        {
            "cell": st.column_config.NumberColumn(t("Cell"), pinned=True),
            "about": t("About"),
            "state": t("State"),
            "passages": t("Passages"),
            "tokens": (t("Tokens"), "localized"),
            "cache": (t("Keys and values (MB)"), "%.1f"),
            "text": (t("Text (KB)"), "%.1f"),
            "prefill": (t("Prefill (s)"), "%.1f"),
        },
        placeholder="–",
    )
