import json
from dataclasses import replace

import pytest

from app.asking import Choices, Run
from app.widgets.after import HISTORY, remember
from app.widgets.arms import facts_of, rows_of
from core import pipeline
from core.errors import ModelError
from core.feedback.file_log import FILE, FileFeedback
from tests.pages.conftest import button, missing, said
from tests.pages.delivery import deliver, recorded

GOLD = "Who planted the pear orchard?"


def ask(app, question):
    app.text_input(key="ask_question").set_value(question)
    next(found for found in app.button if found.label == "Ask").click()
    return app.run()


def charts(app):
    return app.get("plotly_chart")


def test_empty_workspace_leads_to_the_sample(page, models, arms):
    app = page("compare")
    assert "nothing to ask about" in said(app)
    assert any("start" in link.page.lower() or "Start" in link.label for link in app.get("page_link"))
    assert not app.text_input


def test_one_question_three_answers_and_the_control(page, prepared, arms):
    app = ask(page("compare"), "Who built the lighthouse of Velm?")
    assert not app.exception
    assert {name: arm.asked[-1:] for name, arm in arms.made.items() if arm.asked} == {
        name: ["Who built the lighthouse of Velm?"] for name in ("rag", "cag", "memory", "closed-book")
    }
    text = said(app)
    assert text.count("Oren Pask\n") >= 4 or sum(entry.value == "Oren Pask" for entry in app.text) == 4
    assert [entry.value for entry in app.metric if entry.label == "First token"] == ["44 ms"] * 4
    assert "n = 1" in text
    assert len(charts(app)) == 4
    numbers = app.dataframe[0].value
    assert list(numbers["arm"]) == ["Standard RAG", "KV-cache CAG", "LLM-as-Memory", "Closed book"]
    assert list(numbers["prefill"]) == [40.0] * 4


def test_every_word_is_drawn_as_it_comes(page, prepared, arms, monkeypatch):
    from app.widgets import arms as columns

    monkeypatch.setattr(columns, "_REFRESH_S", 0.0)
    arms.made["memory"].text = "one two three four"
    app = ask(page("compare"), GOLD)
    assert not app.exception
    assert any(entry.value == "one two three four" for entry in app.text)


def test_a_fast_answer_arrives_however_it_is_sent(page, prepared, arms):
    app = page("compare")
    with recorded() as parts:
        ask(app, "Who built the lighthouse of Velm?")
    assert not app.exception and len(parts) > 100
    for place in range(len(parts)):
        deliver(parts, [place])


def test_answers_are_compared_with_the_gold_answer(page, prepared, arms):
    arms.made["rag"].text = "Tess Quill"
    app = ask(page("compare"), GOLD)
    text = said(app)
    assert "Gold answer: Tess Quill" in text
    badges = [entry.value for entry in app.markdown if "badge" in entry.value]
    assert sum("right" in badge for badge in badges) == 1
    assert sum("wrong" in badge for badge in badges) == 3


def test_a_question_of_the_corpus_is_one_click_away(page, prepared, arms):
    app = page("compare")
    suggestion = button(app, "suggestion-0")
    suggestion.click().run()
    assert arms.made["rag"].asked[-1] == suggestion.label
    assert app.text_input(key="ask_question").value == suggestion.label


def test_an_arm_that_fails_says_what_to_do_and_the_others_answer(page, prepared, arms):
    arms.broken["cag"] = missing()
    app = ask(page("compare"), GOLD)
    assert any("no caches yet" in error.value and "Build them" in error.value for error in app.error)
    assert len(app.dataframe[0].value) == 3


def test_a_model_that_cannot_load_is_an_error_not_a_crash(page, prepared, arms):
    for name in list(arms.made):
        arms.broken[name] = ModelError("No such model.", "Choose another.")
    app = ask(page("compare"), GOLD)
    assert not app.exception
    assert sum("No such model" in error.value for error in app.error) == 4
    assert charts(app) == []


def test_what_was_typed_and_chosen_stays_after_the_answers(page, prepared, arms):
    app = page("compare")
    app.number_input(key="ask_top_k").set_value(5)
    app.session_state["ask_controls"] = []
    ask(app, "Who built the lighthouse of Velm?")
    assert app.text_input(key="ask_question").value == "Who built the lighthouse of Velm?"
    assert app.number_input(key="ask_top_k").value == 5
    assert app.session_state["ask_controls"] == []
    assert not app.text_input(key="ask_question").disabled


def test_an_empty_question_is_refused(page, prepared, arms):
    app = ask(page("compare"), "   ")
    assert any("Type a question" in warning.value for warning in app.warning)
    assert arms.made["rag"].asked == []


