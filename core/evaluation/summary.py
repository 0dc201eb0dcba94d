"""A run as numbers: means with 95 % intervals, clocks, paired differences to RAG, what each arm costs to have."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from core.evaluation.hops import per_hop
from core.evaluation.judge.kept import judged_rows, place_of
from core.evaluation.ledger import break_even
from core.evaluation.runs import read_answers, read_run
from core.evaluation.scoring import LABELS, score
from core.evaluation.statistics import bootstrap_mean, paired_difference

BASELINE = "rag"
CLOCKS = ("ttft_ms", "total_ms")
COUNTS = ("prompt_tokens", "cached_tokens", "generated_tokens")
_GENERATING = ("decode", "evidence")
Rows = Mapping[str, Mapping[str, Any]]
"""Rows of one arm by question id."""


def answers_of(folder: Path, arms: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
    """Scored answers of a run, by arm and question; each row has ``scores``.

    Args:
        folder: Of the run.
        arms: Which; None takes all that the run has.
    """
    run = read_run(folder)
    keys = {name: facts["key"] for name, facts in run["arms"].items() if arms is None or name in arms}
    ordered = {name: keys[name] for name in (arms or keys) if name in keys}
    found = read_answers(folder, ordered, run["questions"]["ids"])
    judged = judged_rows(folder)
    return {
        arm: {i: {**row, "scores": score(row, judged.get(place_of(row), {}))} for i, row in rows.items()}
        for arm, rows in found.items()
        if rows
    }


def summarise(
    folder: Path, arms: Sequence[str] | None = None, answers: Mapping[str, Rows] | None = None
) -> dict[str, Any]:
    """The table of a run as plain data.

    Args:
        folder: Of the run.
        arms: Which; None takes all that the run has.
        answers: What ``answers_of`` gave, where it is at hand already.

    Returns:
        ``questions``: how many were to be asked; ``methods``: for each arm, metric to mean, lo, hi and n, clocks and
        counts to median and p90; ``differences_to_rag``: the same metrics and clocks, paired by question;
        ``efficiency``: build seconds, bytes, tokens a second and break-even of each arm; ``hops``: which hop each arm
        that reads evidence missed, where questions have several gold passages.
    """
    run = read_run(folder)
    answers = answers_of(folder, arms) if answers is None else answers
    seed = int(run["questions"]["seed"])
    baseline = answers.get(BASELINE, {})
    hops = {name: per_hop(rows.values(), seed) for name, rows in answers.items() if _found_something(rows)}
    return {
        "questions": run["questions"]["n"],
        "methods": {name: _arm(list(rows.values()), seed) for name, rows in answers.items()},
        f"differences_to_{BASELINE}": {
            name: differences(rows, baseline, seed) for name, rows in answers.items() if name != BASELINE and baseline
        },
        "efficiency": {name: _efficiency(name, answers, run["arms"]) for name in answers},
        "hops": {name: groups for name, groups in hops.items() if groups},
    }


def differences(ours: Rows, theirs: Rows, seed: int) -> dict[str, Any]:
    """Paired differences, ours minus theirs, over the questions and metrics that both have."""
    shared = [i for i in ours if i in theirs]
    found: dict[str, Any] = {}
    for name in LABELS:
        pairs = [(ours[i]["scores"], theirs[i]["scores"]) for i in shared]
        both = [(a[name], b[name]) for a, b in pairs if name in a and name in b]
        if both:
            found[name] = _difference(both, seed)
    for clock in CLOCKS:
        both = [(ours[i]["trace"][clock], theirs[i]["trace"][clock]) for i in shared]
        if both:
            found[clock] = _difference(both, seed)
    return found


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median and 90th percentile (the smallest value that at least 90 % of the others do not exceed)."""
    ordered = sorted(values)
    return {"median": median(ordered), "p90": ordered[math.ceil(0.9 * len(ordered)) - 1], "n": len(ordered)}


def tokens_per_s(row: Mapping[str, Any]) -> float | None:
    """Decoded tokens a second of one answer, evidence included; None when nothing was decoded."""
    trace = row["trace"]
    ms = sum(span["ms"] for span in trace["spans"] if span["name"] in _GENERATING)
    return 1000 * trace["generated_tokens"] / ms if ms > 0 and trace["generated_tokens"] else None


def _found_something(rows: Rows) -> bool:
    return any(row["evidence"] for row in rows.values())


def _arm(rows: list[Mapping[str, Any]], seed: int) -> dict[str, Any]:
    summary: dict[str, Any] = {}
    for name in LABELS:
        values = [row["scores"][name] for row in rows if name in row["scores"]]
        if values:
            summary[name] = asdict(bootstrap_mean(values, seed))
    for name in (*CLOCKS, *COUNTS):
        summary[name] = spread([row["trace"][name] for row in rows])
    return summary


def _efficiency(name: str, answers: Mapping[str, Rows], arms: Mapping[str, Any]) -> dict[str, Any]:
    facts, rows = arms[name], list(answers[name].values())
    paces = [pace for row in rows if (pace := tokens_per_s(row)) is not None]
    found = {
        "build_s": facts["build_s"],
        "open_s": facts["open_s"],
        "bytes": sum(facts["bytes"].values()),
        "bytes_by_part": facts["bytes"],
        "bytes_per_1000_documents": facts["bytes_per_1000_documents"],
        "tokens_per_s": spread(paces) if paces else None,
    }
    if name != BASELINE and BASELINE in answers:
        both = [i for i in answers[name] if i in answers[BASELINE]]
        if both:
            ours, theirs = (median(answers[arm][i]["trace"]["total_ms"] for i in both) for arm in (name, BASELINE))
            found["break_even"] = asdict(break_even(facts["build_s"] - arms[BASELINE]["build_s"], theirs, ours))
    return found


def _difference(both: Sequence[tuple[float, float]], seed: int) -> dict[str, Any]:
    return asdict(paired_difference([a for a, _ in both], [b for _, b in both], seed))
