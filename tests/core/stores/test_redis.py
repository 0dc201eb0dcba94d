"""What is particular to Redis: words beside vectors, effort, and what becomes of text that looks like a query."""

import json
import os
import signal
import threading
from dataclasses import replace

import numpy as np
import pytest

from core.corpus.types import Passage, texts
from core.errors import ArtefactStale, TesseraError
from core.stores.base import SearchRequest
from core.stores.redis import index
from core.stores.redis.base import ANY, EVERY, FILE, KEYWORDS, REQUIRED, RedisFlat, RedisHnsw, drop
from core.stores.redis.connection import connection

OPERATORS = (*"()[]{}|~-+@:;,.<>=!?*%$#&^'\"`\\/_ \t\n\x00", " OR ", " AND ", " NOT ", "=>[", "->")


@pytest.fixture
def vectors(tiny_corpus, tiny_encoder):
    return tiny_encoder.encode_passages(texts(tiny_corpus.passages))


@pytest.fixture
def store(tmp_path, tiny_corpus, vectors):
    return RedisFlat.create(tmp_path / "index", tiny_corpus.passages, vectors)


@pytest.fixture
def ask(tiny_encoder):
    def request(text, k=3, **options):
        return SearchRequest(k=k, vector=tiny_encoder.encode_query(text), text=text, options=options)

    return request


def ids(hits):
    return [hit.passage_id for hit in hits]


def indexes():
    return {name.decode() for name in connection().client().execute_command("FT._LIST")}


def clustered(n, dim, groups):
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((groups, dim))
    found = centres[rng.integers(groups, size=n)] + 0.3 * rng.standard_normal((n, dim))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def test_scores_are_cosine_similarities(store, vectors, tiny_encoder):
    query = tiny_encoder.encode_query("Who built the lighthouse of Velm?")
    exact = np.sort(vectors @ query)[::-1][:5]
    found = [hit.score for hit in store.search(SearchRequest(k=5, vector=query))]
    assert np.allclose(found, exact, atol=1e-5)


def test_words_bring_up_what_the_vector_alone_ranks_lower(store, tiny_encoder):
    about_the_harbour = tiny_encoder.encode_query("harbour lighthouse sailors")
    by_vector = SearchRequest(k=11, vector=about_the_harbour, text="oak barrels")
    hybrid = SearchRequest(k=11, vector=about_the_harbour, text="oak barrels", options={KEYWORDS: 70})
    assert ids(store.search(by_vector))[0] != "p10"
    found = store.search(hybrid)
    assert found[0].passage_id == "p10" and found[0].score > found[1].score


def test_words_find_what_is_far_from_the_vector(tmp_path):
    vectors = clustered(300, 16, 12)
    passages = [Passage(f"v{row}", "", "plain words", "") for row in range(299)] + [Passage("far", "", "a zither", "")]
    vectors[299] = -vectors[0]
    store = RedisFlat.create(tmp_path / "index", passages, vectors)
    request = SearchRequest(k=3, vector=vectors[0], text="zither", options={KEYWORDS: 80})
    found = {hit.passage_id: hit.score for hit in store.search(request)}
    assert found["far"] == pytest.approx(0.2 * -1 + 0.8, abs=1e-5)  # its cosine is -1, and nothing has better words
    assert ids(store.search(SearchRequest(k=3, vector=vectors[0], text="zither")))[0] == "v0"
    drop(tmp_path / "index")


