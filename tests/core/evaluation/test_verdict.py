import pytest

from core.corpus.types import Question
from core.evaluation.verdict import VERDICTS, answer_of, verdict_counts, verdict_on, verdict_on_row
from core.methods.base import Answer, Evidence
from core.trace import Span, Trace

TRACE = Trace((Span("prefill", 0.0, 1.0),), 1.0, 2.0, 3, 4, 5, 6)
QUESTION = "Who built the lighthouse of Velm?"
GOLD = Question("q", QUESTION, ("Oren Pask",), ("gold",))
RIGHT_PASSAGE = Evidence("gold", "Lighthouse", "Oren Pask built the lighthouse. Mira Tolle lit it.", 0.9)
OTHER = Evidence("other", "Bell", "Mira Tolle rang the bell.", 0.5)


def said(text, *evidence, method="rag", **details):
    return Answer(method, QUESTION, text, tuple(evidence), TRACE, details)


@pytest.mark.parametrize(
    ("answer", "kind", "why"),
    [
        (said("oren pask", RIGHT_PASSAGE), "right", "Equals"),
        (said("It was Oren Pask", RIGHT_PASSAGE), "right", "Contains"),
        (said("Oren Lusk", RIGHT_PASSAGE), "partly", "F1 0.50"),
        (said("not in the passages", RIGHT_PASSAGE), "declined", "had the gold passage"),
        (said("not in the passages", OTHER), "declined", "does not hold"),
        (said("not in the passages", method="closed-book"), "declined", "read nothing"),
        (said("Mira Tolle", OTHER, RIGHT_PASSAGE), "misread", "number 2 of 2"),
        (said("Mira Tolle", OTHER), "missed", "not the one"),
        (said("Mira Tolle", OTHER, OTHER), "missed", "not among the 2"),
        (said("moss", method="closed-book"), "unsupported", "read nothing"),
        (said("Mira Tolle", OTHER, method="memory"), "missed", "another document"),
        (said("Mira Tolle", RIGHT_PASSAGE, method="memory"), "misread", "recalled it wrongly"),
    ],
)
def test_the_first_cause_is_the_verdict(answer, kind, why):
    found = verdict_on(answer, GOLD)
    assert (found.kind, why in found.why) == (kind, True), found


@pytest.mark.parametrize(
    ("details", "kind", "why"),
    [
        ({"nearest": [3, 10, 4], "probed": 1}, "wrong_cell", "cell 10, number 2 by distance; 1 opened"),
        ({"nearest": [3, 4], "probed": 2}, "wrong_cell", "cell 10, which was not opened"),
        ({"cell": 3}, "wrong_cell", "cell 10, which was not opened"),
        ({"nearest": [3, 10], "probed": 2}, "missed", "not the one"),
        ({}, "missed", "not the one"),
    ],
)
def test_a_cell_that_was_not_opened_is_the_reason(details, kind, why):
    found = verdict_on(said("Mira Tolle", OTHER, method="cag", **details), GOLD, {"gold": 10})
    assert (found.kind, why in found.why) == (kind, True), found


def test_where_there_is_no_answer_declining_is_right():
    none = Question("q", QUESTION, ())
    assert verdict_on(said("not in the passages", OTHER), none).kind == "right"
    assert verdict_on(said("Mira Tolle", OTHER), none).kind == "unsupported"


def test_where_nobody_knows_the_answer_only_its_support_is_judged():
    assert verdict_on(said("Oren Pask", RIGHT_PASSAGE), None).kind == "unknown"
    assert verdict_on(said("Paris", OTHER), None).kind == "unsupported"
    assert verdict_on(said("not in the passages", OTHER), None).kind == "declined"
    assert verdict_on(said("Paris", method="closed-book"), None).kind == "unknown"


def test_of_two_gold_passages_one_may_lack():
    two = Question("q", QUESTION, ("Oren Pask",), ("gold", "second"))
    assert "1 of the 2" in verdict_on(said("Mira Tolle", RIGHT_PASSAGE), two).why


