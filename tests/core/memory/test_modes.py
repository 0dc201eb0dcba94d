"""Soft tokens and their keys and values say the same; several documents can be read at once."""

from __future__ import annotations

import pytest
import torch

from core.errors import TesseraError
from core.memory.config import MemoryConfig
from core.memory.model import Memory
from core.memory.modes import ReadConfig, ZReader
from core.trace import Tracer
from tests.core.memory.conftest import FACTS


def opened(memory: Memory, mode: str, ids: list[str]) -> tuple[torch.Tensor, list[int]]:
    session = ZReader(memory, ReadConfig(mode)).open("What?", ids, Tracer())
    assert session.logits is not None
    return session.logits, list(session.decode(32))


@pytest.mark.parametrize("ids", [["d0"], ["d3"], ["d1", "d2"]])
def test_both_modes_say_the_same(fact_memory: Memory, ids: list[str]) -> None:
    (soft, said), (kept, again) = opened(fact_memory, "prefix", ids), opened(fact_memory, "kv", ids)
    torch.testing.assert_close(soft, kept, atol=1e-4, rtol=1e-4)
    assert said == again


@pytest.mark.parametrize("mode", ["prefix", "kv"])
def test_the_right_fact_is_recalled_again_and_again(fact_memory: Memory, mode: str) -> None:
    reader = ZReader(fact_memory, ReadConfig(mode))
    for _ in range(2):
        assert [reader.recall("What?", [f"d{i}"]) for i in range(4)] == list(FACTS)


def test_kept_keys_and_values_spare_the_prefill(fact_memory: Memory) -> None:
    reader = ZReader(fact_memory, ReadConfig("kv"))
    first, second = Tracer(), Tracer()
    reader.open("What?", ["d0"], first)
    reader.open("What?", ["d0"], second)
    opening, tail = len(fact_memory.opening(["d0"])), len(fact_memory.frame.tail("What?"))
    assert (first.cached_tokens, first.prompt_tokens) == (0, opening + tail)
    assert (second.cached_tokens, second.prompt_tokens) == (opening, tail)
    assert reader.bytes == opening * fact_memory.lm.kv_bytes_per_token


def test_the_budget_lets_the_oldest_go(fact_memory: Memory) -> None:
    one = len(fact_memory.opening(["d0"])) * fact_memory.lm.kv_bytes_per_token
    reader = ZReader(fact_memory, ReadConfig("kv", budget=2 * one))
    for name in ("d0", "d1", "d0", "d2"):
        reader.open("What?", [name], Tracer())
    assert reader.bytes == 2 * one
    used = {}
    for name in ("d0", "d1"):
        tracer = Tracer()
        reader.open("What?", [name], tracer)
        used[name] = tracer.cached_tokens > 0
    assert used == {"d0": True, "d1": False}


def test_two_documents_are_longer_than_one(fact_memory: Memory) -> None:
    one, two = Tracer(), Tracer()
    reader = ZReader(fact_memory, ReadConfig())
    reader.open("What?", ["d0"], one)
    reader.open("What?", ["d0", "d1"], two)
    assert two.prompt_tokens - one.prompt_tokens == fact_memory.card.config.m


@pytest.mark.parametrize(
    ("values", "says"), [({"mode": "telepathy"}, "telepathy"), ({"top_r": 0}, "top_r"), ({"budget": 0}, "budget")]
)
def test_settings_are_checked(values: dict, says: str) -> None:
    with pytest.raises(TesseraError, match=says):
        ReadConfig(**values)
    if "mode" in values:
        with pytest.raises(TesseraError, match=says):
            MemoryConfig(read=values["mode"])


def test_an_unknown_document_is_refused(fact_memory: Memory) -> None:
    with pytest.raises(TesseraError, match="holds no document"):
        ZReader(fact_memory, ReadConfig("kv")).open("What?", ["d9"], Tracer())
