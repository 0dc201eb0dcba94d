"""The running job of a workspace: stage, progress, elapsed and remaining time, Cancel. It survives a reload."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from app import state
from app.garbage_collection import freeze_between_polls
from app.i18n import duration, t, tn
from app.views.shared.text import escape, escape_but_code
from core.jobs import Job, JobState, Report
from core.workspace import Workspace

Live = Callable[[Sequence[Mapping[str, Any]]], None]
"""Draws figures from the data a job has reported so far."""
_POLL_S = 1.0
_TOLD = "job_told"
"""The job whose end this session waits for, and the one whose end it was told: once, and by no other session."""


def job_panel(ws: Workspace, live: Live | None = None, stays: bool = False) -> bool:
    """The job of a workspace, in full; draws nothing when there is none.

    Args:
        live: Draws what the job reports.
        stays: Whether what a finished job has reported stands nowhere else on the page, so that it stays here for who
            was waiting for it.

    Returns:
        Whether a job is running.
    """
    if refused := state.refusal():
        st.warning(escape(" ".join(map(t, refused))), icon=":material/hourglass_top:")
    job = state.board().latest(str(ws.path))
    if job is None:
        return False
    report = job.report()
    running = report.state is JobState.RUNNING
    reported = stays and report.history and st.session_state.get(state.WATCHED) == id(job)
    if report.state is JobState.DONE and not _remarks(report) and not reported:
        return False  # told in a toast, listed in the sidebar; what it made is on the page

    def draw() -> None:
        report = job.report()
        if running and report.state is not JobState.RUNNING:
            # Everything on the page may have changed. Nothing is drawn before: a click on what is about to go
            # would race the rerun.
            st.rerun()
        with st.container(border=True, key="job-panel"):
            _show(ws, job, report)
            if live and report.history:
                live(report.history)
        if running:
            freeze_between_polls()

    # At rest the panel is a part of the page: Close has to redraw the page, not only the panel.
    (st.fragment(draw, run_every=_POLL_S) if running else draw)()
    return running


def results_of(ws: Workspace, name: str) -> Sequence[Mapping[str, Any]]:
    """What the last job of that name has reported in a workspace; kept for the session when its panel is closed."""
    key = f"results-{ws.path}-{name}"
    job = state.board().latest(str(ws.path))
    if job is not None and job.name == name:
        st.session_state[key] = job.report().history
    results: Sequence[Mapping[str, Any]] = st.session_state.get(key, ())
    return results


def job_summary(ws: Workspace) -> None:
    """In the sidebar of every page: the running job in two lines, the end of one in a toast, and those that ended."""
    job = state.board().latest(str(ws.path))
    current = job.report() if job else None
    waited = job is not None and st.session_state.get(state.WATCHED) == id(job)
    if waited and current and current.state is not JobState.RUNNING and st.session_state.get(_TOLD) != id(job):
        st.session_state[_TOLD] = id(job)
        text, icon = _outcome(current)
        st.toast(text, icon=icon, duration="long")
    if ended := state.board().ended(str(ws.path)):
        with st.expander(t("Finished jobs"), icon=":material/history:"):
            for report in ended:
                st.caption(_outcome(report)[0])
    if job is None or current is None or current.state is not JobState.RUNNING:
        return
    st.session_state[state.WATCHED] = id(job)
    # Kept while the whole page is drawn, not in the fragment: what has changed since the last look is then on this
    # page already, and a rerun would swallow the click that the page is drawn for.
    st.session_state["job_stage"] = _stage_name(current)

    @st.fragment(run_every=_POLL_S)
    def poll() -> None:
        report = job.report()
        if report.state is not JobState.RUNNING or st.session_state["job_stage"] != _stage_name(report):
            st.rerun()  # an artefact may have been finished: the list above shows it
        st.progress(_share(report), text=f":material/progress_activity: {t(report.name)}")
        st.caption(_pace(report))
        freeze_between_polls()

    poll()


def _stage_name(report: Report) -> str:
    return report.progress.stage if report.progress else ""


def _show(ws: Workspace, job: Job, report: Report) -> None:
    if report.state is JobState.RUNNING:
        _running(job, report)
        return
    text, button = st.columns([7, 1], vertical_alignment="center")
    with text:
        outcome, icon = _outcome(report)
        box = {JobState.DONE: st.success, JobState.CANCELLED: st.info}.get(report.state, st.error)
        box(outcome, icon=icon)
    with button:
        st.button(t("Close"), key="job-close", on_click=state.board().clear, args=(str(ws.path),), width="stretch")
    _refused_files(report)
    if report.details:
        with st.expander(t("Details for a bug report"), icon=":material/bug_report:"):
            st.code(report.details, language=None)


def _outcome(report: Report) -> tuple[str, str]:
    """How a job ended, in a sentence, and its icon."""
    name, elapsed = t(report.name), duration(report.elapsed_s)
    if report.state is JobState.DONE:
        return t("{name}: done in {elapsed}.", name=name, elapsed=elapsed), ":material/check_circle:"
    if report.state is JobState.CANCELLED:
        return t(
            "{name}: stopped after {elapsed}. Start it again when you like: caches, trainings and evaluations go on "
            "where they were, anything else begins anew.",
            name=name,
            elapsed=elapsed,
        ), ":material/stop_circle:"
    return f"**{t('{name} failed.', name=name)}** {escape_but_code(t(report.error))}", ":material/error:"


def _remarks(report: Report) -> bool:
    """Whether files were left out or have a remark: that is to be read, not told in passing."""
    return any(data.get("left_out") or data.get("notes") for data in report.history)


def _refused_files(report: Report) -> None:
    refused = [file for data in report.history for file in data.get("left_out", ())]
    if refused:
        with st.expander(tn(len(refused), "{n:,} file left out", "{n:,} files left out"), icon=":material/warning:"):
            for file in refused:
                st.markdown(escape(t(file["error"])))
    noted = [file for data in report.history for file in data.get("notes", ())]
    if noted:
        label = tn(len(noted), "{n:,} file with a remark", "{n:,} files with a remark")
        with st.expander(label, icon=":material/info:"):
            for file in noted:
                st.markdown(f"{escape(file['name'])}: {escape(t(file['note']))}")


def _running(job: Job, report: Report) -> None:
    text, button = st.columns([6, 1], vertical_alignment="center")
    with text:
        st.markdown(f"**{t(report.name)}**")
    with button:
        st.button(t("Cancel"), key="job-cancel", icon=":material/stop:", width="stretch", on_click=_cancel, args=(job,))
    cancelling = st.session_state.get("job_cancelling") == id(job)
    stage = t("Stopping after this step") if cancelling else _stage(report)
    st.progress(_share(report), text=stage)
    st.caption(_pace(report))


def _cancel(job: Job) -> None:
    job.cancel()
    st.session_state["job_cancelling"] = id(job)


def _stage(report: Report) -> str:
    progress = report.progress
    if progress is None:
        return t("Starting: loading the models")
    counted = t("{done:,} of {total:,}", done=progress.done, total=progress.total) if progress.total > 1 else ""
    return " · ".join(part for part in (t(progress.stage), counted, escape(t(progress.note))) if part)


def _share(report: Report) -> float:
    progress = report.progress
    return min(1.0, progress.done / progress.total) if progress and progress.total else 0.0


def _pace(report: Report) -> str:
    left = report.remaining_s
    so_far = t("{elapsed} so far", elapsed=duration(report.elapsed_s))
    if left is None or left < 1:
        return so_far
    return f"{so_far} · {t('about {left} left in this stage', left=duration(left))}"
