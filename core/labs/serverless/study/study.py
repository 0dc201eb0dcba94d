"""The study: the same questions to every kind of index, over growing corpora, on real workers under a rising load.

For each size the indexes are built side by side and get a local cloud each. They then take turns, so that a busy minute
of the machine hits both: first under load, round by round, then question by question for paired times. Nothing runs in
parallel that is timed.
"""

from __future__ import annotations

import math
import os
import platform
import tempfile
from collections.abc import Generator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np

from core.corpus.types import Corpus
from core.jobs import Progress
from core.labs.serverless.local_lambda.cloud import LocalCloud, rag_functions
from core.labs.serverless.settings import IndexKind
from core.labs.serverless.study.config import StudyConfig
from core.labs.serverless.study.corpus import SizedCorpus, grow, recall
from core.labs.serverless.study.cost import estimate, load_prices
from core.labs.serverless.study.load import cold_starts, cold_summary, run_load
from core.labs.serverless.study.probes import Probes, compare, probe
from core.labs.serverless.study.samples import Sample, Sender, sender, summarise
from core.labs.serverless.table import PassageTable
from core.labs.serverless.worker import runs_under_lambda_client
from core.messages import message
from core.models.embeddings import nearest_rows
from core.models.encoder import Encoder, Vectors
from core.models.machine import processor
from core.statistics import bootstrap_mean
from core.trace import timed

FORMAT = 1
Findings = dict[str, Any]
"""What a study found, ready for JSON."""


@dataclass(frozen=True)
class Material:
    """The inputs of a study.

    Attributes:
        vectors: [n, dim] unit vectors of the passages.
        encoder: Embeds the questions for the exact answer; the workers embed for themselves.
        place: Folder or ``s3://`` URL under which indexes are put for the time of the study; None takes a temporary
            folder.
    """

    corpus: Corpus
    vectors: Vectors
    encoder: Encoder
    questions: tuple[str, ...]
    place: str | None = None


def study(material: Material, config: StudyConfig, logs: Path | None = None) -> Generator[Progress, None, Findings]:
    """Runs the study; closing it ends all workers.

    Args:
        logs: Folder for what the workers write.

    Returns:
        The findings, also as the data of the last step under "findings".
    """
    began = datetime.now(timezone.utc)
    yield Progress("Embedding the questions", 0, len(material.questions))
    queries = np.stack([material.encoder.encode_query(text) for text in material.questions])
    yield Progress("Embedding the questions", len(material.questions), len(material.questions))
    sizes: list[Findings] = []
    with tempfile.TemporaryDirectory(prefix="tessera-indexes-") as scratch:
        for size in config.sizes:
            grown = grow(material.corpus.passages, material.vectors, size, config.seed)
            place = f"{(material.place or scratch).rstrip('/')}/{began:%Y%m%d-%H%M%S}-{size}"
            sizes.append((yield from _one_size(grown, queries, material.questions, config, place, logs)))
    findings = _findings(config, material, sizes, began)
    yield Progress("Done", 1, 1, "", {"findings": findings})
    return findings


def _one_size(
    grown: SizedCorpus, queries: Vectors, questions: Sequence[str], config: StudyConfig, place: str, logs: Path | None
) -> Generator[Progress, None, Findings]:
    size = len(grown.passages)
    indexes: dict[IndexKind, Findings] = {}
    for number, kind in enumerate(config.kinds):
        yield Progress(message("Building indexes of {n:,} passages", n=size), number, len(config.kinds), kind)
        make = partial(PassageTable.create, f"{place}-{kind}", kind, grown.passages, grown.vectors)
        table, build_ms = timed(make)
        indexes[kind] = {"build_s": build_ms / 1000, "bytes": table.stats().bytes}
        table.close()
    yield Progress(message("Finding the exact answers among {n:,}", n=size), 0, 1)
    exact = [[grown.passages[row].id for row in rows] for rows in nearest_rows(grown.vectors, queries, config.k)]
    with ExitStack() as open_clouds:
        senders: dict[IndexKind, Sender] = {}
        working: dict[IndexKind, Sender] = {}
        for kind in config.kinds:
            functions = rag_functions(
                f"{place}-{kind}",
                kind,
                config.concurrency,
                generation=config.stage == "pipeline",
                results_url=f"{place}-results" if config.cache else "",
            )
            cloud = open_clouds.enter_context(LocalCloud(functions, logs=logs / f"{size}-{kind}" if logs else None))
            senders[kind] = sender(cloud, config.stage, config.k, config.rerank, config.cache)
            working[kind] = sender(cloud, config.stage, config.k, config.rerank)
        passages = message("{n:,} passages", n=size)
        starts = yield from cold_starts(senders, questions, config.concurrency, passages)
        samples = yield from _loads(senders, questions, config, size)
        probes = yield from probe(working, questions, config.probes, config.seed, passages)
    return _size_findings(grown, config, indexes, starts, samples, probes, exact)


