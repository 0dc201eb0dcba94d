"""The page that an answer is cited on, in Compare."""

import pytest
from streamlit.testing.v1 import AppTest

from core import pipeline
from core.corpus.store import load_passages
from core.methods.base import as_evidence
from core.workspace import Workspace
from tests.core.corpus.readers.test_pdf import content, writer
from tests.pages.conftest import TIMEOUT, drain


@pytest.fixture
def own(settings, models, tmp_path):
    """A workspace of one PDF and one text."""
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "bells.pdf").write_bytes(content(writer(["The bell rings at noon.", "Nobody hears it."])))
    (folder / "mill.txt").write_text("The mill has four sails.")
    ws = Workspace(settings.workspaces / "own")
    drain(pipeline.prepare(ws, models, str(folder)))
    return ws


def shown(ws, number):
    def script(path, number):
        from pathlib import Path

        from app.views.compare.evidence import show_page
        from core.corpus.store import load_passages
        from core.methods.base import Answer, as_evidence
        from core.trace import Trace
        from core.workspace import Workspace

        ws = Workspace(Path(path))
        read = as_evidence(load_passages(ws)[number : number + 1], [1.0])
        answer = Answer("rag", "When does it ring?", "noon", read, Trace((), 1.0, 1.0, 1, 0, 1, 0))
        show_page("rag-0", ws, answer, 0, (0, 23))

    return AppTest.from_function(script, default_timeout=TIMEOUT, args=(str(ws.path), number)).run()


def test_a_page_is_drawn_beside_the_answer_when_it_is_asked_for(own):
    app = shown(own, 0)
    assert not app.get("image")
    app.button(key="page-rag-0").click().run()
    assert not app.exception
    assert len(app.get("image")) == 1 and app.get("download_button")
    assert [text.value for text in app.text] == ["noon", "The bell rings at noon."]


def test_a_text_has_no_pages_but_its_original(own):
    app = shown(own, 1)
    assert not app.button and app.get("download_button")


def test_a_passage_whose_file_is_not_kept_offers_none(own):
    for path in (own.path / "originals").iterdir():
        path.unlink()
    app = shown(own, 0)
    assert not app.exception and not app.button and not app.get("download_button")
    assert as_evidence(load_passages(own)[:1], [1.0])[0].cited == "bells.pdf, p. 1"
