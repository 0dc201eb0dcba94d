"""The KV caches of a workspace: what each cell weighs, and the buttons that build them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd
import streamlit as st

from app import state
from app.widgets.variants import wanted_variant
from app.words import duration, t, tn
from core import pipeline
from core.corpus.types import Passage
from core.figures.caches import CellSize
from core.figures.units import size
from core.kvcache.resident import CellUse
from core.kvcache.store import CellState
from core.kvcache.variants import Variant
from core.workspace import Workspace

STATES = {"ready": "✓ ready", "missing": "○ not built", "damaged": "✗ damaged"}


def measure(ws: Workspace, variant: Variant | None) -> tuple[list[CellSize], list[CellState], list[list[Passage]]]:
    """Every cell with its sizes, the states of its cache, and its passages.

    Args:
        ws: The workspace.
        variant: The caches to look at; None when there are none.

    Raises:
        ArtefactMissing: There is no partition.
    """
    cells = pipeline.load_cells(ws)
    states = variant.store().states() if variant else []
    kept = {found.cell: found for found in states}
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
    return sizes, states, cells


def start(ws: Workspace, force: bool, reader: bool | None, precision: str) -> None:
    """Starts the build."""
    models = state.models()
    label = "Rebuilding the KV caches" if force else "Building the KV caches"
    state.start_job(
        ws.name, label, lambda target: pipeline.cache(target, models, force=force, reader=reader, precision=precision)
    )


def actions(ws: Workspace, variants: Sequence[Variant], cells: int, busy: bool) -> None:
    """Which caches to build; build what is missing of them, or everything anew."""
    reader, precision, there = wanted_variant(variants)
    unfinished = any(variant.manifest is None and variant.bytes for variant in variants)
    with st.container(horizontal=True, vertical_alignment="center"):
        label = (
            t("These caches are built")
            if there
            else t("Go on building")
            if unfinished
            else t("Build {caches}", caches=tn(cells, "{n:,} cache", "{n:,} caches"))
        )
        st.button(
            label,
            type="primary",
            icon=":material/check:" if there else ":material/construction:",
            key="cache-build",
            disabled=busy or there is not None,
            on_click=start,
            args=(ws, False, reader, precision),
        )
        st.button(
            t("Rebuild all"),
            icon=":material/refresh:",
            key="cache-force",
            disabled=busy or not variants,
            on_click=start,
            args=(ws, True, reader, precision),
            help=t("Prefills cells again whose cache still holds, too."),
        )


def overview(sizes: Sequence[CellSize], states: Sequence[CellState]) -> None:
    """The caches in a few numbers and one sentence."""
    ready = [found for found in states if found.status == "ready"]
    cache, text = sum(found.bytes for found in ready), sum(cell.text_bytes for cell in sizes if cell.cache_bytes)
    tokens = sum(found.tokens for found in ready)
    with st.container(horizontal=True, gap="large"):
        cells_ready = t("{done:,} of {total:,}", done=len(ready), total=len(sizes))
        st.metric(t("Cells ready"), cells_ready, width="content")
        st.metric(t("Tokens kept"), f"{tokens:,}", width="content")
        st.metric(t("KV caches on disk"), size(cache), width="content")
        st.metric(t("The same as text"), size(text), width="content")
        st.metric(t("Prefill took"), duration(sum(found.build_s for found in ready)), width="content")
    if ready and text:
        st.markdown(
            t(
                "A token is about {text:.0f} bytes of text, and **{cache}** of keys and values: the caches weigh "
                "**{times:,.0f} times** their text. That is what one pays, once and on disk, for not having to read "
                "the cell again with every question.",
                text=text / tokens,
                cache=size(cache / tokens),
                times=cache / text,
            )
        )


def table(
    sizes: Sequence[CellSize],
    states: Sequence[CellState],
    cells: Sequence[Sequence[Passage]],
    uses: Mapping[int, CellUse],
) -> None:
    """Every cell as a row: the twin of the figure.

    Args:
        sizes: What each cell weighs.
        states: Where its cache stands.
        cells: Passages of each cell.
        uses: What has become of each cell in memory; empty when nobody has these caches open.
    """
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
            **(_use(uses.get(cell.cell, CellUse())) if uses else {}),
        }
        for cell in sizes
    ]
    number = st.column_config.NumberColumn
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        key="cells",
        column_config={
            "cell": number(t("Cell"), pinned=True),
            "about": t("About"),
            "state": t("State"),
            "passages": t("Passages"),
            "tokens": number(t("Tokens"), format="localized"),
            "cache": number(t("KV cache (MB)"), format="%.1f"),
            "text": number(t("Text (KB)"), format="%.1f"),
            "prefill": number(t("Prefill (s)"), format="%.1f"),
            "hits": number(t("Hits"), help=t("Questions that found the cell in memory, since the caches were opened.")),
            "misses": number(t("Read"), help=t("Questions that had to read it.")),
            "evictions": number(t("Evicted"), help=t("Times it left memory to make room for another cell.")),
            "last": st.column_config.DatetimeColumn(t("Last asked (UTC)"), format="HH:mm:ss"),
        },
    )


def _use(use: CellUse) -> dict[str, Any]:
    last = datetime.fromisoformat(use.last).replace(tzinfo=None) if use.last else None
    return {"hits": use.hits, "misses": use.misses, "evictions": use.evictions, "last": last}