def _loads(
    senders: dict[IndexKind, Sender], questions: Sequence[str], config: StudyConfig, size: int
) -> Generator[Progress, None, dict[IndexKind, list[list[Sample]]]]:
    samples: dict[IndexKind, list[list[Sample]]] = {kind: [] for kind in senders}
    for turn in range(config.rounds):
        order = list(senders) if turn % 2 == 0 else list(reversed(senders))
        for kind in order:
            label = message(
                "{n:,} passages, {kind}, round {turn} of {rounds}",
                n=size,
                kind=kind,
                turn=turn + 1,
                rounds=config.rounds,
            )
            run = run_load(senders[kind], questions, config.arrivals, config.seed + turn, label)
            samples[kind].append((yield from run))
    return samples


def _size_findings(
    grown: SizedCorpus,
    config: StudyConfig,
    indexes: dict[IndexKind, Findings],
    starts: dict[IndexKind, list[Sample]],
    samples: dict[IndexKind, list[list[Sample]]],
    probes: Probes,
    exact: Sequence[Sequence[str]],
) -> Findings:
    prices = load_prices()
    for kind, findings in indexes.items():
        everything = [sample for run in samples[kind] for sample in run]
        load = summarise(everything)
        # Rounds are put one after another: what "per second" means is summed over their lengths.
        seconds = sum(summarise(run).seconds for run in samples[kind])
        good = [sample for sample in everything if sample.outcome == "ok"]
        recalls = [recall(reply.found, exact[number]) for number, reply in probes.of(kind) if reply.found]
        cost = estimate(summarise([*starts[kind], *everything]), prices)
        findings["cold"] = cold_summary(starts[kind])
        rate = len(good) / seconds if seconds else 0.0
        findings["load"] = {**asdict(load), "seconds": seconds, "throughput_rps": rate}
        findings["recall"] = asdict(bootstrap_mean(recalls, config.seed)) if recalls else None
        findings["probe"] = probes.summary(kind)
        findings["cost"] = asdict(cost) if cost else None
    size_findings: Findings = {"passages": len(grown.passages), "real": grown.real, "indexes": dict(indexes)}
    if len(config.kinds) == 2:
        size_findings["compared"] = compare(probes, config.kinds, config.seed)
    return size_findings


def _findings(config: StudyConfig, material: Material, sizes: list[Findings], began: datetime) -> Findings:
    return {
        "format": FORMAT,
        "created": began.isoformat(timespec="seconds"),
        "config": asdict(config),
        "corpus": {"name": material.corpus.name, "passages": len(material.corpus.passages)},
        "questions": len(material.questions),
        "encoder": material.encoder.name,
        "machine": {
            "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
            "processor": processor(),
            "python": platform.python_version(),
            "lancedb": version("lancedb"),
            "runtime": "awslambdaric" if runs_under_lambda_client() else "core.labs.serverless.worker",
            "index": "object storage" if material.place and "://" in material.place else "a folder",
        },
        "prices": asdict(load_prices()),
        "sizes": sizes,
        "crossover": _crossovers(config, sizes),
    }


def _crossovers(config: StudyConfig, sizes: list[Findings]) -> Findings:
    if len(config.kinds) != 2:
        return {}
    first, second = config.kinds
    points = [size["passages"] for size in sizes]
    crossed: Findings = {}
    for what in ("search_ms", "retrieval_ms"):
        lines = [[size["indexes"][kind]["probe"][what] for size in sizes] for kind in (first, second)]
        if all(value is not None for line in lines for value in line):
            crossed[what] = asdict(crossover(points, lines[0], lines[1]))
    return crossed


@dataclass(frozen=True)
class Crossover:
    """Where the second line goes below the first for good.

    Attributes:
        where: "between" two sizes, "always" (already below at the smallest), or "never" (still above at the largest).
        size: Interpolated number of passages; None unless "between".
    """

    where: Literal["between", "always", "never"]
    size: float | None = None


def crossover(sizes: Sequence[float], first: Sequence[float], second: Sequence[float]) -> Crossover:
    """Finds the last change of sign of ``first - second``, linear in the logarithm of the size between two points.

    Args:
        sizes: Rising.
        first: Times of the one that is better on small corpora, such as flat search.
        second: Times of the other at the same sizes.

    Raises:
        ValueError: The lengths differ, or nothing is given.
    """
    gaps = [a - b for a, b in zip(first, second, strict=True)]
    points = list(zip(sizes, gaps, strict=True))
    if not points:
        raise ValueError("a crossover of nothing")
    if gaps[-1] <= 0:
        return Crossover("never")
    below = [row for row, gap in enumerate(gaps) if gap <= 0]
    if not below:
        return Crossover("always")
    (left, low), (right, high) = points[below[-1]], points[below[-1] + 1]
    share = -low / (high - low)
    return Crossover("between", math.exp(math.log(left) + share * (math.log(right) - math.log(left))))
