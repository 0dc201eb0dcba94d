"""The answer is read off z: what a model reads there is what it reads where the words of z stand in the prompt."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from core.corpus.types import Corpus, texts
from core.errors import TesseraError
from core.memory.answer_reader import AnswerReader
from core.memory.config import MemoryConfig
from core.memory.model import Memory
from core.memory.projector import Projector
from core.memory.z_codec import ZCodec
from core.models.budget import Budget
from core.models.language_model import LanguageModel
from core.models.session import Session
from core.trace import Tracer

IDS = ["d0", "d2"]


def reader_of(memory: Memory, lm: LanguageModel, budget: int = 1 << 30) -> AnswerReader:
    return AnswerReader(memory, lm, limit=8, budget=Budget(budget))


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
    session = reader_of(memory, tiny_lm).open("What?", IDS, Tracer())
    prompt, expected = tiny_lm.prompt, tiny_lm.session()
    rows = memory.pool.rows(IDS)
    expected.prefill([*prompt.head, *(t for row in rows for t in (*shown[row], *prompt.gap)), *prompt.tail("What?")])
    assert session.length == expected.length
    assert session.logits is not None and expected.logits is not None
    assert torch.allclose(session.logits, expected.logits, atol=1e-3)


def test_what_is_kept_gives_the_same_answer_and_spares_the_prefill(fact_memory: Memory, tiny_lm: LanguageModel) -> None:
    reader, first, again = reader_of(fact_memory, tiny_lm), Tracer(), Tracer()
    answers = ["".join(reader.stream(reader.open("What?", IDS, tracer), tracer)) for tracer in (first, again)]
    assert answers[0] == answers[1]
    head, tail = len(tiny_lm.prompt.head), len(tiny_lm.prompt.tail("What?"))
    assert first.cached_tokens == head
    assert (again.prompt_tokens, again.cached_tokens) == (tail, head + first.prompt_tokens - tail)


def test_the_budget_lets_the_oldest_go(fact_memory: Memory, tiny_lm: LanguageModel) -> None:
    reader = reader_of(fact_memory, tiny_lm)
    reader.answer("What?", ["d0"])
    tight = reader_of(fact_memory, tiny_lm, budget=reader.kept.resident_bytes())
    for passage_id in ("d0", "d1", "d1"):
        tight.answer("What?", [passage_id])
    assert tight.kept.resident_bytes() <= 1.5 * reader.kept.resident_bytes()
    tracer = Tracer()
    tight.open("What?", ["d0"], tracer)
    assert tracer.cached_tokens == len(tiny_lm.prompt.head)


@pytest.mark.parametrize(
    ("declined", "asked"),
    [
        ([], ["d0"]),
        (["d0"], ["d0", "d1"]),
        (["d0", "d1"], ["d0", "d1", "d2"]),
        (["d0", "d1", "d2"], ["d1", "d2", "d0"]),
    ],
)
def test_where_the_model_declines_the_next_document_is_read(
    fact_memory: Memory,
    tiny_lm: LanguageModel,
    monkeypatch: pytest.MonkeyPatch,
    declined: list[str],
    asked: list[str],
) -> None:
    reader = reader_of(fact_memory, tiny_lm)
    open_really = reader.open

    def open_and_decline(question: str, passage_ids: list[str], tracer: Tracer) -> Session:
        session = open_really(question, passage_ids, tracer)
        assert session.logits is not None
        session.logits = session.logits.clone()
        session.logits[tiny_lm.prompt.declining] = -100 + 200 * (passage_ids[0] in declined)
        return session

    monkeypatch.setattr(reader, "open", open_and_decline)
    session, read = reader.open_in_turn("What?", [["d0"], ["d1"], ["d2"]], Tracer())
    assert read == [[each] for each in asked]  # the first answers where all decline
    assert "".join(reader.stream(session, Tracer())).strip() == reader.answer("What?", asked[-1:])


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
