import time

import numpy as np
import pytest

from core.corpus.types import Source
from core.errors import TesseraError
from core.methods.answer_cache import AnswerCache, scope_of
from core.methods.base import Evidence
from core.stores.redis.answer_keys import entries, flush, key_of
from core.stores.redis.connection import connection
from core.workspace import Workspace
from tests.core.methods.test_same_question import OPPOSITES

SOURCE = Source("velm.pdf", "2 The harbour", 3, 4, 120, 151)
EVIDENCE = (
    Evidence("p0", "Harbour lighthouse", "Oren Pask built the lighthouse.", 0.9, SOURCE),
    Evidence("p1", "Pier", "The pier is of stone.", 0.4),
)
QUESTION = "Who built the lighthouse of Velm harbour long ago?"


@pytest.fixture
def workspace(tmp_path):
    return key_of(Workspace(tmp_path / "notes"))


@pytest.fixture
def make(workspace, tiny_encoder):
    def cache(scope="a", **options):
        return AnswerCache(connection(), workspace, scope_of({"corpus": scope}), tiny_encoder, **options)

    return cache


@pytest.fixture
def keep(tiny_encoder):
    def kept(cache, question=QUESTION, text="Oren Pask"):
        cache.keep(question, tiny_encoder.encode_query(question), text, EVIDENCE, 812.5)

    return kept


def similar(cache, question, encoder):
    return cache.similar(question, encoder.encode_query(question))


def test_the_same_words_are_found_with_all_that_was_kept(make, keep):
    cache = make()
    assert cache.exact(QUESTION) is None
    keep(cache)
    for question in (QUESTION, "who built the  lighthouse of velm harbour long ago", QUESTION.replace("?", " ?!")):
        kept = cache.exact(question)
        assert (kept.text, kept.evidence, kept.took_ms, kept.match) == ("Oren Pask", EVIDENCE, 812.5, "exact")
    assert cache.exact("Who built the lighthouse of Velm?") is None


def test_nearly_the_same_question_is_found_with_its_distance(make, keep, tiny_encoder):
    cache = make(distance=0.2)
    keep(cache)
    near = "Can you tell me who built the lighthouse of Velm harbour long ago?"
    kept = similar(cache, near, tiny_encoder)
    assert (kept.match, kept.question, kept.text) == ("semantic", QUESTION, "Oren Pask")
    true = 1 - tiny_encoder.encode_query(near) @ tiny_encoder.encode_query(QUESTION)
    assert np.isclose(kept.distance, true, atol=1e-5) and 0 < kept.distance <= 0.2
    assert similar(cache, "Who planted the pear orchard?", tiny_encoder) is None


def test_the_threshold_is_obeyed_and_zero_turns_it_off(make, keep, tiny_encoder):
    keep(make())
    near = "Can you tell me who built the lighthouse of Velm harbour long ago?"
    assert similar(make(distance=0.3), near, tiny_encoder)
    assert similar(make(distance=1e-6), near, tiny_encoder) is None
    assert similar(make(distance=0.0), QUESTION, tiny_encoder) is None


def test_another_year_is_another_question(make, keep, tiny_encoder):
    cache = make(distance=0.9)
    keep(cache, "Who rang the harbour bell of Velm in 1998?")
    assert similar(cache, "Who rang the harbour bell of Velm in 1999?", tiny_encoder) is None
    assert similar(cache, "Please tell me who rang the harbour bell of Velm in 1998", tiny_encoder)


@pytest.mark.parametrize(("first", "second"), OPPOSITES)
def test_an_opposite_is_never_served(make, keep, tiny_encoder, first, second):
    cache = make(distance=2.0)
    keep(cache, first)
    assert cache.exact(second) is None
    assert similar(cache, second, tiny_encoder) is None


def test_another_scope_finds_nothing(make, keep, tiny_encoder):
    keep(make("a"))
    assert make("b").exact(QUESTION) is None and similar(make("b"), QUESTION, tiny_encoder) is None
    assert make("a").exact(QUESTION) and similar(make("a"), QUESTION, tiny_encoder)
    assert scope_of({"corpus": "a", "top_k": 3}) != scope_of({"corpus": "a", "top_k": 4})


def test_workspaces_do_not_share(make, keep, tiny_encoder, tmp_path):
    keep(make())
    other = AnswerCache(
        connection(), key_of(Workspace(tmp_path / "x" / "notes")), scope_of({"corpus": "a"}), tiny_encoder
    )
    assert other.exact(QUESTION) is None and similar(other, QUESTION, tiny_encoder) is None


def test_its_time_to_live_is_not_prolonged_by_hits(make, keep, tiny_encoder, workspace):
    cache = make(ttl_s=2)
    keep(cache)
    deadline = time.monotonic() + 60
    while cache.exact(QUESTION) or similar(cache, QUESTION, tiny_encoder):
        assert time.monotonic() < deadline, "asking again and again kept the answer alive"
        time.sleep(0.2)
    assert list(entries(connection(), workspace)) == []


def test_entries_are_listed_with_what_is_left_and_flushed(make, keep, workspace, tiny_encoder):
    cache = make(ttl_s=500)
    keep(cache)
    keep(cache, "Who planted pears?", "Tess Quill")
    listed = {entry.question: entry for entry in entries(connection(), workspace)}
    assert listed["Who planted pears?"].answer == "Tess Quill" and 0 < listed[QUESTION].left_s <= 500
    assert flush(connection(), workspace) == 2
    assert list(entries(connection(), workspace)) == []
    assert cache.exact(QUESTION) is None and similar(cache, QUESTION, tiny_encoder) is None


def test_a_second_opening_finds_the_same_index(make, keep, tiny_encoder):
    keep(make())
    assert similar(make(), QUESTION, tiny_encoder).text == "Oren Pask"


@pytest.mark.parametrize("question", ["", "@scope:{x} | *", "'; FLUSHALL", "*=>[KNN 3 @v $v]", "\ud83d", "도서관?"])
def test_odd_questions_are_only_text(make, keep, question, tiny_encoder):
    cache = make()
    assert cache.exact(question) is None
    assert similar(cache, question, tiny_encoder) is None


@pytest.mark.parametrize("options", [{"distance": -0.1}, {"distance": 2.5}, {"ttl_s": 0}])
def test_senseless_settings_are_refused(make, options):
    with pytest.raises(TesseraError, match="Give"):
        make(**options)
