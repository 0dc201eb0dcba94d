"""The answer is read off z: what a model reads there is what it reads where the words of z stand in the prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch

from core.corpus.types import Corpus, texts
from core.errors import TesseraError
from core.memory.answer_reader import AnswerReader
from core.memory.config import MemoryConfig
from core.memory.model import Memory
from core.memory.projector import Projector
from core.memory.router import Router
from core.memory.z_codec import ZCodec
from core.models.language_model import LanguageModel
from core.models.session import Session
from core.trace import Tracer

IDS = ["d0", "d2"]
TEXT = "Tower\nThe tower is tall. Oren Pask built it of glass. A canal runs to the hill."


def reader_of(memory: Memory, lm: LanguageModel, sentences: int = 0) -> AnswerReader:
    return AnswerReader(memory, lm, 8, sentences)


@pytest.fixture
def spelling_memory(fact_memory: Memory, tiny_lm: LanguageModel) -> Memory:
    """A memory of one document whose z names its words, a title and three sentences."""
    table = tiny_lm.model.get_input_embeddings().weight
    config = MemoryConfig(m=64, z_dim=table.shape[1], vocabulary=True, z_format="int8")
    codec = ZCodec(table, config)
    texts = [TEXT, "A lamp\nA lamp is made of glass."]
    z = torch.stack([codec.first(fact_memory.prompt.encode(text)) for text in texts])
    pool = replace(fact_memory.pool, ids=("d0", "d1"), titles=("Tower", "A lamp"), z=z)
    card, projector = replace(fact_memory.card, config=config), Projector.from_basis(codec.basis)
    router = Router.from_basis(codec.basis, table.shape[1], fact_memory.router.idf)
    return Memory(fact_memory.lm, pool, projector, router, card, fact_memory.folder, codec=codec)


def test_soft_tokens_stand_where_words_would(fact_memory: Memory, tiny_lm: LanguageModel, fact_corpus: Corpus) -> None:
    table = tiny_lm.model.get_input_embeddings().weight
    config = MemoryConfig(m=64, z_dim=table.shape[1])
    codec = ZCodec(table, config)
    shown = [codec.words(fact_memory.prompt, text, fact_memory.router.idf) for text in texts(fact_corpus.passages)]
    pool = replace(fact_memory.pool, z=torch.stack([codec.first(ids) for ids in shown]))
    card = replace(fact_memory.card, config=config)
    projector = Projector.from_basis(codec.basis)
    memory = Memory(
        fact_memory.lm, pool, projector, fact_memory.router, card, fact_memory.folder, fact_memory.index, codec
    )
    session, _ = reader_of(memory, tiny_lm).open("What?", [IDS], Tracer())
    prompt, expected = tiny_lm.prompt, tiny_lm.session()
    rows = memory.pool.rows(IDS)
    expected.prefill([*prompt.head, *(t for row in rows for t in (*shown[row], *prompt.gap)), *prompt.tail("What?")])
    assert session.length == expected.length
    assert session.logits is not None and expected.logits is not None
    assert torch.allclose(session.logits, expected.logits, atol=1e-3)


def test_of_a_z_that_spells_sentences_the_nearest_to_the_question_is_read(
    spelling_memory: Memory, tiny_lm: LanguageModel
) -> None:
    prompt, encode = tiny_lm.prompt, spelling_memory.prompt.encode
    question = "Who built it of glass?"
    session, readings = reader_of(spelling_memory, tiny_lm, sentences=1).open(question, [["d0"]], Tracer())
    assert [(reading.passage_ids, reading.whole) for reading in readings] == [(("d0",), False)]
    title, about = encode("Tower\n"), encode("Tower\nThe tower is tall. Oren Pask built it of glass.")
    about = about[len(encode("Tower\nThe tower is tall.")) :]
    expected = tiny_lm.session()
    expected.prefill([*prompt.head, *title, *about, *prompt.gap, *prompt.tail(question)])
    assert readings[0].vectors == len(title) + len(about)
    assert readings[0].text.split("\n") == ["Tower", " Oren Pask built it of glass."]
    assert session.length == expected.length
    assert session.logits is not None and expected.logits is not None
    assert torch.allclose(session.logits, expected.logits, atol=1e-2)


def test_the_words_of_z_are_drafts_for_the_answer(spelling_memory: Memory, tiny_lm: LanguageModel) -> None:
    """The same answer, whether the session knows what its soft tokens stand for or not."""
    reader = reader_of(spelling_memory, tiny_lm, sentences=1)
    session, _ = reader.open("Who built it?", [["d0"]], Tracer())
    told, (untold, _) = session.ids, reader.open("Who built it?", [["d0"]], Tracer())
    assert len(told) == session.length
    untold.ids.clear()
    assert list(session.decode(12, stop=False)) == list(untold.decode(12, stop=False))


@pytest.mark.parametrize(
    ("declines", "asked"),
    [
        (0, [("d0", False)]),
        (1, [("d0", False), ("d0", True)]),
        (2, [("d0", False), ("d0", True), ("d1", True)]),
        (3, [("d0", True), ("d1", True), ("d0", False)]),
    ],
)
def test_where_the_model_declines_more_is_read(
    spelling_memory: Memory,
    tiny_lm: LanguageModel,
    monkeypatch: pytest.MonkeyPatch,
    declines: int,
    asked: list[tuple[str, bool]],
) -> None:
    reader, made = reader_of(spelling_memory, tiny_lm, sentences=1), list[Session]()
    prefill = Session.prefill_embeddings

    def prefill_and_decline(session: Session, embeddings: torch.Tensor, ids: Sequence[int] = ()) -> None:
        prefill(session, embeddings, ids)
        assert session.logits is not None
        session.logits = session.logits.clone()
        session.logits[tiny_lm.prompt.declining] = -100 + 200 * (len(made) < declines)
        made.append(session)

    monkeypatch.setattr(Session, "prefill_embeddings", prefill_and_decline)
    session, readings = reader.open("Who built it of glass?", [["d0"], ["d1"]], Tracer())
    assert [(reading.passage_ids[0], reading.whole) for reading in readings] == asked
    assert session is (made[0] if declines == 3 else made[-1])  # the first answers where all decline


def test_a_z_of_few_sentences_is_read_whole_once(
    spelling_memory: Memory, tiny_lm: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(tiny_lm.prompt), "declining", property(lambda prompt: -1))
    reader = reader_of(spelling_memory, tiny_lm, sentences=3)
    _, readings = reader.open("Who?", [["d0"], ["d1"]], Tracer())
    assert [(reading.passage_ids[0], reading.whole) for reading in readings] == [("d0", True)]


def test_an_unknown_document_is_refused(fact_memory: Memory, tiny_lm: LanguageModel) -> None:
    with pytest.raises(TesseraError, match="d9"):
        reader_of(fact_memory, tiny_lm).answer("What?", ["d9"])


def test_z_is_read_out_as_the_words_that_it_was_written_from(tiny_lm: LanguageModel, fact_memory: Memory) -> None:
    table = tiny_lm.model.get_input_embeddings().weight
    config = MemoryConfig(m=16, z_dim=table.shape[1], vocabulary=True, z_format="int8")
    codec = ZCodec(table, config)
    words = fact_memory.prompt.encode("the tower of Velm")
    pool = replace(fact_memory.pool, ids=("d0",), titles=("Tower",), z=codec.first(words)[None])
    card, projector = replace(fact_memory.card, config=config), Projector.from_basis(codec.basis)
    index = fact_memory.index.picked([0])
    memory = Memory(fact_memory.lm, pool, projector, fact_memory.router, card, fact_memory.folder, index, codec)
    ids, cosine = memory.nearest_tokens("d0")
    assert ids == words and cosine > 0.9
