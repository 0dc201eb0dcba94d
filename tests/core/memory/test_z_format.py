"""Z comes back from the disk as it was in memory, in either format, and rounding twice changes nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from core.corpus.types import Passage
from core.errors import ArtefactStale, TesseraError
from core.memory import store
from core.memory.adaptation import with_document
from core.memory.config import MemoryConfig
from core.memory.model import Memory
from core.memory.pool import Z_FORMATS, as_stored, decode_z, encode_z
from core.models.language_model import LanguageModel


@pytest.fixture
def z() -> torch.Tensor:
    drawn = torch.randn(20, 4, 32, generator=torch.Generator().manual_seed(0))
    drawn[0] = 0
    drawn[1] *= 1e-4
    drawn[2] *= 300
    return drawn


@pytest.mark.parametrize("z_format", Z_FORMATS)
def test_rounding_twice_changes_no_bit(z: torch.Tensor, z_format: str) -> None:
    once = as_stored(z, z_format)
    assert torch.equal(as_stored(once, z_format), once)
    assert torch.equal(as_stored(once[3:4], z_format), once[3:4])


def test_eight_bits_cost_half_the_bytes_and_a_small_error(z: torch.Tensor) -> None:
    stored = encode_z(z, "int8")
    assert sum(t.nbytes for t in stored.values()) < 0.6 * encode_z(z, "float16")["z"].nbytes
    largest = z.abs().amax(-1, keepdim=True)
    assert ((decode_z(stored) - z).abs() <= largest / 127 * 0.6 + 4e-5).all()


def test_a_memory_in_eight_bits_keeps_the_others_when_one_is_added(
    fact_memory: Memory, tiny_lm: LanguageModel, tmp_path: Path
) -> None:
    card = replace(fact_memory.card, config=replace(fact_memory.card.config, z_format="int8"))
    pool = replace(fact_memory.pool, z=as_stored(fact_memory.pool.z, "int8"))
    memory = Memory(fact_memory.lm, pool, fact_memory.projector, fact_memory.router, card, fact_memory.folder)
    memory.save(tmp_path)
    again = Memory.load(tmp_path, tiny_lm)
    assert torch.equal(again.pool.z, pool.z)
    grown = with_document(again, Passage("new", "", "A map of the hill."))
    grown.save(tmp_path)
    back = Memory.load(tmp_path, tiny_lm).pool.z
    assert torch.equal(back[:-1], pool.z)
    assert torch.equal(back[-1], grown.pool.z[-1])


def test_a_pool_that_lacks_its_steps_is_refused(z: torch.Tensor) -> None:
    stored = encode_z(z, "int8")
    del stored["steps"]
    with pytest.raises(ArtefactStale, match="steps"):
        decode_z(stored)


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(TesseraError, match="z_format is 'int3'"):
        MemoryConfig(z_format="int3")


def test_the_card_tells_the_formats_apart(fact_memory: Memory, tmp_path: Path) -> None:
    for z_format in Z_FORMATS:
        card = replace(fact_memory.card, config=replace(fact_memory.card.config, z_format=z_format))
        store.save_pool(tmp_path, fact_memory.pool, card)
        assert store.read_card(tmp_path).config.z_format == z_format
        assert f'"format": {store.FORMATS[z_format]}' in (tmp_path / store.CARD).read_text(encoding="utf-8")
