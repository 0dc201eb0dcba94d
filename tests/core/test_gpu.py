"""FAISS on a GPU, with a stand-in for the GPU: what is searched there, and that it is the same."""

import faiss
import numpy as np
import pytest

from core.labs.benchmarks.workloads import synthetic
from core.stores.base import SearchRequest
from core.stores.faiss_index import FaissFlat
from core.voronoi.kmeans import k_means


@pytest.fixture
def copied(monkeypatch):
    """A GPU that is this CPU: the indexes that were copied to it."""
    indexes = []

    def copy(index, *given, **named):
        indexes.append(index)
        return index

    for module in (faiss, faiss.extra_wrappers):
        monkeypatch.setattr(module, "get_num_gpus", lambda: 1)
    monkeypatch.setattr(faiss, "index_cpu_to_all_gpus", copy, raising=False)
    return indexes


def test_a_flat_search_without_a_filter_goes_to_the_gpu(copied, tmp_path, monkeypatch):
    workload = synthetic(200, 16, 4)
    store = FaissFlat.create(tmp_path / "flat", workload.passages, workload.vectors)
    assert len(copied) == 1 and copied[0].ntotal == 200
    exact = np.argsort(-(workload.vectors @ workload.queries[0]))[:5]
    assert [hit.passage_id for hit in store.search(SearchRequest(5, workload.queries[0]))] == [f"v{i}" for i in exact]
    asked = []
    monkeypatch.setattr(store._on_gpu, "search", lambda *given: asked.append(given))
    topic = workload.passages[0].topic
    hits = store.search(SearchRequest(5, workload.queries[0], filter={"topic": topic}))
    assert hits and not asked


def test_without_a_gpu_nothing_is_copied(tmp_path):
    workload = synthetic(50, 16, 1)
    store = FaissFlat.create(tmp_path / "flat", workload.passages, workload.vectors)
    assert faiss.get_num_gpus() == 0 and store._on_gpu is None


def test_k_means_runs_on_the_gpu(copied):
    vectors = synthetic(300, 16, 1).vectors
    centroids = k_means(vectors, 6, seed=1)
    assert copied and centroids.shape == (6, 16)
