"""A race as it stands: three lanes on one axis, what each arm said on the way, and what the change broke."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from app.widgets.arms import heading
from app.widgets.chart import chart
from app.widgets.text import escape
from app.words import t
from core.changes.lanes import Attempt, Damage, Lane, lanes_of
from core.changes.report import report
from core.figures.changes import Lap, RaceRow, describe_race, race_figure
from core.figures.units import seconds
from core.methods import registry

STAGES = {
    "embed": "embed the passage",
    "write": "write to disk",
    "index": "index it",
    "assign": "assign a cell",
    "check": "check the kept cells",
    "prefill": "prefill the changed cell",
    "open": "open again",
    "first z": "first z",
    "forget": "forget its z",
    "adapt": "optimise its z",
    "ask": "ask",
}


def show_race(history: Sequence[Mapping[str, Any]], live: bool = False) -> None:
    """All that is known of a race so far; nothing of a job that is no race.

    Args:
        history: What the job has reported.
        live: It is still running: what is only known at its end is left out.
    """
    lanes = lanes_of(history)
    if not lanes:
        return
    rows = [row_of(lane, live) for lane in lanes]
    _asked(history)
    chart(
        race_figure(rows, t("seconds of its own work since the change"), t("first right"), t("not reached")),
        key=f"race-figure-{live}",
        alt=describe_race(rows),
    )
    _answers(lanes, live)
    if live:
        return
    _stages(lanes)
    _damage(lanes)
    _take_along(history)


def live_race(history: Sequence[Mapping[str, Any]]) -> None:
    """The same while it runs, for the job panel."""
    show_race(history, live=True)


def row_of(lane: Lane, live: bool = False) -> RaceRow:
    """A lane as the figure draws it, while the race runs or afterwards."""
    laps = tuple(Lap(one.name, t(STAGES[one.name]), one.start_ms, one.ms) for one in lane.stages)
    ended = lane.state in ("known", "not reached")
    return RaceRow(t(registry.METHODS[lane.arm].label), laps, verdict(lane, live), lane.known_ms, ended)


def verdict(lane: Lane, live: bool = False) -> str:
    """What became of an arm, in a few words; one that was at work when the race was stopped is stopped, too."""
    if lane.known_ms is not None:
        return t("right after {time}", time=seconds(lane.known_ms))
    if lane.state == "not reached":
        return t("not reached in {time}", time=seconds(lane.total_ms))
    if lane.state == "refused":
        return t("could not run")
    if not live:
        return t("was stopped")
    return t("getting ready") if lane.state == "preparing" else t("at work")


def _asked(history: Sequence[Mapping[str, Any]]) -> None:
    about = report(history)
    if not about:
        return
    change, model, machine = about["change"], about["model"], about["machine"]
    title = change["passage"]["title"] or change["passage"]["id"]
    said = {
        "add": t("Added: {title}", title=escape(title)),
        "edit": t("Edited: {title}", title=escape(title)),
        "delete": t("Deleted: {title}", title=escape(title)),
    }
    st.subheader(said[change["kind"]], anchor=False)
    with st.container(key="race-question"):
        st.text(f"{change['question']['text']}  →  {' · '.join(change['question']['answers'])}")
    reader = t(" + reader") if model["adapter"] else ""
    facts = (f"{model['name']}{reader}", machine["device"], model["dtype"], machine["processor"])
    st.caption(":material/memory: " + " · ".join(escape(str(fact)) for fact in facts))
    if change["kind"] == "delete":
        st.caption(t("Right means: it neither gives this answer nor rests on the passage any more."))


def _answers(lanes: Sequence[Lane], live: bool) -> None:
    """What each arm answered, before the change and on the way."""
    for place, lane in zip(st.columns(len(lanes)), lanes, strict=True):
        with place, st.container(border=True, key=f"race-lane-{lane.arm}-{live}"):
            st.markdown(f"**{heading(lane.arm)}**")
            if lane.state == "refused":
                st.caption(f":material/block: {escape(t(lane.reason))}")
                continue
            if lane.before is None:
                st.caption(t("getting ready: it is opened, warmed and asked the old questions"))
                continue
            _said(lane, "before", t("before the change"), lane.before, marked=False)
            if lane.before.verdict.known:
                st.caption(t("It was right before the change already: its time says little."))
            for number, attempt in enumerate(lane.attempts):
                _said(lane, str(number), _when(attempt), attempt)


def _said(lane: Lane, key: str, when: str, attempt: Attempt, marked: bool = True) -> None:
    known = attempt.verdict.known
    mark = (":green[:material/check_circle:] " if known else ":gray[:material/close:] ") if marked else ""
    source = t("from this passage") if attempt.verdict.from_passage else t("not from this passage")
    st.caption(f"{mark}{when} · {source}")
    with st.container(key=f"race-said-{lane.arm}-{key}"):
        st.text(attempt.answer or t("(no words)"))


def _when(attempt: Attempt) -> str:
    if attempt.step is None:
        return t("after {time}", time=seconds(attempt.at_ms))
    return t("after {time}, {n} steps", time=seconds(attempt.at_ms), n=attempt.step)


def _stages(lanes: Sequence[Lane]) -> None:
    """The figure as a table."""
    names = dict.fromkeys(name for lane in lanes for name in lane.by_stage())
    sums = {t(registry.METHODS[lane.arm].label): lane.by_stage() for lane in lanes}
    first = {arm: verdict(lane) for arm, lane in zip(sums, lanes, strict=True)}
    rows = [{t("Stage"): t("First right"), **first}]
    rows += [
        {
            t("Stage"): t(STAGES[name]),
            **{arm: seconds(stages[name]) if name in stages else "–" for arm, stages in sums.items()},
        }
        for name in names
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, key="race-stages")
    st.caption(
        t(
            "Time is the arm's own work, one arm after another; opening the arms, warming them and the old questions "
            "are not in it. The memory learns from the text alone, never from the question."
        )
    )


def _damage(lanes: Sequence[Lane]) -> None:
    asked = [lane for lane in lanes if lane.damage]
    if asked:
        st.subheader(t("What the change broke"), anchor=False)
        st.caption(t("The same old questions, before and after. None of them is about the document that changed."))
        rows = [_counts(lane, lane.damage) for lane in asked if lane.damage]
        st.dataframe(pd.DataFrame(rows), hide_index=True, key="race-damage")
    about = [lane for lane in lanes if lane.about]
    if about:
        st.subheader(t("What else it knows about the document"), anchor=False)
        st.caption(t("Further questions that its text answers: one right answer is not yet the whole document."))
        rows = [_counts(lane, lane.about) for lane in about if lane.about]
        st.dataframe(pd.DataFrame(rows), hide_index=True, key="race-about")
    if asked or about:
        with st.expander(t("Every answer before and after"), icon=":material/difference:"):
            found = [row for lane in lanes for part in (lane.damage, lane.about) if part for row in _each(lane, part)]
            st.dataframe(pd.DataFrame(found), hide_index=True, key="race-each")


def _counts(lane: Lane, found: Damage) -> dict[str, Any]:
    figures = found.figures()
    return {
        t("Lane"): t(registry.METHODS[lane.arm].label),
        t("Asked"): int(figures["n"]),
        t("Right before"): int(figures["right_before"]),
        t("Right after"): int(figures["right_after"]),
        t("Answered differently"): int(figures["changed"]),
        t("Right became wrong"): int(figures["broken"]),
        t("Wrong became right"): int(figures["mended"]),
        t("EM before"): f"{figures['em_before']:.2f}",
        t("EM after"): f"{figures['em_after']:.2f}",
    }


def _each(lane: Lane, found: Damage) -> list[dict[str, Any]]:
    marks = {True: "✓", False: "✗"}
    return [
        {
            t("Lane"): t(registry.METHODS[lane.arm].label),
            t("Question"): one.question,
            t("Before"): f"{marks[one.right_before]} {one.before}",
            t("After"): f"{marks[one.right_after]} {one.after}",
            t("Accepted"): " · ".join(one.golds),
        }
        for one in found.answers
    ]


def _take_along(history: Sequence[Mapping[str, Any]]) -> None:
    found = report(history)
    st.download_button(
        t("Download as JSON"),
        json.dumps(found, ensure_ascii=False, indent=1),
        f"race-{found['change']['kind']}-{found['workspace']}.json",
        "application/json",
        icon=":material/download:",
        key="race-download",
    )
