"""The router finds documents by their words before training, learns more, and knows when to say no."""

from __future__ import annotations

import random

import pytest
import torch

from core.corpus.types import Corpus, texts
from core.memory.config import MemoryConfig
from core.memory.projector import embedding_basis, first_z, token_idf
from core.memory.prompt import ZPrompt
from core.memory.router import QuestionReader, QuestionStates, Router, _of_best_casings
from core.memory.train_router import (
    _documents,
    corpus_questions,
    gather,
    keys_of,
    question_words,
    read_questions,
    routing_loss,
    study_questions,
)
from core.memory.z_codec import ZCodec, ZReading
from core.models.language_model import LanguageModel


@pytest.fixture
def prompt(tiny_lm: LanguageModel) -> ZPrompt:
    return ZPrompt(tiny_lm.tokenizer, min(tiny_lm.stop_ids))


@pytest.fixture
def reader(tiny_lm: LanguageModel, prompt: ZPrompt) -> QuestionReader:
    return QuestionReader(tiny_lm.model, 1, prompt.head[0])


@pytest.fixture
def routed(tiny_lm: LanguageModel, tiny_corpus: Corpus, prompt: ZPrompt) -> tuple[Router, ZReading]:
    table = tiny_lm.model.get_input_embeddings().weight
    documents = [prompt.encode(text) for text in texts(tiny_corpus.passages)]
    basis, idf = embedding_basis(table, 64), token_idf(documents, len(table))
    z = torch.stack([first_z(ids, table, basis, 16) for ids in documents])
    codec = ZCodec(table, MemoryConfig(m=16, z_dim=64))
    return Router.from_basis(basis, 64, idf).eval(), codec.read_documents(z)


def test_the_lower_layers_are_those_of_the_model(
    tiny_lm: LanguageModel, reader: QuestionReader, prompt: ZPrompt
) -> None:
    ids = prompt.encode("who built it?")
    states = reader.read([[[ids]], [[ids[:2]]]])
    full = tiny_lm.model(input_ids=torch.tensor([[prompt.head[0], *ids]]), output_hidden_states=True).hidden_states[1]
    expected = full[0, 1:] / full[0, 1:].square().mean(-1, keepdim=True).sqrt()
    assert torch.allclose(states.contextual[0], expected, atol=1e-4)
    assert len(tiny_lm.model.model.layers) == 2
    assert states.mask.sum(1).tolist() == [len(ids), 2]


def test_words_lead_to_their_document_before_any_training(
    routed: tuple[Router, ZReading], reader: QuestionReader, prompt: ZPrompt, tiny_corpus: Corpus
) -> None:
    router, z = routed
    questions = [text.split(". ")[1] for text in (p.text for p in tiny_corpus.passages)]
    states = reader.read([question_words(prompt, question) for question in questions])
    best = router.similarity(states, keys_of(router, z)).argmax(1).tolist()
    assert sum(row == found for row, found in enumerate(best)) >= 8


def test_a_word_stands_in_every_casing_that_the_corpus_has(
    routed: tuple[Router, ZReading], prompt: ZPrompt, tiny_corpus: Corpus
) -> None:
    router, _ = routed
    first, second = question_words(prompt, "library ZZYZX", router.idf)
    assert [prompt.decode(ids) for ids in first] == ["library", "Library"]
    assert [prompt.decode(ids) for ids in second] == ["ZZYZX"]
    assert question_words(prompt, "library") == [[prompt.encode(" library")]]


