"""Composed CAG: what it reads, what it counts, and that linking everything is the plain prefill."""

import pytest

from core.errors import ArtefactStale
from core.methods.base import answer
from core.methods.composed import Composed
from core.methods.rag import Rag

QUESTION = "Who drew the maps of the library of Sarn?"


def greedy(lm, ids, limit):
    session = lm.session()
    list(session.feed(ids))
    return "".join(lm.stream_text(session.decode(limit))).strip()


def test_it_reads_the_best_passages_of_the_nearest_cells(resources):
    result = answer(Composed(resources, nprobe=99, keep=2), QUESTION)
    best = answer(Rag(resources), QUESTION).evidence
    assert [piece.passage_id for piece in result.evidence] == [piece.passage_id for piece in best]
    assert result.evidence[0].score >= result.evidence[1].score


def test_all_passages_of_the_cells_can_be_kept(resources):
    result = answer(Composed(resources, nprobe=99, keep=0), QUESTION)
    assert {piece.passage_id for piece in result.evidence} == set(resources.passages)


def test_one_cell_is_opened_when_one_is_asked_for(resources):
    result = answer(Composed(resources, nprobe=1), QUESTION)
    assert len(result.details["cells"]) == len(result.details["probed"]) == 1


def test_it_counts_what_it_reused_and_what_it_computed(resources):
    method = Composed(resources, keep=3)
    details, again = answer(method, QUESTION).details, answer(method, QUESTION)
    lm = resources.models.language_model()
    passages = [resources.passages[piece.passage_id] for piece in again.evidence]
    assert details["reused_tokens"] + details["recomputed_tokens"] == len(lm.prompt.context(passages))
    assert details["recomputed_tokens"] == 2 * resources.settings.link_tokens
    assert again.trace.prompt_tokens == details["recomputed_tokens"] + len(lm.prompt.tail(QUESTION))
    assert (details["resident"], again.details["resident"]) == (False, True)


def test_the_sweep_ends_at_the_exact_prefill(resources):
    method = Composed(resources, nprobe=2, keep=4)
    points = list(method.sweep(QUESTION, [0, 8, None]))
    assert [point.link_tokens for point in points] == [0, 8, None]
    assert points[0].recomputed == 0 and points[-1].kl < 1e-6 and points[-1].same
    assert points[0].kl > 1e-4, "blocks that cannot see each other answer differently"
    lm = resources.models.language_model()
    chosen = [resources.passages[piece.passage_id] for piece in answer(method, QUESTION).evidence]
    ids = lm.prompt.context(chosen) + lm.prompt.tail(QUESTION)
    assert points[-1].answer == greedy(lm, ids, resources.settings.max_new_tokens)


def test_blocks_that_stand_for_other_words_are_refused(resources, monkeypatch):
    method = Composed(resources)
    monkeypatch.setattr(resources.models.prompt(), "passage", lambda passage: [1, 2, 3])
    with pytest.raises(ArtefactStale, match="changed"):
        answer(method, QUESTION)
