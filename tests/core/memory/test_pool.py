"""A document's first z comes from its own words, and rows never disturb each other."""

from __future__ import annotations

import pytest
import torch

from core.errors import TesseraError
from core.memory.pool import MemoryPool, embedding_basis, first_z, token_idf
from core.memory.projector import Projector


@pytest.fixture
def table() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(50, 12, generator=generator) * torch.linspace(3, 0.1, 12) + 1


def test_a_full_basis_gives_every_embedding_back(table: torch.Tensor) -> None:
    basis = embedding_basis(table, 12)
    back = Projector.from_basis(basis)(basis.coordinates(table))
    assert torch.allclose(back, table, atol=1e-4)


def test_a_short_basis_keeps_the_directions_that_vary_most(table: torch.Tensor) -> None:
    basis = embedding_basis(table, 3)
    back = Projector.from_basis(basis)(basis.coordinates(table))
    lost = (back - table).square().sum() / (table - table.mean(0)).square().sum()
    assert lost < 0.5
    assert embedding_basis(table, 3).components.equal(basis.components)


def test_a_wide_z_is_filled_with_zeros(table: torch.Tensor) -> None:
    basis = embedding_basis(table, 20)
    assert basis.components.shape == (20, 12)
    assert basis.coordinates(table)[:, 12:].abs().max() == 0


def test_one_token_a_segment_is_that_token(table: torch.Tensor) -> None:
    basis, idf = embedding_basis(table, 12), torch.ones(50)
    z = first_z([3, 7, 9], table, basis, idf, m=3)
    assert torch.allclose(z, basis.coordinates(table[[3, 7, 9]]), atol=1e-5)


def test_order_of_segments_and_rare_words_matter(table: torch.Tensor) -> None:
    basis = embedding_basis(table, 12)
    idf = torch.zeros(50)
    idf[7] = 5.0
    z = first_z([3, 7, 9, 9], table, basis, idf, m=2)
    assert torch.allclose(z.flip(0), first_z([9, 9, 3, 7], table, basis, idf, m=2), atol=1e-6)
    near = torch.nn.functional.cosine_similarity(z[0], basis.coordinates(table[[7, 3]]))
    assert near[0] > near[1]


@pytest.mark.parametrize("length", [1, 2, 5])
def test_documents_shorter_than_m_fill_every_segment(table: torch.Tensor, length: int) -> None:
    z = first_z(list(range(length)), table, embedding_basis(table, 12), torch.ones(50), m=8)
    assert z.isfinite().all()
    assert (z.abs().sum(1) > 0).all()


def test_an_empty_document_is_refused(table: torch.Tensor) -> None:
    with pytest.raises(TesseraError, match="empty document"):
        first_z([], table, embedding_basis(table, 12), torch.ones(50), m=2)


def test_idf_falls_with_the_number_of_documents() -> None:
    idf = token_idf([[1, 2, 2], [1, 3], [1]], 5)
    assert idf[4] > idf[2] == idf[3] > idf[1]
    assert (idf >= 0).all()


def test_rows_come_and_go_without_touching_others() -> None:
    pool = MemoryPool(("a", "b"), ("A", "B"), torch.randn(2, 3, 4))
    grown = pool.with_row("c", "C", torch.zeros(3, 4))
    assert torch.equal(grown.z[:2], pool.z)
    shrunk = grown.without_row("a")
    assert shrunk.ids == ("b", "c")
    assert torch.equal(shrunk.z[0], pool.z[1])
    with pytest.raises(TesseraError, match="holds no document 'a'"):
        shrunk.row("a")
