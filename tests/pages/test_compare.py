import json
from dataclasses import replace

import pytest

from app import state
from app.views.compare.columns import facts_of
from app.views.compare.race import lanes_of
from app.views.compare.share_and_history import remember
from core.errors import ModelError
from core.evaluation import lessons
from core.evaluation.feedback import FILE, FileFeedback
from core.methods.comparison import Choices, Run
from core.methods.saved_runs import MOST_SAVED, saved_run, saved_runs
from core.settings import Settings
from core.stores.index import build_index
from tests.pages.conftest import button, missing, said
from tests.pages.delivery import deliver, recorded

GOLD = "Who planted the pear orchard?"


def ask(app, question):
    if not [box for box in app.text_input if box.key == "ask_question"]:
        button(app, "ask-change").click().run()
    app.text_input(key="ask_question").set_value(question)
    next(found for found in app.button if found.label == "Ask").click()
    return app.run()


def charts(app):
    return app.get("plotly_chart")


def numbers(app):
    """The columns of the table of numbers: a method each."""
    (frame,) = [found.value for found in app.dataframe if "Number" in found.value]
    return frame.set_index("Number")


def clocks(app):
    return [entry.value for entry in app.markdown if entry.value.startswith("first token **")]


def test_empty_workspace_leads_to_the_sample(page, models, methods):
    app = page("compare")
    assert "nothing to ask about" in said(app)
    assert button(app, "build-sample") and button(app, "go-bring")
    assert not app.text_input


def test_one_question_three_answers_and_the_control(page, prepared, methods, quiet):
    app = ask(page("compare"), "Who built the lighthouse of Velm?")
    assert not app.exception
    assert quiet == [1.2, 0.4, 0.4, 0.4]  # each clock waits until the machine rests: the first while a page is drawn
    assert {name: method.asked[-1:] for name, method in methods.made.items() if method.asked} == {
        name: ["Who built the lighthouse of Velm?"] for name in ("rag", "cag", "memory", "closed-book")
    }
    text = said(app)
    assert text.count("Oren Pask\n") >= 4 or sum(entry.value == "Oren Pask" for entry in app.text) == 4
    assert clocks(app) == ["first token **44 ms** · last **60 ms**"] * 4
    assert "n\xa0=\xa01" in text
    assert len(charts(app)) == 3
    assert list(numbers(app)) == ["Standard RAG", "KV-cache CAG", "LLM-as-Memory", "Closed book"]
    assert list(numbers(app).loc["Prefill"]) == ["40.0"] * 4
    assert not [box for box in app.text_input if box.key == "ask_question"]  # folded into a line


def test_a_question_in_a_script_that_the_model_does_not_know_is_warned_about(page, prepared, methods):
    app = ask(page("compare"), "ใครสร้างสะพาน")
    assert any("TESSERA_MODEL" in warning.value for warning in app.warning)
    assert not ask(page("compare"), GOLD).warning


def test_every_word_is_drawn_as_it_comes(page, prepared, methods, monkeypatch):
    from app.views.compare import columns as columns

    monkeypatch.setattr(columns, "_REFRESH_S", 0.0)
    methods.made["memory"].text = "one two three four"
    app = ask(page("compare"), GOLD)
    assert not app.exception
    assert any(entry.value == "one two three four" for entry in app.text)


def test_a_fast_answer_arrives_however_it_is_sent(page, prepared, methods):
    app = page("compare")
    with recorded() as parts:
        ask(app, "Who built the lighthouse of Velm?")
    assert not app.exception and len(parts) > 100
    for place in range(len(parts)):
        deliver(parts, [place])


def test_answers_are_compared_with_the_gold_answer(page, prepared, methods):
    methods.made["rag"].text = "Tess Quill"
    app = ask(page("compare"), GOLD)
    text = said(app)
    assert "Gold answer: Tess Quill" in text
    badges = [entry.value for entry in app.markdown if "badge" in entry.value]
    assert sum("right" in badge for badge in badges) == 1
    assert sum("passage missed" in badge for badge in badges) == 3
    assert "is not the one that it read" in text


def test_memory_that_was_never_trained_says_that_it_guesses(page, prepared, methods):
    methods.made["memory"].details = {"training_steps": 0}
    assert said(ask(page("compare"), GOLD)).count("guessing: not trained") == 1


def test_a_question_of_the_corpus_is_one_click_away(page, prepared, methods):
    app = page("compare")
    suggestion = button(app, "suggestion-0")
    suggestion.click().run()
    assert methods.made["rag"].asked[-1] == suggestion.label
    assert app.session_state["ask_question"] == suggestion.label


