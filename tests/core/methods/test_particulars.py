"""What is particular to one kind."""

import shutil
from dataclasses import replace

import pytest

from core import pipeline
from core.corpus.types import Question
from core.errors import ArtefactStale, TesseraError
from core.kvcache.compose import read_as_blocks
from core.memory.router import Routed, Routing
from core.memory.z_reader import ReadConfig
from core.methods.base import Text, answer
from core.methods.bm25 import Bm25Rag
from core.methods.cag import Cag
from core.methods.cag_cell import CagCell
from core.methods.closed_book import ClosedBook
from core.methods.memory import LlmAsMemory, open_memory
from core.methods.memory_blocks import MemoryBlocks
from core.methods.one_cell import answer_from_cells
from core.methods.oracle import Oracle
from core.methods.prompt_view import segments_read
from core.methods.rag import Rag
from core.methods.rag_blocks import RagBlocks
from core.methods.resources import Resources
from core.methods.shuffled_memory import ShuffledMemory
from core.methods.wrong_cell import WrongCell
from core.voronoi.partition import load_cells
from core.workspace import Workspace
from tests.models import TinyModels, tiny_language_model
from tests.turns import queued

QUESTION = "Who drew the maps of the library of Sarn?"


def greedy(lm, ids, limit):
    session = lm.session()
    session.prefill(ids)
    return lm.text(session.decode(limit))


@pytest.fixture
def together(resources):
    return replace(resources, settings=replace(resources.settings, reading="together"))


@pytest.mark.parametrize("kind", [Rag, Bm25Rag, RagBlocks, Cag])
def test_read_alone_the_answer_is_that_of_a_prompt_with_its_passage_only(kind, resources):
    result = answer(kind(resources), QUESTION)
    assert len(result.evidence) == resources.settings.top_k == 2
    lm, passages = resources.models.language_model(), resources.passages
    read = [passages[piece.passage_id] for piece in result.evidence]
    best, tail = read[result.details["answered_from"] - 1], lm.prompt.tail(QUESTION)
    assert result.text == greedy(lm, [*lm.prompt.context([best]), *tail], resources.settings.max_new_tokens)
    trace = result.trace
    assert trace.prompt_tokens + trace.cached_tokens == len(lm.prompt.context(read)) + 2 * len(tail)


def test_read_alone_cag_says_what_rag_says(resources):
    rag, cag = answer(Rag(resources), QUESTION), answer(Cag(resources), QUESTION)
    assert (rag.text, rag.details["answered_from"]) == (cag.text, cag.details["answered_from"])


def test_cag_says_what_reading_the_same_blocks_together_says(together):
    resources = together
    result = answer(Cag(resources), QUESTION)
    assert "answered_from" not in result.details
    lm = resources.models.language_model()
    segments = [lm.prompt.passage(resources.passages[piece.passage_id]) for piece in result.evidence]
    session, tail = read_as_blocks(lm, segments), lm.prompt.tail(QUESTION)
    assert result.trace.cached_tokens == session.length and result.trace.prompt_tokens == len(tail)
    session.prefill(tail)
    assert result.text == lm.text(session.decode(resources.settings.max_new_tokens))


def test_cag_and_rag_with_blocks_read_what_rag_reads_where_all_cells_are_looked_into(resources):
    asked = (answer(kind(resources), QUESTION) for kind in (Rag, RagBlocks, Cag))
    rag, blocks, cag = ([(piece.passage_id, round(piece.score, 5)) for piece in found.evidence] for found in asked)
    assert rag == blocks == cag and len(rag) == resources.settings.top_k


def test_cag_looks_into_no_more_cells_than_it_is_told(resources):
    one = replace(resources, settings=replace(resources.settings, nprobe=1, top_k=9))
    result, cells = answer(Cag(one), QUESTION), load_cells(one.workspace)
    assert result.details["probed"] == 1 and len(set(result.details["cells"])) == 1
    held = {passage.id for passage in cells[result.details["cells"][0]]}
    assert {piece.passage_id for piece in result.evidence} == held and "p5" in held


