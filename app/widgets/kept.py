"""The KV caches of a workspace: what each cell weighs, and the buttons that build them."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from app import state
from core import pipeline
from core.corpus.types import Passage
from core.figures.caches import CellSize
from core.figures.units import duration, plural, size
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


def start(ws: Workspace, force: bool) -> None:
    """Starts the build."""
    models = state.models()
    label = "Rebuilding the KV caches" if force else "Building the KV caches"
    state.start_job(ws.name, label, lambda target: pipeline.cache(target, models, force=force))


def actions(ws: Workspace, states: Sequence[CellState], cells: int, busy: bool) -> None:
    """Build what is missing, or everything anew."""
    ready = sum(found.status == "ready" for found in states)
    fresh = ws.state("caches").status == "ready"
    with st.container(horizontal=True, vertical_alignment="center"):
        label = "All caches are built" if fresh else "Go on building" if ready else f"Build {plural(cells, 'cache')}"
        st.button(
            label,
            type="primary",
            icon=":material/check:" if fresh else ":material/construction:",
            key="cache-build",
            disabled=busy or fresh,
            on_click=start,
            args=(ws, False),
        )
        st.button(
            "Rebuild all",
            icon=":material/refresh:",
            key="cache-force",
            disabled=busy or not states,
            on_click=start,
            args=(ws, True),
            help="Prefills cells again whose cache still holds, too.",
        )


def overview(sizes: Sequence[CellSize], states: Sequence[CellState]) -> None:
    """The caches in a few numbers and one sentence."""
    ready = [found for found in states if found.status == "ready"]
    cache, text = sum(found.bytes for found in ready), sum(cell.text_bytes for cell in sizes if cell.cache_bytes)
    tokens = sum(found.tokens for found in ready)
    with st.container(horizontal=True, gap="large"):
        st.metric("Cells ready", f"{len(ready)} of {len(sizes)}", width="content")
        st.metric("Tokens kept", f"{tokens:,}", width="content")
        st.metric("KV caches on disk", size(cache), width="content")
        st.metric("The same as text", size(text), width="content")
        st.metric("Prefill took", duration(sum(found.build_s for found in ready)), width="content")
    if ready and text:
        st.markdown(
            f"A token is about {text / tokens:.0f} bytes of text, and **{size(cache / tokens)}** of keys and values: "
            f"the caches weigh **{cache / text:,.0f} times** their text. That is what one pays, once and on disk, for "
            "not having to read the cell again with every question."
        )


def table(sizes: Sequence[CellSize], states: Sequence[CellState], cells: Sequence[Sequence[Passage]]) -> None:
    """Every cell as a row: the twin of the figure."""
    kept = {found.cell: found for found in states}
    rows = [
        {
            "cell": cell.cell,
            "about": cell.label,
            "state": STATES[kept[cell.cell].status if cell.cell in kept else "missing"],
            "passages": len(cells[cell.cell]),
            "tokens": cell.tokens or None,
            "cache": cell.cache_bytes / 1e6 or None,
            "text": cell.text_bytes / 1e3,
            "prefill": (kept[cell.cell].build_s or None) if cell.cell in kept else None,
        }
        for cell in sizes
    ]
    number = st.column_config.NumberColumn
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        key="cells",
        column_config={
            "cell": number("Cell", pinned=True),
            "about": "About",
            "state": "State",
            "passages": "Passages",
            "tokens": number("Tokens", format="localized"),
            "cache": number("KV cache (MB)", format="%.1f"),
            "text": number("Text (KB)", format="%.1f"),
            "prefill": number("Prefill (s)", format="%.1f"),
        },
    )
