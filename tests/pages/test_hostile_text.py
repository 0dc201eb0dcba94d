"""Documents that carry HTML, scripts, Markdown and formulas: every page shows them as text, and nothing acts."""

import re
from dataclasses import replace

import pytest

from app import state
from app.i18n import LANGUAGES
from app.views.shared.language import language_mark
from app.views.shared.present import present_script
from core import pipeline
from core.voronoi.partition import PartitionConfig
from tests.pages.conftest import button, drain, wait_for_job
from tests.pages.test_corpus import upload

WICKED = "<script>alert(1)</script> <img src=x onerror=alert(2)> ![t](http://tracker/x.png) [y](javascript:alert(3))"
ACTING = re.compile(r"(?<!\\)<(script|img)|(?<!\\)\]\((http://tracker|javascript)", re.IGNORECASE)


@pytest.fixture
def wicked(workspace, models, tiny_corpus):
    """The tiny corpus with markup in every title, topic, text and question."""
    passages = tuple(
        replace(p, title=f"{p.title} {WICKED}", text=f"{p.text} {WICKED}", topic=f"{p.topic} {WICKED}")
        for p in tiny_corpus.passages
    )
    questions = {
        split: tuple(replace(question, text=f"{question.text} {WICKED}") for question in group)
        for split, group in tiny_corpus.questions.items()
    }
    drain(pipeline.prepare_corpus(workspace, models, replace(tiny_corpus, passages=passages, questions=questions)))
    drain(pipeline.cluster(workspace, models, models.settings, PartitionConfig(auto_k=False, k=3, cell_tokens=4000)))
    drain(pipeline.blocks(workspace, models, models.settings))
    return workspace


def formatted(app) -> list[str]:
    """Everything on a page that is formatted: text boxes, tables and code are not."""
    kinds = (app.title, app.header, app.subheader, app.markdown, app.caption, app.error, app.warning, app.info)
    found = [str(entry.value) for kind in (*kinds, app.success) for entry in kind]
    labels = [entry.label for kind in (app.button, app.expander, app.metric) for entry in kind]
    return [*found, *(label for label in labels if label), *(entry.proto.body for entry in app.get("html"))]


def acting(app) -> list[str]:
    ours = {present_script(), *(language_mark(language) for language in LANGUAGES)}
    return [text for text in formatted(app) if ACTING.search(text) and text not in ours]


def test_what_acts_is_told_from_what_is_text():
    assert ACTING.search(WICKED)
    assert not ACTING.search(r"\<script\> \<img src \]\(http://tracker")


@pytest.mark.parametrize("name", ["start", "corpus", "map", "caches", "stores"])
def test_pages_show_it_as_text(page, wicked, name):
    assert acting(page(name)) == []


def test_compare_shows_it_as_text(page, wicked, methods):
    for method in methods.made.values():
        method.text, method.evidence = f"It is {WICKED}", f"Somebody wrote {WICKED}"
    app = page("compare")
    app.text_input(key="ask_question").set_value(f"Who? {WICKED}")
    next(found for found in app.button if found.label == "Ask").click().run()
    assert any(entry.value == f"It is {WICKED}" for entry in app.text)
    assert acting(app) == []


def test_a_file_is_built_from_whatever_its_name_and_text(page, workspace, models):
    app = upload(page("corpus"), (f"../../{WICKED}.txt".replace("/", "_"), f"The bell rings. {WICKED}".encode()))
    assert acting(app) == []
    app.text_input(key="upload_workspace").set_value("bells")
    app.checkbox(key="upload_further").set_value(False)
    button(app, "upload-build").click().run()
    assert wait_for_job(workspace.path.parent / "bells").state.value == "done"
    assert acting(app.run()) == []


def test_what_is_refused_leaves_no_workspace_behind(page, workspace, models, monkeypatch):
    built = []
    monkeypatch.setattr(pipeline, "prepare_corpus", lambda *chosen: built.append(chosen))
    app = upload(page("corpus"), ("bomb.csv", bytes(5000)), ("x" * 3000 + ".txt", b"caf\x81\xe9"))
    assert any("None of these files" in warning.value for warning in app.warning)
    states = dict(zip(app.dataframe[0].value["file"], app.dataframe[0].value["state"], strict=True))
    assert all(found.startswith("✗") for found in states.values())
    assert max(map(len, states)) <= 120
    assert not [found for found in app.button if found.key == "upload-build"]
    assert built == []
    assert state.workspace_names() == ["sample"]