def test_a_lesson_says_what_it_shows_and_knows_that_there_is_no_answer(
    page, prepared, methods, tiny_corpus, monkeypatch, tmp_path
):
    question = lessons.candidates(tiny_corpus)[-1]
    found = lessons.Measured(question.id, {"rag": "right", "cag": "misread", "memory": "right"}, (), 0.1, "cag")
    saved = {"created": "2026-01-02", "artefacts": lessons.measured_with(prepared), "lessons": lessons.choose([found])}
    monkeypatch.setattr(lessons, "LESSONS", tmp_path / "lessons.json")
    lessons.LESSONS.write_text(json.dumps(saved))
    methods.made["rag"].text = "not in the passages"
    app = page("compare")
    assert button(app, "suggestion-0").label.startswith("**No answer exists** · ")
    button(app, "suggestion-0").click().run()
    assert methods.made["rag"].asked[-1] == question.text
    badges = [entry.value for entry in app.markdown if "badge" in entry.value]
    assert [sum(word in badge for badge in badges) for word in ("right", "not supported")] == [1, 3]


def test_a_method_that_fails_says_what_to_do_and_the_others_answer(page, prepared, methods):
    methods.broken["cag"] = missing()
    app = ask(page("compare"), GOLD)
    assert any("no caches yet" in error.value and "Build them" in error.value for error in app.error)
    assert len(list(numbers(app))) == 3


def test_a_model_that_cannot_load_is_an_error_not_a_crash(page, prepared, methods):
    for name in list(methods.made):
        methods.broken[name] = ModelError("No such model.", "Choose another.")
    app = ask(page("compare"), GOLD)
    assert not app.exception
    assert sum("No such model" in error.value for error in app.error) == 4
    assert charts(app) == []


def test_what_was_typed_and_chosen_stays_after_the_answers(page, prepared, methods):
    app = page("compare")
    app.number_input(key="ask_top_k").set_value(5)
    app.session_state["ask_controls"] = []
    ask(app, "Who built the lighthouse of Velm?")
    button(app, "ask-change").click().run()
    assert app.text_input(key="ask_question").value == "Who built the lighthouse of Velm?"
    assert app.number_input(key="ask_top_k").value == 5
    assert app.session_state["ask_controls"] == []
    assert not app.text_input(key="ask_question").disabled


def test_an_empty_question_is_refused(page, prepared, methods):
    app = ask(page("compare"), "   ")
    assert any("Type a question" in warning.value for warning in app.warning)
    assert methods.made["rag"].asked == []


def test_a_question_that_is_too_long_says_so_and_is_kept(page, prepared, methods):
    long = "why " * 200
    app = ask(page("compare"), long)
    assert any("799 characters: keep it below 500" in warning.value for warning in app.warning)
    assert app.text_input(key="ask_question").value == long
    assert methods.made["rag"].asked == []


def test_a_link_restores_question_and_settings(page, prepared, methods):
    app = page("compare", q="Who drew the maps?", methods="rag,closed-book", reader="0", top_k="5", workspace="sample")
    assert app.text_input(key="ask_question").value == "Who drew the maps?"
    assert app.session_state["ask_methods"] == ["rag"]
    assert app.session_state["ask_controls"] == ["closed-book"]
    assert app.number_input(key="ask_top_k").value == 5
    assert methods.made["rag"].asked == []


def test_the_address_becomes_the_link_of_what_was_asked(page, prepared, methods):
    app = ask(page("compare"), GOLD)
    assert app.query_params["q"] == GOLD
    assert app.query_params["methods"] == "rag,cag,memory,closed-book"
    assert any("q=Who+planted" in code.value for code in app.code)


def test_the_number_of_passages_reaches_the_method(page, prepared, methods):
    app = page("compare")
    app.number_input(key="ask_top_k").set_value(7)
    ask(app, GOLD)
    assert methods.made["rag"].resources.settings.top_k == 7


def test_text_of_documents_and_models_is_never_markup(page, prepared, methods):
    methods.made["rag"].text = "<img src=x onerror=alert(1)> ![t](http://tracker/x.png)"
    app = ask(page("compare"), GOLD)
    assert any(entry.value == methods.made["rag"].text for entry in app.text)
    assert any(entry.value == methods.made["rag"].evidence for entry in app.text)
    assert not any("<img" in entry.value or "](http" in entry.value for entry in app.markdown)
    assert not any(entry.proto.body and "onerror" in entry.proto.body for entry in app.get("html"))


