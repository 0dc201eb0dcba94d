"""Every key stands once, and the best match of a document is that among its own keys."""

from __future__ import annotations

import pytest
import torch

from core.memory import document_keys
from core.memory.document_keys import DocumentKeys


@pytest.fixture
def keys() -> torch.Tensor:
    return torch.randn(7, 4, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def which() -> torch.Tensor:
    return torch.tensor([[0, 3, 3], [6, 6, 6], [2, 5, 1]])


def test_the_best_match_is_that_over_all_vectors_of_a_document(keys, which, monkeypatch):
    queries = torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(1))
    each = (queries @ keys[which].flatten(0, 1).T).unflatten(-1, which.shape).amax(-1)
    assert DocumentKeys.of_vectors(keys, which).best(queries).allclose(each)
    monkeypatch.setattr(document_keys, "_SIMILARITIES_AT_ONCE", 14)  # two queries at a time
    assert DocumentKeys.of_vectors(keys, which).best(queries).allclose(each)


def test_gradients_reach_the_key_that_matched_best_and_no_other(keys, which):
    keys.requires_grad_()
    DocumentKeys.of_vectors(keys, which).best(torch.ones(1, 4))[0, 0].backward()
    best = 0 if keys[0].sum() > keys[3].sum() else 3
    assert keys.grad[best].eq(1).all() and keys.grad.abs().sum() == 4


def test_a_document_that_is_put_anew_matches_by_its_new_keys_alone(keys, which):
    moved, queries = DocumentKeys.of_vectors(keys, which), torch.randn(3, 4, generator=torch.Generator().manual_seed(2))
    before, picked = moved.best(queries), moved.picked([2, 1])
    moved.put(1, queries[:1])
    after = moved.best(queries)
    assert after[:, 1].allclose(queries @ queries[0]) and after[:, [0, 2]].equal(before[:, [0, 2]])
    assert picked.best(queries).equal(before[:, [2, 1]])
    assert moved.picked([1, 0]).best(queries).allclose(after[:, [1, 0]])
    assert len(moved) == 3 and len(picked) == 2


def test_a_key_weighs_once_however_many_documents_have_it(keys):
    few, many = (DocumentKeys.of_vectors(keys, torch.zeros(count, 3).long()) for count in (2, 1002))
    assert many.nbytes - few.nbytes == 1000 * 8
