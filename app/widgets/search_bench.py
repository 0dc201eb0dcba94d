"""The last search bench of a workspace as curve, table and verdict, and the button that runs a small one."""

from __future__ import annotations

from functools import partial

import pandas as pd
import streamlit as st

from app import state
from app.widgets.text import escape
from core.benchmarks import stores as bench
from core.benchmarks import workloads
from core.benchmarks.store_verdict import Tested
from core.figures.stores import describe_recall, recall_figure
from core.workspace import Workspace

SMALL = 5_000
_QUERIES = 100
_COSTS = {
    "store": "Store",
    "build": st.column_config.NumberColumn("Build (s)", format="%.1f"),
    "disk": st.column_config.NumberColumn("Disk (MB)", format="%.1f"),
    "memory": st.column_config.NumberColumn(
        "Memory (MB)", format="%.1f", help="Resident memory of the open index, measured in a process of its own."
    ),
}


def bench_panel(ws: Workspace, busy: bool) -> None:
    """The result, or what to do to get one.

    Raises:
        TesseraError: The result that was kept is damaged.
    """
    result = bench.load(ws)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Run it again, small" if result else "Run a small bench",
            key="bench-run",
            type="secondary" if result else "primary",
            icon=":material/speed:",
            disabled=busy,
            on_click=_start,
            args=(ws,),
            help=f"This workspace and {SMALL:,} synthetic vectors, every store and setting; some minutes.",
        )
        st.caption(
            f"Measured {escape(result.created[:16].replace('T', ' '))} UTC with {escape(result.machine)}."
            if result
            else f"Every store at every setting, on these passages and on {SMALL:,} synthetic vectors; some minutes. "
            "`python -m app bench stores` runs the full one.",
            width="content",
        )
    for number, tested in enumerate(result.tested if result else ()):
        _show(number, tested, result.k if result else 0, result.clients if result else 0)


def _start(ws: Workspace) -> None:
    models = state.models()
    state.start_job(
        ws.name,
        "Measuring the stores",
        lambda target: bench.run(
            target,
            [
                partial(workloads.of_workspace, target, models, _QUERIES),
                partial(workloads.synthetic, SMALL, 384, _QUERIES),
            ],
        ),
    )


def _show(number: int, tested: Tested, k: int, clients: int) -> None:
    st.markdown(f"#### {escape(tested.workload[:1].upper() + tested.workload[1:])}")
    st.markdown(f":material/gavel: {escape(tested.verdict)}")
    st.caption(
        f"{tested.queries} {escape(tested.asked)}, {tested.dim} dimensions. Up and to the right is better; "
        "a hollow mark is a setting that another one beats."
    )
    st.plotly_chart(
        recall_figure(tested.rows),
        key=f"recall-{number}",
        config={"displayModeBar": False},
        alt=describe_recall(tested.rows),
    )
    st.dataframe(
        pd.DataFrame(_rows(tested)),
        hide_index=True,
        key=f"recall-table-{number}",
        placeholder="–",
        column_config=_columns(k, clients),
    )
    st.caption("What each index costs before the first question, and while it is open.")
    st.dataframe(
        pd.DataFrame(_costs(tested)),
        hide_index=True,
        key=f"cost-table-{number}",
        placeholder="–",
        width="content",
        column_config=_COSTS,
    )
    for name, why in tested.skipped.items():
        st.caption(f":material/info: {escape(name)} was left out: {escape(why)}")


def _rows(tested: Tested) -> list[dict[str, object]]:
    return [
        {
            "store": row.label,
            "setting": row.setting,
            "best": row.recall is not None and not row.dominated,
            "recall": row.recall,
            "gold": row.gold,
            "p50": row.p50_ms,
            "p99": row.p99_ms,
            "qps": row.qps_1,
            "qps_many": row.qps_many,
        }
        for row in tested.rows
    ]


def _costs(tested: Tested) -> list[dict[str, object]]:
    once = {row.store: row for row in tested.rows}
    return [
        {
            "store": row.label,
            "build": row.build_s,
            "disk": row.disk_bytes / 1e6,
            "memory": None if row.memory_bytes is None else row.memory_bytes / 1e6,
        }
        for row in once.values()
    ]


def _columns(k: int, clients: int) -> dict[str, object]:
    number = st.column_config.NumberColumn
    return {
        "store": st.column_config.TextColumn("Store", pinned=True),
        "setting": "Setting",
        "best": st.column_config.CheckboxColumn("Unbeaten", help="No other setting finds as much at least as fast."),
        "recall": number(f"Recall@{k}", format="%.3f", help="Share of the exact nearest passages that it found."),
        "gold": number(f"Gold@{k}", format="%.3f", help="Questions with an answering passage among the hits."),
        "p50": number("p50 (ms)", format="%.2f"),
        "p99": number("p99 (ms)", format="%.2f"),
        "qps": number("QPS, 1 client", format="%.0f"),
        "qps_many": number(f"QPS, {clients} clients", format="%.0f"),
    }
