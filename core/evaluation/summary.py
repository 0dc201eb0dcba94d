"""The summary of a run: means with 95 % intervals, latencies, paired differences to RAG, and costs of each method."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from core.cost import Account
from core.evaluation.runs import answer_key, damaged_lines, read_answers, read_run, read_scores
from core.evaluation.scoring import LABELS, score
from core.evaluation.verdict import verdict_on_row
from core.methods.base import two_models
from core.methods.registry import BASELINE
from core.statistics import bootstrap_mean, paired_difference

ALL_KINDS = "all"
CLOCKS = ("ttft_ms", "total_ms")
COUNTS = ("prompt_tokens", "cached_tokens", "generated_tokens")
_GENERATING = ("decode", "evidence")
_PRECISION, _RECALL = "refusing_precision", "refusing_recall"
Rows = Mapping[str, Mapping[str, Any]]
"""Rows of one method by question id."""


def answers_of(folder: Path, methods: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
    """Scored answers of a run, by method and question; each row has ``scores`` and its ``verdict``.

    Args:
        methods: Names of the methods; None takes all of the run.
    """
    run = read_run(folder)
    keys = {name: facts["key"] for name, facts in run["methods"].items() if methods is None or name in methods}
    ordered = {name: keys[name] for name in (methods or keys) if name in keys}
    answers = read_answers(folder, ordered, run["questions"]["ids"])
    judged = read_scores(folder)
    return {
        method: {i: _judged(row, judged.get(answer_key(row), {})) for i, row in rows.items()}
        for method, rows in answers.items()
        if rows
    }


def _judged(row: Mapping[str, Any], judged: Mapping[str, float]) -> dict[str, Any]:
    verdict = verdict_on_row(row)
    return {**row, "scores": score(row, judged), "verdict": verdict.kind, "why": verdict.why}


def summarise(
    folder: Path, methods: Sequence[str] | None = None, answers: Mapping[str, Rows] | None = None
) -> dict[str, Any]:
    """The table of a run as JSON values.

    Args:
        answers: The result of ``answers_of``, if it has been computed already.

    Returns:
        ``questions``: number of questions of the run; ``damaged``: number of unreadable lines that were skipped;
        ``unanswerable``: how many of the answered questions have no answer (these count only for refusing);
        ``methods``: for each method, mean, lo, hi and n of each metric, median and p90 of each clock and count;
        ``differences_to_rag``: the same metrics and clocks, paired by question; ``efficiency``: build seconds, bytes,
        tokens per second and break-even of each method; ``hops``: for questions with several gold passages, which of
        them each method found.
    """
    run = read_run(folder)
    answers = answers_of(folder, methods) if answers is None else answers
    seed = int(run["questions"]["seed"])
    baseline = answers.get(BASELINE, {})
    cited = {name: rows for name, rows in answers.items() if any(row["evidence"] for row in rows.values())}
    hops = {name: per_hop(rows.values(), seed) for name, rows in cited.items()}
    return {
        "questions": run["questions"]["n"],
        "damaged": damaged_lines(folder),
        "unanswerable": len({i for rows in answers.values() for i, row in rows.items() if not row["golds"]}),
        "methods": {name: method_figures(list(rows.values()), seed) for name, rows in answers.items()},
        f"differences_to_{BASELINE}": {
            name: differences(rows, baseline, seed) for name, rows in answers.items() if name != BASELINE and baseline
        },
        "efficiency": {name: _efficiency(name, answers, run["methods"]) for name in answers},
        "hops": {name: groups for name, groups in hops.items() if groups},
    }


def differences(ours: Rows, theirs: Rows, seed: int) -> dict[str, Any]:
    """Paired differences, ours minus theirs, over the questions and metrics that both have."""
    shared = [i for i in ours if i in theirs]
    result: dict[str, Any] = {}
    for name in (name for name in LABELS if name != _PRECISION):  # a refusal of the same question is right for both
        pairs = [(ours[i]["scores"], theirs[i]["scores"]) for i in shared]
        both = [(a[name], b[name]) for a, b in pairs if name in a and name in b]
        if both:
            result[name] = _difference(both, seed)
    for clock in CLOCKS if not _by_two(ours) else ():
        both = [(ours[i]["trace"][clock], theirs[i]["trace"][clock]) for i in shared]
        if both:
            result[clock] = _difference(both, seed)
    return result


def per_hop(rows: Iterable[Mapping[str, Any]], seed: int = 0) -> dict[str, Any]:
    """Which hops a method found, over all questions with several gold passages and for each kind of them.

    A bridge question names its first passage, which leads to the second; a comparison names both. Gold passages are in
    the order of the hops if their source has one (see ``Question.passage_ids``).

    Returns:
        For each kind ``n``, ``hops`` (share found of the first, second, ... gold passage, with intervals), and for two
        hops the shares ``both``, ``only_first``, ``only_second``, ``neither``; empty if no question has several.
    """
    groups: dict[str, list[list[bool]]] = {}
    for row in rows:
        if len(row["passage_ids"]) > 1:
            retrieved = {piece["passage_id"] for piece in row["evidence"]}
            hits = [passage_id in retrieved for passage_id in row["passage_ids"]]
            for kind in dict.fromkeys((ALL_KINDS, row["kind"] or ALL_KINDS)):
                groups.setdefault(kind, []).append(hits)
    if len(groups) == 2 and len({len(hits) for hits in groups.values()}) == 1:
        del groups[next(kind for kind in groups if kind != ALL_KINDS)]  # the only kind equals "all"
    return {kind: _group(hits, seed) for kind, hits in sorted(groups.items())}


def _group(hits: list[list[bool]], seed: int) -> dict[str, Any]:
    hops = max(map(len, hits))
    by_hop = [[float(per_hop[hop]) for per_hop in hits if hop < len(per_hop)] for hop in range(hops)]
    group: dict[str, Any] = {"n": len(hits), "hops": [asdict(bootstrap_mean(values, seed)) for values in by_hop]}
    if all(len(per_hop) == 2 for per_hop in hits):
        names = {"both": [True, True], "only_first": [True, False], "only_second": [False, True]}
        names["neither"] = [False, False]
        group |= {name: sum(per_hop == pattern for per_hop in hits) / len(hits) for name, pattern in names.items()}
    return group


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median and 90th percentile (the smallest value that at least 90 % of the others do not exceed)."""
    ordered = sorted(values)
    return {"median": median(ordered), "p90": ordered[math.ceil(0.9 * len(ordered)) - 1], "n": len(ordered)}