def test_cag_says_which_block_came_from_which_cell_and_which_were_in_memory(resources):
    method, cells = Cag(resources), load_cells(resources.workspace)
    first, again = answer(method, QUESTION), answer(method, QUESTION)
    for piece, cell in zip(first.evidence, first.details["cells"], strict=True):
        assert piece.passage_id in {passage.id for passage in cells[cell]}
    assert (first.details["hits"], again.details["hits"]) == ([False, False], [True, True])
    assert (first.details["resident"], again.details["resident"]) == (False, True)
    assert method.residency().hits == 2


def routed_by(method, monkeypatch, weights, null):
    """Makes a method route to documents with these weights."""
    routing = Routing(tuple(Routed(*pair) for pair in weights.items()), null)
    monkeypatch.setattr(method.memory, "route", lambda question, k: replace(routing, documents=routing.documents[:k]))


def test_memory_with_blocks_reads_the_blocks_that_the_model_routes_to(together, monkeypatch):
    resources = together

    def refuse():
        raise AssertionError("it encodes nothing")

    monkeypatch.setattr(resources.models, "encoder", refuse)
    method, theirs = MemoryBlocks(resources), LlmAsMemory(resources)
    result, routing = answer(method, QUESTION), theirs.memory.route(QUESTION, 2)
    first, *others = routing.documents
    assert [piece.passage_id for piece in result.evidence] == [
        routed.passage_id for routed in (first, *(other for other in others if other.weight > routing.null))
    ]
    lm = resources.models.language_model()
    segments = [lm.prompt.passage(resources.passages[piece.passage_id]) for piece in result.evidence]
    session, tail = read_as_blocks(lm, segments), lm.prompt.tail(QUESTION)
    assert result.trace.prompt_tokens == len(tail)
    session.prefill(tail)
    assert result.text == lm.text(session.decode(resources.settings.max_new_tokens))


@pytest.mark.parametrize(
    ("weights", "null", "read"),
    [
        ({"p2": 0.5, "p4": 0.3, "p1": 0.1}, 0.05, ["p2", "p4"]),  # no more than the settings say
        ({"p2": 0.7, "p4": 0.05}, 0.2, ["p2"]),  # none that the null slot outweighs
        ({"p2": 0.1, "p4": 0.05}, 0.8, ["p2"]),  # but one in any case
        ({"learned": 0.6, "p4": 0.3}, 0.1, ["p4"]),  # one learned later has no block
    ],
)
def test_memory_with_blocks_reads_what_outweighs_the_null_slot(weights, null, read, resources, monkeypatch):
    method = MemoryBlocks(resources)
    routed_by(method, monkeypatch, weights, null)
    result = answer(method, QUESTION)
    assert [piece.passage_id for piece in result.evidence] == read and result.details["null_weight"] == null


def test_memory_with_blocks_routes_past_documents_that_were_learned_later(resources, monkeypatch):
    memory = open_memory(resources)
    pool = memory.pool.with_row("learned", "", memory.pool.z[0])
    monkeypatch.setattr("core.methods.memory_blocks.open_memory", lambda _: memory.with_pool(pool, memory.card))
    asked = []
    method = MemoryBlocks(resources)
    route = method.memory.route
    monkeypatch.setattr(method.memory, "route", lambda question, k: asked.append(k) or route(question, k))
    answer(method, QUESTION)
    assert asked == [resources.settings.top_k + 1]


@pytest.mark.parametrize("kind", [Cag, RagBlocks, CagCell, MemoryBlocks])
def test_what_stands_for_other_words_is_refused(kind, resources, monkeypatch):
    method = kind(resources)
    monkeypatch.setattr(resources.models.prompt(), "passage", lambda passage: [1, 2, 3])
    with pytest.raises(ArtefactStale, match="changed"):
        answer(method, QUESTION)


def test_a_whole_cell_says_what_prefilling_the_same_text_says(resources):
    result = answer(CagCell(resources), QUESTION)
    lm = resources.models.language_model()
    passages = [resources.passages[piece.passage_id] for piece in result.evidence]
    ids = lm.prompt.context(passages) + lm.prompt.tail(QUESTION)
    assert result.text == greedy(lm, ids, resources.settings.max_new_tokens)
    assert result.trace.cached_tokens + result.trace.prompt_tokens == len(ids)
    assert result.details["reused_tokens"] == len(lm.prompt.context(passages))


