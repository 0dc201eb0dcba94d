"""Soft tokens and their keys and values say the same; several documents can be read at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from core.corpus.types import Corpus
from core.errors import TesseraError
from core.memory.config import MemoryConfig
from core.memory.model import Memory
from core.memory.shared_weights import SharedWeights
from core.memory.training import train_memory
from core.memory.z_reader import ReadConfig, ZReader, batch_evidence
from core.models.budget import Budget
from core.models.language_model import LanguageModel
from core.trace import Tracer
from tests.core.memory.conftest import FACT_CONFIG, FACTS


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
        assert [reader.evidence("What?", [f"d{i}"]) for i in range(4)] == list(FACTS)


def test_kept_keys_and_values_spare_the_prefill(fact_memory: Memory) -> None:
    reader = ZReader(fact_memory, ReadConfig("kv"))
    first, second = Tracer(), Tracer()
    reader.open("What?", ["d0"], first)
    reader.open("What?", ["d0"], second)
    opening, tail = len(fact_memory.prompt.head) + FACT_CONFIG.m, len(fact_memory.prompt.tail("What?"))
    assert (first.cached_tokens, first.prompt_tokens) == (0, opening + tail)
    assert (second.cached_tokens, second.prompt_tokens) == (opening, tail)
    assert reader.kept.resident_bytes() == opening * fact_memory.lm.kv_bytes_per_token


def test_the_budget_lets_the_oldest_go(fact_memory: Memory) -> None:
    one = (len(fact_memory.prompt.head) + FACT_CONFIG.m) * fact_memory.lm.kv_bytes_per_token
    budget = Budget(2 * one)
    reader, other = (ZReader(fact_memory, ReadConfig("kv"), budget) for _ in range(2))
    for name in ("d0", "d1", "d0", "d2"):
        reader.open("What?", [name], Tracer())
    assert reader.kept.resident_bytes() == 2 * one
    used = {}
    for name in ("d0", "d1"):
        tracer = Tracer()
        reader.open("What?", [name], tracer)
        used[name] = tracer.cached_tokens > 0
    assert used == {"d0": True, "d1": False}
    other.open("What?", ["d3"], Tracer())
    assert (reader.kept.resident_bytes(), other.kept.resident_bytes()) == (one, one)


def test_two_documents_are_longer_than_one(fact_memory: Memory) -> None:
    one, two = Tracer(), Tracer()
    reader = ZReader(fact_memory, ReadConfig())
    reader.open("What?", ["d0"], one)
    reader.open("What?", ["d0", "d1"], two)
    assert two.prompt_tokens - one.prompt_tokens == fact_memory.card.config.m


@pytest.fixture(scope="session")
def cross_folder(tiny_lm: LanguageModel, fact_corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A memory that has learned the four facts by cross-attention."""
    folder = tmp_path_factory.mktemp("cross")
    for _ in train_memory(tiny_lm, fact_corpus, folder, replace(FACT_CONFIG, read="cross")):
        pass
    return folder


def test_cross_attention_recalls_what_it_was_trained_on(cross_folder: Path, tiny_lm: LanguageModel) -> None:
    memory = Memory.load(cross_folder, tiny_lm)
    reader = ZReader(memory, ReadConfig("cross"))
    ids = [f"d{i}" for i in range(4)]
    assert [reader.evidence("What?", [name]) for name in ids] == list(FACTS)
    assert batch_evidence(memory, ["What?"] * 4, ids) == list(FACTS)
    assert "".join(reader.stream("What?", ["d2"])).strip() == FACTS[2]


def test_a_memory_is_read_in_the_way_it_was_trained_for(
    cross_folder: Path,
    fact_folder: Path,
    fact_memory: Memory,
    tiny_lm: LanguageModel,
    fact_corpus: Corpus,
    tmp_path: Path,
) -> None:
    with pytest.raises(TesseraError, match="trained to be read by 'prefix'"):
        ZReader(fact_memory, ReadConfig("cross"))
    with pytest.raises(TesseraError, match="trained to be read by 'cross'"):
        ZReader(Memory.load(cross_folder, tiny_lm), ReadConfig("kv"))
    with pytest.raises(TesseraError, match="'prefix' in the memory to start from"):
        list(
            train_memory(
                tiny_lm,
                fact_corpus,
                tmp_path,
                replace(FACT_CONFIG, read="cross"),
                start=SharedWeights.load(fact_folder),
            )
        )


@pytest.mark.parametrize(
    ("values", "says"),
    [({"mode": "telepathy"}, "telepathy"), ({"top_r": 0}, "top_r"), ({"sentences": -1}, "0 sentences")],
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
