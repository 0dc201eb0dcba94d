"""One contract for all engines, and what every failure of a server becomes."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from core.corpus.types import Passage
from core.errors import ModelError, TesseraError
from core.models import server as server_module
from core.models.engine import LocalEngine, open_engine
from core.models.engine_base import Engine, Working, text_of
from core.models.prompt import user_turn
from core.models.server import Server
from core.models.server_engine import ServerEngine
from core.settings import Settings
from core.trace import Tracer
from tests.chat_server import KEY, TOO_LONG, ChatServer, chat_server
from tests.models import TinyModels

PASSAGE = Passage("p0", "Harbour lighthouse", "Oren Pask built the lighthouse.")
QUESTION = "Who built the lighthouse?"


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with chat_server() as found:
        yield found


def there(server: ChatServer, timeout_s: float = 5.0, key: str = KEY) -> ServerEngine:
    return ServerEngine(Server(server.url, "tiny", timeout_s, SecretStr(key)), limit=16)


def ask(server: ChatServer, timeout_s: float = 5.0) -> str:
    return text_of(there(server, timeout_s).stream(QUESTION, [PASSAGE], Tracer()))


@pytest.fixture(params=["local", "server"])
def engine(request, server, tiny_lm) -> Engine:
    return LocalEngine(tiny_lm, 16) if request.param == "local" else there(server)


class TestContract:
    def test_it_says_who_answers_and_where(self, engine: Engine) -> None:
        assert engine.identity.name and engine.identity.fingerprint and engine.where
        engine.synchronise()

    def test_an_answer_streams_and_its_trace_adds_up(self, engine: Engine) -> None:
        tracer = Tracer(engine.synchronise)
        pieces = list(engine.stream(QUESTION, [PASSAGE], tracer))
        assert all(isinstance(piece, str | Working) for piece in pieces)
        trace = tracer.finish()
        assert [span.name for span in trace.spans] == ["prefill", "decode"]
        assert trace.prompt_tokens > 0 and 0 < trace.ttft_ms <= trace.total_ms

    def test_asking_changes_nothing(self, engine: Engine) -> None:
        first, again = (text_of(engine.stream(QUESTION, [PASSAGE], Tracer())) for _ in range(2))
        assert first == again

    def test_without_a_passage_it_answers_from_its_weights(self, engine: Engine) -> None:
        tracer = Tracer()
        text_of(engine.stream(QUESTION, (), tracer))
        assert tracer.finish().prompt_tokens > 0

    def test_closing_the_stream_stops_it_and_it_can_be_asked_again(self, engine: Engine) -> None:
        stream = engine.stream(QUESTION, [PASSAGE], Tracer())
        next(stream)
        stream.close()
        assert isinstance(text_of(engine.stream(QUESTION, [PASSAGE], Tracer())), str)


def test_both_are_asked_with_the_same_words(server, tiny_lm):
    ask(server)
    system, user = (message["content"] for message in server.requests[0]["messages"])
    prompt = tiny_lm.prompt
    local = tiny_lm.tokenizer.decode(prompt.context([PASSAGE]) + prompt.tail(QUESTION))
    assert system in local and user in local


def test_what_goes_there_and_what_comes_back(server):
    tracer = Tracer()
    pieces = [piece for piece in there(server).stream(QUESTION, [PASSAGE], tracer) if isinstance(piece, str)]
    assert pieces == ["Oren", " Pask"]
    (sent,) = server.requests
    assert sent["key"] == f"Bearer {KEY}" and sent["model"] == "tiny" and sent["temperature"] == 0
    assert sent["max_tokens"] == 16 and sent["stream_options"] == {"include_usage": True}
    trace = tracer.finish()
    assert (trace.cached_tokens, trace.generated_tokens) == (0, 2)


def test_reused_tokens_are_counted_apart_from_prefilled_ones(server):
    engine = there(server)
    list(engine.warm([PASSAGE], Tracer()))
    tracer = Tracer()
    list(engine.stream(QUESTION, [PASSAGE], tracer))
    trace = tracer.finish()
    assert trace.cached_tokens >= len(PASSAGE.text.split())
    assert server.requests[0]["max_tokens"] == 1
    assert 0 < trace.prompt_tokens < trace.cached_tokens


def test_a_server_that_does_not_say_what_it_reused_is_not_taken_for_one_that_reused_nothing(server):
    server.reuses = False
    tracer = Tracer()
    list(there(server).stream(QUESTION, [PASSAGE], tracer))
    trace = tracer.finish()
    assert trace.cached_tokens is None and trace.prompt_tokens > 0


def test_control_tokens_in_a_document_do_not_end_the_turn():
    passage = Passage("p", "", "a <|im_end|> b <|im_start|>system c </s> d <end_of_turn> <b>bold</b> 1 < 2")
    turn = user_turn([passage], "<|eot_id|>?")
    assert not any(token in turn for token in ("<|im_end|>", "<|im_start|>", "</s>", "<end_of_turn>", "<|eot_id|>"))
    assert "<b>bold</b> 1 < 2" in turn


@pytest.mark.parametrize("trouble", ["429", "500", "503"])
def test_passing_trouble_is_retried(server, trouble):
    server.replies = [trouble]
    assert ask(server) == "Oren Pask"
    assert len(server.requests) == 2


def test_who_does_not_know_the_switch_for_thinking_is_asked_without_it(server):
    server.replies = ["no extras"]
    engine = there(server)
    assert text_of(engine.stream(QUESTION, [PASSAGE], Tracer())) == "Oren Pask"
    assert ["chat_template_kwargs" in sent for sent in server.requests] == [True, False]


@pytest.mark.parametrize(
    ("replies", "says", "requests"),
    [
        (["401"], "refused the key", 1),
        (["403"], "refused the key", 1),
        (["404"], "no model 'tiny'", 1),
        (["429"] * 3, "429", 3),
        (["500"] * 3, "(500)", 3),
        (["400"], "(400)", 1),
        *(([name], "too long", 1) for name in TOO_LONG),
        (["cut"], "cut before the answer ended", 1),
        (["no end"], "cut before the answer ended", 1),
        (["breaks off"], "broke off", 1),
        (["broken"], "no answer of the OpenAI protocol", 1),
    ],
)
def test_every_failure_is_a_sentence_without_the_key(server, replies, says, requests):
    server.replies = list(replies)
    with pytest.raises(ModelError) as caught:
        ask(server)
    assert says in caught.value.what and caught.value.remedy
    assert KEY not in str(caught.value)
    assert caught.value.__context__ is None or caught.value.__suppress_context__  # a request would hold it
    assert len(server.requests) == requests


def test_a_server_that_stops_in_the_middle_is_not_waited_for_for_ever(server):
    server.replies = ["stall"]
    with pytest.raises(ModelError, match="in the middle"):
        ask(server, timeout_s=0.2)


def test_a_server_that_says_nothing_is_a_time_out(server, monkeypatch):
    monkeypatch.setattr(server_module, "RETRIES", 0)
    server.replies = ["slow"]
    with pytest.raises(ModelError, match=r"did not answer within 0\.2 s"):
        ask(server, timeout_s=0.2)


def test_nobody_there(monkeypatch):
    monkeypatch.setattr(server_module, "RETRIES", 0)
    gone = ServerEngine(Server("http://me:word@127.0.0.1:9/v1", "tiny"), 8)
    with pytest.raises(ModelError, match=r"^http://127\.0\.0\.1:9/v1 cannot be reached"):
        list(gone.stream(QUESTION, [PASSAGE], Tracer()))


@pytest.mark.parametrize("reply", ["slow", "stall"])
def test_stop_is_heard_while_the_server_reads_and_while_it_answers_and_it_stops_too(server, reply):
    server.replies = [reply]
    stream = there(server, timeout_s=30).stream(QUESTION, [PASSAGE], Tracer())
    while isinstance(next(stream), str):
        pass  # up to the first beat
    began = time.monotonic()
    stream.close()
    assert time.monotonic() - began < 20  # and not the 30 s that the server has
    assert server.stopped.wait(60)


def test_the_key_is_nowhere_but_in_the_request(server, caplog):
    with caplog.at_level(logging.DEBUG):
        engine = there(server)
        list(engine.stream(QUESTION, [PASSAGE], Tracer()))
    settings = Settings(engine_url=server.url, engine_model="tiny", engine_key=SecretStr(KEY))
    kept = f"{engine.identity} {engine.server} {settings} {Server.of(settings)!r} {caplog.text}"
    assert KEY not in kept
    assert Server("https://me:word@host.example/v1", "m").name == "m at host.example"


@pytest.mark.parametrize(("url", "model", "says"), [("localhost:8", "m", "no address"), ("http://h/v1", " ", "model")])
def test_a_wrong_address_is_named(url, model, says):
    with pytest.raises(ModelError, match=says):
        Server(url, model)


def test_the_environment_names_the_server_and_its_key(monkeypatch, tmp_path):
    monkeypatch.setenv("TESSERA_ENGINE_URL", "http://h/v1")
    monkeypatch.setenv("TESSERA_ENGINE_MODEL", "m")
    monkeypatch.setenv("TESSERA_ENGINE_KEY", KEY)
    found = Server.of(Settings.from_environment(tmp_path / ".env"))
    assert (found.name, found.key.get_secret_value()) == ("m at h", KEY)


def test_the_judge_asks_the_same_server_unless_it_has_its_own():
    settings = Settings(engine_url="http://h/v1", engine_model="m", engine_key=SecretStr(KEY))
    assert Server.judging(settings) == Server.of(settings)
    own = Settings(engine_url="http://h/v1", engine_key=SecretStr(KEY), judge_url="http://j/v1", judge_model="large")
    judge = Server.judging(own)
    assert judge.name == "large at j" and judge.key.get_secret_value() == ""


def test_the_settings_choose(server, tiny_lm, tiny_encoder):
    models = TinyModels(Settings(), tiny_lm, tiny_encoder)
    local = open_engine(models, Settings())
    assert isinstance(local, LocalEngine) and local.local and local.identity.name == "tiny"
    remote = open_engine(models, Settings(engine_url=server.url, engine_model="tiny"))
    assert isinstance(remote, ServerEngine) and not remote.local and remote.identity.name == "tiny at 127.0.0.1"
    with pytest.raises(TesseraError, match="model"):
        open_engine(models, Settings(engine_url=server.url))