def test_a_link_restores_question_and_settings(page, prepared, arms):
    app = page("compare", q="Who drew the maps?", methods="rag,closed-book", reader="0", top_k="5", workspace="sample")
    assert app.text_input(key="ask_question").value == "Who drew the maps?"
    assert app.session_state["ask_methods"] == ["rag"]
    assert app.session_state["ask_controls"] == ["closed-book"]
    assert app.number_input(key="ask_top_k").value == 5
    assert arms.made["rag"].asked == []


def test_the_address_becomes_the_link_of_what_was_asked(page, prepared, arms):
    app = ask(page("compare"), GOLD)
    assert app.query_params["q"] == GOLD
    assert app.query_params["methods"] == "rag,cag,memory,closed-book"
    assert any("q=Who+planted" in code.value for code in app.code)


def test_the_number_of_passages_reaches_the_arm(page, prepared, arms):
    app = page("compare")
    app.number_input(key="ask_top_k").set_value(7)
    ask(app, GOLD)
    assert arms.made["rag"].resources.settings.top_k == 7


def test_text_of_documents_and_models_is_never_markup(page, prepared, arms):
    arms.made["rag"].text = "<img src=x onerror=alert(1)> ![t](http://tracker/x.png)"
    app = ask(page("compare"), GOLD)
    assert any(entry.value == arms.made["rag"].text for entry in app.text)
    assert any(entry.value == arms.made["rag"].evidence for entry in app.text)
    assert not any("<img" in entry.value or "](http" in entry.value for entry in app.markdown)
    assert not any(entry.proto.body and "onerror" in entry.proto.body for entry in app.get("html"))


def test_a_run_that_was_interrupted_shows_what_it_had(page, prepared, arms):
    app = page("compare")
    answered = ask(app, GOLD).session_state["run"].answers
    run = Run(Choices("sample", GOLD, ("rag", "cag"), True, 3), status="running")
    run.answers["rag"] = answered["rag"]
    run.drafts["cag"] = "half an ans"
    app.session_state["run"] = run
    app.run()
    assert run.status == "stopped"
    assert any("Stopped" in info.value for info in app.info)
    assert any(entry.value == "half an ans" for entry in app.text)
    assert len(app.dataframe[0].value) == 1
    assert not app.text_input(key="ask_question").disabled


def test_earlier_questions_can_be_shown_again(page, prepared, arms):
    app = ask(page("compare"), "First question?")
    ask(app, "Second question?")
    button(app, "history-show-0").click().run()
    assert app.session_state["run"].choices.question == "First question?"
    assert arms.made["rag"].asked.count("First question?") == 1


def test_one_arm_can_be_shown_alone(page, prepared, arms):
    app = ask(page("compare"), GOLD)
    app.session_state["focus"] = "cag"
    app.run()
    assert len([entry for entry in app.metric if entry.label == "First token"]) == 1


def test_export_holds_every_answer(page, prepared, arms):
    from app.export import to_json

    app = ask(page("compare"), GOLD)
    (kept,) = json.loads(to_json([app.session_state["run"]]))
    assert [answer["method"] for answer in kept["answers"]] == ["rag", "cag", "memory", "closed-book"]
    assert kept["dtype"] == "float32"
    assert {found.label for found in app.get("download_button")} >= {"JSON", "CSV"}


@pytest.mark.parametrize("name", ["rag", "closed-book"])
def test_methods_can_be_left_out(page, prepared, arms, name):
    app = page("compare", methods=name)
    ask(app, GOLD)
    assert [arm for arm, made in arms.made.items() if GOLD in made.asked] == [name]


def test_rag_searches_the_store_that_is_chosen_and_the_link_restores_it(page, prepared, arms):
    app = page("compare")
    assert not [box for box in app.selectbox if box.key == "ask_store"]
    list(pipeline.build_index(prepared, "bm25"))
    app = page("compare")
    app.selectbox(key="ask_store").set_value("bm25")
    app = ask(app, "Who built the lighthouse of Velm?")
    assert arms.made["rag"].resources.settings.store == "bm25"
    assert app.query_params["store"] == "bm25"
    assert page("compare", store="bm25").selectbox(key="ask_store").value == "bm25"


def test_memory_says_which_document_it_read(page, prepared, arms):
    app = ask(page("compare"), GOLD)
    (run,) = app.session_state["runs"]
    answer = replace(run.answers["memory"], details={"not_in_memory": 0.25, "documents": 11})
    assert list(facts_of(answer))[:2] == ["routed to Harbour *lighthouse*", "chosen among 11 documents"]


@pytest.mark.parametrize(
    ("count", "lengths"), [(0, []), (1, [1]), (3, [3]), (4, [2, 2]), (7, [2, 3, 2]), (10, [2, 3, 3, 2])]
)
def test_at_most_three_arms_stand_side_by_side(count, lengths):
    rows = rows_of([str(number) for number in range(count)])
    assert [len(row) for row in rows] == lengths
    assert [name for row in rows for name in row] == [str(number) for number in range(count)]