def tokens_per_s(row: Mapping[str, Any]) -> float | None:
    """Decoded tokens per second of one answer, evidence included; None if nothing was decoded."""
    trace = row["trace"]
    ms = sum(span["ms"] for span in trace["spans"] if span["name"] in _GENERATING)
    return 1000 * trace["generated_tokens"] / ms if ms > 0 and trace["generated_tokens"] else None


def method_figures(rows: Sequence[Mapping[str, Any]], seed: int) -> dict[str, Any]:
    """Means of one method with intervals, each over the rows that have the score; medians of its clocks and counts."""
    summary: dict[str, Any] = {}
    unanswerable = any(_RECALL in row["scores"] for row in rows)
    for name in LABELS:
        if name == _PRECISION and not unanswerable:
            continue  # if every question has an answer, every refusal is wrong
        values = [row["scores"][name] for row in rows if name in row["scores"]]
        if values:
            summary[name] = asdict(bootstrap_mean(values, seed))
    for name in (*CLOCKS, *COUNTS):
        values = [value for row in rows if (value := row["trace"][name]) is not None]  # a server may not report
        if values:
            summary[name] = spread(values)
    return summary


def _efficiency(name: str, answers: Mapping[str, Rows], methods: Mapping[str, Any]) -> dict[str, Any]:
    facts, rows = methods[name], list(answers[name].values())
    paces = [pace for row in rows if (pace := tokens_per_s(row)) is not None]
    figures = {
        "build_s": facts["build_s"],
        "open_s": facts["open_s"],
        "bytes": sum(facts["bytes"].values()),
        "bytes_by_part": facts["bytes"],
        "bytes_per_1000_documents": facts["bytes_per_1000_documents"],
        "tokens_per_s": spread(paces) if paces else None,
    }
    if name != BASELINE and BASELINE in answers and not _by_two(answers[name]):
        both = [i for i in answers[name] if i in answers[BASELINE]]
        if both:
            ours, theirs = (
                Account.measured(m, m, methods[m]["build_s"], [answers[m][i]["trace"]["total_ms"] for i in both])
                for m in (name, BASELINE)
            )
            figures["break_even"] = asdict(ours.against(theirs))
    return figures


def _by_two(rows: Rows) -> bool:
    """Whether two models answered, so that the times belong to neither."""
    return any(two_models(row.get("details", {})) for row in rows.values())


def _difference(both: Sequence[tuple[float, float]], seed: int) -> dict[str, Any]:
    return asdict(paired_difference([a for a, _ in both], [b for _, b in both], seed))
