"""What one can do with a comparison once it is there: keep it, share it, go back to an earlier one."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app.asking import Run
from app.export import to_csv, to_json
from app.export_html import to_html
from app.links import link
from app.widgets.text import escape
from app.words import PARAM, t
from core.figures.units import seconds
from core.methods import registry

HISTORY = 20


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
        st.download_button(
            "HTML",
            to_html(run),
            "tessera-comparison.html",
            "text/html",
            icon=":material/download:",
            key="html",
            help=t("One page to send or print: no script, no request."),
        )
        if len(runs) > 1:
            st.download_button(
                t("All {n} as CSV", n=len(runs)),
                to_csv(list(reversed(runs))),
                "tessera-session.csv",
                "text/csv",
                icon=":material/history:",
                key="csv-all",
            )
        with st.popover(t("Link"), icon=":material/link:"):
            st.caption(t("Restores question and settings, not the answers: they are measured anew."))
            chosen = {PARAM: st.query_params[PARAM]} if PARAM in st.query_params else {}
            address = link(st.context.url or "", run.choices, chosen)
            st.code(address, language=None, wrap_lines=True)
        st.button(
            t("Unpin") if run.pinned else t("Pin"),
            key="pin",
            icon=":material/keep_off:" if run.pinned else ":material/keep:",
            help=t("Pinned comparisons stay on top of the list below, however many follow."),
            on_click=_pin,
            args=(run,),
        )


def history(runs: Sequence[Run], current: Run | None, busy: bool) -> None:
    """Earlier questions of this session, the pinned ones on top, newest first."""
    earlier = sorted((run for run in runs if run is not current), key=lambda run: not run.pinned)
    if not earlier:
        return
    st.subheader(t("Asked before"), anchor=False)
    for number, run in enumerate(earlier):
        with st.container(horizontal=True, vertical_alignment="center", key=f"history-{number}"):
            st.button(
                escape(run.choices.question),
                key=f"history-show-{number}",
                type="tertiary",
                icon=":material/keep:" if run.pinned else ":material/history:",
                disabled=busy,
                on_click=_show,
                args=(run,),
            )
            st.caption(_outcome(run), width="content")


def remember(run: Run, runs: Sequence[Run]) -> list[Run]:
    """The list of comparisons with a new one at its head; the oldest that is not pinned makes room."""
    kept = [run, *runs]
    while len(kept) > HISTORY and any(not old.pinned for old in kept[1:]):
        oldest = max(number for number, old in enumerate(kept) if number and not old.pinned)
        del kept[oldest]
    return kept


def _show(run: Run) -> None:
    st.session_state["run"] = run


def _pin(run: Run) -> None:
    run.pinned = not run.pinned


def _outcome(run: Run) -> str:
    arms = [
        t(registry.METHODS[name].label) + ("" if run.choices.race else f" {seconds(answer.trace.ttft_ms)}")
        for name, answer in run.answers.items()
        if name in registry.METHODS
    ]
    return escape(" · ".join(arms) or t(run.status))
