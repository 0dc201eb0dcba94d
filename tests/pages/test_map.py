import json

import pytest

from tests.pages.conftest import button, said, wait_for_job


def test_cells_can_be_cut_here(page, prepared, models):
    app = page("map")
    assert "not cut into cells" in said(app)
    app.toggle(key="cut_auto").set_value(False)
    app.number_input(key="cut_k").set_value(4)
    app.number_input(key="cut_tokens").set_value(4000)
    next(found for found in app.button if found.label == "Cut into cells").click().run()
    assert wait_for_job(prepared.path).state.value == "done"
    app.run()
    assert len(app.dataframe[0].value) == 4
    assert prepared.manifest("partition").params["cells"] == 4


def test_the_map_says_how_far_it_can_be_trusted(page, clustered, models):
    app = page("map")
    assert len(app.get("plotly_chart")) == 1
    assert "trustworthiness" in said(app)
    assert len(app.dataframe[0].value) == 3
    assert app.dataframe[0].value["passages"].sum() == 11


def test_a_question_falls_into_the_cell_of_its_words(page, clustered, models):
    app = page("map")
    app.text_input(key="map_question").set_value("Who planted the pear orchard?")
    app.slider(key="map_nprobe").set_value(1).run()
    text = said(app)
    assert "falls into **cell" in text
    assert "margin" in text
    opened = app.dataframe[0].value.query("opened")
    assert len(opened) == 1
    assert "orchard" in opened["about"].iloc[0] or "pear" in opened["about"].iloc[0]


def test_more_cells_can_be_opened(page, clustered, models):
    app = page("map")
    app.text_input(key="map_question").set_value("Who planted the pear orchard?")
    app.slider(key="map_nprobe").set_value(2).run()
    assert app.dataframe[0].value["opened"].sum() == 2
    assert "Opened besides" in said(app)


def test_a_question_of_the_corpus_says_whether_its_passage_is_in_an_opened_cell(page, clustered, models):
    app = page("map")
    app.text_input(key="map_question").set_value("Who planted the pear orchard?").run()
    assert "Its gold passage lies in" in said(app) and "which is open" in said(app)
    app.text_input(key="map_question").set_value("Who planted something else?").run()
    assert "gold passage lies" not in said(app)


def test_routing_recall_is_measured_here_and_marked_where_the_slider_stands(page, clustered, models):
    app = page("map")
    assert "Not measured for these cells yet" in said(app)
    button(app, "recall-measure").click().run()
    assert wait_for_job(clustered.path).state.value == "done"
    app.run()
    assert "Opening **3 cells** of 3 finds" in said(app)  # as many as CAG opens of so few
    app.slider(key="map_nprobe").set_value(1).run()
    assert "Opening **1 cell** of 3 finds" in said(app)
    assert "n = 2 questions (test)" in said(app)
    assert len(app.get("plotly_chart")) == 2
    curve = next(frame.value for frame in app.dataframe if "nprobe" in frame.value)
    assert list(curve["nprobe"]) == [1, 2, 3] and curve["recall"].iloc[-1] == 1
    app.slider(key="map_nprobe").set_value(2).run()
    assert "Opening **2 cells** of 3 finds" in said(app)


def test_a_damaged_report_is_an_error_with_a_remedy(page, clustered, models):
    path = clustered.path / "runs" / "routing-test.json"
    path.parent.mkdir()
    path.write_text("{", encoding="utf-8")
    assert any("measure again" in error.value for error in page("map").error)


@pytest.mark.parametrize("kind", ["partition", "projection"])
def test_a_damaged_artefact_is_an_error_with_a_remedy(page, clustered, models, kind):
    victim = next(clustered.folder(kind).glob("*.safetensors"))
    victim.write_bytes(b"x" * victim.stat().st_size)
    app = page("map")
    assert any("cut the cells" in error.value for error in app.error)


