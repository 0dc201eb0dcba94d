from dataclasses import replace

import pytest
import streamlit as st

from app.views.corpus.own_questions import questions_of
from core import pipeline
from core.corpus.chunking import Chunking
from core.corpus.importing import Importer
from core.corpus.load import corpus_of
from core.corpus.store import load, load_passages
from core.corpus.types import GENERATED, Question
from core.evaluation.generated import edit, generated
from core.jobs import Progress
from core.workspace import Workspace
from tests.pages.conftest import button, drain, said, wait_for_job

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


def test_what_is_here_already_is_not_offered_to_be_replaced_at_first_sight(page, prepared, models):
    app = view(page("corpus"), "Bring documents")
    assert app.selectbox(key="choose_source").value == "sample-ko"
    assert not any("will be replaced" in caption.value for caption in app.caption)


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
    assert "empty.md is empty. Choose a file with text in it." in said(app)
    app.text_input(key="upload_workspace").set_value("bells")
    app.checkbox(key="upload_further").set_value(False)
    button(app, "upload-build").click().run()
    assert wait_for_job(workspace.path.parent / "bells").state.value == "done"
    app.run()
    assert app.sidebar.selectbox(key="workspace").value == "bells"
    assert any(link.label == "Ask a question" for link in app.get("page_link"))
    assert {entry.label: entry.value for entry in app.metric}["Passages"] == "1"


def test_columns_can_be_chosen_where_none_is_called_text(page, workspace, models):
    rows = b"Nr;Name;Beschreibung\n1;Lamp;The lamp of Brae burns for nine hours.\n"
    app = upload(page("corpus"), ("lamps.csv", rows))
    assert "has no column for the text" in said(app)
    (text,) = [box for box in app.selectbox if box.key.startswith("column_text")]
    assert text.value == "Beschreibung"
    next(box for box in app.selectbox if box.key.startswith("column_title")).set_value("Name")
    next(found for found in app.button if found.key.startswith("columns-read")).click().run()
    assert list(app.dataframe[0].value["state"]) == ["✓ ready: 1 passage"]
    assert any(entry.value == "The lamp of Brae burns for nine hours." for entry in app.text)


def test_what_was_assumed_is_said(page, workspace, models):
    app = upload(page("corpus"), ("notes.txt", "한빛 도서관은 월요일에 쉽니다.".encode("cp949")))
    assert "read as CP949, which was assumed" in said(app)


def test_files_that_give_nothing_say_so(page, workspace, models):
    app = upload(page("corpus"), ("broken.txt", b"\x80\x81 bad"))
    assert any("None of these files" in warning.value for warning in app.warning)
    assert not [found for found in app.button if found.key == "upload-build"]


def test_replacing_a_workspace_is_announced(page, prepared, models):
    app = view(page("corpus"), "Bring documents")
    app.selectbox(key="choose_source").set_value("sample").run()
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

    def build(ws, source, size, further=None, chunking=None):
        seen.append((ws.name, source, size, further is not None, chunking))
        yield Progress("Reading the corpus", 1, 1)

    monkeypatch.setattr(pipeline, "prepare", build)
    app = page("corpus")
    app.selectbox(key="choose_source").set_value("squad").run()
    app.number_input(key="choose_size").set_value(200)
    app.slider(key="choose_length").set_value(256).run()
    app.slider(key="choose_overlap").set_value(32)
    button(app, "choose-build").click().run()
    wait_for_job(workspace.path.parent / "squad")
    assert seen == [("squad", "squad", 200, True, Chunking(256, 32))]


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


@pytest.fixture
def own(workspace, models):
    """A workspace of two files, with cells and blocks."""
    importer = Importer(models.prompt().count)
    importer.add("bells.txt", BELL)
    importer.add("mills.txt", b"The windmill of Brae has four sails of linen. " * 4)
    ws = Workspace(workspace.path.parent / "own")
    drain(pipeline.prepare_corpus(ws, models, corpus_of("own", importer.report(), models.prompt().count)))
    return ws


def texts_of(ws):
    return {passage.source.file: passage.text for passage in load_passages(ws)}


def test_a_document_is_removed_after_a_question_and_comes_back(page, own, models, monkeypatch):
    keys = []

    def first_row_chosen(*given, key, **options):
        keys.append(key)
        return {"selection": {"rows": [0]}}

    monkeypatch.setattr(st, "dataframe", first_row_chosen)
    app = view(page("corpus", workspace="own"), "Documents")
    before, key_before = texts_of(own), keys[-1]
    button(app, "documents-remove").click().run()
    assert "bells.txt" in said(app) and texts_of(own) == before
    button(app, "documents-keep").click().run()
    button(app, "documents-remove").click().run()
    button(app, "documents-remove-now").click().run()
    assert wait_for_job(own.path).state.value == "done"
    assert set(texts_of(own)) == {"mills.txt"}
    app.run()
    assert keys[-1] != key_before, "the first row, still chosen, is another document now"
    button(app, "documents-undo").click().run()
    assert wait_for_job(own.path).state.value == "done"
    assert texts_of(own) == before