def test_a_run_that_was_interrupted_shows_what_it_had(page, prepared, methods):
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
    assert len(list(numbers(app))) == 1
    assert saved_run(prepared, run.id).status == "stopped"


def test_earlier_questions_can_be_shown_again(page, prepared, methods):
    app = ask(page("compare"), "First question?")
    ask(app, "Second question?")
    button(app, "history-show-0").click().run()
    assert app.session_state["run"].choices.question == "First question?"
    assert methods.made["rag"].asked.count("First question?") == 1


def test_runs_survive_a_reload(page, prepared, methods):
    app = ask(page("compare"), GOLD)
    again = page("compare", run=app.query_params["run"])
    assert again.session_state["run"] == app.session_state["run"]
    assert methods.made["rag"].asked.count(GOLD) == 1
    assert button(page("compare"), "history-show-0").label == GOLD


def test_where_the_app_is_opened_to_others_a_session_lists_its_own_runs(page, prepared, methods, monkeypatch):
    ask(page("compare"), GOLD)
    monkeypatch.setattr(state, "settings", lambda: replace(Settings.from_environment(), allowed_hosts="lab.example"))
    assert not [found for found in page("compare").button if str(found.key).startswith("history-")]


def test_what_the_model_read_is_shown_whole(page, prepared, methods):
    app = ask(page("compare"), GOLD)
    app.session_state["more"] = "What the model read"
    app.run()
    assert not app.exception
    read = [entry.value for entry in app.text if methods.made["rag"].evidence in entry.value]
    assert any(text.startswith("[Harbour") for text in read)
    assert "from a stored KV cache" in said(app) and GOLD in said(app)


def test_a_race_has_a_lane_for_each_method_and_no_markup_of_texts(page, prepared, methods):
    methods.made["rag"].text = "<img src=x onerror=alert(1)> two"
    app = ask(page("compare"), GOLD)
    lanes = lanes_of(app.session_state["run"])
    assert [lane["name"] for lane in lanes] == ["Standard RAG", "KV-cache CAG", "LLM-as-Memory", "Closed book"]
    assert "".join(piece[2] for piece in lanes[0]["pieces"]) == methods.made["rag"].text
    app.session_state["more"] = "Replay as a race"
    app.run()
    (drawn,) = [entry.proto.body for entry in app.get("html") if "data-race" in entry.proto.body]
    assert "onerror" not in drawn


def test_export_holds_every_answer(page, prepared, methods):
    from app.export import to_json

    app = ask(page("compare"), GOLD)
    (kept,) = json.loads(to_json([app.session_state["run"]]))
    assert [answer["method"] for answer in kept["answers"]] == ["rag", "cag", "memory", "closed-book"]
    assert kept["dtype"] == "float32"
    assert {found.label for found in app.get("download_button")} >= {"JSON", "HTML"}


@pytest.mark.parametrize("name", ["rag", "closed-book"])
def test_methods_can_be_left_out(page, prepared, methods, name):
    app = page("compare", methods=name)
    ask(app, GOLD)
    assert [method for method, made in methods.made.items() if GOLD in made.asked] == [name]


def test_rag_searches_the_store_that_is_chosen_and_the_link_restores_it(page, prepared, methods):
    app = page("compare")
    assert not [box for box in app.selectbox if box.key == "ask_store"]
    list(build_index(prepared, "bm25"))
    app = page("compare")
    app.selectbox(key="ask_store").set_value("bm25")
    app = ask(app, "Who built the lighthouse of Velm?")
    assert methods.made["rag"].resources.settings.store == "bm25"
    assert app.query_params["store"] == "bm25"
    assert page("compare", store="bm25").selectbox(key="ask_store").value == "bm25"


def test_what_the_memory_writes_first_comes_with_the_link(page, prepared, methods):
    app = ask(page("compare", order="answer"), GOLD)
    assert methods.made["memory"].resources.settings.memory_order == app.query_params["order"] == "answer"
    assert page("compare", order="answer").selectbox(key="ask_memory_order").value == "answer"
    assert page("compare").selectbox(key="ask_memory_order").value == "auto"


def test_memory_says_which_document_it_read(page, prepared, methods):
    app = ask(page("compare"), GOLD)
    (run,) = app.session_state["runs"]
    answer = replace(run.answers["memory"], details={"null_weight": 0.25, "documents": 11})
    assert list(facts_of(answer))[:2] == ["routed to Harbour *lighthouse*", "chosen among 11 documents"]


