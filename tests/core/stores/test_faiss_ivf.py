"""What only the inverted file of FAISS does: lists and probes."""

from dataclasses import replace

import numpy as np
import pytest

from core.corpus.types import Passage
from core.stores.base import SearchRequest, partitions_for
from core.stores.faiss_index import FaissFlat, FaissIvf


def rows(n):
    vectors = np.random.default_rng(0).standard_normal((n, 16)).astype(np.float32)
    passages = [Passage(f"p{row}", "", "", "even" if row % 2 == 0 else "odd") for row in range(n)]
    return passages, vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize(("n", "lists"), [(1, 1), (11, 1), (77, 1), (78, 2), (800, 20), (100_000, 316)])
def test_lists_grow_with_the_passages(n, lists):
    assert partitions_for(n) == lists


def test_more_probes_find_more_until_the_search_is_exact(tmp_path):
    passages, vectors = rows(800)
    store = FaissIvf.create(tmp_path / "ivf", passages, vectors)
    exact = FaissFlat.create(tmp_path / "flat", passages, vectors)
    shares = []
    for nprobe in (1, 4, 20):
        found = 0
        for vector in vectors[:40]:
            request = SearchRequest(k=10, vector=vector)
            hits = store.search(replace(request, options={"nprobe": nprobe}))
            found += len({hit.passage_id for hit in hits} & {hit.passage_id for hit in exact.search(request)})
        shares.append(found / 400)
    assert shares[0] < shares[1] < shares[2] == 1.0


def test_a_filter_is_answered_in_full(tmp_path):
    passages, vectors = rows(800)
    store = FaissIvf.create(tmp_path / "ivf", passages, vectors)
    hits = store.search(SearchRequest(k=400, vector=vectors[0], filter={"topic": "odd"}, options={"nprobe": 1}))
    assert {hit.passage_id for hit in hits} == {passage.id for passage in passages if passage.topic == "odd"}