def test_a_file_joins_the_workspace_and_one_of_its_name_is_replaced(page, own, models):
    app = view(page("corpus", workspace="own"), "Bring documents")
    upload(app, ("mills.txt", b"The windmill of Brae burnt down."), ("boats.txt", b"The Grey Gull is a boat."))
    assert any("mills.txt" in caption.value and "Replaced" in caption.value for caption in app.caption)
    button(app, "upload-add").click().run()
    assert wait_for_job(own.path).state.value == "done"
    assert list(texts_of(own)) == ["bells.txt", "mills.txt", "boats.txt"]
    assert texts_of(own)["mills.txt"] == "The windmill of Brae burnt down."


def test_every_passage_of_every_file_can_be_looked_at(page, workspace):
    app = view(page("corpus"), "Bring documents")
    rows = "".join(f"{n},Lamp {n} burns.\n" for n in range(40))
    upload(app, ("mill.txt", b"The mill stands still."), ("lamps.csv", f"title,text\n{rows}".encode()))
    assert [text.value for text in app.text] == ["The mill stands still."]
    app.selectbox(key="preview_file").set_value("lamps.csv").run()
    assert [text.value for text in app.text][::29] == ["Lamp 0 burns.", "Lamp 29 burns."]
    app.number_input(key="preview_first").set_value(31).run()
    assert [text.value for text in app.text] == [f"Lamp {n} burns." for n in range(30, 40)]


def test_length_and_overlap_change_the_passages_that_are_seen_and_built(page, workspace, models):
    app = view(page("corpus"), "Bring documents")
    lines = "".join(f"Lamp number {n} of the harbour burns all night. " for n in range(20))
    upload(app, ("lamps.txt", lines.encode()))
    usual = [text.value for text in app.text]
    app.slider(key="upload_length").set_value(96).run()
    shorter = [text.value for text in app.text]
    assert len(shorter) > len(usual) > 1 and "".join("".join(shorter).split()) == "".join(lines.split())
    app.slider(key="upload_overlap").set_value(40).run()
    assert [text.value for text in app.text] == shorter, "what is repeated stands apart"
    assert sum("Repeated" in caption.value for caption in app.caption) == len(shorter) - 1
    app.text_input(key="upload_workspace").set_value("lamps")
    app.checkbox(key="upload_further").set_value(False)
    button(app, "upload-build").click().run()
    ws = Workspace(workspace.path.parent / "lamps")
    assert wait_for_job(ws.path).state.value == "done"
    params = ws.manifest("corpus").params
    assert (params["passages"], params["length"], params["overlap"]) == (len(shorter), 96, 40)


def test_what_joins_a_workspace_is_cut_as_its_documents_are(page, own, models):
    app = view(page("corpus", workspace="own"), "Bring documents")
    upload(app, ("boats.txt", b"The Grey Gull is a boat."))
    assert app.slider(key="upload_length").disabled and app.slider(key="upload_length").value == 128


def test_questions_are_edited_and_saved(page, own, models):
    first = Question("generated-01", "When does the bell ring?", ("noon",), ("bells-0001",), kind=GENERATED)
    edit(own, [first])
    app = view(page("corpus", workspace="own"), "Questions")
    assert button(app, "questions-generate").label == "Write them anew"
    button(app, "questions-save").click().run()
    assert generated(load(own.path / "corpus")) == (first,)


def test_a_table_of_questions_becomes_questions():
    before = (Question("generated-01", "When?", ("noon",), ("b",), kind=GENERATED), Question("own-01", "Who?", ()))
    rows = [
        {"id": "generated-01", "question": " When does it ring? ", "answers": "noon / at noon"},
        {"id": None, "question": "Where?", "answers": None},
        {"id": None, "question": None, "answers": "lost"},
    ]
    assert questions_of(rows, before) == [
        replace(before[0], text="When does it ring?", answers=("noon", "at noon")),
        Question("own-02", "Where?", (), kind=GENERATED),
    ]


def test_a_workspace_gets_another_name(page, own, prepared, models):
    app = view(page("corpus", workspace="own"), "Documents")
    app.text_input(key="rename-own").set_value("sample")
    button(app, "workspace-rename").click().run()
    assert any("already" in error.value for error in app.error)
    app.text_input(key="rename-own").set_value("bells")
    button(app, "workspace-rename").click().run()
    assert app.sidebar.selectbox(key="workspace").value == "bells"
    assert not own.path.exists() and set(texts_of(Workspace(own.path.parent / "bells"))) == {"bells.txt", "mills.txt"}


def test_a_workspace_is_deleted_after_a_list_and_a_question(page, prepared, models):
    app = page("corpus")
    button(app, "workspace-delete").click().run()
    assert list(app.dataframe[-1].value["where"]) == [str(prepared.path)]
    button(app, "workspace-keep").click().run()
    assert prepared.path.is_dir() and button(app, "workspace-delete")
    button(app, "workspace-delete").click().run()
    button(app, "workspace-delete-all").click().run()
    assert not app.exception and not prepared.path.exists()
    assert "no passages yet" in said(app)