def test_the_sentence_that_holds_the_answer_is_marked(page, prepared, arms):
    arms.made["rag"].evidence = "It is of glass. Oren Pask built the <b>lighthouse</b>. It is old."
    app = ask(page("compare"), "Who built the lighthouse of Velm?")
    assert any("the answer stands in it" in expander.label for expander in app.expander)
    texts = [entry.value for entry in app.text]
    place = texts.index("Oren Pask built the <b>lighthouse</b>.")
    assert texts[place - 1 : place + 2 : 2] == ["It is of glass.", "It is old."]


def test_an_answer_that_nothing_read_holds_says_so(page, prepared, arms):
    arms.made["rag"].text = "Mira Tolle"
    app = ask(page("compare"), GOLD)
    assert sum("the answer stands in none of it" in expander.label for expander in app.expander) == 1


def test_a_race_shows_who_finished_and_no_time(page, prepared, arms):
    app = page("compare", race="1")
    assert app.toggle(key="ask_race").value is True
    ask(app, GOLD)
    assert not app.exception
    assert [entry.value for entry in app.metric if entry.label == "Finished"] == [
        f"{place} of 4" for place in (1, 2, 3, 4)
    ]
    assert not [entry for entry in app.metric if entry.label == "First token"]
    assert any("not for timing" in info.value for info in app.info)
    assert "prefill" not in app.dataframe[0].value and "first token" not in app.dataframe[0].value
    assert app.query_params["race"] == "1"


def test_a_question_can_be_measured_again(page, prepared, arms):
    app = ask(page("compare"), GOLD)
    button(app, "repeat-run").click().run()
    assert not app.exception
    run = app.session_state["run"]
    assert {name: len(traces) for name, traces in run.repeats.items()} == dict.fromkeys(run.choices.methods, 5)
    table = next(frame.value for frame in app.dataframe if "n" in frame.value)
    assert list(table["n"]) == [5] * 4
    assert list(table["first token, median"]) == [44.0] * 4


def test_pinned_comparisons_stay_on_top(page, prepared, arms):
    app = ask(page("compare"), "First question?")
    button(app, "pin").click().run()
    ask(app, "Second question?")
    ask(app, "Third question?")
    assert button(app, "history-show-0").label == "First question?"
    assert button(app, "history-show-1").label == "Second question?"


def test_a_full_history_drops_the_oldest_that_is_not_pinned():
    def run(number, pinned=False):
        return Run(Choices("sample", str(number), ("rag",), True, 3), pinned=pinned)

    runs = [run(0, pinned=True)]
    for number in range(1, HISTORY + 5):
        runs = remember(run(number), runs)
    assert len(runs) == HISTORY
    assert runs[-1].choices.question == "0"
    assert runs[0].choices.question == str(HISTORY + 4)


def test_building_and_asking_are_put_on_one_account(page, cached, arms):
    app = ask(page("compare"), GOLD)
    app.select_slider(key="ledger").set_value(1_000).run()
    (account,) = [entry.value for entry in app.markdown if "building included" in entry.value]
    assert "Time for 1,000 questions" in account and "KV-cache CAG" in account
    assert "Closed book" not in account


def test_an_answer_is_judged_where_it_stands(page, prepared, arms):
    app = ask(page("compare"), "Who built the lighthouse of Velm?")
    app.button(key="judge-rag--1").click().run()
    app.button(key="judge-cag-1").click().run()
    app.button(key="judge-cag--1").click().run()
    assert not app.exception and not app.error
    kept = FileFeedback(prepared.path).all()
    assert [(found.method, found.rating, found.answer) for found in kept] == [
        ("rag", -1, "Oren Pask"),
        ("cag", -1, "Oren Pask"),
    ]


def test_an_answer_from_the_cache_says_so(page, prepared, arms):
    kept = {"cache": "semantic", "cache_distance": 0.04, "cache_question": "*Who* built it?", "saved_ms": 812.0}
    arms.made["rag"].details = kept
    text = said(ask(page("compare"), "Who built the lighthouse of Velm?")).replace("\\", "")
    assert "from the answer cache" in text or "hit, distance 0.040" in text
    assert "'*Who* built it?'" in text and "812 ms saved" in text


def test_a_judgement_that_cannot_be_kept_is_a_sentence(page, prepared, arms):
    app = ask(page("compare"), "Who built the lighthouse of Velm?")
    (prepared.path / FILE).mkdir()
    app.button(key="judge-rag-1").click().run()
    assert not app.exception
    assert any("cannot be written" in error.value for error in app.error)
