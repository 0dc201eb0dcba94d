"""What one can do with a comparison once it is there: share it, go back to an earlier one, set two beside each other.

Runs are kept in the workspace and survive a reload. Where the app is opened to others, a session lists its own
alone; a link still leads to the run that it names.
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app import state
from app.export import to_html, to_json
from app.i18n import PARAM, t
from app.links import link
from app.run_rows import verdicts
from app.views.shared.download import download
from app.views.shared.table import show_table
from app.views.shared.text import escape
from core.methods import registry
from core.methods.comparison import Run
from core.methods.saved_runs import MOST_SAVED, save_run, saved_run, saved_runs
from core.statistics import spread
from core.units import seconds
from core.workspace import Workspace

RUN = "run"
"""Query parameter that names the run on the page."""
FOLDED = "ask_folded"
"""Whether the form is folded into one line: once something was asked, until somebody wants to change it."""
_RUNS, _LOADED = "runs", "runs_of"


def restore_run(ws: Workspace) -> None:
    """Call before anything is drawn: finds the run of the address again, and the earlier ones of the workspace."""
    if st.session_state.get(_LOADED) == ws.path:
        return
    st.session_state[_LOADED] = ws.path
    shared = bool(state.settings().allowed_hosts)
    runs = [] if shared else saved_runs(ws)
    named = saved_run(ws, st.query_params.get(RUN, "")) if RUN in st.query_params else None
    st.session_state[_RUNS] = remember(named, [run for run in runs if run.id != named.id]) if named else runs
    current: Run | None = st.session_state.get("run")
    if current is None or current.choices.workspace != ws.name:
        st.session_state["run"] = named


def keep_ended(ws: Workspace, run: Run) -> None:
    """Keeps a run that has ended, and names it in the address."""
    save_run(ws, run)
    st.query_params[RUN] = run.id


def share_buttons(ws: Workspace, run: Run, runs: Sequence[Run]) -> None:
    """Downloads of this comparison and of all that are kept, the link that restores it, and its pin."""
    with st.container(horizontal=True, gap="small"):
        printable = t("One page to send or print: no script, no request.")
        download("HTML", lambda: to_html(run, ws), "tessera-comparison.html", "html", printable)
        download("JSON", lambda: to_json([run]), "tessera-comparison.json", "json")
        if len(runs) > 1:
            everything = t("All {n} as JSON", n=len(runs))
            download(everything, lambda: to_json(list(reversed(runs))), "tessera-comparisons.json", "json-all")
        with st.popover(t("Link"), icon=":material/link:"):
            st.caption(t("Restores question and settings, not the answers: they are measured anew."))
            chosen = {PARAM: st.query_params[PARAM]} if PARAM in st.query_params else {}
            address = link(st.context.url or "", run.choices, chosen)
            st.code(address, language=None, wrap_lines=True)
        st.button(
            t("Unpin") if run.pinned else t("Pin"),
            key="pin",
            icon=":material/keep_off:" if run.pinned else ":material/keep:",
            help=t("A pinned comparison stays, and stands beside the next ones."),
            on_click=_pin,
            args=(ws, run),
        )


def history(runs: Sequence[Run], current: Run | None, busy: bool) -> None:
    """Earlier questions, the pinned ones on top, newest first."""
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


def compare_with_pinned(run: Run, runs: Sequence[Run]) -> None:
    """The run on the page next to the last one that was pinned, method by method; nothing when there is none."""
    pinned = next((old for old in runs if old.pinned and old is not run and old.answers), None)
    if pinned is None or not run.answers:
        return
    st.subheader(t("Beside the pinned run"), anchor=False)
    both = ((t("pinned"), pinned), (t("this one"), run))
    st.caption(" · ".join(f"**{name}**: {_settings(shown)}" for name, shown in both))
    judged = {shown.id: verdicts(shown) for _, shown in both}
    rows = []
    for name in dict.fromkeys([*run.answers, *pinned.answers]):
        row = {t("Method"): t(registry.METHODS[name].label)}
        for label, shown in both:
            if name in shown.answers:
                verdict = judged[shown.id][name]
                times = spread([trace.total_ms for trace in shown.measured(name)])
                row[t("answer, {run}", run=label)] = f"{verdict.style.symbol} {shown.answers[name].text}"
                row[t("last token, {run}", run=label)] = seconds(times.median)
        rows.append(row)
    show_table(rows, "beside", placeholder="–")


def _settings(run: Run) -> str:
    choices = run.choices
    reader = t("with reader") if choices.reader else t("plain")
    n = max((len(traces) for traces in run.repeats.values()), default=1)
    facts = t("{k} passages, {store}, {reader}, n = {n}", k=choices.top_k, store=choices.store, reader=reader, n=n)
    return f"{escape(choices.question)} ({facts})"


def remember(run: Run, runs: Sequence[Run]) -> list[Run]:
    """The list of comparisons with a new one at its head; the oldest that is not pinned makes room."""
    remembered = [run, *runs]
    while len(remembered) > MOST_SAVED and any(not old.pinned for old in remembered[1:]):
        oldest = max(number for number, old in enumerate(remembered) if number and not old.pinned)
        del remembered[oldest]
    return remembered


def _show(run: Run) -> None:
    st.session_state["run"] = run
    st.session_state[FOLDED] = True
    st.query_params[RUN] = run.id


def _pin(ws: Workspace, run: Run) -> None:
    run.pinned = not run.pinned
    save_run(ws, run)


def _outcome(run: Run) -> str:
    answers = [
        f"{t(registry.METHODS[name].label)} {seconds(answer.trace.ttft_ms)}"
        for name, answer in run.answers.items()
        if name in registry.METHODS
    ]
    return escape(" · ".join(answers) or t(run.status))
