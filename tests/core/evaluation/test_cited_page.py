"""The page that an answer rests on, the same for every front."""

from dataclasses import replace

import pytest

from core.corpus.importing import Importer
from core.corpus.originals import keep_originals
from core.corpus.types import Corpus
from core.evaluation.cited_page import cited_page, supporting_pages
from core.methods.base import Answer, as_evidence
from core.trace import Tracer
from core.workspace import Workspace
from tests.core.corpus.readers.test_page_picture import marked
from tests.core.corpus.readers.test_pdf import content, writer

BELL, RAIN = "The bell rings at noon.", "Rain falls on the harbour."


@pytest.fixture
def own(tmp_path):
    """A workspace that keeps a PDF of two pages, and its corpus."""
    pdf = content(writer([BELL, "Nobody hears it."], [RAIN]))
    importer = Importer(len)
    importer.add("bells.pdf", pdf)
    ws, corpus = Workspace(tmp_path / "own"), Corpus("own", importer.report().passages, {})
    keep_originals(ws, [corpus], [("bells.pdf", pdf)])
    return ws, corpus


def answered(corpus, method, text, question="What is there?"):
    return Answer(method, question, text, as_evidence(corpus.passages, [1.0] * len(corpus.passages)), Tracer().finish())


def test_the_supporting_sentence_is_marked_on_its_page(own):
    ws, corpus = own
    (page,) = supporting_pages(ws, corpus, [answered(corpus, "rag", "on the harbour")])
    assert page.cited == "bells.pdf, pp. 1-2" and {box.page for box in page.marks} == {2}
    rows, _ = marked(page.picture())
    assert len(rows)


def test_methods_that_rest_on_one_sentence_share_its_page_and_pages_are_few(own):
    ws, corpus = own
    answers = [answered(corpus, "rag", "at noon"), answered(corpus, "bm25", "harbour"), answered(corpus, "cag", "noon")]
    pages = supporting_pages(ws, corpus, answers)
    assert list(pages.values()) == [["rag", "cag"], ["bm25"]]
    assert list(supporting_pages(ws, corpus, answers, most=1).values()) == [["rag", "cag"]]


def test_an_answer_that_nothing_supports_shows_no_page(own):
    ws, corpus = own
    assert supporting_pages(ws, corpus, [answered(corpus, "rag", "a whale")]) == {}


def test_text_written_from_z_marks_the_whole_passage(own):
    ws, corpus = own
    (piece,) = as_evidence(corpus.passages, [1.0])
    assert {box.page for box in cited_page(ws, corpus, replace(piece, text=RAIN), (0, 4)).marks} == {1, 2}


def test_a_page_of_another_edition_is_not_shown(own):
    ws, corpus = own
    (piece,) = as_evidence(corpus.passages, [1.0])
    assert cited_page(ws, corpus, piece, None)
    edition = replace(piece.source, digest="0" * 32)
    assert cited_page(ws, replace(corpus, passages=(replace(corpus.passages[0], source=edition),)), piece, None) is None
