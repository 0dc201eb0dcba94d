"""A memory opens as it was written, refuses what it was not made for, and says no more once it is closed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from core.corpus.store import fingerprint
from core.corpus.types import Corpus, Passage
from core.errors import ArtefactMissing, ArtefactStale, TesseraError
from core.memory.adaptation import with_document, without_document
from core.memory.model import Memory
from core.memory.store import CARD, LORA, POOL
from core.memory.z_reader import ZReader, batch_evidence
from core.models.language_model import LanguageModel
from core.models.session import Session
from tests.core.memory.conftest import FACTS
from tests.models import tiny_language_model


def test_a_saved_copy_is_the_same_memory(fact_memory: Memory, tiny_lm: LanguageModel, tmp_path: Path) -> None:
    fact_memory.save(tmp_path)
    copy = Memory.load(tmp_path, tiny_lm)
    assert torch.equal(copy.pool.z, fact_memory.pool.z)
    assert copy.card == fact_memory.card
    assert copy.route("canal of winter") == fact_memory.route("canal of winter")
    assert ZReader(copy).evidence("What?", ["d1"]) == FACTS[1]


def test_another_model_is_refused(fact_folder: Path) -> None:
    with pytest.raises(ArtefactStale, match="was trained on tiny"):
        Memory.load(fact_folder, tiny_language_model(seed=9))


def test_a_model_with_an_adapter_is_refused(fact_folder: Path, tiny_lm: LanguageModel) -> None:
    reader = LanguageModel(tiny_lm.model, tiny_lm.tokenizer, replace(tiny_lm.identity, adapter="reader"))
    with pytest.raises(ArtefactStale):
        Memory.load(fact_folder, reader)


def test_another_number_format_is_accepted(fact_folder: Path, tiny_lm: LanguageModel) -> None:
    other = LanguageModel(tiny_lm.model, tiny_lm.tokenizer, replace(tiny_lm.identity, dtype="bfloat16"))
    assert Memory.load(fact_folder, other).pool.ids == ("d0", "d1", "d2", "d3")


def test_another_corpus_is_refused(
    fact_folder: Path, fact_corpus: Corpus, tiny_corpus: Corpus, tiny_lm: LanguageModel
) -> None:
    Memory.load(fact_folder, tiny_lm, fingerprint(fact_corpus.passages))
    with pytest.raises(ArtefactStale, match=r"another corpus \(facts\)"):
        Memory.load(fact_folder, tiny_lm, fingerprint(tiny_corpus.passages))


def test_missing_and_damaged_files_are_named(fact_memory: Memory, tiny_lm: LanguageModel, tmp_path: Path) -> None:
    with pytest.raises(ArtefactMissing, match="no memory"):
        Memory.load(tmp_path, tiny_lm)
    fact_memory.save(tmp_path)
    (tmp_path / LORA).write_bytes((tmp_path / LORA).read_bytes()[:100])
    with pytest.raises(ArtefactStale, match=LORA):
        Memory.load(tmp_path, tiny_lm)
    fact_memory.save(tmp_path)
    card = json.loads((tmp_path / CARD).read_text())
    (tmp_path / CARD).write_text(json.dumps({**card, "ids": card["ids"][:2]}))
    (tmp_path / LORA).write_bytes((fact_memory.folder / LORA).read_bytes())
    with pytest.raises(ArtefactStale, match="names 2 documents and holds 4"):
        Memory.load(tmp_path, tiny_lm)
    assert (tmp_path / POOL).is_file()


def test_the_base_model_is_not_changed(fact_memory: Memory, tiny_lm: LanguageModel) -> None:
    ours = fact_memory.lm.model.state_dict()
    assert any(not torch.equal(tensor, ours[name]) for name, tensor in tiny_lm.model.state_dict().items())
    fresh = tiny_language_model().model.state_dict()
    assert all(torch.equal(tensor, fresh[name]) for name, tensor in tiny_lm.model.state_dict().items())


def test_streaming_says_what_the_batch_says(fact_memory: Memory) -> None:
    for row, fact in enumerate(FACTS):
        assert ZReader(fact_memory).evidence("What?", [f"d{row}"]) == fact


def test_a_closed_stream_stops_the_model(fact_memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0
    forward = Session._forward

    def counted(session: Session, embeddings: torch.Tensor, last: int = 1) -> torch.Tensor:
        nonlocal calls
        calls += 1
        return forward(session, embeddings, last)

    monkeypatch.setattr(Session, "_forward", counted)
    stream = ZReader(fact_memory).stream("What?", ["d0"])
    next(stream)
    seen = calls
    stream.close()
    assert calls == seen == 1  # z and the question are read at once


def test_weights_of_documents_and_null_slot_make_one(fact_memory: Memory) -> None:
    routing = fact_memory.route("lamp of glass", k=4)
    assert len(routing.documents) == 4
    assert sum(d.weight for d in routing.documents) + routing.null == pytest.approx(1, abs=1e-5)
    weights = [d.weight for d in routing.documents]
    assert weights == sorted(weights, reverse=True)


def test_forgetting_and_learning_leave_the_rest_alone(fact_memory: Memory) -> None:
    grown = with_document(fact_memory, Passage("new", "Barge", "A barge of salt."))
    assert torch.equal(grown.pool.z[:4], fact_memory.pool.z)
    assert grown.pool.ids[-1] == "new"
    assert grown.card.learned == ("new",)
    back = without_document(grown, "new")
    assert torch.equal(back.pool.z, fact_memory.pool.z)
    assert back.card == fact_memory.card
    with pytest.raises(TesseraError, match="already holds"):
        with_document(grown, Passage("new", "", "Again."))
    with pytest.raises(TesseraError, match="holds no document 'gone'"):
        batch_evidence(fact_memory, ["What?"], ["gone"])


def test_a_new_document_can_be_found_before_it_is_learned(fact_memory: Memory) -> None:
    grown = with_document(fact_memory, Passage("new", "Question", "Question: who built the observatory?"))
    assert grown.route("who built the observatory", k=1).documents[0].passage_id == "new"