@pytest.mark.parametrize("kind", [RedisFlat, RedisHnsw])
def test_only_passages_with_the_words_are_compared_with_the_vector(tmp_path, kind):
    vectors = clustered(300, 16, 12)
    texts = {7: "a zither", 8: "an old organ", 9: "a zither beside an organ"}
    passages = [Passage(f"v{row}", "", texts.get(row, "plain words"), "") for row in range(300)]
    store = kind.create(tmp_path / "index", passages, vectors)

    def found(text, required):
        return store.search(SearchRequest(k=5, vector=vectors[0], text=text, options={REQUIRED: required}))

    nearest = sorted(texts, key=lambda row: -float(vectors[row] @ vectors[0]))
    hits = found("the zither, or the organ?", ANY)
    assert ids(hits) == [f"v{row}" for row in nearest]
    assert [hit.score for hit in hits] == pytest.approx([float(vectors[row] @ vectors[0]) for row in nearest], abs=1e-5)
    assert ids(found("the zither, or the organ?", EVERY)) == ["v9"]
    assert found("bassoon", ANY) == []
    assert len(found("the of and", EVERY)) == 5  # no word to go by: the vector alone
    drop(tmp_path / "index")


def test_required_words_and_filters_hold_together(store, tiny_encoder):
    vector = tiny_encoder.encode_query("bell")
    request = SearchRequest(k=11, vector=vector, text="harbour pears", options={REQUIRED: ANY})
    both = set(ids(store.search(request)))
    narrowed = set(ids(store.search(replace(request, filter={"topic": "harbour"}))))
    assert narrowed == both & {"p0", "p1", "p2", "p3"} and narrowed < both
    with pytest.raises(TesseraError, match="at once"):
        store.search(replace(request, options={REQUIRED: ANY, KEYWORDS: 30}))


def test_it_says_what_it_takes_on_the_server(store, vectors):
    assert store.server_bytes() > vectors.nbytes


def test_korean_words_are_found_without_their_particles(store, tiny_encoder):
    far = tiny_encoder.encode_query("orchard")
    found = store.search(SearchRequest(k=1, vector=far, text="도서관", options={KEYWORDS: 100}))
    assert ids(found) == ["p7"]


def test_a_hybrid_search_obeys_filters(store, ask, tiny_encoder):
    request = SearchRequest(
        k=11,
        vector=tiny_encoder.encode_query("pears"),
        text="winter pears",
        filter={"topic": "harbour"},
        options={KEYWORDS: 50},
    )
    assert set(ids(store.search(request))) == {"p0", "p1", "p2", "p3"}


@pytest.mark.parametrize("option", [KEYWORDS, REQUIRED])
@pytest.mark.parametrize("character", OPERATORS)
def test_no_operator_acts_in_words_or_filters(store, ask, tiny_encoder, character, option):
    hybrid = {option: 50} if option == KEYWORDS else {option: ANY}
    plain = ask("harbour bell", **hybrid)
    for text in (
        f"harbour{character} bell",
        f"{character}harbour bell{character}",
        f"harbour {character * 3} bell",
        f"harbour {character} bell",
    ):
        assert ids(store.search(replace(plain, text=text))) == ids(store.search(plain))
    alone = SearchRequest(k=3, vector=tiny_encoder.encode_query("bell"), text=character, options=hybrid)
    assert len(store.search(alone)) == 3
    for value in (character, f"harbour{character}", f"{character}harbour", f"harbour|library{character}*"):
        narrowed = SearchRequest(k=3, vector=tiny_encoder.encode_query("bell"), text="bell", filter={"topic": value})
        assert store.search(narrowed) == []


@pytest.mark.parametrize(
    "text",
    [
        "*=>[KNN 5 @vector $vector]",
        "@topic:{harbour} | @words:(x)",
        "inf nan 1e5 -1 0x10",
        ") => {$weight: 5}",
        "a" * 5000,
        "word " * 3000,
        "%%%bell%%%",
        "w'bell*'",
    ],
)
def test_whole_queries_are_only_words(store, ask, text):
    assert len(store.search(ask(text, **{KEYWORDS: 50}))) == 3


def test_more_effort_finds_more_and_the_default_finds_nearly_all(tmp_path):
    vectors = clustered(3000, 64, 40)
    passages = [Passage(str(row), "", "x") for row in range(len(vectors))]
    store = RedisHnsw.create(tmp_path / "hnsw", passages, vectors)
    queries = clustered(3040, 64, 40)[-40:]

    def recall(**options):
        found = [ids(store.search(SearchRequest(k=10, vector=query, options=options))) for query in queries]
        exact = [np.argsort(-(vectors @ query), kind="stable")[:10].astype(str).tolist() for query in queries]
        return np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found, exact, strict=True)])

    assert recall() >= 0.95
    assert recall(ef_runtime=10) <= recall()


