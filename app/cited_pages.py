"""The pages that answers rest on, as one piece of HTML that needs nothing else: in the export and the Gradio front."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

from markupsafe import Markup

from core.corpus import store as corpus_store
from core.errors import CorpusError
from core.evaluation.cited_page import CitedPage, supporting_pages
from core.evaluation.report import render
from core.methods import registry
from core.methods.comparison import Run
from core.workspace import Workspace


def cited_pages(run: Run, ws: Workspace) -> Markup:
    """The pages with the supporting sentences marked, each once, a few at most; empty where there are none."""
    if ws.state("corpus").status != "ready":
        return Markup("")
    corpus = ws.read("corpus", corpus_store.load)
    pages = [
        (page.cited, ", ".join(registry.METHODS[name].label for name in names), *_drawn(page))
        for page, names in supporting_pages(ws, corpus, run.answers.values()).items()
    ]
    return render("cited_pages.html", Path(__file__).parent / "templates", pages=pages)


def _drawn(page: CitedPage) -> tuple[str, str]:
    """The picture in base 64, or the reason why it is missing."""
    try:
        return b64encode(page.picture()).decode(), ""
    except CorpusError as error:
        return "", str(error)
