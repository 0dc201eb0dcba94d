"""The search bench: every store of the registry at every setting, on the same passages and questions.

    python -m app bench stores --workspace nq --synthetic 100000

For each setting: recall@10 against the exact search, latency of one client (p50, p99), queries a second of 1 and of 8
clients; for each store: seconds to build, bytes on disk and in memory. Nothing else may run meanwhile.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np

from core.errors import TesseraError
from core.jobs import Progress, Work
from core.labs.benchmarks import store_memory, store_verdict, workloads
from core.labs.benchmarks.reports import read_report, write_report
from core.labs.benchmarks.store_verdict import Measured, WorkloadResult
from core.labs.benchmarks.workloads import Workload
from core.messages import message
from core.models.registry import Models
from core.stores.base import SearchRequest, ServerStore, VectorStore
from core.stores.registry import STORES, StoreSpec, find_store
from core.trace import timed
from core.units import timestamp
from core.workspace import Workspace

K = 10
CLIENTS = 8
FILE = "bench-stores.json"
_WARM_UP = 10
_LEAST_REQUESTS = 200


@dataclass(frozen=True)
class Bench:
    """One bench.

    Attributes:
        machine: Processor cores that were there, and threads that engines were allowed.
        created: UTC time, ISO 8601 to the second.
        clients: Clients at once in the second throughput figure.
    """

    machine: str
    created: str
    k: int
    clients: int
    tested: tuple[WorkloadResult, ...]


def run(ws: Workspace, workloads: Sequence[Callable[[], Workload]], names: Sequence[str] = ()) -> Work:
    """Measures and keeps the result in the workspace; cancelled, nothing is kept.

    Args:
        ws: Gets ``runs/bench-stores.json``.
        workloads: Each makes one workload when its turn comes.
        names: Stores to measure; all of the registry when empty.

    Raises:
        TesseraError: There is no such store.
    """
    specs = {name: find_store(name) for name in names or STORES}
    tested = []
    for make in workloads:
        yield Progress("Preparing the workload", 0, 1)
        tested.append((yield from _test(make(), specs)))
    threads = os.environ.get("OMP_NUM_THREADS", "all")
    machine = message("{n} cores, OMP_NUM_THREADS={threads}", n=os.cpu_count(), threads=threads)
    now = timestamp()
    path = ws.path / "runs" / FILE
    write_report(path, Bench(machine, now, K, CLIENTS, tuple(tested)))
    yield Progress("Search bench", 1, 1, "kept", {"file": str(path)})


def run_default(
    ws: Workspace,
    models: Models,
    queries: int,
    synthetic: int,
    dim: int = 384,
    seed: int = 0,
    names: Sequence[str] = (),
) -> Work:
    """Measures ``queries`` questions on the passages of the workspace, and on synthetic vectors; see ``run``."""
    makers: list[Callable[[], Workload]] = [partial(workloads.of_workspace, ws, models, queries, seed)]
    if synthetic:
        makers.append(partial(workloads.synthetic, synthetic, dim, queries, seed))
    return run(ws, makers, names)


def load(ws: Workspace) -> Bench | None:
    """The last bench of a workspace, or None.

    Raises:
        TesseraError: Its file is damaged.
    """
    return read_report(ws.path / "runs" / FILE, Bench)


def settings_of(spec: StoreSpec) -> list[dict[str, int]]:
    """Every combination of a store's search options; one empty setting for an exact search."""
    return [dict(zip(spec.sweep, values, strict=True)) for values in product(*spec.sweep.values())]


