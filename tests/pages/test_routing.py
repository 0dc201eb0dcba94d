"""Under an answer from memory: the routing bar, and the control from a shuffled Z one click away."""

from dataclasses import replace

import pytest

from tests.pages.conftest import button, said


@pytest.fixture
def asked(page, remembered):
    app = page("compare")
    app.text_input(key="ask_question").set_value("Who planted the pear orchard?")
    next(found for found in app.button if found.label == "Ask").click()
    return app.run()


def test_the_document_that_was_read_is_named(asked):
    assert not asked.exception
    assert "It read the z of **" in said(asked)


def test_what_a_shuffled_z_says_is_one_click_away(asked):
    assert "Control: shuffled Z" not in said(asked)
    button(asked, "shuffled-z").click().run()
    assert not asked.exception
    assert "Control: shuffled Z" in said(asked) and "Answer: " in said(asked)
    assert "Control: shuffled Z" in said(asked.run())


def test_the_shuffled_method_says_that_it_read_another_z(asked):
    asked.session_state["run"].answers["shuffled-memory"] = replace(
        asked.session_state["run"].answers["memory"], method="shuffled-memory"
    )
    run = asked.session_state["run"]
    run.choices = replace(run.choices, methods=(*run.choices.methods, "shuffled-memory"))
    app = asked.run()
    assert not app.exception
    assert "Another document's z was read in the place of" in said(app)


def test_other_methods_draw_no_route(page, prepared, methods):
    app = page("compare")
    app.text_input(key="ask_question").set_value("Who planted the pear orchard?")
    next(found for found in app.button if found.label == "Ask").click()
    assert "It read the z of" not in said(app.run())


def test_memory_and_its_control_may_stand_side_by_side(page, remembered):
    app = page("compare", methods="memory,shuffled-memory")
    app.text_input(key="ask_question").set_value("Who planted the pear orchard?")
    next(found for found in app.button if found.label == "Ask").click()
    app.run()
    assert not app.exception
    assert said(app).count("It read the z of **") == 1
    assert said(app).count("Another document's z was read") == 1
    assert len([found for found in app.button if found.key == "shuffled-z"]) == 1
