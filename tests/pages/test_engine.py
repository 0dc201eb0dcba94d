"""A server of one's own from the app alone: tested, chosen, asked; and what may not happen meanwhile."""

from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from app import state
from core.methods.registry import METHODS
from tests.chat_server import KEY, ChatServer, chat_server
from tests.pages.conftest import button, said, wait_for_job
from tests.pages.test_compare import ask

ANSWERING = ("rag", "cag", "closed-book")


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with chat_server() as found:
        yield found


def probed(page, server):
    app = page("start")
    app.segmented_control(key="engine_where").set_value("server").run()
    app.text_input(key="engine_url").set_value(server.url).run()
    app.text_input(key="engine_key").set_value(KEY).run()
    button(app, "engine-test").click().run()
    return app


def test_the_test_says_what_it_found_and_never_the_key(page, prepared, models, server):
    text = said(probed(page, server))
    assert "tiny at 127.0.0.1" in text and "512 tokens" in text and "kept:" in text
    assert KEY not in text
    assert server.requests[0]["key"] == f"Bearer {KEY}"


def test_a_refusal_is_a_sentence(page, prepared, models, server):
    server.replies = ["401"]
    app = probed(page, server)
    assert "127.0.0.1 refused the key" in app.error[0].value and "any at" not in app.error[0].value
    assert "engine-use" not in {entry.key for entry in app.button}


def test_once_chosen_the_server_answers_cells_are_prefixes_and_blocks_are_not_missed(page, clustered, models, server):
    app = probed(page, server)
    button(app, "engine-use").click().run()
    assert state.settings().engine_model == "tiny" and state.settings().engine_key.get_secret_value() == KEY
    assert "tiny at 127.0.0.1" in "\n".join(entry.value for entry in app.sidebar.markdown)
    app.switch_page("../pages/compare.py").run()
    app = ask(app, "Who built the lighthouse of Velm?")
    assert not app.exception and not app.error, [entry.value for entry in app.error]
    run = app.session_state["run"]
    assert {name: found.text for name, found in run.answers.items()} == dict.fromkeys(ANSWERING, "Oren Pask")
    assert run.context.model == "tiny at 127.0.0.1"
    app.session_state["more"] = "What the model read"
    app.session_state["read_method"] = "rag"
    app.run()
    assert {sent["messages"][1]["content"] for sent in server.requests} & {entry.value for entry in app.text}
    assert "Tokens, as the server counts" in said(app) and not app.exception
    app.switch_page("../pages/caches.py").run()
    button(app, "warm").click().run()
    assert wait_for_job(clustered.path).state.value == "done"
    app.run()
    assert "read 3 cells" in said(app) and not app.exception
    button(app, "cache-build").click().run()  # for what looks into the model here
    assert wait_for_job(clustered.path).state.value == "done" and clustered.state("blocks").status == "ready"


def test_what_no_server_takes_is_not_offered_even_if_a_link_chose_it(page, prepared, models, server):
    app = page("compare", methods="rag,rag_blocks")
    assert app.session_state["ask_methods"] == ["rag", "rag_blocks"]
    state.choose(_with_key(state.settings(), server.url))
    app.run()
    assert not app.exception and app.session_state["ask_methods"] == ["rag"]
    assert METHODS["rag_blocks"].label not in str(app.button_group(key="ask_methods").options)


def test_the_key_of_one_address_goes_to_no_other(page, prepared, models, server):
    state.choose(_with_key(state.settings(), "http://elsewhere.example/v1"))
    app = page("start")
    app.text_input(key="engine_url").set_value(server.url).run()
    button(app, "engine-test").click().run()
    assert {sent["key"] for sent in server.requests} == {"Bearer none"}


def _with_key(settings, url):
    from dataclasses import replace

    return replace(settings, engine_url=url, engine_model="m", engine_key=SecretStr(KEY))


def test_a_stranger_chooses_nothing(page, prepared, models, monkeypatch):
    monkeypatch.setenv("TESSERA_ALLOWED_HOSTS", "tessera.example")
    state._chosen.clear()
    app = page("start")
    assert "engine_where" not in {entry.key for entry in app.get("button_group")}
    assert "chosen where it is started" in said(app)


def test_an_encoder_on_a_server_is_tested_chosen_and_embeds_the_workspace(page, prepared, models, server, monkeypatch):
    cleared = []
    monkeypatch.setattr(state.models, "clear", lambda: cleared.append(True), raising=False)
    app = page("start")
    app.segmented_control(key="embed_where").set_value("server").run()
    app.text_input(key="embed_url").set_value(server.url).run()
    app.text_input(key="embed_name").set_value("tiny").run()
    app.text_input(key="embed_key").set_value(KEY).run()
    server.replies = ["401"]
    button(app, "embed-test").click().run()
    assert "refused the key" in app.error[0].value and "embed-use" not in {entry.key for entry in app.button}
    button(app, "embed-test").click().run()
    text = said(app)
    assert "192 dimensions" in text and KEY not in text
    app.text_input(key="embed_key").set_value("another").run()
    assert "embed-use" not in {entry.key for entry in app.button}  # another key was not tested
    app.text_input(key="embed_key").set_value(KEY).run()
    button(app, "embed-use").click().run()
    assert state.settings().embed_model == "tiny" and cleared and not app.exception
    assert "tiny at 127.0.0.1" in "\n".join(entry.value for entry in app.sidebar.markdown)
    assert wait_for_job(prepared.path).state.value == "done"