def test_a_whole_cell_is_that_of_the_nearest_centroid(resources):
    method = CagCell(resources)
    result = answer(method, QUESTION)
    found = {piece.passage_id for piece in result.evidence}
    assert "p5" in found and result.details["resident"] is False
    assert found in [{passage.id for passage in cell} for cell in load_cells(resources.workspace)]
    assert answer(method, QUESTION).details["resident"] is True


def test_rag_reads_its_best_passages_together(together):
    resources = together
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
    assert 0 < sum(weights.values()) + result.details["null_weight"] <= 1.0001


def test_memory_answers_first_and_its_clock_stops_there(resources, monkeypatch):
    first = replace(resources, settings=replace(resources.settings, memory_order="answer"))
    monkeypatch.setattr(Resources, "engine", None)  # z is read by the model that routes
    method = LlmAsMemory(first)
    events = list(method.stream(QUESTION))
    parts = [event.part for event in events if isinstance(event, Text)]
    assert parts == sorted(parts) and set(parts) == {"answer", "evidence"}
    result = events[-1].answer
    assert method.answers is not None
    assert result.text == method.answers.answer(QUESTION, result.details["read"])
    assert result.evidence[0].text == method.reader.evidence(QUESTION, result.details["read"])
    assert [span.name for span in result.trace.spans] == ["route", "read z", "decode"]
    assert result.trace.ttft_ms <= result.trace.total_ms <= result.details["evidence_ms"]
    assert (result.details["order"], result.details["read_mode"]) == ("answer", "prefix")
    shown = segments_read(result, resources.language_model())
    assert sum(segment.tokens for segment in shown) == result.trace.prompt_tokens + result.trace.cached_tokens
    assert [segment.reading for segment in shown] == ["cached", "soft", "new", "new"] * len(result.details["readings"])


def test_its_controls_answer_in_the_same_order(resources):
    first = replace(resources, settings=replace(resources.settings, memory_order="answer"))
    method, control = LlmAsMemory(first), ShuffledMemory(first)
    read = answer(method, QUESTION).details["read"]
    evidence, said = method.shuffled(QUESTION, read)
    theirs = answer(control, QUESTION)
    assert (evidence.text, said) == (theirs.evidence[0].text, theirs.text)


@pytest.mark.parametrize("kind", [Cag, CagCell, LlmAsMemory])
def test_tensors_of_another_model_are_refused(kind, built, models, tiny_encoder, tmp_path):
    copied = Workspace(tmp_path / "copy")
    shutil.copytree(built.path, copied.path)
    other = TinyModels(models.settings, tiny_language_model(seed=7), tiny_encoder)
    with pytest.raises(ArtefactStale, match=r"First (train|embed|index|cut|build)|train a memory"):
        kind(Resources(copied, other, other.settings))


def test_a_changed_corpus_makes_all_methods_with_artefacts_stale(built, models, tiny_corpus, tmp_path):
    copied = Workspace(tmp_path / "copy")
    shutil.copytree(built.path, copied.path)
    fewer = type(tiny_corpus)("fewer", tiny_corpus.passages[:-1], {})
    list(pipeline.prepare_corpus(copied, models, fewer))
    for kind in (Cag, RagBlocks, CagCell, LlmAsMemory):
        with pytest.raises(ArtefactStale, match=r"First (train|embed|index|cut|build)|python -m app"):
            kind(Resources(copied, models, models.settings))
    assert answer(Rag(Resources(copied, models, models.settings)), QUESTION).evidence


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


@pytest.mark.parametrize("kind", [Oracle, WrongCell])
def test_who_needs_the_gold_passage_says_so_when_nobody_knows_it(kind, resources):
    with pytest.raises(TesseraError, match="questions file"):
        answer(kind(resources), "Who painted the bell?")


