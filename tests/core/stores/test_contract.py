"""What every store must do, whatever is behind it."""

from dataclasses import replace

import numpy as np
import pytest

from core.corpus.types import Passage, texts
from core.errors import ArtefactStale, TesseraError
from core.stores.base import SearchRequest
from core.stores.registry import STORES
from tests.disk import files_of_at_most


@pytest.fixture(params=list(STORES))
def spec(request):
    return STORES[request.param]


@pytest.fixture()
def vectors(tiny_corpus, tiny_encoder):
    return tiny_encoder.encode_passages(texts(tiny_corpus.passages))


@pytest.fixture()
def folder(tmp_path):
    return tmp_path / "index"


@pytest.fixture()
def store(spec, folder, tiny_corpus, vectors):
    store = spec.create(folder, tiny_corpus.passages, vectors)
    yield store
    store.close()


@pytest.fixture()
def ask(tiny_encoder):
    def request(text, k=3, **filters):
        return SearchRequest(k=k, vector=tiny_encoder.encode_query(text), text=text, filter=filters)

    return request


def ids(hits):
    return [hit.passage_id for hit in hits]


def test_finds_the_passage_of_every_question(store, tiny_corpus, ask):
    for questions in tiny_corpus.questions.values():
        for question in questions:
            assert question.passage_ids[0] in ids(store.search(ask(question.text, 2)))


def test_hits_come_best_first_and_once_each(store, ask):
    hits = store.search(ask("lighthouse harbour Velm", 8))
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)
    assert all(isinstance(score, float) for score in scores)
    assert len(set(ids(hits))) == len(hits)
    assert ids(hits)[0] in ("p0", "p1", "p2", "p3")


def test_k_is_a_limit(store, ask, tiny_corpus):
    assert len(store.search(ask("orchard", 1))) == 1
    assert 1 <= len(store.search(ask("orchard", 1000))) <= len(tiny_corpus.passages)


def test_korean_is_found(store, ask):
    assert ids(store.search(ask("도서관에는 오래된 지도가", 1))) == ["p7"]


def test_asking_changes_nothing(store, ask):
    first = store.search(ask("Who drew the maps?"))
    assert store.search(ask("Who drew the maps?")) == first


def test_a_filter_narrows_the_search(store, ask):
    hits = store.search(ask("winter pears of the harbour library", 11, topic="harbour"))
    assert hits
    assert set(ids(hits)) <= {"p0", "p1", "p2", "p3"}
    assert ids(store.search(ask("library maps", 5, topic="library", title="Library maps"))) == ["p5"]
    assert store.search(ask("library", 5, topic="nothing")) == []


def test_reopened_it_answers_the_same(folder, spec, ask, tiny_corpus, tiny_encoder):
    odd = Passage("new", "Comet \u2028 line", "A comet named Zarquon\ncrosses the sky.", "sky")
    passages = [*tiny_corpus.passages, odd]
    store = spec.create(folder, passages, tiny_encoder.encode_passages(texts(passages)))
    again = spec.open(folder)
    for text in ("comet", "harbour bell", "도서관"):
        assert again.search(ask(text, 5)) == store.search(ask(text, 5))
    assert again.stats() == store.stats()


def test_creating_takes_the_place_of_what_was_there(store, folder, spec, tiny_corpus, vectors):
    spec.create(folder, tiny_corpus.passages[:2], vectors[:2]).close()
    assert spec.open(folder).stats().documents == 2


def test_stats_weigh_the_files(store, folder):
    stats = store.stats()
    assert stats.documents == 11
    assert stats.bytes == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert stats.backend


def test_a_request_without_what_it_searches_by_is_refused(store, spec, tiny_encoder):
    if "text" not in spec.searches:
        with pytest.raises(TesseraError, match="vector"):
            store.search(SearchRequest(k=1, text="lighthouse"))
    if "vector" not in spec.searches:
        with pytest.raises(TesseraError, match="text"):
            store.search(SearchRequest(k=1, vector=tiny_encoder.encode_query("lighthouse")))


def test_vectors_that_do_not_fit_are_refused_and_change_nothing(store, folder, spec, tiny_corpus, vectors, ask):
    before = store.search(ask("lighthouse"))
    with pytest.raises(TesseraError, match="2 passages"):
        spec.create(folder, tiny_corpus.passages[:2], vectors[:1])
    with pytest.raises(TesseraError, match="not a number"):
        spec.create(folder, tiny_corpus.passages[:1], vectors[:1] * np.nan)
    if "vector" in spec.searches:
        with pytest.raises(TesseraError, match="7 dimensions"):
            store.search(SearchRequest(k=1, vector=vectors[0, :7], text="lighthouse"))
    assert spec.open(folder).search(ask("lighthouse")) == before


def test_a_full_disk_is_a_sentence_and_leaves_the_old_store(store, folder, spec, ask, tiny_corpus, vectors):
    before = store.search(ask("lighthouse"))
    with files_of_at_most(64), pytest.raises(TesseraError, match="cannot be written"):
        spec.create(folder, tiny_corpus.passages[:2], vectors[:2])
    assert store.search(ask("lighthouse")) == before
    again = spec.open(folder)
    assert again.stats().documents == 11
    assert again.search(ask("lighthouse")) == before


def test_a_damaged_or_missing_store_is_refused(store, folder, spec, tmp_path):
    for path in folder.rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(ArtefactStale):
        spec.open(folder)
    with pytest.raises(ArtefactStale):
        spec.open(tmp_path / "nowhere")


def test_an_option_is_obeyed_or_refused(store, spec, ask):
    request = ask("lighthouse")
    for name, values in spec.sweep.items():
        for value in values:
            assert store.search(replace(request, options={name: value}))
    with pytest.raises(TesseraError, match="colour"):
        store.search(replace(request, options={"colour": 1}))


@pytest.mark.parametrize("value", ["'", "''", '"', "\\", "%", "a' OR '1'='1", "-- ;", "@x:{y|z}", "[1 2]", "도'서"])
def test_a_filter_is_a_value_and_never_a_query(store, folder, spec, ask, tiny_encoder, value):
    assert store.search(ask("comet Zarquon", 11, topic=value)) == []
    odd = Passage("odd", value, "A comet named Zarquon crosses the sky.", value)
    store = spec.create(folder, [odd], tiny_encoder.encode_passages(texts([odd])))
    assert ids(store.search(ask("comet Zarquon", 11, topic=value, title=value))) == ["odd"]


@pytest.mark.parametrize("text", ["", "   ", "?!", '"OR" (NOT *) @title:{x} [1 2] -- ; | ~ \\', "the of and", "🙂"])
def test_odd_questions_do_not_fail(store, ask, text):
    assert isinstance(store.search(ask(text)), list)


def test_senseless_requests_are_refused():
    with pytest.raises(TesseraError, match="0 hits"):
        SearchRequest(k=0, text="x")
    with pytest.raises(TesseraError, match="colour"):
        SearchRequest(k=1, text="x", filter={"colour": "blue"})
    with pytest.raises(TesseraError, match="nprobe is 0"):
        SearchRequest(k=1, text="x", options={"nprobe": 0})
