"""The search bench on a few hundred vectors: what it measures is right, and what it cannot measure it says."""

from functools import partial

import numpy as np
import pytest

from core import pipeline
from core.errors import ArtefactStale, TesseraError
from core.labs.benchmarks import store_memory, stores, workloads
from core.settings import Settings
from core.stores.faiss_index import FaissFlat
from core.stores.registry import STORES
from core.workspace import Workspace
from tests.models import TinyModels


@pytest.fixture
def models(tiny_lm, tiny_encoder, tmp_path):
    return TinyModels(Settings(workspaces=tmp_path), tiny_lm, tiny_encoder)


@pytest.fixture
def ws(models, tiny_corpus, tmp_path):
    ws = Workspace(tmp_path / "tiny")
    list(pipeline.prepare_corpus(ws, models, tiny_corpus))
    return ws


@pytest.fixture
def unweighed(monkeypatch):
    """Leaves the measuring processes out, which take seconds each, and asks no more than every client needs."""
    monkeypatch.setattr(store_memory, "measure", lambda *_: None)
    monkeypatch.setattr(stores, "_LEAST_REQUESTS", stores.CLIENTS)


def test_synthetic_vectors_are_the_same_for_a_seed_and_lie_in_clusters():
    one, again, other = (workloads.synthetic(600, 32, 20, seed) for seed in (1, 1, 2))
    assert np.array_equal(one.vectors, again.vectors) and np.array_equal(one.queries, again.queries)
    assert not np.array_equal(one.vectors, other.vectors)
    assert np.allclose(np.linalg.norm(one.vectors, axis=1), 1, atol=1e-5)
    scores = np.sort(one.queries @ one.vectors.T, axis=1)
    assert scores[:, -10].mean() > 0.3 > 0.1 > np.median(scores)


def test_exact_answers_are_those_of_the_exact_store(tmp_path):
    workload = workloads.synthetic(300, 16, 70)
    with pytest.raises(TesseraError):
        workloads.synthetic(0, 16, 1)
    store = FaissFlat.create(tmp_path / "flat", workload.passages, workload.vectors)
    found = [
        frozenset(hit.passage_id for hit in store.search(request))
        for request in stores._requests(STORES["faiss-flat"], workload, {})
    ]
    assert found == workload.exact(stores.K)


def test_a_workspace_asks_its_held_out_questions(ws, models, tiny_corpus):
    workload = workloads.of_workspace(ws, models, 10)
    assert workload.texts == ("Who planted the pear orchard?",)
    assert workload.gold == (frozenset({"p8"}),)
    assert len(workload.vectors) == len(tiny_corpus.passages)


def test_vectors_of_another_encoder_are_refused(ws, models, monkeypatch):
    monkeypatch.setattr(models.encoder(), "fingerprint", "another-encoder", raising=False)
    with pytest.raises(ArtefactStale, match="another encoder"):
        workloads.of_workspace(ws, models, 10)


def test_without_questions_passages_are_displaced(ws, models, tiny_corpus):
    from dataclasses import replace

    list(pipeline.prepare_corpus(ws, models, replace(tiny_corpus, questions={})))
    workload = workloads.of_workspace(ws, models, 5)
    assert len(workload.queries) == 5 and "displaced" in workload.asked
    near = workload.exact(1)
    assert near == list(workload.gold)


def test_every_store_is_measured_and_the_result_is_kept(ws, models, unweighed):
    assert stores.load(ws) is None
    makers = [partial(workloads.of_workspace, ws, models, 10), partial(workloads.synthetic, 400, 16, 10)]
    steps = list(stores.run(ws, makers))
    assert all(step.done <= step.total for step in steps if step.total)
    bench = stores.load(ws)
    real, drawn = bench.tested
    assert {row.store for row in real.rows} == set(STORES) - set(real.skipped)
    assert {"bm25"} == set(drawn.skipped) - set(real.skipped)
    by_store = {(row.store, row.setting): row for row in drawn.rows}
    for exact in ("faiss-flat", "lancedb-flat"):
        assert by_store[exact, "exact"].recall == 1.0
    ivf = [row.recall for row in drawn.rows if row.store == "faiss-ivf"]
    assert ivf == sorted(ivf) and ivf[0] < 1.0 == ivf[-1]
    assert next(row for row in real.rows if row.store == "bm25").recall is None
    assert all(row.gold == 1.0 for row in real.rows if row.setting == "exact")
    assert all(row.p50_ms <= row.p99_ms and row.qps_many > 0 and row.disk_bytes > 0 for row in drawn.rows)


def test_one_store_can_be_measured_alone(ws, unweighed):
    list(stores.run(ws, [partial(workloads.synthetic, 100, 16, 5)], ["faiss-flat"]))
    assert [row.store for row in stores.load(ws).tested[0].rows] == ["faiss-flat"]
    with pytest.raises(TesseraError, match="chroma"):
        list(stores.run(ws, [], ["chroma"]))


def test_a_cancelled_bench_leaves_nothing(ws, unweighed, tmp_path, monkeypatch):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    work = stores.run(ws, [partial(workloads.synthetic, 100, 16, 5)])
    for step in work:
        if step.done >= 2:
            break
    work.close()
    assert stores.load(ws) is None
    assert list(scratch.iterdir()) == []


def test_a_damaged_result_is_a_sentence(ws):
    (ws.path / "runs").mkdir()
    (ws.path / "runs" / stores.FILE).write_text("[]", encoding="utf-8")
    with pytest.raises(TesseraError, match="damaged"):
        stores.load(ws)


def test_memory_is_that_of_the_index(tmp_path):
    workload = workloads.synthetic(20_000, 128, 5)
    FaissFlat.create(tmp_path / "flat", workload.passages, workload.vectors).close()
    measured = store_memory.measure("faiss-flat", tmp_path / "flat", workload.queries, (), 10)
    assert measured is None or workload.vectors.nbytes < measured < 5 * workload.vectors.nbytes


def test_a_memory_that_cannot_be_measured_is_a_sentence(tmp_path):
    workload = workloads.synthetic(10, 8, 5)
    with pytest.raises(TesseraError, match="could not be measured"):
        store_memory.measure("faiss-flat", tmp_path / "nowhere", workload.queries, (), 10)
