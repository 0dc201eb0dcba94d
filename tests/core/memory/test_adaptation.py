"""Learning one new document moves its z and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from core.corpus.types import Passage, Question
from core.errors import TesseraError
from core.memory.adaptation import AdaptConfig, adapt, with_document, with_edited, without_document
from core.memory.model import Memory
from core.memory.z_reader import batch_evidence
from core.models.language_model import LanguageModel
from tests.core.memory.conftest import FACTS, matches, queries

PASSAGE = Passage("new", "", "Winter of the glass hill.")
QUESTION = Question("n0", "What?", ("glass hill",), ("new",), (PASSAGE.text,))


def test_only_the_new_row_moves(fact_memory: Memory) -> None:
    weights = {name: tensor.clone() for name, tensor in fact_memory.lm.model.state_dict().items()}
    parts = [p.clone() for p in (*fact_memory.projector.parameters(), *fact_memory.router.parameters())]
    learner = with_document(fact_memory, PASSAGE)
    start = learner.pool.z[-1].clone()
    losses = [p.data["loss"] for p in adapt(learner, PASSAGE, [QUESTION], AdaptConfig(steps=20)) if "loss" in p.data]
    assert sum(losses[-3:]) < sum(losses[:3])
    assert not torch.equal(learner.pool.z[-1], start)
    assert torch.equal(learner.pool.z[:-1], fact_memory.pool.z)
    found = matches(learner)
    assert torch.equal(found[:, :-1], matches(fact_memory))
    learned = learner.router.keys(learner.pool.z[-1])
    assert torch.allclose(found[:, -1], (queries(learner) @ learned.T).amax(-1), atol=1e-6)
    after = fact_memory.lm.model.state_dict()
    assert all(torch.equal(weights[name], after[name]) for name in weights)
    now = [*learner.projector.parameters(), *learner.router.parameters()]
    assert all(torch.equal(old, new) for old, new in zip(parts, now, strict=True))


def test_it_learns_to_be_found(fact_memory: Memory) -> None:
    learner = with_document(fact_memory, PASSAGE)
    start = [learner.routing_loss([QUESTION.text], id_, learner.pool.z[i]) for i, id_ in enumerate(learner.pool.ids)]
    weights = learner.route(QUESTION.text, len(learner.pool.ids))
    assert torch.exp(-start[-1]).item() == pytest.approx(
        next(routed.weight for routed in weights.documents if routed.passage_id == "new"), rel=1e-4
    )
    last = list(adapt(learner, PASSAGE, [QUESTION], AdaptConfig(steps=20)))[-1]
    assert last.data["routing_loss"] > 0
    assert learner.routing_loss([QUESTION.text], "new", learner.pool.z[-1]) < start[-1]


def test_old_answers_stay(fact_memory: Memory) -> None:
    learner = with_document(fact_memory, PASSAGE)
    for _ in adapt(learner, PASSAGE, [QUESTION], AdaptConfig(steps=5)):
        pass
    assert batch_evidence(learner, ["What?"] * 4, [f"d{i}" for i in range(4)]) == list(FACTS)


def test_a_learned_document_survives_the_disk(fact_memory: Memory, tiny_lm: LanguageModel, tmp_path: Path) -> None:
    learner = with_document(fact_memory, PASSAGE)
    for _ in adapt(learner, PASSAGE, [QUESTION], AdaptConfig(steps=3)):
        pass
    learner.save(tmp_path)
    again = Memory.load(tmp_path, tiny_lm)
    assert again.card.learned == ("new",)
    assert torch.equal(again.pool.z[:4], fact_memory.pool.z)
    assert torch.equal(again.pool.z[-1], learner.pool.z[-1])


def test_it_shows_what_it_says_so_far(fact_memory: Memory) -> None:
    learner = with_document(fact_memory, PASSAGE)
    looks = [p for p in adapt(learner, PASSAGE, [QUESTION], AdaptConfig(steps=7, look_every=5)) if "evidence" in p.data]
    assert [p.done for p in looks] == [0, 5, 7]
    assert set(looks[0].data["evidence"]) == {"n0"}


def test_closing_keeps_what_was_learned(fact_memory: Memory) -> None:
    learner = with_document(fact_memory, PASSAGE)
    start = learner.pool.z[-1].clone()
    work = adapt(learner, PASSAGE, (), AdaptConfig(steps=50))
    for progress in work:
        if progress.done == 2:
            work.close()
    kept = learner.pool.z[-1].clone()
    assert not torch.equal(kept, start)


def test_the_same_seed_learns_the_same(fact_memory: Memory) -> None:
    results = []
    for _ in range(2):
        learner = with_document(fact_memory, PASSAGE)
        for _ in adapt(learner, PASSAGE, [QUESTION], AdaptConfig(steps=3)):
            pass
        results.append(learner.pool.z[-1])
    assert torch.equal(*results)


EDITED = Passage("d1", "Canal", "The canal is dry.")


def test_an_edited_document_changes_alone(fact_memory: Memory) -> None:
    edited = with_edited(fact_memory, EDITED)
    assert not torch.equal(edited.pool.z[1], fact_memory.pool.z[1])
    for _ in adapt(edited, EDITED, (), AdaptConfig(steps=5)):
        pass
    others = [0, 2, 3]
    assert edited.pool.ids == fact_memory.pool.ids
    assert edited.pool.titles[1] == "Canal" and edited.card.learned == ("d1",)
    assert torch.equal(edited.pool.z[others], fact_memory.pool.z[others])
    assert torch.equal(matches(edited)[:, others], matches(fact_memory)[:, others])
    assert batch_evidence(edited, ["What?"] * 3, ["d0", "d2", "d3"]) == [FACTS[i] for i in others]
    assert with_edited(edited, EDITED).card.learned == ("d1",)


def test_forgetting_leaves_the_others_as_they_are(fact_memory: Memory, tiny_lm: LanguageModel, tmp_path: Path) -> None:
    without_document(fact_memory, "d1").save(tmp_path)
    after = Memory.load(tmp_path, tiny_lm)
    others = [0, 2, 3]
    assert after.pool.ids == ("d0", "d2", "d3")
    assert torch.equal(after.pool.z, fact_memory.pool.z[others])
    assert batch_evidence(after, ["What?"] * 3, list(after.pool.ids)) == [FACTS[i] for i in others]
    with pytest.raises(TesseraError, match="holds no document 'd1'"):
        batch_evidence(after, ["What?"], ["d1"])


def test_what_is_not_held_cannot_be_edited(fact_memory: Memory) -> None:
    with pytest.raises(TesseraError, match="holds no document 'new'"):
        with_edited(fact_memory, PASSAGE)


def test_an_unknown_document_is_refused(fact_memory: Memory) -> None:
    with pytest.raises(TesseraError, match="holds no document"):
        next(adapt(fact_memory, PASSAGE))


def test_settings_are_checked() -> None:
    with pytest.raises(TesseraError, match="steps is 0"):
        AdaptConfig(steps=0)