def _test(workload: Workload, specs: dict[str, StoreSpec]) -> Generator[Progress, None, WorkloadResult]:
    exact = workload.exact(K)
    rows: list[Measured] = []
    skipped: dict[str, str] = {}
    steps = {name: 1 + len(settings_of(spec)) for name, spec in specs.items()}
    done, total = 0, sum(steps.values())
    stage = message("Measuring on {workload}", workload=workload.name)
    for name, spec in specs.items():
        yield Progress(stage, done, total, message("building {store}", store=spec.label))
        if "text" in spec.searches and not workload.texts:
            skipped[name] = "it searches by words, and these vectors have none"
        else:
            try:
                for row in _measure_store(name, spec, workload, exact):
                    rows.append(row)
                    done += 1
                    took = {"store": spec.label, "setting": row.setting, "ms": row.p50_ms}
                    yield Progress(stage, done, total, message("{store} {setting}: {ms:.2f} ms", **took))
            except TesseraError as error:
                skipped[name] = str(error)
        done = sum(list(steps.values())[: list(specs).index(name) + 1])
    judged = store_verdict.mark_dominated(rows)
    n, dim = workload.vectors.shape
    verdict = store_verdict.verdict(judged)
    return WorkloadResult(workload.name, n, dim, len(workload.queries), workload.asked, judged, skipped, verdict)


def _measure_store(
    name: str, spec: StoreSpec, workload: Workload, exact: Sequence[frozenset[str]]
) -> Iterator[Measured]:
    few = replace(workload, passages=workload.passages[:_WARM_UP], vectors=workload.vectors[:_WARM_UP])
    with _built(spec, few):
        pass  # the first use loads the engine, which is no part of building an index
    with _built(spec, workload) as (folder, store, build_s):
        texts = workload.texts if "text" in spec.searches else ()
        memory = (
            store.server_bytes()
            if isinstance(store, ServerStore)
            else store_memory.measure(name, folder, workload.queries, texts, K)
        )
        size = store.stats().bytes
        for options in settings_of(spec):
            requests = _requests(spec, workload, options)
            for request in requests[:_WARM_UP]:
                store.search(request)
            results, times = [], []
            for request in requests:
                hits, ms = timed(partial(store.search, request))
                times.append(ms)
                results.append(frozenset(hit.passage_id for hit in hits))
            yield Measured(
                store=name,
                options=options,
                recall=_recall(results, exact) if "vector" in spec.searches else None,
                gold=_reached(results, workload.gold) if workload.gold else None,
                p50_ms=float(np.percentile(times, 50)),
                p99_ms=float(np.percentile(times, 99)),
                qps_1=1000 * len(times) / sum(times),
                qps_many=_throughput(store, requests),
                build_s=build_s,
                disk_bytes=size,
                memory_bytes=memory,
            )


@contextmanager
def _built(spec: StoreSpec, workload: Workload) -> Iterator[tuple[Path, VectorStore, float]]:
    scratch = Path(tempfile.mkdtemp(prefix="tessera-bench-"))
    folder = scratch / "index"
    try:
        store, build_ms = timed(lambda: spec.create(folder, workload.passages, workload.vectors))
        try:
            yield folder, store, build_ms / 1000
        finally:
            store.close()
            spec.drop(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _requests(spec: StoreSpec, workload: Workload, options: dict[str, int]) -> list[SearchRequest]:
    by_vector, by_text = "vector" in spec.searches, "text" in spec.searches
    return [
        SearchRequest(
            k=K, vector=vector if by_vector else None, text=workload.texts[row] if by_text else None, options=options
        )
        for row, vector in enumerate(workload.queries)
    ]


def _throughput(store: VectorStore, requests: Sequence[SearchRequest]) -> float:
    """Queries a second of ``CLIENTS`` threads that share the requests, each asked until there are enough to count."""
    requests = list(requests) * -(-_LEAST_REQUESTS // len(requests))
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(store.search, requests[:CLIENTS]))  # starts the threads
        answers, ms = timed(lambda: list(pool.map(store.search, requests)))
        return 1000 * len(answers) / ms


def _recall(results: Sequence[frozenset[str]], exact: Sequence[frozenset[str]]) -> float:
    """Share of the exact nearest that were found, averaged over the questions."""
    return float(np.mean([len(got & true) / len(true) for got, true in zip(results, exact, strict=True)]))


def _reached(results: Sequence[frozenset[str]], gold: Sequence[frozenset[str]]) -> float:
    """Share of the questions with an answering passage among the hits."""
    return float(np.mean([bool(got & right) for got, right in zip(results, gold, strict=True)]))