def test_cutting_anew_is_refused_while_something_is_built(page, clustered, models, monkeypatch):
    import threading

    from app import state
    from core.jobs import Job, Progress

    release = threading.Event()

    def slow(ws):
        yield Progress("Working", 0, 2)
        release.wait(60)
        yield Progress("Working", 1, 2)

    state.board().start(str(clustered.path), Job("Something long", lambda: slow(clustered)))
    app = page("map")
    assert all(found.disabled for found in app.button if found.label == "Cut the cells again")
    release.set()
    wait_for_job(clustered.path)
    assert button


def test_it_speaks_korean(page, clustered, models):
    app = page("map", lang="ko")
    app.text_input(key="map_question").set_value("Who planted the pear orchard?")
    app.slider(key="map_nprobe").set_value(2).run()
    assert not app.exception
    text = said(app)
    assert "질문은 **셀" in text and "함께 연 셀" in text and "정답 문단은 열린" in text
    assert "구면 k-평균으로 나눈 셀 3개" in text


def pick(app, *ids):
    app.session_state["map"] = {"selection": {"points": [{"customdata": [name]} for name in ids]}}
    return app.run()


def test_picked_passages_are_read_and_asked_about(page, clustered, models, tiny_corpus):
    app = page("map")
    assert "picked" not in said(app)
    first, second = tiny_corpus.passages[:2]
    app = pick(app, first.id, second.id, "no passage")
    assert "2 passages picked." in said(app)
    table = next(frame.value for frame in app.dataframe if "id" in frame.value)
    assert list(table["id"]) == [first.id, second.id] and list(table["text"]) == [first.text, second.text]
    (choice,) = [box for box in app.selectbox if box.key == "picked_question"]
    about = {
        q.text for group in tiny_corpus.questions.values() for q in group if {first.id, second.id} & set(q.passage_ids)
    }
    assert set(choice.options) == about
    choice.set_value(choice.options[0]).run()
    button(app, "picked-ask").click().run()
    assert app.session_state["ask_question"] == choice.options[0]


def test_the_star_is_no_passage(page, clustered, models):
    assert "picked" not in said(pick(page("map"), "Who planted the pear orchard?"))


def star_of(app):
    """What the page sends to the star in the browser; None when there is none."""
    (found,) = app.get("bidi_component") or (None,)
    return json.loads(found.proto.mixed.json or found.proto.json) if found else None


def test_the_star_is_sent_with_its_ways_and_with_the_answers_once_they_are_computed(page, cached, models, monkeypatch):
    app = page("map")
    assert not [toggle for toggle in app.toggle if toggle.key == "map_drag"]
    app.text_input(key="map_question").set_value("Who planted the pear orchard?").run()
    app.toggle(key="map_drag").set_value(True).run()
    scene = star_of(app)
    assert len(scene["tiles"]) == 11 and len(scene["cells"]) == 3 and not app.get("plotly_chart")
    for tile in scene["tiles"]:
        assert tile["cells"][-1] == tile["cell"], "at its dot the vector is the passage's own"
        assert tile["cells"][0] == scene["tiles"][0]["cells"][0] and len(tile["cells"]) == len(tile["margins"])
    assert not any("answer" in cell for cell in scene["cells"])
    assert all(cell["cache"].endswith("B") for cell in scene["cells"])
    button(app, "star-answers").click().run()
    assert wait_for_job(cached.path).state.value == "done"
    app.run()
    assert all("answer" in cell and cell["verdict"] for cell in star_of(app)["cells"])
    assert not [found for found in app.button if found.key == "star-answers"]
    app.text_input(key="map_question").set_value("Who built the lighthouse?").run()
    assert not any("answer" in cell for cell in star_of(app)["cells"])


def test_without_blocks_the_star_is_dragged_and_no_answer_offered(page, clustered, models):
    app = page("map")
    app.text_input(key="map_question").set_value("Who planted the pear orchard?").run()
    app.toggle(key="map_drag").set_value(True).run()
    assert star_of(app) and "blocks of the passages are not ready" in said(app)
    assert not [found for found in app.button if found.key == "star-answers"]
