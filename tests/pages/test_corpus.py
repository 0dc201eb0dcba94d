import pytest

from app import building
from core.jobs import Progress
from tests.pages.conftest import button, said, wait_for_job

BELL = b"The bell of Velm rings at noon. " * 5


def upload(app, *files):
    app.file_uploader(key="uploads").set_value([(name, content, "text/plain") for name, content in files])
    return app.run()


def view(app, name):
    app.session_state["corpus_view"] = name
    return app.run()


def test_an_empty_workspace_offers_both_ways_in(page, workspace, models):
    app = page("corpus")
    assert "no passages yet" in said(app)
    assert app.file_uploader(key="uploads")
    assert app.selectbox(key="choose_source")


def test_passages_can_be_searched_and_read(page, prepared, models):
    app = page("corpus")
    assert {entry.label: entry.value for entry in app.metric}["Passages"] == "11"
    app.text_input(key="corpus_search").set_value("PEARS moons").run()
    assert list(app.dataframe[0].value["title"]) == ["Orchard pears"]
    app.text_input(key="corpus_search").set_value("no such words").run()
    assert any("No passage" in info.value for info in app.info)


def test_a_topic_narrows_the_table(page, prepared, models):
    app = page("corpus")
    app.selectbox(key="corpus_topic").set_value("orchard").run()
    assert len(app.dataframe[0].value) == 3


def test_questions_are_shown_by_split_with_their_gold_passages(page, prepared, models):
    app = view(page("corpus"), "Questions")
    app.session_state["corpus_split"] = "dev"
    app.run()
    (row,) = app.dataframe[0].value.to_dict("records")
    assert row["answers"] == "Tess Quill"
    assert row["passages"] == "Orchard pears"


def test_uploads_have_a_state_each_and_become_a_workspace(page, workspace, models):
    app = upload(page("corpus"), ("notes.txt", BELL), ("empty.md", b""))
    states = dict(zip(app.dataframe[0].value["file"], app.dataframe[0].value["state"], strict=True))
    assert states["notes.txt"].startswith("✓ ready: 1 passage")
    assert states["empty.md"].startswith("✗")
    assert "is empty" in states["empty.md"]
    app.text_input(key="upload_workspace").set_value("bells")
    app.checkbox(key="upload_further").set_value(False)
    button(app, "upload-build").click().run()
    assert wait_for_job(workspace.path.parent / "bells").state.value == "done"
    app.run()
    assert app.sidebar.selectbox(key="workspace").value == "bells"
    assert any(link.label == "Ask a question" for link in app.get("page_link"))
    assert {entry.label: entry.value for entry in app.metric}["Passages"] == "1"


def test_files_that_give_nothing_say_so(page, workspace, models):
    app = upload(page("corpus"), ("broken.txt", b"\x80\x81 bad"))
    assert any("None of these files" in warning.value for warning in app.warning)
    assert not [found for found in app.button if found.key == "upload-build"]


def test_replacing_a_workspace_is_announced(page, prepared, models):
    app = view(page("corpus"), "Bring documents")
    assert any("sample exists" in caption.value for caption in app.caption)
    app.text_input(key="choose_workspace_sample").set_value("another").run()
    assert not any("exists" in caption.value for caption in app.caption)


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", "a/b", ".hidden", "x" * 80])
def test_a_workspace_cannot_be_put_elsewhere(page, workspace, models, name):
    app = upload(page("corpus"), ("notes.txt", BELL))
    app.text_input(key="upload_workspace").set_value(name)
    button(app, "upload-build").click().run()
    assert any("no name for a workspace" in warning.value for warning in app.warning)


def test_a_data_set_is_built_with_what_was_chosen(page, workspace, models, monkeypatch):
    seen = []

    def build(ws, given, source, size, with_caches):
        seen.append((ws.name, source, size, with_caches))
        yield Progress("Reading the corpus", 1, 1)

    monkeypatch.setattr(building, "from_source", build)
    app = page("corpus")
    app.selectbox(key="choose_source").set_value("squad").run()
    app.number_input(key="choose_size").set_value(200)
    button(app, "choose-build").click().run()
    wait_for_job(workspace.path.parent / "squad")
    assert seen == [("squad", "squad", 200, True)]


def test_a_path_that_is_not_there_is_an_error_with_a_remedy(page, workspace, models):
    app = page("corpus")
    app.selectbox(key="choose_source").set_value("").run()
    app.text_input(key="choose_path").set_value("no/such/place").run()
    app.text_input(key="choose_workspace_").set_value("mine")
    button(app, "choose-build").click().run()
    report = wait_for_job(workspace.path.parent / "mine")
    assert report.state.value == "failed"
    app.run()
    assert any("no/such/place" in error.value for error in app.error)


def test_files_of_a_folder_that_were_left_out_are_listed(page, workspace, models, tmp_path):
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "bell.txt").write_bytes(BELL)
    (folder / "rows.csv").write_bytes(b"title,text\nB,ca\x00ht\n")
    app = page("corpus")
    app.selectbox(key="choose_source").set_value("").run()
    app.text_input(key="choose_path").set_value(str(folder)).run()
    app.text_input(key="choose_workspace_").set_value("mine")
    app.checkbox(key="choose_further").set_value(False)
    button(app, "choose-build").click().run()
    assert wait_for_job(workspace.path.parent / "mine").state.value == "done"
    app.run()
    assert any("1 file left out" in expander.label for expander in app.expander)
    assert any("rows" in entry.value and "line 2" in entry.value for entry in app.markdown)
