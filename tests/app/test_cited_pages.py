"""Pages within HTML: in the export and on the Gradio page."""

import base64
import io
import re

import pytest
from PIL import Image

from app.cited_pages import cited_pages
from app.export import to_html
from core.corpus.importing import Importer
from core.corpus.originals import keep_originals
from core.corpus.store import write_corpus
from core.corpus.types import Corpus
from core.methods.base import Answer, as_evidence
from core.methods.comparison import Choices, Run
from core.trace import Tracer
from core.workspace import Workspace
from tests.core.corpus.readers.test_pdf import content, writer

NAME = "bells <b>.pdf"


@pytest.fixture
def own(tmp_path):
    """A workspace of one PDF, and a run that two methods answered from it."""
    pdf = content(writer(["The bell rings at noon.", "Nobody hears it."]))
    importer = Importer(len)
    importer.add(NAME, pdf)
    ws, corpus = Workspace(tmp_path / "own"), Corpus("own", importer.report().passages, {})
    write_corpus(ws, corpus)
    keep_originals(ws, [corpus], [(NAME, pdf)])
    evidence = as_evidence(corpus.passages, [1.0])
    answers = {name: Answer(name, "When?", "at noon", evidence, Tracer().finish()) for name in ("rag", "cag")}
    return ws, Run(Choices("own", "When?", ("rag", "cag"), True, 3), status="done", answers=answers)


def test_the_export_holds_the_page_once_for_all_that_rest_on_it(own):
    ws, run = own
    html = to_html(run, ws)
    (picture,) = re.findall(r'src="data:image/webp;base64,([^"]+)"', html)
    assert Image.open(io.BytesIO(base64.b64decode(picture))).size == (640, 640)
    assert "Standard RAG, KV-cache CAG" in html and "bells &lt;b&gt;.pdf, p. 1" in html
    assert "<img" not in to_html(run)


def test_a_page_that_cannot_be_drawn_says_so(own):
    ws, run = own
    (file,) = (ws.path / "originals").iterdir()
    file.write_bytes(b"%PDF-1.4 broken")
    html = cited_pages(run, ws)
    assert "Page 1 cannot be drawn." in html and "<img" not in html


def test_without_a_corpus_or_support_there_is_nothing(own, tmp_path):
    ws, run = own
    assert cited_pages(run, Workspace(tmp_path / "empty")).strip() == ""
    run.answers.clear()
    assert cited_pages(run, ws).strip() == ""