def test_a_word_counts_as_its_best_casing_and_weighs_as_its_commonest() -> None:
    """Two words: one in two casings of one token each, one of two tokens. Worked by hand."""
    question = QuestionStates(
        ids=torch.tensor([[0, 1, 2, 3, 9]]),
        mask=torch.tensor([[1.0, 1.0, 1.0, 1.0, 0.0]]),
        casing=torch.tensor([[0, 1, 2, 2, 0]]),
        word=torch.tensor([[0, 0, 1, 1, 0]]),
        embedded=torch.zeros(1, 5, 4),
        contextual=torch.zeros(1, 5, 4),
    )
    best = torch.tensor([[[0.9], [0.2], [0.6], [0.3], [1.0]]])
    matches, weights = _of_best_casings(best, torch.tensor([[3.0, 1.0, 1.0, 2.0, 0.0]]), question)
    assert weights.tolist() == [[1.0, 3.0, 0.0, 0.0, 0.0]]
    torch.testing.assert_close(matches[0, :2, 0], torch.tensor([0.9, 0.4]))


def test_a_question_in_capitals_finds_its_document(
    routed: tuple[Router, ZReading], reader: QuestionReader, prompt: ZPrompt, tiny_corpus: Corpus
) -> None:
    router, z = routed
    keys = keys_of(router, z)
    questions = [passage.title.upper() for passage in tiny_corpus.passages]
    found = {}
    for name, idf in (("as they stand", None), ("every casing", router.idf)):
        states = reader.read([question_words(prompt, question, idf) for question in questions])
        best = router.similarity(states, keys).argmax(1).tolist()
        found[name] = sum(row == first for row, first in enumerate(best))
    assert found["every casing"] > found["as they stand"]


def test_a_step_compares_with_the_own_documents_and_some_others() -> None:
    gold = [(3,), (90, 7)]
    shown, places = _documents(gold, 100, 10, random.Random(0))
    assert shown is not None and len(set(shown)) == len(shown) <= 10
    assert [tuple(shown[place] for place in row) for row in places] == gold
    assert _documents(gold, 100, 100, random.Random(0)) == (None, gold)


def test_padding_changes_no_score(routed: tuple[Router, ZReading], reader: QuestionReader, prompt: ZPrompt) -> None:
    router, z = routed
    short, long = question_words(prompt, "pears?"), question_words(prompt, "Who drew the maps of the library of Sarn?")
    keys = keys_of(router, z)
    both = router.similarity(reader.read([short, long]), keys)
    assert torch.allclose(both[:1], router.similarity(reader.read([short]), keys), atol=1e-5)


def test_an_empty_question_is_routed_somewhere(routed: tuple[Router, ZReading], reader: QuestionReader) -> None:
    router, z = routed
    assert router.logits(router.similarity(reader.read([[]]), keys_of(router, z))).isfinite().all()


def test_leaving_the_right_document_out_asks_for_the_null_slot(
    routed: tuple[Router, ZReading],
    reader: QuestionReader,
    prompt: ZPrompt,
    tiny_corpus: Corpus,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    router, z = routed
    states = reader.read([question_words(prompt, "Who built the lighthouse of Velm?")])
    logits = router.logits(router.similarity(states, keys_of(router, z)))[0].detach()
    monkeypatch.setattr("core.memory.train_router._LEFT_OUT", 0.0)
    kept = routing_loss(router, states, z, [(0, 2)], random.Random(0)).detach()
    assert torch.allclose(kept, logits.logsumexp(0) - logits[[0, 2]].logsumexp(0), atol=1e-4)
    monkeypatch.setattr("core.memory.train_router._LEFT_OUT", 1.0)
    left = routing_loss(router, states, z, [(0,)], random.Random(0)).detach()
    assert torch.allclose(left, logits[1:].logsumexp(0) - logits[-1], atol=1e-4)


def test_gathered_questions_are_the_ones_that_were_read(
    reader: QuestionReader, prompt: ZPrompt, tiny_corpus: Corpus
) -> None:
    questions = study_questions(tiny_corpus, seed=0) + corpus_questions(tiny_corpus, "train")
    parts = [part for _, part in read_questions(reader, prompt, questions)]
    rows = [0, len(questions) - 1, 65]
    picked = gather(parts, rows)
    for place, row in enumerate(rows):
        ((ids,),) = question_words(prompt, questions[row].text)
        assert picked.ids[place, : len(ids)].tolist() == ids
        assert int(picked.mask[place].sum()) == len(ids)
