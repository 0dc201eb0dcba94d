"""The results of a race: the methods on one axis, what each answered on the way, and what the change broke."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st
from pydantic import TypeAdapter

from app.figures.changes import Lap, RaceRow, describe_race, race_figure
from app.i18n import saved, t
from app.views.compare.columns import heading
from app.views.shared.chart import chart
from app.views.shared.download import download
from app.views.shared.shipped import shipped, shipped_line
from app.views.shared.table import show_table
from app.views.shared.text import escape
from core.corpus.sample import is_sample
from core.corpus.types import Corpus
from core.labs.changes.report import FACTS, report
from core.labs.changes.results import DATA, Attempt, MethodResult, Regressions, results_of
from core.methods import registry
from core.units import seconds

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
        live: It is still running: what is only known at its end is left out.
    """
    results = results_of(history)
    if not results:
        return
    rows = [row_of(result, live) for result in results]
    about = report(history)
    _describe_change(about)
    chart(
        race_figure(rows, t("seconds of its own work since the change"), t("first right"), t("not reached")),
        key=f"race-figure-{live}",
        alt=describe_race(rows),
    )
    _answers(results, live)
    if live:
        return
    _stages(results)
    _regressions(results)
    _download_button(about)


def shipped_race(corpus: Corpus) -> dict[str, Any] | None:
    """The race that ships with the sample; None for another corpus."""
    return shipped("race") if is_sample(corpus) else None


def show_shipped() -> None:
    """The race that ships with the sample."""
    run = shipped("race")
    facts = {name: value for name, value in run.items() if name != "results"}
    shipped_line((run["created"][:10], run["machine"]["processor"]))
    results = TypeAdapter(list[MethodResult]).validate_python(run["results"])
    show_race([{FACTS: facts}, *({DATA: result} for result in results)])


def live_race(history: Sequence[Mapping[str, Any]]) -> None:
    """The same while it runs, for the job panel."""
    show_race(history, live=True)


def row_of(result: MethodResult, live: bool = False) -> RaceRow:
    """A result as the figure draws it, while the race runs or afterwards."""
    laps = tuple(Lap(stage.name, t(STAGES[stage.name]), stage.start_ms, stage.ms) for stage in result.stages)
    ended = result.state in ("known", "not reached")
    return RaceRow(t(registry.METHODS[result.method].label), laps, verdict(result, live), result.known_ms, ended)


def verdict(result: MethodResult, live: bool = False) -> str:
    """What became of a method, in a few words; one that was at work when the race was stopped is stopped, too."""
    if result.known_ms is not None:
        return t("right after {time}", time=seconds(result.known_ms))
    if result.state == "not reached":
        return t("not reached in {time}", time=seconds(result.total_ms))
    if result.state == "refused":
        return t("could not run")
    if not live:
        return t("was stopped")
    return t("getting ready") if result.state == "preparing" else t("at work")


def _describe_change(about: Mapping[str, Any]) -> None:
    if not about:
        return
    change, model, machine = about["change"], about["model"], about["machine"]
    title = change["passage"]["title"] or change["passage"]["id"]
    titles = {
        "add": t("Added: {title}", title=escape(title)),
        "edit": t("Edited: {title}", title=escape(title)),
        "delete": t("Deleted: {title}", title=escape(title)),
    }
    st.subheader(titles[change["kind"]], anchor=False)
    with st.container(key="race-question"):
        st.text(f"{change['question']['text']}  →  {' · '.join(change['question']['answers'])}")
    reader = t(" + reader") if model["adapter"] else ""
    facts = (f"{model['name']}{reader}", saved(machine["device"]), model["dtype"], machine["processor"])
    st.caption(":material/memory: " + " · ".join(escape(str(fact)) for fact in facts))
    if change["kind"] == "delete":
        st.caption(t("Right means: it neither gives this answer nor rests on the passage any more."))


