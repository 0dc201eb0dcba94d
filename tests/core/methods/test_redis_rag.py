"""Redis RAG on the real server: what the cache gives back, and when it must not."""

import os
import shutil
import signal
from dataclasses import replace

import pytest

from core import pipeline
from core.corpus.types import Corpus
from core.errors import TesseraError
from core.methods.base import EvidenceChosen, Text, answer
from core.methods.redis_rag import RedisRag
from core.methods.resources import Resources
from core.stores.redis.answer_keys import flush, key_of
from core.stores.redis.base import drop
from core.stores.redis.connection import connection
from core.stores.redis.metrics import Metrics
from core.workspace import Workspace
from tests.models import TinyModels, tiny_language_model

QUESTION = "Who drew the maps of the library of Sarn?"


@pytest.fixture
def own(resources, tmp_path):
    """A workspace of its own, which a test may change."""
    ws = Workspace(tmp_path / "own")
    list(pipeline.prepare_corpus(ws, resources.models, resources.corpus))
    return Resources(ws, resources.models, resources.models.settings)


@pytest.fixture
def method(own):
    return RedisRag(own, cache=True)


def test_without_the_cache_it_answers_anew_every_time(own):
    method = RedisRag(own)
    first, again = answer(method, QUESTION), answer(method, QUESTION)
    assert first.details["cache"] == again.details["cache"] == "off"
    assert again.trace.prompt_tokens == first.trace.prompt_tokens > 0
    assert "cache lookup" not in {span.name for span in again.trace.spans}


def test_it_finds_what_the_question_is_about(own):
    result = answer(RedisRag(own), QUESTION)
    assert result.evidence[0].passage_id == "p5" and len(result.evidence) == own.settings.top_k


def test_a_question_asked_before_comes_from_the_cache(method):
    first = answer(method, QUESTION)
    assert first.details["cache"] == "miss"
    events = list(method.stream(QUESTION.upper()))
    hit = events[-1].answer
    assert (hit.text, hit.evidence) == (first.text, first.evidence)
    assert [type(event) for event in events[:-1]] == [EvidenceChosen, Text]
    assert [span.name for span in hit.trace.spans] == ["cache lookup"]
    assert hit.trace.prompt_tokens == hit.trace.generated_tokens == 0
    assert hit.details["cache"] == "exact" and hit.details["cache_question"] == QUESTION
    assert hit.details["saved_ms"] == pytest.approx(first.trace.total_ms - hit.trace.total_ms)


def test_a_question_of_the_same_meaning_comes_with_its_distance(own):
    method = RedisRag(own, cache=True, distance=0.2)
    first = answer(method, QUESTION)
    hit = answer(method, "Please tell me who drew the maps of the library of Sarn?")
    assert hit.details["cache"] == "semantic" and 0 <= hit.details["cache_distance"] <= 0.2
    assert hit.text == first.text
    assert [span.name for span in hit.trace.spans] == ["cache lookup", "encode", "cache lookup"]
    assert answer(method, "Who planted the pear orchard?").details["cache"] == "miss"


def test_another_corpus_model_or_setting_forgets(own, method, tiny_corpus, tiny_lm, tiny_encoder):
    answer(method, QUESTION)
    assert answer(RedisRag(own, cache=True), QUESTION).details["cache"] == "exact"

    def asked(settings=own.settings, lm=tiny_lm, **options):
        models = TinyModels(settings, lm, tiny_encoder)
        return answer(
            RedisRag(Resources(own.workspace, models, models.settings), cache=True, **options), QUESTION
        ).details["cache"]

    assert asked(replace(own.settings, top_k=1)) == "miss"
    assert asked(replace(own.settings, max_new_tokens=3)) == "miss"
    assert asked(keyword_percent=0) == "miss"
    assert asked(lm=tiny_language_model(seed=7)) == "miss"
    changed = Corpus("tiny", tiny_corpus.passages[:-1], {})
    list(pipeline.prepare_corpus(own.workspace, own.models, changed))
    assert asked() == "miss"
    assert asked() == "exact"


def test_a_closed_stream_keeps_nothing(method):
    stream = method.stream(QUESTION)
    while not isinstance(next(stream), Text):
        pass
    stream.close()
    assert answer(method, QUESTION).details["cache"] == "miss"


def test_answers_are_counted(own):
    metrics = Metrics(connection(), key_of(own.workspace))
    answer(RedisRag(own), QUESTION)
    method = RedisRag(own, cache=True)
    spent = [answer(method, QUESTION).trace.total_ms for _ in range(3)]
    counted = metrics.snapshot()
    assert counted.outcomes == {"bypass": 1, "miss": 1, "exact": 2, "semantic": 0}
    assert counted.documents == 2 * own.settings.top_k
    assert counted.total_ms > sum(spent) and counted.hit_rate == pytest.approx(2 / 3)


def test_flushing_forgets(own, method):
    answer(method, QUESTION)
    assert flush(connection(), key_of(own.workspace)) == 1
    assert answer(method, QUESTION).details["cache"] == "miss"


def test_an_index_that_is_gone_from_the_server_is_made_again(own):
    RedisRag(own)
    folder = own.workspace.folder("index-redis-flat")
    drop(folder)
    assert answer(RedisRag(own), QUESTION).evidence
    shutil.rmtree(folder)
    assert answer(RedisRag(own), QUESTION).evidence


def test_a_server_killed_between_questions_is_started_anew_with_its_cache(method):
    answer(method, QUESTION)
    os.kill(connection().embedded.address().pid, signal.SIGKILL)
    assert answer(method, QUESTION).details["cache"] == "exact"


def test_an_answer_that_cannot_be_kept_is_given_all_the_same(own, monkeypatch):
    method = RedisRag(own, cache=True)

    def refuse(*_, **__):
        raise TesseraError("Redis has no memory left.", "Raise its maxmemory.")

    monkeypatch.setattr(method._cache, "keep", refuse)
    monkeypatch.setattr(method._metrics, "record", refuse)
    result = answer(method, QUESTION)
    assert (
        result.evidence
        and result.details["cache_error"] == result.details["metrics_error"] == "Redis has no memory left."
    )