def test_the_sentence_that_holds_the_answer_is_marked(page, prepared, methods):
    methods.made["rag"].evidence = "It is of glass. Oren Pask built the <b>lighthouse</b>. It is old."
    app = ask(page("compare"), "Who built the lighthouse of Velm?")
    assert any("the words are in it" in expander.label for expander in app.expander)
    texts = [entry.value for entry in app.text]
    place = texts.index("Oren Pask built the <b>lighthouse</b>.")
    assert texts[place - 1 : place + 2 : 2] == ["It is of glass.", "It is old."]


def test_an_answer_that_nothing_read_holds_says_so(page, prepared, methods):
    methods.made["rag"].text = "Mira Tolle"
    app = ask(page("compare"), GOLD)
    assert sum("answer not in it" in expander.label for expander in app.expander) == 1


def test_a_question_can_be_measured_again(page, prepared, methods):
    app = ask(page("compare"), GOLD)
    button(app, "repeat-run").click().run()
    assert not app.exception
    run = app.session_state["run"]
    assert {name: len(traces) for name, traces in run.repeats.items()} == dict.fromkeys(run.choices.methods, 5)
    assert list(numbers(app).loc["n"]) == ["5"] * 4
    assert clocks(app) == ["first token **44 ms** · last **60 ms** :gray[(60 ms to 60 ms, n = 5)]"] * 4
    assert "n = 5" in said(app)
    assert saved_runs(prepared)[0].repeats == run.repeats


def test_pinned_comparisons_stay_on_top(page, prepared, methods):
    app = ask(page("compare"), "First question?")
    button(app, "pin").click().run()
    ask(app, "Second question?")
    ask(app, "Third question?")
    assert button(app, "history-show-0").label == "First question?"
    assert button(app, "history-show-1").label == "Second question?"
    (both,) = [frame.value for frame in app.dataframe if "answer, pinned" in frame.value]
    assert list(both["answer, this one"]) == ["? Oren Pask"] * 4


def test_a_full_history_drops_the_oldest_that_is_not_pinned():
    def run(number, pinned=False):
        return Run(Choices("sample", str(number), ("rag",), True, 3), pinned=pinned)

    runs = [run(0, pinned=True)]
    for number in range(1, MOST_SAVED + 5):
        runs = remember(run(number), runs)
    assert len(runs) == MOST_SAVED
    assert runs[-1].choices.question == "0"
    assert runs[0].choices.question == str(MOST_SAVED + 4)


def test_building_and_asking_are_put_on_one_account(page, cached, methods):
    app = ask(page("compare"), GOLD)
    app.session_state["more"] = "Over many questions"
    app.run()
    app.select_slider(key="ledger").set_value(1_000).run()
    (account,) = [entry.value for entry in app.markdown if "building included" in entry.value]
    assert "Time for 1,000 questions" in account and "KV-cache CAG" in account
    assert "Closed book" not in account


def test_an_answer_is_judged_where_it_stands(page, prepared, methods):
    app = ask(page("compare"), "Who built the lighthouse of Velm?")
    app.button(key="judge-rag--1").click().run()
    app.button(key="judge-cag-1").click().run()
    app.button(key="judge-cag--1").click().run()
    assert not app.exception and not app.error
    kept = FileFeedback(prepared.path).all().feedback
    assert [(found.method, found.rating, found.answer) for found in kept] == [
        ("rag", -1, "Oren Pask"),
        ("cag", -1, "Oren Pask"),
    ]


def test_an_answer_from_the_cache_says_so(page, prepared, methods):
    kept = {"cache": "semantic", "cache_distance": 0.04, "cache_question": "*Who* built it?", "saved_ms": 812.0}
    methods.made["rag"].details = kept
    text = said(ask(page("compare"), "Who built the lighthouse of Velm?")).replace("\\", "")
    assert "from the answer cache" in text or "hit, distance 0.040" in text
    assert "'*Who* built it?'" in text and "812 ms saved" in text


def test_a_judgement_that_cannot_be_kept_is_a_sentence(page, prepared, methods):
    app = ask(page("compare"), "Who built the lighthouse of Velm?")
    (prepared.path / FILE).mkdir()
    app.button(key="judge-rag-1").click().run()
    assert not app.exception
    assert any("cannot be written" in error.value for error in app.error)
