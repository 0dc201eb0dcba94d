"""A person with a llama.cpp server and a PDF: from an empty app to three answers on that server, in the app alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from core.models.download import original_file
from core.models.export import export_gguf
from core.models.registry import Models
from core.settings import Settings
from tests.e2e.conftest import own_folders, running_app
from tests.e2e.steps import answer_of, ask, bring_pdf, keyed, method, settled, visit
from tests.e2e.test_upload import ENGLISH
from tests.llama_server import llama_params, llama_server

pytestmark = [pytest.mark.browser, pytest.mark.real, pytest.mark.slow]
CONTEXT = 2048
KEY = "sk-of-the-server"


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[str]:
    """The app without any workspace."""
    with running_app(own_folders(tmp_path_factory) | {"OMP_NUM_THREADS": "1"}) as address:
        yield address


@pytest.fixture(scope="module")
def llama(tmp_path_factory) -> Iterator[str]:
    """llama.cpp's server with the default model as it reads here, its adapter merged in."""
    settings = Settings(dtype="float32")
    original = original_file(settings.model, settings.home)
    path = export_gguf(Models(settings).language_model(), original, tmp_path_factory.mktemp("gguf") / "reader.gguf")
    with llama_server(llama_params(path, CONTEXT, KEY)) as address:
        yield address


def choose_server(page: Page, address: str) -> None:
    """Start: the language model runs on a server, which is tested and taken."""
    visit(page, "start")
    page.locator("summary").filter(has_text="Change the language model").click()
    page.locator(".st-key-engine_where button").last.click()
    settled(page)
    for key, text in (("engine_key", KEY), ("engine_url", address)):  # with the address, the button can be pressed
        box = keyed(page, key, "input")
        box.fill(text)
        box.press("Enter")
    keyed(page, "engine-test").click()
    expect(page.get_by_test_id("stAlert")).to_contain_text(f"{CONTEXT:,} tokens")
    keyed(page, "engine-use").click()
    expect(keyed(page, "engine-use")).to_be_disabled()
    settled(page)


def test_an_own_pdf_answers_three_ways_on_an_own_server(page, llama):
    choose_server(page, llama)
    bring_pdf(page, ENGLISH.title, ENGLISH.pages)
    expect(page.locator(".st-key-facts")).not_to_contain_text("Blocks")  # no server takes any
    ask(page, ENGLISH.question)
    for name in ("rag", "cag", "memory"):
        assert ENGLISH.truth in answer_of(page, name), name
    evidence = method(page, "cag").get_by_test_id("stExpander").first
    evidence.locator("summary").click()
    expect(evidence).to_contain_text("tokens cached")  # the server had read the cell
    expect(method(page, "memory")).to_contain_text("Two models")
    expect(page.locator(".st-key-clocks")).to_contain_text("reader.gguf at 127.0.0.1")
    page.get_by_text("What the model read").first.click()
    settled(page)
    page.locator(".st-key-read_method button").filter(has_text="LLM-as-Memory").click()
    settled(page)
    read = page.locator(".st-key-read-new-server")
    expect(read).to_contain_text("the words that z spells")
    expect(read).to_contain_text(ENGLISH.truth)
    assert KEY not in page.content()
