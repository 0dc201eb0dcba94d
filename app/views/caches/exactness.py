"""Exactness of caches: the button that measures it, and the result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app import state
from app.i18n import t
from app.views.shared.jobs import results_of
from app.views.shared.table import show_table
from core.labs.benchmarks.cache_exactness import verify_workspace
from core.workspace import Workspace

LABEL = "Measuring the exactness of caches"
_MARKS = {True: "✓ passed", False: "✗ failed", None: "reported"}


def panel(ws: Workspace, busy: bool) -> None:
    """The button, and the table of what was measured last in this session."""
    st.subheader(t("Is a cache the same as its text?"), anchor=False)
    st.caption(
        t(
            "Builds caches of two cells in a temporary folder, in float32, and holds them against the prefill of the "
            "same tokens. Where the model runs in another number format, its rounding is reported beside it."
        )
    )
    st.button(
        t("Measure exactness"),
        icon=":material/rule:",
        key="verify",
        disabled=busy,
        on_click=state.start_job,
        args=(ws.name, LABEL, verify_workspace),
    )
    checks = results_of(ws, LABEL)
    if checks:
        _verdict(checks)
        _table(checks)


def _verdict(checks: Sequence[Mapping[str, Any]]) -> None:
    failed = [t(str(check["name"])) for check in checks if check["passed"] is False]
    if failed:
        st.error(
            t(
                "**Not exact:** {checks}. Do not trust answers from caches of this model; `python -m app verify "
                "--json` prints the numbers for a bug report.",
                checks=", ".join(failed),
            ),
            icon=":material/error:",
        )
    else:
        st.success(t("Every cache measured answers as its text does."), icon=":material/check_circle:")


def _table(checks: Sequence[Mapping[str, Any]]) -> None:
    rows = [
        {
            "check": t(check["name"]),
            "measured": f"{check['value']:.3g}",
            "what": t(check["unit"]),
            "bound": f"{check['relation']} {check['bound']:g}" if check["relation"] else "",
            "result": t(_MARKS[check["passed"]]),
            "format": check["dtype"],
        }
        for check in checks
    ]
    show_table(
        rows,
        "exactness",
        {
            "check": t("Check"),
            "measured": t("Measured"),
            "what": t("What the number is"),
            "bound": t("Bound"),
            "result": t("Result"),
            "format": t("Format"),
        },
    )
