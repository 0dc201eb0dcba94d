"""Per-hop routing: of questions that need two passages, which hop does an arm miss?

A bridge question names its first passage and reaches the second by way of it; a comparison names both. Gold passages
come in the order of the hops where their source keeps one (see ``Question.passage_ids``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from core.evaluation.statistics import bootstrap_mean

ALL = "all"


def per_hop(rows: Iterable[Mapping[str, Any]], seed: int = 0) -> dict[str, Any]:
    """Which hops an arm found, for all questions of several gold passages and for each kind of them.

    Args:
        rows: Rows of one arm, see ``core.evaluation.runs.read_answers``.
        seed: Of the resampling.

    Returns:
        Kind to ``n``, ``hops`` (share found of the first, second, ... gold passage, with intervals), and the shares
        ``both``, ``only_first``, ``only_second``, ``neither`` for two hops; empty when no question has several.
    """
    groups: dict[str, list[list[bool]]] = {}
    for row in rows:
        if len(row["passage_ids"]) > 1:
            found = {piece["passage_id"] for piece in row["evidence"]}
            hits = [passage_id in found for passage_id in row["passage_ids"]]
            for kind in dict.fromkeys((ALL, row["kind"] or ALL)):
                groups.setdefault(kind, []).append(hits)
    if len(groups) == 2 and len({len(hits) for hits in groups.values()}) == 1:
        del groups[next(kind for kind in groups if kind != ALL)]  # a single kind is all there is
    return {kind: _group(hits, seed) for kind, hits in sorted(groups.items())}


def _group(hits: list[list[bool]], seed: int) -> dict[str, Any]:
    hops = max(map(len, hits))
    found = [[float(one[hop]) for one in hits if hop < len(one)] for hop in range(hops)]
    group: dict[str, Any] = {"n": len(hits), "hops": [asdict(bootstrap_mean(values, seed)) for values in found]}
    if all(len(one) == 2 for one in hits):
        names = {"both": [True, True], "only_first": [True, False], "only_second": [False, True]}
        names["neither"] = [False, False]
        group |= {name: sum(one == wanted for one in hits) / len(hits) for name, wanted in names.items()}
    return group
