"""A few numbers of z are looked up in the vocabulary: they name words, can be moved, and train as any z."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from core.corpus.types import Corpus, Passage
from core.errors import TesseraError
from core.memory import store
from core.memory.adaptation import AdaptConfig, adapt, with_document
from core.memory.config import MemoryConfig
from core.memory.model import Memory
from core.memory.pool import as_stored
from core.memory.projector import first_z, token_idf
from core.memory.prompt import ZPrompt
from core.memory.shared_weights import SharedWeights
from core.memory.training import train_memory
from core.memory.z_codec import ZCodec
from core.models.language_model import LanguageModel
from tests.core.memory.conftest import matches

NUMBERS = 4
NEW = Passage("new", "Harbour", "The harbour master keeps seven grey cats.")


@pytest.fixture
def table(tiny_lm: LanguageModel) -> torch.Tensor:
    return tiny_lm.model.get_input_embeddings().weight.detach()


@pytest.fixture
def looked_up(fact_memory: Memory) -> MemoryConfig:
    """The settings of the memory to start from, with a narrow z that is looked up in the vocabulary."""
    return replace(fact_memory.card.config, z_dim=NUMBERS, vocabulary=True, z_format="int8")


@pytest.fixture
def narrow(
    tiny_lm: LanguageModel, fact_corpus: Corpus, fact_folder: Path, looked_up: MemoryConfig, tmp_path: Path
) -> Memory:
    config = replace(looked_up, steps=2, batch=4, router_steps=2)
    for _ in train_memory(tiny_lm, fact_corpus, tmp_path, config, start=_wide(fact_folder, tiny_lm, fact_corpus)):
        pass
    return Memory.load(tmp_path, tiny_lm)


def _wide(folder: Path, lm: LanguageModel, corpus: Corpus) -> SharedWeights:
    """Weights for z as wide as the model: what the vocabulary gives back."""
    hidden = lm.model.get_input_embeddings().weight.shape[1]
    config = replace(store.read_card(folder).config, z_dim=hidden, steps=1, batch=2, router_steps=1)
    wide = folder.parent / f"{folder.name}-wide"
    for _ in train_memory(lm, corpus, wide, config):
        pass
    return SharedWeights.load(wide)


def test_a_few_stored_numbers_name_the_words_that_the_whole_coordinates_name(
    table: torch.Tensor, looked_up: MemoryConfig
) -> None:
    codec, ids = ZCodec(table, looked_up), [5, 9, 31, 7]
    stored = as_stored(codec.first(ids), "int8")
    assert stored.shape == (looked_up.m, NUMBERS)
    whole = first_z(ids, table, codec.basis, looked_up.m)
    read = codec.read(stored)
    assert read.shape == whole.shape == (looked_up.m, table.shape[1])
    nearest = torch.cdist(read[: len(ids)], codec.basis.coordinates(table)).argmin(1)
    assert nearest.tolist() == ids
    assert not read[len(ids) :].any()  # what a short document leaves free stays the mean embedding, as it does else


def test_with_too_few_vectors_the_most_telling_words_stay_whole_and_in_their_order(
    tiny_lm: LanguageModel, looked_up: MemoryConfig
) -> None:
    prompt = ZPrompt(tiny_lm.tokenizer, min(tiny_lm.stop_ids))
    table = tiny_lm.model.get_input_embeddings().weight
    text = "The lamp of the hill is blue. The lamp has 40 keepers."
    idf = token_idf([prompt.encode(text), prompt.encode("The hill is of the canal.")], len(table))
    whole = prompt.encode(text)

    def shown(m: int) -> list[int]:
        return ZCodec(table, replace(looked_up, m=m)).words(prompt, text, idf)

    assert shown(len(whole)) == whole
    fewer = shown(len(whole) - 4)
    following = iter(whole)
    assert len(fewer) <= len(whole) - 4 and all(token in following for token in fewer)
    said = prompt.decode(fewer)
    assert "40" in said and "keepers" in said and said.count(".") == 2
    assert said.count("lamp") == 1


def test_a_gradient_moves_a_vector_nearer_to_another_word(table: torch.Tensor, looked_up: MemoryConfig) -> None:
    codec = ZCodec(table, replace(looked_up, m=1))
    z = codec.first([5]).requires_grad_()
    goal = codec.read(codec.first([9]))
    before = float((codec.read(z.detach()) - goal).square().sum())
    optimiser = torch.optim.Adam([z], lr=0.1)
    for _ in range(100):
        optimiser.zero_grad()
        (codec.read(z) - goal).square().sum().backward()
        optimiser.step()
    assert float((codec.read(z.detach()) - goal).square().sum()) < 0.8 * before


def test_it_is_trained_kept_and_read_as_any_other_memory(narrow: Memory, fact_corpus: Corpus) -> None:
    config = narrow.card.config
    assert narrow.pool.z.shape == (len(fact_corpus.passages), config.m, NUMBERS)
    assert narrow.soft_tokens([fact_corpus.passages[0].id]).shape[1] == config.m
    assert len(narrow.index.keys) == len(narrow.pool.z)
    assert narrow.card.training["earlier_s"] > 0  # the weights that it starts from learned these documents, too


def test_its_words_are_read_off_z_alone_and_to_the_same_bit(narrow: Memory, tiny_lm: LanguageModel) -> None:
    reopened = Memory.load(narrow.folder, tiny_lm)
    questions = ["Who keeps the cats?", *narrow.pool.titles]
    assert any(narrow.index.terms.match(question).any() for question in questions)
    for question in questions:
        assert reopened.index.terms.match(question).equal(narrow.index.terms.match(question))
    moved = narrow.pool.z.roll(1, 0)
    for passage_id, z in zip(narrow.pool.ids, moved, strict=True):
        reopened.set_z(passage_id, z)
    for question in questions:
        assert reopened.index.terms.match(question).equal(narrow.index.terms.match(question).roll(1, 0))


def test_one_more_document_is_learned_by_its_z_alone(narrow: Memory) -> None:
    grown = with_document(narrow, NEW)
    first = grown.pool.z[-1].clone()
    for _ in adapt(grown, NEW, config=AdaptConfig(steps=3, batch=2)):
        pass
    assert not grown.pool.z[-1].equal(first)
    assert grown.pool.z[:-1].equal(narrow.pool.z)
    assert matches(grown)[:, :-1].equal(matches(narrow))


def test_weights_of_another_width_are_refused(
    tiny_lm: LanguageModel, fact_corpus: Corpus, fact_folder: Path, looked_up: MemoryConfig, tmp_path: Path
) -> None:
    hidden = tiny_lm.model.get_input_embeddings().weight.shape[1]
    weights = SharedWeights.load(fact_folder)
    if weights.card.config.z_dim == hidden:
        pytest.skip("the memory to start from is as wide as the model")
    options: dict[str, Any] = {"start": weights}
    with pytest.raises(TesseraError, match="z_dim is"):
        list(train_memory(tiny_lm, fact_corpus, tmp_path, looked_up, **options))


@pytest.mark.parametrize("vocabulary", [5, 192, 1000])
def test_the_nearest_tokens_are_those_of_a_full_sort(vocabulary):
    codec = ZCodec(torch.zeros(vocabulary, 8), MemoryConfig(z_dim=3, vocabulary=True))
    drawn = torch.Generator().manual_seed(0)
    codec._keys = torch.randn(vocabulary, 3, generator=drawn)
    z, count = torch.randn(40, 3, generator=drawn), min(8, vocabulary)
    assert torch.equal(codec._nearest(z, count), torch.cdist(z, codec._keys).topk(count, largest=False).indices)


def test_a_vector_that_was_looked_up_is_read_again_without_the_vocabulary(
    table: torch.Tensor, looked_up: MemoryConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    codec = ZCodec(table, looked_up)
    z = torch.stack([codec.first([5, 9, 31]), codec.first([9, 7])])
    whole, words = codec.read_with_words(z)
    looked: list[int] = []
    nearest = codec._nearest
    monkeypatch.setattr(codec, "_nearest", lambda z, count: looked.append(len(z)) or nearest(z, count))
    again, same_words = codec.read_with_words(z)
    assert again.equal(whole) and same_words.equal(words) and not looked
    moved = z + 0.25
    assert not codec.read(moved).equal(whole) and looked
    assert ZCodec(table, looked_up).read(moved).equal(codec.read(moved))
    for step in range(2 * len(table)):  # a z that learns: what is remembered stays bounded
        codec.read(z + step)
    assert len(codec._known) <= 2 * len(table) + z.shape[0] * z.shape[1]
    assert codec.read(z).equal(whole)


def test_what_documents_share_is_read_once(table: torch.Tensor, looked_up: MemoryConfig) -> None:
    codec = ZCodec(table, looked_up)
    z = torch.stack([codec.first([5, 9, 31]), codec.first([9, 7]), codec.first([31, 9])])
    reading = codec.read_documents(z)
    assert len(reading.coordinates) == 5  # 5, 7, 9, 31 and the empty vector
    coordinates, words = codec.read_with_words(z)
    assert reading.coordinates[reading.rows].allclose(coordinates, atol=1e-5)
    assert reading.words[reading.rows].equal(words)
    part = reading.picked([2, 1])
    assert part.coordinates[part.rows].equal(reading.coordinates[reading.rows[[2, 1]]])
    assert part.words[part.rows].equal(words[[2, 1]]) and len(part.coordinates) == 4
