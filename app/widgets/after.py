"""What one can do with a comparison once it is there: keep it, share it, go back to an earlier one."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app.asking import Run
from app.export import to_csv, to_json
from app.links import link
from app.widgets.text import escape
from core.figures.units import seconds
from core.methods import registry


def keep_and_share(run: Run, runs: Sequence[Run]) -> None:
    """Downloads of this comparison and of the whole session, and the link that restores it."""
    with st.container(horizontal=True, gap="small"):
        st.download_button(
            "JSON",
            to_json([run]),
            "tessera-comparison.json",
            "application/json",
            icon=":material/download:",
            key="json",
        )
        st.download_button(
            "CSV", to_csv([run]), "tessera-comparison.csv", "text/csv", icon=":material/download:", key="csv"
        )
        if len(runs) > 1:
            st.download_button(
                f"All {len(runs)} as CSV",
                to_csv(list(reversed(runs))),
                "tessera-session.csv",
                "text/csv",
                icon=":material/history:",
                key="csv-all",
            )
        with st.popover("Link", icon=":material/link:"):
            st.caption("Restores question and settings, not the answers: they are measured anew.")
            st.code(link(st.context.url or "", run.choices), language=None, wrap_lines=True)


def history(runs: Sequence[Run], current: Run | None, busy: bool) -> None:
    """Earlier questions of this session, newest first."""
    earlier = [run for run in runs if run is not current]
    if not earlier:
        return
    st.subheader("Asked before", anchor=False)
    for number, run in enumerate(earlier):
        with st.container(horizontal=True, vertical_alignment="center", key=f"history-{number}"):
            st.button(
                run.choices.question,
                key=f"history-show-{number}",
                type="tertiary",
                icon=":material/history:",
                disabled=busy,
                on_click=_show,
                args=(run,),
            )
            st.caption(_outcome(run), width="content")


def _show(run: Run) -> None:
    st.session_state["run"] = run


def _outcome(run: Run) -> str:
    arms = [
        f"{registry.METHODS[name].label} {seconds(answer.trace.ttft_ms)}"
        for name, answer in run.answers.items()
        if name in registry.METHODS
    ]
    return escape(" · ".join(arms) or run.status)