def test_a_word_that_merely_occurs_in_what_was_read_supports_nothing():
    gloves = "Hydrogen fluoride needs double neoprene gloves. Broken glass goes into the black bin."
    evidence = Evidence("p", "Gloves", gloves, 0.9)

    def said_of(text):
        return Answer("rag", "Which gloves does hydrogen fluoride need?", text, (evidence,), TRACE, {})

    assert verdict_on(said_of("black"), None).kind == "unsupported"
    assert verdict_on(said_of("double neoprene"), None).kind == "unknown"


@pytest.mark.parametrize(("text", "kind"), [("112", "unknown"), ("112.", "unknown"), ("113", "unsupported")])
def test_a_row_says_what_its_title_says_it_does(text, kind):
    rows = ("Control room: 112.", "Safety officer, Dr. Hanne Oduya: 4417.", "Technical service: 4430.")
    evidence = tuple(Evidence(row, "Manual / Index of telephone numbers", row, 0.9) for row in rows)
    answer = Answer("rag", "What number in an emergency?", text, evidence, TRACE, {})
    assert verdict_on(answer, None).kind == kind


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("library", "unsupported"),
        ("the library", "unsupported"),
        ("courtyard", "unsupported"),
        ("car park", "unknown"),
        ("the car park in front of the library", "unknown"),
        ("in front of the library", "unknown"),
    ],
)
def test_what_a_place_lies_beside_is_not_the_place(text, kind):
    fire = "The whole site is evacuated. The assembly point is the car park in front of the library, not the courtyard."
    evidence = Evidence("p", "Fire", fire, 0.9)
    answer = Answer("rag", "Where is the assembly point?", text, (evidence,), TRACE, {})
    assert verdict_on(answer, None).kind == kind
    asks_what = Answer("rag", "What is the assembly point in front of?", text, (evidence,), TRACE, {})
    assert text != "library" or verdict_on(asks_what, None).kind == "unknown"


def test_an_answer_in_korean_is_supported_where_it_stands_with_a_particle():
    evidence = Evidence("p", "지도", "왕국의 지도는 도서관에 있다.", 0.9)
    answer = Answer("rag", "왕국의 지도는 어디에 있습니까?", "도서관", (evidence,), TRACE, {})
    assert verdict_on(answer, None).kind == "unknown"


def test_without_gold_passages_the_gold_answer_tells_whether_it_had_the_passage():
    unplaced = Question("q", QUESTION, ("Oren Pask",))
    assert verdict_on(said("Mira Tolle", OTHER, RIGHT_PASSAGE), unplaced).kind == "misread"
    assert verdict_on(said("Mira Tolle", OTHER), unplaced).kind == "missed"


def test_a_kept_row_gets_the_same_verdict():
    answer = said("Mira Tolle", OTHER, method="cag", nearest=[3, 10], probed=1)
    row = {
        "method": "cag:plain",
        "question_id": "q",
        "question": QUESTION,
        "golds": ["Oren Pask"],
        "passage_ids": ["gold"],
        "answer": "Mira Tolle",
        "evidence": [vars(OTHER)],
        "trace": {**vars(TRACE), "spans": [vars(span) for span in TRACE.spans]},
        "details": answer.details,
    }
    assert answer_of(row) == answer
    assert verdict_on_row({**row, "gold_cells": {"gold": 10}}) == verdict_on(answer, GOLD, {"gold": 10})
    assert verdict_on_row(row).kind == "missed"  # kept before cells were noted


def test_each_verdict_looks_different_and_counts_come_in_their_order():
    styles = list(VERDICTS.values())
    for part in ("label", "symbol", "icon", "colour"):
        assert len({getattr(style, part) for style in styles}) == len(styles)
    rows = [{"verdict": kind} for kind in ("declined", "right", "declined")]
    assert list(verdict_counts(rows).items()) == [("right", 1), ("declined", 2)]
