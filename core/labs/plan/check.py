"""Checks a plan: predictions from one workspace against measurements of another."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from core.evaluation.summary import answers_of
from core.labs.benchmarks import stores
from core.labs.plan.coefficients import Coefficients, ivf_row, latest_run, looked_at
from core.labs.plan.plan import Demand, pace, plan
from core.labs.plan.prices import Prices
from core.workspace import Workspace


@dataclass(frozen=True)
class PredictionCheck:
    """One figure of one workspace.

    Attributes:
        what: The figure.
        passages: Of the workspace, or vectors of an index alone.
        predicted: From the coefficients of another.
        measured: As its manifests have it.
    """

    what: str
    passages: int
    predicted: float
    measured: float

    @property
    def error(self) -> float:
        """By how much of the measured the prediction is off."""
        return self.predicted / self.measured - 1


def check(measured: Coefficients, prices: Prices, ws: Workspace) -> list[PredictionCheck]:
    """Predictions of the coefficients for a workspace, beside what its manifests, runs and search bench say.

    Raises:
        ArtefactMissing: It is not built.
        TesseraError: Its bench cannot be read.
    """
    for kind in ("corpus", "embeddings", "blocks"):
        ws.require(kind, read=False)
    corpus, embeddings, blocks = (ws.manifest(kind) for kind in ("corpus", "embeddings", "blocks"))
    assert corpus and embeddings and blocks
    count = int(corpus.params["passages"])
    tokens = count * measured.tokens
    figures = [
        ("tokens", tokens, float(blocks.params["tokens"])),
        ("bytes of blocks", tokens * measured.kv_token, float(blocks.params["bytes"])),
        ("seconds of blocks", tokens * measured.block_token, blocks.build_s),
        ("bytes of vectors", count * measured.vector, float(ws.state("embeddings", read=False).bytes)),
        ("seconds of embedding", count * measured.embed, embeddings.build_s),
    ]
    if latest := latest_run(ws):
        plans = plan(Demand(count, 1, 1, model=measured.model), measured, prices)
        answers = answers_of(latest[0], [one.method for one in plans])
        for one in plans:
            if rows := answers.get(one.method):
                first = median(row["trace"]["ttft_ms"] for row in rows.values())
                figures.append((f"ms to the first token, {one.method}", 1000 * one.ttft_s, first))
    built = [PredictionCheck(what, count, predicted, actual) for what, predicted, actual in figures]
    return built + check_indexes(measured, prices, ws)


def check_indexes(measured: Coefficients, prices: Prices, ws: Workspace) -> list[PredictionCheck]:
    """Predictions for indexes alone, beside the last search bench of a workspace; empty without one.

    Raises:
        TesseraError: The bench cannot be read.
    """
    bench = stores.load(ws)
    checked: list[PredictionCheck] = []
    for tested in bench.tested if bench else ():
        speed = pace(Demand(tested.n, 1, 1, model=measured.model), measured, prices)
        predicted = 1000 * (measured.search + looked_at(tested.n) * measured.vector * speed.scan)
        held = tested.n * measured.vector
        flat = (row for row in tested.rows if row.store == "faiss-flat")
        checked += [PredictionCheck("bytes of the index", tested.n, held, float(row.disk_bytes)) for row in flat]
        if row := ivf_row(tested):
            checked.append(PredictionCheck("ms of a search", tested.n, predicted, row.p50_ms))
    return checked
