"""The last search bench of a workspace as curve, table and verdict, and the button that runs a small one."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app import state
from app.figures.stores import describe_recall, recall_figure
from app.i18n import saved, t
from app.views.shared.chart import chart
from app.views.shared.shipped import shipped_as, shipped_line
from app.views.shared.table import show_table
from app.views.shared.text import escape
from core.corpus.sample import is_sample
from core.labs.benchmarks import stores as bench
from core.labs.benchmarks.store_verdict import WorkloadResult, verdict
from core.stores.registry import STORES
from core.workspace import Workspace

SMALL = 5_000
_QUERIES = 100


def bench_panel(ws: Workspace, busy: bool) -> None:
    """The result, or what to do to get one.

    Raises:
        TesseraError: The result that was kept is damaged.
    """
    measured_here = bench.load(ws)
    ships = measured_here is None and is_sample(state.corpus_of(ws))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            t("Measure here") if ships else t("Run it again, small") if measured_here else t("Run a small bench"),
            key="bench-run",
            type="secondary" if measured_here or ships else "primary",
            icon=":material/speed:",
            disabled=busy,
            on_click=_start,
            args=(ws,),
            help=t("This workspace and {n:,} synthetic vectors, every store and setting; some minutes.", n=SMALL),
        )
        st.caption(
            t(
                "Measured {created} UTC with {machine}.",
                created=escape(measured_here.created[:16].replace("T", " ")),
                machine=escape(saved(measured_here.machine)),
            )
            if measured_here
            else t(
                "Every store at every setting, on these passages and on {n:,} synthetic vectors; some minutes. "
                "`python -m app bench stores` runs the full one.",
                n=SMALL,
            ),
            width="content",
        )
    if ships:
        show_shipped()
    elif measured_here:
        _show_all(measured_here)


def show_shipped() -> None:
    """The bench that ships with the sample."""
    result = shipped_as(bench.Bench, "stores")
    shipped_line((result.created[:10], saved(result.machine)))
    _show_all(result)


def _show_all(result: bench.Bench) -> None:
    for number, tested in enumerate(result.tested):
        _show(number, tested, result.k, result.clients)


def _start(ws: Workspace) -> None:
    state.start_timed_job(ws.name, "Measuring the stores", bench.run_default, queries=_QUERIES, synthetic=SMALL)


def _show(number: int, tested: WorkloadResult, k: int, clients: int) -> None:
    workload = saved(tested.workload)
    st.markdown(f"#### {escape(workload[:1].upper() + workload[1:])}")
    st.markdown(f":material/gavel: {escape(t(verdict(tested.rows)))}")
    st.caption(
        t(
            "{n} {asked}, {dim} dimensions. Up and to the right is better; a hollow mark is a setting that another one "
            "beats.",
            n=tested.queries,
            asked=escape(saved(tested.asked)),
            dim=tested.dim,
        )
    )
    chart(recall_figure(tested.rows), key=f"recall-{number}", alt=describe_recall(tested.rows))
    show_table(_rows(tested), f"recall-table-{number}", _columns(k, clients), placeholder="–")
    st.caption(t("What each index costs before the first question, and while it is open."))
    show_table(_costs(tested), f"cost-table-{number}", _cost_columns(), placeholder="–", width="content")
    for name, why in tested.skipped.items():
        store = STORES[name].label if name in STORES else escape(name)
        st.caption(t(":material/info: {store} was left out: {why}", store=store, why=escape(saved(why))))


def _rows(tested: WorkloadResult) -> list[dict[str, Any]]:
    return [
        {
            "store": row.label,
            "setting": t(row.setting),
            "best": row.recall is not None and not row.dominated,
            "recall": row.recall,
            "gold": row.gold,
            "p50": row.p50_ms,
            "p99": row.p99_ms,
            "qps": round(row.qps_1),
            "qps_many": round(row.qps_many),
        }
        for row in tested.rows
    ]


def _costs(tested: WorkloadResult) -> list[dict[str, Any]]:
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


def _cost_columns() -> dict[str, Any]:
    return {
        "store": t("Store"),
        "build": (t("Build (s)"), "%.2f"),
        "disk": (t("Disk (MB)"), "%.2f"),
        "memory": st.column_config.NumberColumn(
            t("Memory (MB)"),
            format="%.1f",
            help=t("Resident memory of the open index, measured in a process of its own."),
        ),
    }


def _columns(k: int, clients: int) -> dict[str, Any]:
    number = st.column_config.NumberColumn
    return {
        "store": st.column_config.TextColumn(t("Store"), pinned=True, width=150),
        "setting": t("Setting"),
        "best": st.column_config.CheckboxColumn(
            t("Unbeaten"), help=t("No other setting finds as much at least as fast.")
        ),
        "recall": number(
            t("Recall@{k}", k=k), format="%.3f", help=t("Share of the exact nearest passages that it found.")
        ),
        "gold": number(
            t("Gold@{k}", k=k), format="%.3f", help=t("Questions with an answering passage among the hits.")
        ),
        "p50": ("p50 (ms)", "%.3f"),
        "p99": ("p99 (ms)", "%.2f"),
        "qps": number(t("QPS, {n}", n=1), format="localized", help=t("Queries a second of one client.")),
        "qps_many": number(
            t("QPS, {n}", n=clients), format="localized", help=t("Queries a second of {n} clients at once.", n=clients)
        ),
    }
