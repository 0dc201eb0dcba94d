"""What is particular to one arm."""

import shutil

import pytest

from core import pipeline
from core.corpus.types import Question
from core.errors import ArtefactStale, TesseraError
from core.methods.base import Text, answer
from core.methods.bm25 import Bm25Rag
from core.methods.cag import Cag
from core.methods.closed_book import ClosedBook
from core.methods.memory import LlmAsMemory
from core.methods.oracle import Oracle
from core.methods.rag import Rag
from core.methods.resources import Resources
from core.methods.shuffled_memory import ShuffledMemory
from core.methods.wrong_cell import WrongCell
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


def test_bm25_reads_the_passages_that_share_words(resources):
    result = answer(Bm25Rag(resources), "Who drew the maps?")
    assert result.evidence[0].passage_id == "p5"
    lm = resources.models.language_model()
    passages = [resources.passages[piece.passage_id] for piece in result.evidence]
    assert result.text == greedy(lm, lm.prompt.context(passages) + lm.prompt.tail("Who drew the maps?"), 8)
    assert {span.name for span in result.trace.spans} == {"retrieve", "prefill", "decode"}


def test_bm25_answers_without_a_passage_when_no_word_is_shared(resources):
    result = answer(Bm25Rag(resources), "Xyzzy?")
    assert result.evidence == () and result.details["top_k"] == 0


def test_the_oracle_reads_the_gold_passages_alone(resources):
    asked = "Who founded the harbour pilots?"
    result = answer(Oracle(resources), asked)
    assert [piece.passage_id for piece in result.evidence] == ["p3"]
    lm = resources.models.language_model()
    assert result.text == greedy(lm, lm.prompt.context([resources.passages["p3"]]) + lm.prompt.tail(asked), 8)


@pytest.mark.parametrize("arm", [Oracle, WrongCell])
def test_who_needs_the_gold_passage_says_so_when_nobody_knows_it(arm, resources):
    with pytest.raises(TesseraError, match="questions file"):
        answer(arm(resources), "Who painted the bell?")


def test_questions_from_elsewhere_bring_their_gold_passages(built, models):
    asked = Question("x", "Who cast the bell?", ("sailors",), ("p1", "p3"))
    outside = Question("y", "Who cast the die?", ("nobody",), ("not there",))
    resources = Resources(built, models, questions=(asked, outside))
    assert [piece.passage_id for piece in answer(Oracle(resources), "who cast the  BELL?").evidence] == ["p1", "p3"]
    with pytest.raises(TesseraError, match="cast the die"):
        resources.gold("Who cast the die?")


def test_the_wrong_cell_never_holds_the_gold_passage(resources):
    questions = [question for group in resources.corpus.questions.values() for question in group]
    right, wrong = Cag(resources), WrongCell(resources)
    for question in questions:
        result = answer(wrong, question.text)
        assert not {piece.passage_id for piece in result.evidence} & set(question.passage_ids)
        assert answer(wrong, question.text).details["cell"] == result.details["cell"]
        found = {piece.passage_id for piece in answer(right, question.text).evidence}
        if set(question.passage_ids) <= found:
            assert result.details["cell"] != answer(right, question.text).details["cell"]


def test_a_question_about_every_cell_has_no_wrong_one(built, models):
    everything = tuple(Resources(built, models).passages)
    asked = Question("x", "What is all this?", ("all",), everything)
    with pytest.raises(TesseraError, match="more cells"):
        answer(WrongCell(Resources(built, models, questions=(asked,))), asked.text)


def test_shuffled_memory_routes_alike_and_reads_another_z(resources):
    right, wrong = LlmAsMemory(resources), ShuffledMemory(resources)
    ours, theirs = answer(right, QUESTION), answer(wrong, QUESTION)
    assert ours.evidence[0].passage_id == theirs.evidence[0].passage_id
    assert ours.details["routing"] == theirs.details["routing"]
    rows = range(len(right.memory.pool.ids))
    assert not any((right.memory.pool.z[row] == wrong.memory.pool.z[row]).all() for row in rows)