def _answers(results: Sequence[MethodResult], live: bool) -> None:
    """What each method answered, before the change and on the way."""
    for column, result in zip(st.columns(len(results)), results, strict=True):
        with column, st.container(border=True, key=f"race-result-{result.method}-{live}"):
            st.markdown(f"**{heading(result.method)}**")
            if result.state == "refused":
                st.caption(f":material/block: {escape(saved(result.reason))}")
                continue
            if result.before is None:
                st.caption(t("getting ready: it is opened, warmed and asked the old questions"))
                continue
            _show_attempt(result, "before", t("before the change"), result.before, marked=False)
            if result.before.verdict.known:
                st.caption(t("It was right before the change already: its time says little."))
            for number, attempt in enumerate(result.attempts):
                _show_attempt(result, str(number), _when(attempt), attempt)


def _show_attempt(result: MethodResult, key: str, when: str, attempt: Attempt, marked: bool = True) -> None:
    known = attempt.verdict.known
    mark = (":green[:material/check_circle:] " if known else ":gray[:material/close:] ") if marked else ""
    source = t("from this passage") if attempt.verdict.from_passage else t("not from this passage")
    st.caption(f"{mark}{when} · {source}")
    with st.container(key=f"race-said-{result.method}-{key}"):
        st.text(attempt.answer or t("(no words)"))


def _when(attempt: Attempt) -> str:
    if attempt.step is None:
        return t("after {time}", time=seconds(attempt.at_ms))
    return t("after {time}, {n} steps", time=seconds(attempt.at_ms), n=attempt.step)


def _stages(results: Sequence[MethodResult]) -> None:
    """The figure as a table."""
    names = dict.fromkeys(name for result in results for name in result.by_stage())
    sums = {t(registry.METHODS[result.method].label): result.by_stage() for result in results}
    first = {method: verdict(result) for method, result in zip(sums, results, strict=True)}
    rows = [{t("Stage"): t("First right"), **first}]
    rows += [
        {
            t("Stage"): t(STAGES[name]),
            **{method: seconds(stages[name]) if name in stages else "–" for method, stages in sums.items()},
        }
        for name in names
    ]
    show_table(rows, "race-stages")
    st.caption(
        t(
            "Times count a method's own work, and methods run one at a time. Opening and warming the methods and "
            "asking the old questions are not counted. The memory learns from the text alone, never from the question."
        )
    )


def _regressions(results: Sequence[MethodResult]) -> None:
    compared = [result for result in results if result.regressions]
    if compared:
        st.subheader(t("What the change broke"), anchor=False)
        st.caption(t("The same old questions, before and after. None of them is about the document that changed."))
        rows = [_counts(result, result.regressions) for result in compared if result.regressions]
        show_table(rows, "race-regressions")
    about = [result for result in results if result.about]
    if about:
        st.subheader(t("What else it knows about the document"), anchor=False)
        st.caption(t("Further questions that its text answers: one right answer is not yet the whole document."))
        rows = [_counts(result, result.about) for result in about if result.about]
        show_table(rows, "race-about")
    if compared or about:
        with st.expander(t("Every answer before and after"), icon=":material/difference:"):
            parts = [(result, part) for result in results for part in (result.regressions, result.about) if part]
            show_table([row for result, part in parts for row in _each(result, part)], "race-each")


def _counts(result: MethodResult, regressions: Regressions) -> dict[str, Any]:
    figures = regressions.figures()
    return {
        t("Method"): t(registry.METHODS[result.method].label),
        t("Asked"): int(figures["n"]),
        t("Right before"): int(figures["right_before"]),
        t("Right after"): int(figures["right_after"]),
        t("Answered differently"): int(figures["changed"]),
        t("Right became wrong"): int(figures["broken"]),
        t("Wrong became right"): int(figures["mended"]),
    }


def _each(result: MethodResult, regressions: Regressions) -> list[dict[str, Any]]:
    marks = {True: "✓", False: "✗"}
    return [
        {
            t("Method"): t(registry.METHODS[result.method].label),
            t("Question"): answer.question,
            t("Before"): f"{marks[answer.right_before]} {answer.before}",
            t("After"): f"{marks[answer.right_after]} {answer.after}",
            t("Accepted"): " · ".join(answer.golds),
        }
        for answer in regressions.answers
    ]


def _download_button(facts: Mapping[str, Any]) -> None:
    name = f"race-{facts['change']['kind']}-{facts['workspace']}.json"
    download(t("Download as JSON"), lambda: json.dumps(facts, ensure_ascii=False, indent=1), name, "race-download")
