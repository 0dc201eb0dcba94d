from threading import Event

from app import state
from core import pipeline
from core.jobs import Progress
from tests.pages.conftest import button, said, wait_for_job


def test_a_first_visit_explains_and_offers_the_sample(page, settings, models):
    app = page("start")
    text = said(app)
    assert all(label in text for label in ("Standard RAG", "KV-cache CAG", "LLM-as-Memory"))
    assert "not built" in text
    assert settings.model in text.replace("\\", "")
    assert button(app, "build-sample").label == "Build the sample"
    assert any("bring documents" in link.label.lower() for link in app.get("page_link"))


def test_one_click_builds_the_sample(page, workspace, models, monkeypatch):
    def build(ws, models):
        assert (ws.path, models) == (workspace.path, state.models())
        yield Progress("Embedding passages", 3, 10, "half way")
        seen.wait(60)

    seen = Event()
    monkeypatch.setattr(pipeline, "build_sample", build)
    app = page("start")
    button(app, "build-sample").click().run()
    assert not app.toast
    seen.set()
    assert wait_for_job(workspace.path).state.value == "done"
    app.run()
    assert any("done in" in entry.value for entry in app.toast)
    assert "done in" in said(app.sidebar)
    assert not page("compare").toast  # told once, to the session that was waiting


def test_a_failed_build_says_why(page, workspace, models, monkeypatch):
    def build():
        yield Progress("Reading", 0, 1)
        raise ValueError("a *bug*")

    monkeypatch.setattr(pipeline, "build_sample", build)
    app = page("start")
    button(app, "build-sample").click().run()
    wait_for_job(workspace.path)
    app.run()
    assert any("bug in Tessera" in entry.value and "a \\*bug\\*" in entry.value for entry in app.error)
    assert any("Traceback" in code.value for code in app.code)


def test_a_running_build_can_be_cancelled_and_is_found_again(page, workspace, models, monkeypatch):
    import threading

    go_on = threading.Event()

    def build():
        for number in range(1000):
            yield Progress("Embedding passages", number, 1000)
            go_on.wait(0.02)

    monkeypatch.setattr(pipeline, "build_sample", build)
    app = page("start")
    button(app, "build-sample").click().run()
    reloaded = page("start")
    assert "Building the sample workspace" in said(reloaded)
    button(reloaded, "job-cancel").click().run()
    go_on.set()
    assert wait_for_job(workspace.path).state.value == "cancelled"
    reloaded.run()
    assert any("stopped after" in entry.value for entry in reloaded.info)


def test_when_passages_are_there_the_next_step_is_to_ask(page, prepared, models):
    app = page("start")
    assert "11 passages" in said(app)
    assert button(app, "go-compare").label == "Ask a question"


def test_the_frame_shows_workspace_model_and_device(page, prepared, models):
    app = page("start")
    sidebar = "\n".join(entry.value for entry in app.sidebar.markdown).replace("\\", "")
    assert app.sidebar.selectbox(key=state.WORKSPACE_KEY).value == "sample"
    assert models.settings.model in sidebar
    assert "CPU" in sidebar
    assert "11 passages" in sidebar


def test_an_artefact_that_no_longer_holds_is_marked(page, clustered, models, tiny_corpus):
    from dataclasses import replace

    smaller = replace(tiny_corpus, passages=tiny_corpus.passages[:5], questions={})
    list(pipeline.prepare_corpus(clustered, models, smaller))
    assert "out of date" in said(page("start"))
