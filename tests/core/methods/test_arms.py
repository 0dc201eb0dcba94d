"""What is particular to one arm."""

import shutil

import pytest

from core import pipeline
from core.errors import ArtefactStale
from core.methods.base import Text, answer
from core.methods.cag import Cag
from core.methods.closed_book import ClosedBook
from core.methods.memory import LlmAsMemory
from core.methods.rag import Rag
from core.methods.resources import Resources
from core.workspace import Workspace
from tests.models import TinyModels, tiny_language_model

QUESTION = "Who drew the maps of the library of Sarn?"


def greedy(lm, ids, limit):
    session = lm.session()
    list(session.feed(ids))
    return "".join(lm.stream_text(session.decode(limit))).strip()


def test_cag_says_what_prefilling_the_same_text_says(resources):
    result = answer(Cag(resources), QUESTION)
    lm = resources.models.language_model()
    passages = [resources.passages[piece.passage_id] for piece in result.evidence]
    ids = lm.prompt.context(passages) + lm.prompt.tail(QUESTION)
    assert result.text == greedy(lm, ids, resources.settings.max_new_tokens)
    assert result.trace.cached_tokens + result.trace.prompt_tokens == len(ids)
    assert result.trace.prompt_tokens == len(lm.prompt.tail(QUESTION))


def test_cag_opens_the_cell_of_the_nearest_centroid(resources):
    result = answer(Cag(resources), QUESTION)
    found = {piece.passage_id for piece in result.evidence}
    assert "p5" in found
    assert found in [{passage.id for passage in cell} for cell in pipeline.load_cells(resources.workspace)]


def test_cag_tells_a_resident_cache_from_a_loaded_one(resources):
    method = Cag(resources)
    assert answer(method, QUESTION).details["resident"] is False
    assert answer(method, QUESTION).details["resident"] is True


def test_cag_counts_what_it_reused_and_what_it_prefilled(resources):
    result = answer(Cag(resources), QUESTION)
    lm = resources.models.language_model()
    passages = [resources.passages[piece.passage_id] for piece in result.evidence]
    assert result.details["cells"] == [result.details["cell"]]
    assert result.details["reused_tokens"] == len(lm.prompt.context(passages)) == result.trace.cached_tokens
    assert result.details["prefilled_tokens"] == len(lm.prompt.tail(QUESTION))


def test_cag_refuses_a_cache_that_stands_for_other_words(resources, monkeypatch):
    method = Cag(resources)
    monkeypatch.setattr(resources.models.prompt(), "passage", lambda passage: [1, 2, 3])
    with pytest.raises(ArtefactStale, match="changed"):
        answer(method, QUESTION)


def test_rag_reads_its_best_passages(resources):
    result = answer(Rag(resources), QUESTION)
    assert len(result.evidence) == resources.settings.top_k
    assert result.evidence[0].passage_id == "p5"
    assert result.evidence[0].score >= result.evidence[1].score
    lm = resources.models.language_model()
    passages = [resources.passages[piece.passage_id] for piece in result.evidence]
    assert result.text == greedy(lm, lm.prompt.context(passages) + lm.prompt.tail(QUESTION), 8)
    assert result.trace.cached_tokens == 0


def test_closed_book_reads_nothing(resources):
    result = answer(ClosedBook(resources), QUESTION)
    lm = resources.models.language_model()
    assert result.evidence == ()
    assert result.trace.prompt_tokens == len(lm.prompt.head) + len(lm.prompt.tail(QUESTION))


def test_memory_reads_no_passage_text(resources):
    method = LlmAsMemory(resources)
    events = list(method.stream(QUESTION))
    evidence = "".join(event.text for event in events if isinstance(event, Text) and event.part == "evidence")
    result = events[-1].answer
    assert result.evidence[0].text == evidence.strip()
    weights = result.details["routing"]
    assert max(weights, key=weights.get) == result.evidence[0].passage_id
    assert 0 < sum(weights.values()) + result.details["not_in_memory"] <= 1.0001


@pytest.mark.parametrize("arm", [Cag, LlmAsMemory])
def test_tensors_of_another_model_are_refused(arm, built, models, tiny_encoder, tmp_path):
    copied = Workspace(tmp_path / "copy")
    shutil.copytree(built.path, copied.path)
    other = TinyModels(models.settings, tiny_language_model(seed=7), tiny_encoder)
    with pytest.raises(ArtefactStale, match="python -m app"):
        arm(Resources(copied, other))


def test_a_changed_corpus_makes_all_arms_with_artefacts_stale(built, models, tiny_corpus, tmp_path):
    copied = Workspace(tmp_path / "copy")
    shutil.copytree(built.path, copied.path)
    fewer = type(tiny_corpus)("fewer", tiny_corpus.passages[:-1], {})
    list(pipeline.prepare_corpus(copied, models, fewer))
    for arm in (Cag, LlmAsMemory):
        with pytest.raises(ArtefactStale, match="python -m app"):
            arm(Resources(copied, models))
    assert answer(Rag(Resources(copied, models)), QUESTION).evidence
