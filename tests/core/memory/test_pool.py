"""A document's first z comes from its own words, and rows never disturb each other."""

from __future__ import annotations

import pytest
import torch

from core.errors import TesseraError
from core.memory.pool import MemoryPool, encode_z, z_bytes
from core.memory.projector import Projector, embedding_basis, first_z, token_idf


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


def test_a_token_a_vector_while_there_are_vectors_enough(table: torch.Tensor) -> None:
    basis = embedding_basis(table, 12)
    z = first_z([3, 7, 9], table, basis, m=5)
    assert torch.allclose(z[:3], basis.coordinates(table[[3, 7, 9]]), atol=1e-5)
    assert z[3:].abs().max() == 0


def test_more_tokens_than_vectors_are_blended_with_their_neighbours(table: torch.Tensor) -> None:
    basis = embedding_basis(table, 12)
    z = first_z([3, 7, 9, 8], table, basis, m=2)
    points = basis.coordinates(table[[3, 7, 9, 8]])
    assert torch.allclose(z, torch.stack([points[:2].sum(0), points[2:].sum(0)]) / 2**0.5, atol=1e-5)
    assert torch.allclose(z.flip(0), first_z([9, 8, 3, 7], table, basis, m=2), atol=1e-5)


@pytest.mark.parametrize("length", [1, 7, 8, 9, 50])
def test_every_token_of_a_document_leaves_its_mark(table: torch.Tensor, length: int) -> None:
    basis, ids = embedding_basis(table, 12), list(range(length))
    z = first_z(ids, table, basis, m=8)
    assert z.shape == (8, 12)
    assert z.isfinite().all()
    for place in range(length):
        changed = [*ids[:place], 49 - place if ids[place] != 49 - place else 20, *ids[place + 1 :]]
        assert not torch.allclose(first_z(changed, table, basis, m=8), z)


def test_an_empty_document_is_refused(table: torch.Tensor) -> None:
    with pytest.raises(TesseraError, match="empty document"):
        first_z([], table, embedding_basis(table, 12), m=2)


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


@pytest.mark.parametrize("z_format", ["float16", "int8"])
def test_a_document_weighs_what_is_written_of_it(z_format: str) -> None:
    written = sum(part.nbytes for part in encode_z(torch.randn(5, 3, 4), z_format).values())
    assert 5 * z_bytes({"m": 3, "z_dim": 4, "z_format": z_format}) == written
    assert z_bytes({"m": 3, "z_dim": 4, "kept": z_format}) == written / 5
    assert z_bytes({}) == 0


def test_vectors_that_a_document_does_not_fill_say_nothing() -> None:
    pool = MemoryPool(("a",), ("A",), torch.tensor([[[1.0, 0.0], [0.0, 0.0], [0.0, -2.0]]]))
    assert pool.filled("a").tolist() == [True, False, True]