def test_a_store_that_is_built_again_or_dropped_leaves_nothing_on_the_server(tmp_path, tiny_corpus, vectors):
    before, keys = indexes(), set(connection().client().scan_iter(count=1000))
    RedisFlat.create(tmp_path / "index", tiny_corpus.passages, vectors)
    RedisHnsw.create(tmp_path / "index", tiny_corpus.passages, vectors)
    assert len(indexes() - before) == 1
    drop(tmp_path / "index")
    assert indexes() == before
    assert set(connection().client().scan_iter(count=1000)) <= keys  # what others have left expires meanwhile


def test_a_killed_build_leaves_the_old_store_and_is_swept_away(tmp_path, tiny_corpus, vectors, ask, monkeypatch):
    folder = tmp_path / "index"
    old = RedisFlat.create(folder, tiny_corpus.passages, vectors)
    before = indexes()
    fields, calls = index.as_fields, []

    def dying(passage, vector):
        calls.append(passage)
        if len(calls) == 8:
            os.kill(connection().embedded.address().pid, signal.SIGKILL)
        return fields(passage, vector)

    monkeypatch.setattr(index, "as_fields", dying)
    monkeypatch.setattr(index, "_BATCH", 4)
    with pytest.raises(TesseraError, match="went away"):
        RedisFlat.create(folder, tiny_corpus.passages, vectors)
    monkeypatch.undo()
    assert ids(old.search(ask("comet lighthouse harbour", 1))) == ["p0"]
    assert RedisFlat.open(folder).stats().documents == len(tiny_corpus.passages)
    half = indexes() - before
    for name in half:
        connection().client().delete(index.Layout(name, "", 0).building)  # as if its ten minutes were over
    drop(folder)
    RedisFlat.create(folder, tiny_corpus.passages, vectors)
    assert not half & indexes()


def test_a_half_written_index_is_refused(store, tmp_path):
    layout = store._index.layout
    connection().client().delete(layout.meta)
    with pytest.raises(ArtefactStale, match=layout.name) as caught:
        RedisFlat.open(tmp_path / "index")
    assert caught.value.kinds == ("index-redis-flat",)


def test_passages_that_vanished_from_the_server_are_noticed(store, tmp_path):
    connection().client().delete(store._index.layout.key("p3"))
    with pytest.raises(ArtefactStale, match="10 of 11"):
        RedisFlat.open(tmp_path / "index")


def test_a_pointer_of_another_kind_is_refused(store, tmp_path):
    with pytest.raises(ArtefactStale, match="HNSW"):
        RedisHnsw.open(tmp_path / "index")
    facts = json.loads((tmp_path / "index" / FILE).read_text())
    assert facts["documents"] == 11 and facts["dim"] == 192


def test_a_search_in_an_index_dropped_elsewhere_says_so(store, tmp_path, ask):
    drop(tmp_path / "index")
    with pytest.raises(TesseraError, match="does not hold this index") as caught:
        store.search(ask("harbour"))
    assert "again" in caught.value.remedy


def test_a_killed_server_is_a_sentence_and_then_comes_back_with_everything(store, ask):
    before = store.search(ask("lighthouse", 5))
    failures, done = [], threading.Event()

    def keep_asking():
        while not done.is_set():
            try:
                store.search(ask("harbour"))
            except TesseraError as error:
                failures.append(error)

    asking = threading.Thread(target=keep_asking)
    asking.start()
    os.kill(connection().embedded.address().pid, signal.SIGKILL)
    assert store.search(ask("lighthouse", 5)) == before
    done.set()
    asking.join()
    assert all("went away" in failure.what and "again" in failure.remedy for failure in failures)