def test_questions_from_elsewhere_bring_their_gold_passages(built, models):
    asked = Question("x", "Who cast the bell?", ("sailors",), ("p1", "p3"))
    outside = Question("y", "Who cast the die?", ("nobody",), ("not there",))
    resources = Resources(built, models, models.settings, questions=(asked, outside))
    assert [piece.passage_id for piece in answer(Oracle(resources), "who cast the  BELL?").evidence] == ["p1", "p3"]
    with pytest.raises(TesseraError, match="cast the die"):
        resources.gold("Who cast the die?")


def test_the_wrong_cell_never_holds_the_gold_passage(resources):
    questions = [question for group in resources.corpus.questions.values() for question in group]
    cells, wrong = load_cells(resources.workspace), WrongCell(resources)
    for question in questions:
        result = answer(wrong, question.text)
        assert result.evidence and result.details["cells"] == answer(wrong, question.text).details["cells"]
        for cell in result.details["cells"]:
            assert not {passage.id for passage in cells[cell]} & set(question.passage_ids)


def test_a_question_about_every_cell_has_no_wrong_one(built, models):
    everything = tuple(Resources(built, models, models.settings).passages)
    asked = Question("x", "What is all this?", ("all",), everything)
    with pytest.raises(TesseraError, match="more cells"):
        answer(WrongCell(Resources(built, models, models.settings, questions=(asked,))), asked.text)


def test_shuffled_memory_routes_alike_and_reads_another_z(resources):
    right, wrong = LlmAsMemory(resources), ShuffledMemory(resources)
    ours, theirs = answer(right, QUESTION), answer(wrong, QUESTION)
    assert ours.evidence[0].passage_id == theirs.evidence[0].passage_id
    assert ours.details["routing"] == theirs.details["routing"]
    rows = range(len(right.memory.pool.ids))
    assert not any((right.memory.pool.z[row] == wrong.memory.pool.z[row]).all() for row in rows)


def test_passages_much_less_similar_than_the_best_are_not_read_by_any_way_of_finding_them(resources):
    every = answer(Rag(resources), QUESTION).evidence
    between = (every[0].score + every[1].score) / 2 / every[0].score
    cut = replace(resources, settings=replace(resources.settings, score_cutoff=between))
    for kind in (Rag, RagBlocks, Cag):
        assert [piece.passage_id for piece in answer(kind(cut), QUESTION).evidence] == [every[0].passage_id]


def test_a_question_is_answered_from_each_cell_as_cag_answers_where_it_looks_into_that_one_alone(resources):
    nearest = answer(Cag(replace(resources, settings=replace(resources.settings, nprobe=1))), QUESTION)
    (own,) = set(nearest.details["cells"])
    steps = list(answer_from_cells(resources, QUESTION, (2, 0, 1)))
    assert [(step.done, step.total, step.data["cell"]) for step in steps] == [(1, 3, 2), (2, 3, 0), (3, 3, 1)]
    cells = load_cells(resources.workspace)
    for step in steps:
        found = step.data["answer"]
        assert set(found.details["cells"]) == {step.data["cell"]} and found.details["probed"] == 1
        assert {piece.passage_id for piece in found.evidence} <= {passage.id for passage in cells[step.data["cell"]]}
    by_cell = {step.data["cell"]: step.data["answer"] for step in steps}
    assert (by_cell[own].text, by_cell[own].evidence) == (nearest.text, nearest.evidence)
    others = [cell for cell in by_cell if cell != own]
    assert all(by_cell[cell].evidence[0].score < nearest.evidence[0].score for cell in others)


def test_answers_from_cells_say_what_they_hold_for_and_stop_when_they_are_cancelled(resources):
    work = answer_from_cells(resources, QUESTION, (1, 0))
    data = next(work).data
    work.close()
    assert data["question"] == QUESTION and data["settings"] == resources.settings
    assert data["partition"] == resources.workspace.fingerprint("partition")
    assert not queued(resources.models.lock)


def test_a_way_of_reading_that_does_not_say_how_many_sentences_takes_the_settings(resources):
    told = replace(resources, settings=replace(resources.settings, z_sentences=2))
    assert LlmAsMemory(told).reader.config.sentences == 2
    assert LlmAsMemory(told, ReadConfig("kv")).reader.config.sentences == 2
    assert LlmAsMemory(told, ReadConfig(sentences=0)).reader.config.sentences == 0
